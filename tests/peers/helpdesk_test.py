#!/usr/bin/env python3
"""A description that was written from docs/rest-adapter.md and the API's own page (helpdesk.md), and from nothing else,
against the server that it describes: it is valid, conforms, and syncs in both directions."""
import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
TENANT = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"
TOKEN = "canary-token-4711"
CONFIG = """
storage: {{ path: {folder}/store.db }}
sync_limits: {{ max_records_per_sync: 100000, min_interval_minutes: 0 }}
egress: {{ allow_http: true, allow_networks: [127.0.0.0/8], allowed_ports: [{port}] }}
secrets: {{ path: {folder}/secrets }}
adapters: [{here}/helpdesk.yaml]
integrations:
  - id: 7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01
    tenantId: {tenant}
    providerName: {name}
    settings: {{ baseUrl: "http://127.0.0.1:{port}" }}
    credentialSecretName: secret://file/desk
    syncConfig:
      syncDirection: bidirectional
      entityMappings:
        - externalEntity: tickets
          shardTypeId: ticket
          matchKeys: [subject]
          fieldMappings:
            - {{ externalField: fields.subject, shardField: subject }}
            - {{ externalField: fields.priority, shardField: priority }}
            - {{ externalField: fields.text, shardField: text }}
"""


class World:
    def __init__(self, binary):
        self.binary = binary
        self.folder = tempfile.mkdtemp(prefix="castiel-desk-")
        self.server = subprocess.Popen([sys.executable, f"{HERE}/helpdesk.py", "--token", TOKEN], text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.port = int(self.server.stdout.readline())
        os.mkdir(f"{self.folder}/secrets")
        with open(f"{self.folder}/secrets/desk", "w", encoding="utf-8") as out:
            out.write(TOKEN + "\n")
        with open(f"{HERE}/helpdesk.yaml", encoding="utf-8") as text:
            name = next(line.split(":", 1)[1].strip() for line in text if line.startswith("name:"))
        with open(f"{self.folder}/config.yaml", "w", encoding="utf-8") as out:
            out.write(CONFIG.format(folder=self.folder, port=self.port, here=HERE, tenant=TENANT, name=name))
        self.said = ""

    def close(self):
        self.server.terminate()
        self.server.wait()
        self.server.stdout.close()

    def cli(self, *arguments, codes=(0,), text=None):
        done = subprocess.run([self.binary, "--config", f"{self.folder}/config.yaml", *arguments], input=text,
                              capture_output=True, text=True, timeout=120, check=False, cwd=self.folder,
                              env={"PATH": os.environ["PATH"]})
        self.said += done.stdout + done.stderr
        assert done.returncode in codes, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def desk(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, "/v2" + path, json.dumps(body) if body is not None else None,
                               {"Authorization": "Bearer " + TOKEN})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
            return json.loads(text) if text else None
        finally:
            connection.close()

    def tickets(self):
        rows, token = {}, "0"
        while token is not None:
            page = self.desk("GET", f"/tickets?token={token}")
            rows.update({row["fields"]["subject"]: row for row in page["tickets"]})
            token = page["page"]["next"]
        return rows

    def shards(self):
        rows = [json.loads(line) for line in self.cli("shards", "export", "--type", "ticket").splitlines()]
        return {row["structuredData"]["subject"]: (row["id"], row["structuredData"]) for row in rows
                if row.get("status") != "deleted"}

    def put_shards(self, rows):
        self.cli("shards", "import", "--type", "ticket", text="".join(json.dumps(row) + "\n" for row in rows))

    def sync(self):
        counts = dict.fromkeys(("Created", "Updated", "Deleted", "Failed"), 0)
        for line in self.cli("--json", "run").splitlines():
            row = json.loads(line)
            assert row["status"] == "completed", row
            for name in counts:
                counts[name] += row["records" + name]
        return tuple(counts.values())


def equal(world):
    source = {name: (row["fields"].get("priority"), row["fields"].get("text")) for name, row in world.tickets().items()}
    target = {name: (row.get("priority"), row.get("text")) for name, (_, row) in world.shards().items()}
    assert source == target, {name: (source.get(name), target.get(name)) for name in set(source) | set(target)
                              if source.get(name) != target.get(name)}


def run(world):
    world.cli("adapters", "validate", f"{HERE}/helpdesk.yaml")
    world.cli("check")
    report = world.cli("adapters", "conform", f"{HERE}/helpdesk.yaml", "--entity", "tickets", "--set",
                       f"baseUrl=http://127.0.0.1:{world.port}", "--credentials", "secret://file/desk", "--erase")
    for promise in ("a run reads what changed", "deletions are told", "a write never goes over an edit",
                    "a deletion never goes over an edit", "is repeated, and makes one record"):
        assert f"yes {promise}" in report or any(promise in line and line.strip().startswith("yes")
                                                 for line in report.splitlines()), report

    for ticket in world.tickets().values():
        world.desk("DELETE", f"/tickets/{ticket['number']}?lockVersion={ticket['lockVersion']}")
    for number in range(300):
        world.desk("POST", "/tickets", {"ticket": {"fields": {"subject": f"Ticket {number}", "priority": number % 5,
                                                             "unmapped": {"deep": [number]}}}})
    assert world.sync() == (300, 0, 0, 0)
    equal(world)
    assert world.sync() == (0, 0, 0, 0)

    before, shards = world.tickets(), world.shards()
    for number in range(20):
        row = before[f"Ticket {number}"]
        world.desk("PATCH", f"/tickets/{row['number']}",
                   {"ticket": {"fields": {**row["fields"], "text": f"desk {number}"}},
                    "lockVersion": row["lockVersion"]})
    gone = before["Ticket 50"]
    world.desk("DELETE", f"/tickets/{gone['number']}?lockVersion={gone['lockVersion']}")
    changed = [{"id": shards[f"Ticket {number}"][0], "shardTypeId": "ticket",
                "structuredData": {**shards[f"Ticket {number}"][1], "priority": 9}} for number in range(10, 30)]
    new = [{"id": str(uuid.uuid4()), "shardTypeId": "ticket",
            "structuredData": {"subject": f"Shard {number}", "priority": 1}} for number in range(15)]
    world.put_shards(changed + new)
    world.cli("shards", "delete", "--type", "ticket", shards["Ticket 60"][0])
    done = world.sync()
    assert done[0] == 15 and done[2] == 2 and done[3] == 0, done
    equal(world)
    after = world.tickets()
    for number in range(10, 20):  # both sides changed it, each another field
        fields = after[f"Ticket {number}"]["fields"]
        assert fields["text"] == f"desk {number}" and fields["priority"] == 9, fields
        assert fields["unmapped"] == {"deep": [number]}, "a member that nobody maps is lost"
    assert "Ticket 50" not in after and "Ticket 60" not in after
    assert world.sync()[:3] == (0, 0, 0)

    # Offline, the answers that were recorded say the same.
    trial = ("adapters", "try", f"{HERE}/helpdesk.yaml", "--entity", "tickets", "--credentials", "secret://file/desk",
             "--set", f"baseUrl=http://127.0.0.1:{world.port}")
    live = world.cli(*trial, "--record", f"{world.folder}/recorded.jsonl")
    replayed = world.cli(*trial, "--replay", f"{world.folder}/recorded.jsonl")
    assert "20 records" in live and replayed == live, live + replayed
    assert os.stat(f"{world.folder}/recorded.jsonl").st_mode & 0o077 == 0

    # I23: nothing that was said, written or stored holds the token.
    assert TOKEN not in world.said
    for folder, _, files in os.walk(world.folder):
        for file in files:
            if os.path.basename(folder) != "secrets":
                with open(os.path.join(folder, file), "rb") as content:
                    assert TOKEN.encode() not in content.read(), file


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    world = World(os.path.abspath(parser.parse_args().binary))
    try:
        run(world)
        shutil.rmtree(world.folder)
    finally:
        world.close()


if __name__ == "__main__":
    sys.exit(main())
