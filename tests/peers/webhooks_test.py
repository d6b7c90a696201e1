#!/usr/bin/env python3
"""Webhooks of `castiel-sync serve`, verified by the npm packages of Standard Webhooks and of Svix: each accepts what
arrives, and refuses it with one byte of its body changed or under another id. After a change of the secret, holders of
both verify."""
import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from peers import MODULES, free_port  # noqa: E402

TENANT = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"
INTEGRATION = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01"
CONFIG = """
server: {{ port: 0 }}
storage: {{ path: {folder}/store.db }}
sync_limits: {{ min_interval_minutes: 0 }}
egress: {{ allow_http: true, allow_networks: [127.0.0.0/8], allowed_ports: [{port}] }}
integrations:
  - id: {integration}
    tenantId: {tenant}
    providerName: jsonl
    settings: {{ path: {folder}/crm }}
    syncConfig:
      syncEnabled: true
      syncDirection: bidirectional
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact
          matchKeys: [email]
          fieldMappings:
            - {{ externalField: mail, shardField: email }}
"""


def call(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        text = json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def until(what, ask):
    """Asks until there is an answer; bounded."""
    for _ in range(600):
        answer = ask()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within 30 s")


class Service:
    def __init__(self, binary, folder, receiver_port):
        config = f"{folder}/config.yaml"
        with open(config, "w", encoding="utf-8") as out:
            out.write(CONFIG.format(folder=folder, port=receiver_port, integration=INTEGRATION, tenant=TENANT))
        self.log = open(f"{folder}/service.log", "w", encoding="utf-8")
        self.process = subprocess.Popen([binary, "--config", config, "--json", "serve"], cwd=folder, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def must(self, method, path, body=None):
        status, answer = call(self.port, method, "/api/v1" + path, body, {"X-Tenant-ID": TENANT})
        assert 200 <= status < 300, f"{method} {path} answered {status}: {answer}"
        return answer

    def stop(self):
        self.process.terminate()
        code = self.process.wait(60)
        self.log.close()
        assert code == 0, f"the service ended with {code}"


def check(service, receiver_port):
    made = service.must("POST", "/webhooks", {"integrationId": INTEGRATION, "events": ["integration.sync.*"],
                                              "url": f"http://127.0.0.1:{receiver_port}/hook",
                                              "headers": {"Authorization": "Bearer canary"}})
    path = "/webhooks/" + made["webhookId"]
    shown = service.must("GET", path)
    assert "secret" not in shown and shown["headers"] == {"Authorization": "[hidden]"}, shown
    call(receiver_port, "PUT", "/secrets", [made["secret"]])

    def seen():
        return call(receiver_port, "GET", "/seen")[1]

    service.must("POST", "/sync/trigger", {"integrationId": INTEGRATION, "direction": "bidirectional"})
    until("the end of the sync", lambda: any(one["body"]["type"] == "integration.sync.completed" for one in seen()))
    rotated = service.must("POST", path + "/rotate-secret")
    assert rotated["secret"] != made["secret"]
    call(receiver_port, "PUT", "/secrets", [made["secret"], rotated["secret"]])
    test = service.must("POST", path + "/test")
    until("the test event", lambda: any(one["id"] == test["eventId"] for one in seen()))

    types = {one["body"]["type"] for one in seen()}
    assert types == {"integration.sync.started", "integration.sync.completed", "integration.webhook.test"}, types
    for one in seen():
        for library, answers in one["said"].items():
            for answer in answers:
                assert answer == {"whole": True, "changed": False, "other_id": False}, (library, one)
    assert len({one["id"] for one in seen()}) == len(seen())

    delivered = until("the last attempt's record", lambda: [
        delivery for delivery in service.must("GET", path + "/deliveries")["items"]
        if all(each["state"] == "succeeded" for each in delivery["attempts"])
    ] if len(service.must("GET", path + "/deliveries?state=delivered")["items"]) == len(seen()) else None)
    assert {delivery["eventId"] for delivery in delivered} == {one["id"] for one in seen()}
    service.must("DELETE", path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    arguments = parser.parse_args()
    subprocess.run([os.path.join(HERE, "install")], check=True, stdin=subprocess.DEVNULL)
    folder = tempfile.mkdtemp(prefix="castiel-webhooks-")
    os.mkdir(f"{folder}/crm")
    with open(f"{folder}/crm/contacts.jsonl", "w", encoding="utf-8") as out:
        out.write('{"id": "1", "mail": "ada@example.org"}\n')
    port = free_port()
    receiver = subprocess.Popen(["node", f"{HERE}/webhook_receiver.js", MODULES, str(port)], stdin=subprocess.DEVNULL)
    service = None
    try:
        def answers():
            try:
                return call(port, "GET", "/seen")[0] == 200
            except OSError:
                return False
        until("the receiver's start", answers)
        service = Service(os.path.abspath(arguments.binary), folder, port)
        check(service, port)
        service.stop()
        service = None
    except BaseException:
        with open(f"{folder}/service.log", encoding="utf-8", errors="replace") as log:
            sys.stderr.write(log.read()[-8000:])
        raise
    finally:
        if service:
            service.process.kill()
        receiver.terminate()
        receiver.wait()
        shutil.rmtree(folder)
    print("standardwebhooks and svix took every delivery, and nothing that was changed")


if __name__ == "__main__":
    main()
