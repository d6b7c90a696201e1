#!/usr/bin/env python3
"""SIGHUP while `castiel-sync serve` is busy: a good configuration is taken over as a whole, a bad one changes nothing,
no request fails over it, and an execution under way ends with the mapping that it began with (I36)."""
import argparse
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid

TENANT = str(uuid.UUID(int=1, version=4))
OLD_SECRET = "the secret of last year, which is long enough"
NEW_SECRET = "the secret of this year, which is no shorter"
BIG_RECORDS = 20_000
BASE = """
storage: {{ path: {folder}/store.db }}
server: {{ host: 0.0.0.0, port: {port} }}
sync_limits: {{ max_records_per_sync: 1000000, min_interval_minutes: 0 }}
sync_scheduler: {{ interval_ms: 86400000 }}
"""
INTEGRATION = """
  - id: {id}
    tenantId: {tenant}
    name: {name}
    providerName: jsonl
    settings: {{ path: {folder}/{name} }}
    syncConfig:
      syncDirection: inbound
      syncFrequency: {{ {frequency} }}
      entityMappings:
        - externalEntity: contacts
          shardTypeId: {name}
          fieldMappings:
            - {{ externalField: name, shardField: {field} }}
"""


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret):
    claims = {"sub": "anna", "tenantId": TENANT, "exp": int(time.time()) + 3600}
    text = base64url(b'{"alg":"HS256","typ":"JWT"}') + "." + base64url(json.dumps(claims).encode())
    return text + "." + base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


class Service:
    def __init__(self, binary):
        self.folder = tempfile.mkdtemp(prefix="castiel-reload-")
        self.config = f"{self.folder}/config.yaml"
        self.integrations = {}  # name → (frequency, field)
        self.secrets = {"secret": OLD_SECRET}
        self.port = 0
        self.more = ""
        self.token = token(OLD_SECRET)
        self.add("first", 10)
        self.add("second", 10)
        self.write()
        self.log = open(f"{self.folder}/log", "w+", encoding="utf-8")
        environment = {"PATH": os.environ["PATH"]}
        self.process = subprocess.Popen([binary, "serve", "--config", self.config, "--json"], cwd=self.folder,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment)
        line = self.process.stdout.readline()
        assert line, "serve did not start: " + self.text()
        self.listening = json.loads(line)["port"]

    def add(self, name, records, frequency="type: manual", field="name"):
        self.integrations[name] = (frequency, field)
        os.mkdir(f"{self.folder}/{name}")
        with open(f"{self.folder}/{name}/contacts.jsonl", "w", encoding="utf-8") as out:
            for row in range(records):
                out.write(json.dumps({"id": row, "name": f"name {row}"}) + "\n")

    @staticmethod
    def id(name):
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))

    def write(self, extra=""):
        text = BASE.format(folder=self.folder, port=self.port) + self.more + extra
        if self.secrets:
            text += f"jwt: {json.dumps(self.secrets)}\n"
        text += "integrations:\n" if self.integrations else ""
        for name, (frequency, field) in self.integrations.items():
            text += INTEGRATION.format(id=self.id(name), tenant=TENANT, name=name, folder=self.folder,
                                       frequency=frequency, field=field)
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(text)

    def text(self):
        with open(self.log.name, encoding="utf-8") as log:
            return log.read()

    def lines(self, start):
        """Whole ones, without those of published events."""
        lines = [json.loads(line) for line in self.text()[start:].split("\n")[:-1]]
        return [line for line in lines if line["message"] != "event"]

    def reload(self, ends):
        """Sends the signal, and answers what the log says from there to a line that `ends` matches."""
        start = len(self.text())
        self.process.send_signal(signal.SIGHUP)
        deadline = time.time() + 30
        while time.time() < deadline:
            lines = self.lines(start)
            if any(re.search(ends, line["message"]) for line in lines):
                return lines
            assert self.process.poll() is None, self.text()[-2000:]
            time.sleep(0.02)
        raise AssertionError(f"no line with {ends}: {self.lines(start)}")

    def request(self, method, path, body=None, bearer=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.listening, timeout=30)
        headers = {"X-Tenant-ID": TENANT, "Authorization": "Bearer " + (bearer or self.token)}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def names(self):
        status, page = self.request("GET", "/integrations")
        assert status == 200, page
        return sorted(item["name"] for item in page["items"])

    def query(self, statement):
        connection = sqlite3.connect(f"{self.folder}/store.db", timeout=30)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Load(threading.Thread):
    """Requests without pause, none of which may fail."""

    def __init__(self, service):
        super().__init__()
        self.service = service
        self.ended = False
        self.count = 0
        self.trouble = None

    def run(self):
        try:
            while not self.ended:
                status, answer = self.service.request("GET", "/sync/streams")
                assert status == 200, (status, answer)
                status, answer = self.service.request("POST", "/sync/trigger",
                                                      {"integrationId": self.service.id("first")})
                assert status == 202, (status, answer)
                self.count += 2
                time.sleep(0.01)
        except BaseException as trouble:
            self.trouble = trouble

    def settle(self):
        """Whatever was under way when this is called has its answer."""
        seen = self.count
        while self.count < seen + 4 and self.trouble is None:
            time.sleep(0.01)


