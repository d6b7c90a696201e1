#!/usr/bin/env python3
"""Three `castiel-sync serve` on one SQLite file, and kill -9 of any of them under load.

Every accepted task reaches one end (I16, I31), every execution has one terminal event, no tenant ever has more
executions at once than it has slots (I20), and a request that is repeated with its Idempotency-Key on another instance
is the same task (I32). At the end each process stops within its time on SIGTERM, with exit code 0 (I39).
"""
import argparse
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid

LEASE_SECONDS = 2
SLOTS = 2
TENANTS = [str(uuid.UUID(int=index + 1, version=4)) for index in range(3)]
CONFIG = """
storage: {{ path: {folder}/store.db }}
server: {{ port: 0 }}
sync_limits:
  max_records_per_sync: 50
  lease_seconds: {lease}
  max_concurrent_syncs_per_tenant: {slots}
  min_interval_minutes: 0
sync_scheduler: {{ interval_ms: 1000 }}
integrations:
"""
INTEGRATION = """
  - id: {id}
    tenantId: {tenant}
    providerName: jsonl
    settings: {{ path: {folder}/{id} }}
    syncConfig:
      syncDirection: bidirectional
      rails: {{ stopOnAllChanged: false }}
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact{number}
          matchKeys: [email]
          fieldMappings:
            - {{ externalField: mail, shardField: email }}
            - {{ externalField: name, shardField: name }}
"""


