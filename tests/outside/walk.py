#!/usr/bin/env python3
"""A walk over every operation of openapi.yaml, through a proxy that refuses what the contract does not allow.

The records are those of a small CRM: they are synced, edited on both sides, parked, deleted and held back, so that each
operation has something to answer with. Beside that, each kind of refusal is asked for once.
"""
import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from tutorial_test import Proxy  # noqa: E402

TENANT = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"
INTEGRATION = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01"
ROWS = 40


class Walk:
    def __init__(self, port, folder):
        self.port = port
        self.file = f"{folder}/crm/contacts.jsonl"
        self.seen = set()

    def call(self, operation, method, path, expected, body=None, headers=None):
        """The answer's body, and its headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"X-Tenant-ID": TENANT, "Authorization": "Bearer none", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            text = answer.read().decode()
            kind = answer.getheader("Content-Type") or ""
            assert "problem+json" not in kind, f"{operation}: the contract does not allow this: {text}"
            assert answer.status == expected, f"{operation}: {answer.status} instead of {expected}: {text}"
            self.seen.add(operation)
            names = {name.lower(): value for name, value in answer.getheaders()}
            return (json.loads(text) if kind.startswith("application/json") else text), names
        finally:
            connection.close()

    def items(self, operation, path):
        return self.call(operation, "GET", path, 200)[0]["items"]

    def rows(self):
        with open(self.file, encoding="utf-8") as rows:
            return [json.loads(row) for row in rows]

    def write(self, rows):
        with open(self.file + ".new", "w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
        os.replace(self.file + ".new", self.file)

    def wait(self, task):
        deadline = time.time() + 60
        while time.time() < deadline:
            found = self.call("find_task", "GET", f"/api/v1/sync/tasks/{task}", 200)[0]
            if found["status"] in ("completed", "failed", "cancelled"):
                return found
            time.sleep(0.05)
        raise AssertionError(f"task {task} does not end: {found}")

    def sync(self, status="completed"):
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        body = {"integrationId": INTEGRATION}
        task = self.call("trigger_sync", "POST", "/api/v1/sync/trigger", 202, body, headers)[0]["taskId"]
        ended = self.wait(task)
        assert ended["status"] == status, ended
        return task

    def shard_of(self, mail):
        for shard in self.items("list_shards", "/api/v1/shards?shardTypeId=contact&limit=1000"):
            if shard["structuredData"]["email"] == mail:
                return shard
        raise AssertionError(mail)

    def edit_shard(self, mail, name):
        path = f"/api/v1/shards/{self.shard_of(mail)['id']}"
        found, headers = self.call("find_shard", "GET", path, 200)
        found["structuredData"]["name"] = name
        body = {"shardTypeId": found["shardTypeId"], "structuredData": found["structuredData"]}
        self.call("put_shard", "PUT", path, 200, body, {"If-Match": headers["etag"]})
        self.call("put_shard", "PUT", path, 409, body, {"If-Match": headers["etag"]})


def operations_and_catalog(walk):
    walk.call("health", "GET", "/health", 200)
    walk.call("ready", "GET", "/ready", 200)
    walk.call("metrics", "GET", "/metrics", 200)
    walk.call("openapi", "GET", "/openapi.yaml", 200)
    walk.items("list_adapters", "/api/v1/adapters")
    walk.call("find_adapter", "GET", "/api/v1/adapters/jsonl", 200)
    walk.call("find_adapter", "GET", "/api/v1/adapters/nothing", 404)
    path = f"/api/v1/integrations/{INTEGRATION}"
    walk.call("find_integration", "GET", path, 404)
    integration = {
        "name": "CRM", "providerName": "jsonl", "settings": {"path": os.path.dirname(walk.file)},
        "syncConfig": {
            "syncDirection": "bidirectional", "rails": {"stopOnAllChanged": False, "maxDeletes": 2},
            "entityMappings": [{
                "externalEntity": "contacts", "shardTypeId": "contact", "matchKeys": ["email"],
                "fieldMappings": [{"externalField": "mail", "shardField": "email", "required": True},
                                  {"externalField": "name", "shardField": "name"}]}]}}
    walk.call("put_integration", "PUT", path, 201, integration)
    walk.call("put_integration", "PUT", path, 200, integration)
    walk.call("find_integration", "GET", path, 200)
    assert len(walk.items("list_integrations", "/api/v1/integrations")) == 1
    walk.call("receive_hook", "POST", f"/api/v1/hooks/{INTEGRATION}", 401, {"id": "1"})
    body = {"shardTypeId": "note", "structuredData": {"text": "gone soon"}}
    made, headers = walk.call("create_shard", "POST", "/api/v1/shards", 201, body)
    path = f"/api/v1/shards/{made['id']}"
    walk.call("delete_shard", "DELETE", path, 204, None, {"If-Match": headers["etag"]})
    walk.call("find_shard", "GET", path, 404)


def webhooks(walk):
    body = {"integrationId": INTEGRATION, "url": "https://receiver.invalid/hook", "events": ["integration.sync.*"],
            "headers": {"Authorization": "Bearer canary"}, "ratePerMinute": 60}
    made = walk.call("create_webhook", "POST", "/api/v1/webhooks", 201, body)[0]
    walk.call("create_webhook", "POST", "/api/v1/webhooks", 400, {**body, "url": "http://127.0.0.1/"})
    path = f"/api/v1/webhooks/{made['webhookId']}"
    walk.call("find_webhook", "GET", path, 200)
    walk.call("find_webhook", "GET", f"/api/v1/webhooks/{uuid.uuid4()}", 404)
    assert len(walk.items("list_webhooks", "/api/v1/webhooks")) == 1
    walk.call("list_integration_webhooks", "GET", f"/api/v1/integrations/{INTEGRATION}/webhooks", 200)
    assert walk.call("rotate_webhook_secret", "POST", path + "/rotate-secret", 200)[0]["secret"] != made["secret"]
    delivery = walk.call("test_webhook", "POST", path + "/test", 202)[0]["deliveryId"]
    one = f"{path}/deliveries/{delivery}"
    deadline = time.time() + 60
    while True:  # nobody has that name: the first attempt fails soon, and the second one waits
        found = walk.call("find_delivery", "GET", one, 200)[0]
        if found["state"] == "waiting" and found["attemptCount"] > 0:
            break
        assert time.time() < deadline, found
        time.sleep(0.05)
    assert len(walk.items("list_deliveries", path + "/deliveries")) == 1
    walk.call("redeliver", "POST", one + "/redeliver", 202)
    recovery = {"since": "2026-01-01T00:00:00Z", "dryRun": True}
    walk.call("recover_deliveries", "POST", path + "/recover", 400, recovery)
    recovery["since"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    walk.call("recover_deliveries", "POST", path + "/recover", 200, recovery)
    walk.call("update_webhook", "PUT", path, 200, {"active": False, "ratePerMinute": None})
    walk.call("test_webhook", "POST", path + "/test", 409)
    walk.call("delete_webhook", "DELETE", path, 204)
    walk.call("delete_webhook", "DELETE", path, 404)


def tasks_and_streams(walk):
    plan = walk.call("preview_sync", "POST", "/api/v1/sync/preview", 200, {"integrationId": INTEGRATION})[0]
    assert {item["action"] for item in plan["items"]} == {"create"}, plan
    task = walk.sync()
    body = {"integrationId": INTEGRATION, "run": False}
    held = walk.call("create_task", "POST", "/api/v1/sync/tasks", 201, body)[0]["taskId"]
    walk.call("execute_task", "POST", f"/api/v1/sync/tasks/{held}/execute", 202)
    walk.wait(held)
    walk.call("execute_task", "POST", f"/api/v1/sync/tasks/{held}/execute", 409)
    other = walk.call("create_task", "POST", "/api/v1/sync/tasks", 201, body)[0]["taskId"]
    assert walk.call("cancel_task", "POST", f"/api/v1/sync/tasks/{other}/cancel", 202)[0]["status"] == "cancelled"
    walk.call("find_task", "GET", f"/api/v1/sync/tasks/{uuid.uuid4()}", 404)
    listed = walk.call("list_tasks", "GET", "/api/v1/sync/tasks?limit=2", 200)[0]
    rest = walk.call("list_tasks", "GET", f"/api/v1/sync/tasks?limit=2&cursor={listed['nextCursor']}", 200)[0]
    assert {one["taskId"] for one in listed["items"] + rest["items"]} == {task, held, other}
    execution = walk.items("list_task_executions", f"/api/v1/sync/tasks/{task}/executions")[0]["executionId"]
    assert len(walk.items("list_executions", "/api/v1/sync/executions?status=completed")) == 2
    walk.call("find_execution", "GET", f"/api/v1/sync/executions/{execution}", 200)
    events, _ = walk.call("follow_execution", "GET", f"/api/v1/sync/executions/{execution}/events", 200, None,
                          {"Accept": "text/event-stream"})
    assert "event: end\n" in events, events
    stream = walk.items("list_streams", "/api/v1/sync/streams")[0]
    assert stream["links"] == ROWS, stream
    path = f"/api/v1/sync/streams/{stream['streamId']}"
    walk.call("find_stream", "GET", path, 200)
    walk.call("pause_stream", "POST", path + "/pause", 200)
    walk.call("resume_stream", "POST", path + "/resume", 200)
    walk.call("reset_stream", "POST", path + "/reset", 200)
    walk.call("approve_latch", "POST", path + "/approve", 409)
    walk.sync()
    return path


def conflicts(walk):
    rows = walk.rows()
    for number in (0, 1):
        rows[number]["name"] = "theirs"
        walk.edit_shard(rows[number]["mail"], "ours")
    walk.write(rows)
    walk.sync()
    found = walk.items("list_conflicts", "/api/v1/sync/conflicts?state=open")
    assert len(found) == 2, found
    first, second = (f"/api/v1/sync/conflicts/{one['conflictId']}" for one in found)
    walk.call("find_conflict", "GET", first, 200)
    walk.call("ignore_conflict", "POST", first + "/ignore", 200)
    done = walk.call("resolve_conflict", "POST", second + "/resolve", 200, {"resolution": "source_wins"})[0]
    assert done["state"] == "resolved", done
    walk.call("resolve_conflict", "POST", second + "/resolve", 409, {"resolution": "source_wins"})
    shard = walk.shard_of(rows[5]["mail"])["id"]
    walk.edit_shard(rows[5]["mail"], "edited once")
    walk.sync()
    history = walk.items("find_history", f"/api/v1/sync/records/contact/{shard}/history")
    assert [entry["action"] for entry in history] == ["updated", "created"], history


def parked(walk):
    walk.write(walk.rows() + [{"id": "p1", "name": "no mail"}, {"id": "p2", "name": "no mail either"}])
    walk.sync()
    found = {one["recordId"]: one["parkedId"] for one in walk.items("list_parked", "/api/v1/sync/parked")}
    assert set(found) == {"p1", "p2"}, found
    body = {"values": {"mail": "mended@example.org"}}
    answer = walk.call("retry_parked", "POST", f"/api/v1/sync/parked/{found['p1']}/retry", 200, body)[0]
    assert answer["parked"] is False, answer
    walk.call("discard_parked", "POST", f"/api/v1/sync/parked/{found['p2']}/discard", 204)
    walk.call("discard_parked", "POST", f"/api/v1/sync/parked/{uuid.uuid4()}/discard", 404)


def latches(walk, stream):
    for operation, left in (("approve", 10), ("reject", 20)):
        walk.write(walk.rows()[left:])
        walk.sync("failed")
        latch = walk.call("find_stream", "GET", stream, 200)[0]["latch"]
        assert latch["rail"] == "max_deletes", latch
        body = {"latchId": latch["latchId"]}
        walk.call(f"{operation}_latch", "POST", f"{stream}/{operation}", 200, body)
        walk.call(f"{operation}_latch", "POST", f"{stream}/{operation}", 409, body)
        walk.sync()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--proxy", required=True, help="the program prism")
    parser.add_argument("--contract", required=True, help="openapi.yaml")
    parser.add_argument("--operations", required=True, help="the same as JSON")
    arguments = parser.parse_args()
    with open(arguments.operations, encoding="utf-8") as text:
        paths = json.load(text)["paths"].values()
    operations = {value["operationId"] for path in paths for value in path.values() if "operationId" in value}
    folder = tempfile.mkdtemp(prefix="castiel-walk-")
    os.mkdir(f"{folder}/crm")
    environment = {"PATH": os.environ["PATH"], "PORT": "0", "SYNC_MIN_INTERVAL_MINUTES": "0", "HOME": folder}
    log = open(f"{folder}/service.log", "w", encoding="utf-8")
    service = subprocess.Popen([os.path.abspath(arguments.binary), "serve", "--json"], cwd=folder, env=environment,
                               stdout=subprocess.PIPE, stderr=log, text=True)
    proxy = None
    try:
        port = json.loads(service.stdout.readline())["port"]
        proxy = Proxy(arguments.proxy, arguments.contract, port, f"{folder}/proxy.log")
        walk = Walk(proxy.port, folder)
        walk.write({"id": row, "mail": f"person{row}@example.org", "name": f"Person {row}"} for row in range(ROWS))
        operations_and_catalog(walk)
        webhooks(walk)
        stream = tasks_and_streams(walk)
        conflicts(walk)
        parked(walk)
        latches(walk, stream)
        walk.call("delete_integration", "DELETE", f"/api/v1/integrations/{INTEGRATION}", 204)
        assert walk.seen == operations, f"not walked: {operations - walk.seen}; unknown: {walk.seen - operations}"
        service.terminate()
        assert service.wait(timeout=60) == 0
        print(f"{len(operations)} operations, each as the contract says")
    except BaseException:
        log.flush()
        with open(log.name, encoding="utf-8") as text:
            print(text.read()[-3000:], file=sys.stderr)
        raise
    finally:
        if proxy:
            proxy.stop()
        if service.poll() is None:
            service.kill()
            service.wait()
        service.stdout.close()
        log.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