def of_level(lines, level):
    return [line["message"] for line in lines if line["level"] == level]


def check_integrations(service):
    assert service.names() == ["first", "second"]
    service.add("third", 10, frequency="type: interval, intervalMinutes: 60")
    service.integrations["second"] = ("type: interval, intervalMinutes: 1440", "name")
    service.write()
    lines = service.reload("^reloaded: 1 integration added, 1 integration changed$")
    line = next(line for line in lines if line["message"].startswith("reloaded"))
    assert line["added"] == [service.id("third")] and line["changed"] == [service.id("second")], line
    assert service.names() == ["first", "second", "third"]
    # Long before the scheduler looks at the catalog by itself.
    deadline = time.time() + 10
    while len(service.query("SELECT id FROM schedule")) < 2:
        assert time.time() < deadline, "the schedules of new and changed integrations were not begun"
        time.sleep(0.05)
    del service.integrations["third"]
    service.write()
    service.reload("^reloaded: 1 integration removed$")
    assert service.names() == ["first", "second"]
    service.reload("^reloaded: nothing to take over$")


def check_faults(service):
    kept = dict(service.integrations)
    service.integrations = {"third": ("type: manual", "name")}
    service.secrets = {"secret": NEW_SECRET}
    service.write("storge: {}\nmetrics: { bearer_token: short }\n")
    messages = of_level(service.reload("nothing was taken over"), "error")
    assert len(messages) == 3 and "2 faults" in messages[2], messages
    for key in ("storge: is not a known key", "metrics.bearer_token: must have at least 16 characters"):
        assert any(re.search(rf"config\.yaml:\d+: {re.escape(key)}", message) for message in messages), messages
    assert not re.search("secret of th", service.text()), "the log holds a secret"
    os.remove(service.config)
    messages = of_level(service.reload("nothing was taken over"), "error")
    assert "can't be read" in messages[0], messages
    # The port is open to other machines: without secrets it must not be.
    service.secrets = {}
    service.write()
    messages = of_level(service.reload("nothing was taken over"), "error")
    assert "without jwt.secret only a loopback address" in messages[0], messages
    service.integrations, service.secrets = kept, {"secret": OLD_SECRET}
    service.write()
    assert service.names() == ["first", "second"]
    assert service.request("GET", "/integrations", bearer=token(NEW_SECRET))[0] == 401


def check_rotation(service, load):
    service.secrets = {"secret": NEW_SECRET, "previous_secret": OLD_SECRET}
    service.write()
    service.reload("^reloaded: jwt.previous_secret, jwt.secret$")
    old, new = token(OLD_SECRET), token(NEW_SECRET)
    for bearer in (old, new):
        assert service.request("GET", "/integrations", bearer=bearer)[0] == 200
    service.token = new
    load.settle()
    service.secrets = {"secret": NEW_SECRET}
    service.write()
    service.reload("^reloaded: jwt.previous_secret$")
    # It was verified a moment ago, and what was remembered of it is gone.
    assert service.request("GET", "/integrations", bearer=old)[0] == 401
    assert service.request("GET", "/integrations", bearer=new)[0] == 200


