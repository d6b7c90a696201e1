#!/usr/bin/env python3
"""Hooks to `castiel-sync serve`, signed by the npm packages of Standard Webhooks and of Svix: each has the record that
it names read from a json-server at once, a repetition has nothing done, and a changed one is refused."""
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
from peers import MODULES, JsonServer  # noqa: E402

TENANT = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"
INTEGRATION = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONFIG = """
server: {{ port: 0 }}
storage: {{ path: {folder}/store.db }}
sync_limits: {{ min_interval_minutes: 60 }}  # only what names its records runs again within the test
egress: {{ allow_http: true, allow_networks: [127.0.0.0/8], allowed_ports: [{port}] }}
secrets: {{ path: {folder}/secrets }}
adapters: [{folder}/hooked.yaml]
integrations:
  - id: {integration}
    tenantId: {tenant}
    providerName: hooked
    settings: {{ baseUrl: "http://127.0.0.1:{port}" }}
    credentialSecretName: secret://file/hooked
    syncConfig:
      syncDirection: bidirectional
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact
          matchKeys: [email]
          fieldMappings:
            - {{ externalField: email, shardField: email }}
            - {{ externalField: name, shardField: name }}
"""
WEBHOOK = """
webhook: { scheme: standard, entity: type, id: data.id }
"""


def call(port, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET" if body is None else "POST", "/api/v1" + path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def of_tenant(port, path, body=None):
    text = json.dumps(body) if body is not None else None
    status, answer = call(port, path, text, {"X-Tenant-ID": TENANT, "Content-Type": "application/json"})
    assert 200 <= status < 300, f"{path} answered {status}: {answer}"
    return answer


def ended(port, task_id):
    """Asks until it has; bounded."""
    for _ in range(600):
        task = of_tenant(port, "/sync/tasks/" + task_id)
        if task["status"] == "completed":
            return task
        assert task["status"] in ("pending", "running"), task
        time.sleep(0.05)
    raise AssertionError(f"task {task_id} did not end within 30 s")


def check(peer, port):
    task = of_tenant(port, "/sync/trigger", {"integrationId": INTEGRATION, "direction": "bidirectional"})
    ended(port, task["taskId"])
    for library in ("standardwebhooks", "svix"):
        name = f"Ada, said {library}"
        assert peer.edit("contacts", "1", {"name": name})
        assert peer.edit("contacts", "2", {"name": "not told of"})
        body = '{"type": "contacts",\r\n "data": {"id": 1, "name": "\\u00fcber"}}'
        signed = subprocess.run(["node", f"{HERE}/hook_sender.js", MODULES, SECRET, "msg_" + library], check=True,
                                input=body, capture_output=True, text=True)
        headers = json.loads(signed.stdout)[library]
        path = "/hooks/" + INTEGRATION
        for changed in (body.replace("1", "2"), body.replace("\r\n", "\n"), json.dumps(json.loads(body)), ""):
            assert call(port, path, changed, headers)[0] == 401, changed
        other_id = {key: "msg_other" if key.endswith("-id") else value for key, value in headers.items()}
        assert call(port, path, body, other_id)[0] == 401
        status, answer = call(port, path, body, headers)
        assert status == 202 and "duplicate" not in answer, (status, answer)
        task = ended(port, answer["taskId"])
        assert (task["trigger"], task["recordsProcessed"]) == ("webhook", 1), task
        names = {shard["structuredData"]["email"]: shard["structuredData"]["name"]
                 for shard in of_tenant(port, "/shards?shardTypeId=contact")["items"]}
        assert names == {"ada@example.org": name, "bob@example.org": "Bob"}, names
        assert call(port, path, body, headers) == (202, {"taskId": task["taskId"], "duplicate": True})
    events = of_tenant(port, "/sync/tasks")["items"]
    assert len([task for task in events if task["trigger"] == "webhook"]) == 2, events


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    arguments = parser.parse_args()
    subprocess.run([os.path.join(HERE, "install")], check=True, stdin=subprocess.DEVNULL)
    folder = tempfile.mkdtemp(prefix="castiel-hooks-")
    peer = JsonServer(folder, {"contacts": [{"id": 1, "email": "ada@example.org", "name": "Ada"},
                                            {"id": 2, "email": "bob@example.org", "name": "Bob"}]})
    os.mkdir(f"{folder}/secrets")
    with open(f"{folder}/secrets/hooked", "w", encoding="utf-8") as out:
        json.dump({"webhookSecrets": ["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", SECRET]}, out)
    with open(f"{HERE}/../../adapters/json-server.yaml", encoding="utf-8") as description:
        text = description.read().replace("name: json-server", "name: hooked", 1) + WEBHOOK
    with open(f"{folder}/hooked.yaml", "w", encoding="utf-8") as out:
        out.write(text)
    with open(f"{folder}/config.yaml", "w", encoding="utf-8") as out:
        out.write(CONFIG.format(folder=folder, port=peer.port, integration=INTEGRATION, tenant=TENANT))
    log = open(f"{folder}/service.log", "w", encoding="utf-8")
    binary = os.path.abspath(arguments.binary)
    service = subprocess.Popen([binary, "--config", f"{folder}/config.yaml", "--json", "serve"], cwd=folder,
                               text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
    try:
        check(peer, json.loads(service.stdout.readline())["port"])
        service.terminate()
        assert service.wait(60) == 0
    except BaseException:
        with open(f"{folder}/service.log", encoding="utf-8", errors="replace") as said:
            sys.stderr.write(said.read()[-8000:])
        raise
    finally:
        if service.poll() is None:
            service.kill()
            service.wait()
        log.close()
        peer.stop()
    shutil.rmtree(folder)
    print("hooks that standardwebhooks and svix sign start syncs")


if __name__ == "__main__":
    main()