class Instance:
    def __init__(self, world):
        self.world = world
        self.log = open(f"{world.folder}/log-{len(world.started)}", "w+", encoding="utf-8")
        environment = {"PATH": os.environ["PATH"], "LOG_FORMAT": "json", "LOG_LEVEL": "info"}
        self.process = subprocess.Popen([world.binary, "serve", "--config", world.config, "--json"], cwd=world.folder,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("serve did not start: " + self.text()[-2000:])
        self.port = json.loads(line)["port"]
        world.started.append(self)

    def text(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8") as log:
            return log.read()

    def request(self, tenant, method, path, body=None, key=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"X-Tenant-ID": tenant}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        try:
            connection.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class World:
    def __init__(self, binary, seed):
        self.binary = binary
        self.random = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="castiel-service-")
        self.config = f"{self.folder}/config.yaml"
        self.integrations = []  # (tenant, id)
        text = CONFIG.format(folder=self.folder, lease=LEASE_SECONDS, slots=SLOTS)
        for number in range(3 * len(TENANTS)):
            tenant = TENANTS[number % len(TENANTS)]
            id = str(uuid.UUID(int=1000 + number, version=4))
            self.integrations.append((tenant, id))
            text += INTEGRATION.format(id=id, tenant=tenant, folder=self.folder, number=number)
            os.mkdir(f"{self.folder}/{id}")
            self.edit(id, 120)
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(text)
        self.started = []
        self.accepted = {}  # task → tenant
        self.keys = {}  # idempotency key → (tenant, body, task)
        self.instances = [Instance(self)]
        self.watch_store()
        self.instances += [Instance(self) for _ in range(2)]

    def edit(self, id, count):
        path = f"{self.folder}/{id}/contacts.jsonl"
        with open(path + ".new", "w", encoding="utf-8") as out:
            for row in range(count):
                mail = f"m{row}@example.org"
                out.write(json.dumps({"id": row, "mail": mail, "name": f"name {self.random.random()}"}) + "\n")
        os.replace(path + ".new", path)

    def trigger(self):
        tenant, id = self.random.choice(self.integrations)
        body = {"integrationId": id}
        key = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        instance = self.random.choice(self.instances)
        try:
            status, answer = instance.request(tenant, "POST", "/sync/trigger", body, key)
        except (OSError, http.client.HTTPException):
            return  # it died meanwhile: nothing was promised
        if status == 503 or status == 409:
            return
        assert status == 202, (status, answer)
        self.accepted[answer["taskId"]] = tenant
        self.keys[key] = (tenant, body, answer["taskId"])

    def kill_one(self):
        index = self.random.randrange(len(self.instances))
        instance = self.instances[index]
        instance.kill()
        self.instances[index] = Instance(self)

    def any(self, tenant, method, path, **more):
        return self.random.choice(self.instances).request(tenant, method, path, **more)

    def settle(self):
        deadline = time.time() + 60
        waiting = dict(self.accepted)
        while waiting:
            for task, tenant in list(waiting.items()):
                status, answer = self.any(tenant, "GET", f"/sync/tasks/{task}")
                assert status == 200, f"an accepted task is gone: {status} {answer}"
                if answer["status"] in ("completed", "failed", "cancelled"):
                    assert answer["status"] == "completed", answer
                    del waiting[task]
            if time.time() > deadline:
                raise AssertionError(f"tasks that do not end: {waiting}")
            time.sleep(0.2)

    def executions(self, tenant):
        items, cursor = [], ""
        while True:
            status, page = self.any(tenant, "GET", f"/sync/executions?limit=1000{cursor}")
            assert status == 200, page
            items += page["items"]
            if "nextCursor" not in page:
                return items
            cursor = "&cursor=" + page["nextCursor"]

    def watch_store(self):
        """Has the store write down each claim, end and slot, in the order of its commits."""
        connection = sqlite3.connect(f"{self.folder}/store.db", timeout=30)
        connection.execute("CREATE TABLE watch (number INTEGER PRIMARY KEY, kind, tenant, id, content)")
        for kind, content in (("execution", "new.status"), ("slot", "new.body")):
            for event in ("INSERT", "UPDATE", "DELETE"):
                row = "old" if event == "DELETE" else "new"
                value = "NULL" if event == "DELETE" else content
                values = f"'{kind}', {row}.partition, {row}.id, {value}"
                insert = f"INSERT INTO watch (kind, tenant, id, content) VALUES ({values})"
                connection.execute(f"CREATE TRIGGER watch_{kind}_{event} AFTER {event} ON {kind} BEGIN {insert}; END")
        connection.commit()
        connection.close()

    def check_slots(self):
        connection = sqlite3.connect(f"{self.folder}/store.db", timeout=30)
        running, holders, lost, most = {}, {}, set(), 0
        for kind, tenant, id, content in connection.execute(
                "SELECT kind, tenant, id, content FROM watch ORDER BY number"):
            mine = running.setdefault(tenant, set())
            if kind == "execution":
                assert not (content == "completed" and id in lost), f"execution {id} went on without a slot"
                mine.add(id) if content == "running" and id not in lost else mine.discard(id)
                continue
            before = holders.pop((tenant, id), None)
            content = content and json.loads(content)["execution"]
            if content:
                holders[(tenant, id)] = content
            if before and before != content and before in mine:  # its lease ran out: whoever held it is dead
                mine.discard(before)
                lost.add(before)
            assert len(mine) <= SLOTS, f"{len(mine)} executions at once, and the tenant has {SLOTS} slots: {mine}"
            most = max(most, len(mine))
        connection.close()
        assert most == SLOTS, f"never more than {most} executions at once: this has tested nothing"

    def check_events(self, executions):
        ends = {}  # execution → ids of its terminal events
        for instance in self.started:
            for line in instance.text().splitlines():
                try:
                    event = json.loads(line).get("event")
                except ValueError:
                    continue  # cut off by a kill
                if event and event["type"] in ("integration.sync.completed", "integration.sync.failed"):
                    ends.setdefault(event["data"]["executionId"], set()).add(event["id"])
        for one in executions:
            assert len(ends.get(one["executionId"], ())) == 1, (one, ends.get(one["executionId"]))

    def check_log(self):
        """A line about an execution names its tenant and task, and each task's first line the request it came from."""
        requests = set()
        for instance in self.started:
            for line in instance.text().splitlines():
                try:
                    line = json.loads(line)
                except ValueError:
                    continue  # cut off by a kill
                if "executionId" in line:
                    assert line.get("tenantId") in TENANTS and line.get("taskId"), line
                if line["message"] == "task accepted":
                    assert line["tenantId"] in TENANTS and line["requestId"], line
                    requests.add(line["taskId"])
        told = sum(task in requests for task in self.accepted)
        assert told > len(self.accepted) // 2, (told, len(self.accepted))  # the others' lines a kill took

    def check_repetitions(self):
        for key, (tenant, body, task) in self.random.sample(sorted(self.keys.items()), min(10, len(self.keys))):
            status, answer = self.any(tenant, "POST", "/sync/trigger", body=body, key=key)
            assert (status, answer["taskId"]) == (202, task), (status, answer)

    def stop(self):
        for instance in self.instances:
            instance.process.terminate()
        for instance in self.instances:
            code = instance.process.wait(timeout=60)
            assert code == 0, f"exit code {code}: {instance.text()[-2000:]}"
            instance.process.stdout.close()
        connection = sqlite3.connect(f"{self.folder}/store.db", timeout=30)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()

    def close(self):
        for instance in self.instances:
            if instance.process.poll() is None:
                instance.process.kill()
                instance.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    world = World(os.path.abspath(arguments.binary), arguments.seed)
    kept = False
    try:
        for _ in range(arguments.kills):
            for _ in range(world.random.randrange(2, 9)):
                world.trigger()
            tenant, id = world.random.choice(world.integrations)
            world.edit(id, 120)
            time.sleep(world.random.choice([0.02, 0.1, 0.3, 0.6]))
            world.kill_one()
        world.settle()
        count = 0
        for tenant in TENANTS:
            executions = world.executions(tenant)
            count += len(executions)
            assert all(one["status"] in ("completed", "failed", "cancelled") for one in executions)
            world.check_events(executions)
        world.check_slots()
        world.check_log()
        world.check_repetitions()
        world.stop()
        print(f"{arguments.kills} kills, {len(world.accepted)} tasks, {count} executions: nothing lost")
    except BaseException:
        kept = True
        print(f"kept: {world.folder}", file=sys.stderr)
        raise
    finally:
        world.close()
        if not kept:
            shutil.rmtree(world.folder)


if __name__ == "__main__":
    main()