def check_restart_keys(service):
    service.port = 1
    service.more = "metrics: { require_auth: true, bearer_token: 0123456789abcdef }\n"
    service.write()
    expected = ["changed, and in effect only after a restart: metrics.bearer_token, metrics.require_auth, server.port"]
    for _ in range(2):  # as long as they wait
        assert of_level(service.reload("after a restart"), "warning") == expected
    service.port, service.more = 0, ""
    service.write()
    assert of_level(service.reload("^reloaded"), "warning") == []


def check_log_level(service):
    service.more = "log: { level: warning }\n"
    service.port = 1
    service.write()
    lines = service.reload("after a restart")
    assert not any(line["message"].startswith("reloaded") for line in lines), lines
    service.port, service.more = 0, ""
    service.write()
    service.reload("^reloaded: log.level$")


DESCRIPTION = """
name: directory
summary: {summary}
baseUrl: https://directory.example.com
entities:
  people:
    id: id
    list: {{ path: /people }}
    get: {{ path: "/people/{{id}}" }}
"""


def check_descriptions(service):
    """A file that changes is used from the next execution on, and told by the name of its adapter."""
    file = f"{service.folder}/directory.yaml"

    def describe(summary):
        with open(file, "w", encoding="utf-8") as out:
            out.write(DESCRIPTION.format(summary=summary))

    describe("As it was.")
    kept, service.more = service.more, service.more + f"adapters: [{file}]\n"
    service.write()
    lines = service.reload("^reloaded: descriptions of directory, adapters$")
    assert of_level(lines, "warning") == [], lines
    assert service.request("GET", "/adapters/directory")[1]["summary"] == "As it was."
    describe("As it is.")
    service.reload("^reloaded: descriptions of directory$")
    assert service.request("GET", "/adapters/directory")[1]["summary"] == "As it is."
    describe("")  # no summary, no description
    service.reload("nothing was taken over")
    assert service.request("GET", "/adapters/directory")[1]["summary"] == "As it is."
    service.more = kept
    service.write()
    service.reload("^reloaded: descriptions of directory, adapters$")
    assert service.request("GET", "/adapters/directory")[0] == 404


def check_execution(service):
    service.add("big", BIG_RECORDS)
    service.write()
    service.reload("^reloaded: 1 integration added$")
    status, task = service.request("POST", "/sync/trigger", {"integrationId": service.id("big")})
    assert status == 202, task
    path = f"/sync/executions?integrationId={service.id('big')}"
    while not service.query("SELECT id FROM shard WHERE shard_type_id = 'big' LIMIT 1"):
        time.sleep(0.02)
    service.integrations["big"] = ("type: manual", "title")
    service.write()
    service.reload("^reloaded: 1 integration changed$")
    running = service.request("GET", path)[1]["items"]
    assert [one["status"] for one in running] == ["running"], f"this has tested nothing: {running}"
    deadline = time.time() + 120
    while service.request("GET", path)[1]["items"][-1]["status"] == "running":
        assert time.time() < deadline
        time.sleep(0.1)
    one = service.request("GET", path)[1]["items"][-1]
    assert (one["status"], one["recordsCreated"]) == ("completed", BIG_RECORDS), one
    bodies = service.query("SELECT body FROM shard WHERE shard_type_id = 'big'")
    fields = {tuple(json.loads(body)["structuredData"]) for body, in bodies}
    assert fields == {("name",)}, f"one execution, two mappings: {fields}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    service = Service(os.path.abspath(parser.parse_args().binary))
    load = Load(service)
    try:
        load.start()
        check_integrations(service)
        check_faults(service)
        check_rotation(service, load)
        check_restart_keys(service)
        check_log_level(service)
        check_descriptions(service)
        check_execution(service)
        load.ended = True
        load.join()
        if load.trouble:
            raise load.trouble
        # Hang-ups during the stop, to its very end, are none of its business any more.
        service.process.terminate()
        deadline = time.time() + 60
        while service.process.poll() is None:
            assert time.time() < deadline, "it does not end"
            service.process.send_signal(signal.SIGHUP)
        assert service.process.returncode == 0, f"a hang-up ended it: {service.process.returncode}"
        print(f"reloaded beside {load.count} requests, and none of them noticed")
    except BaseException:
        print(f"kept: {service.folder}", file=sys.stderr)
        raise
    else:
        shutil.rmtree(service.folder)
    finally:
        load.ended = True
        service.close()


if __name__ == "__main__":
    main()
