#!/usr/bin/env python3
"""Syncs a real server with local shards in both directions, by the description that comes with the binary.

More than a thousand records with nested fields and a relation; edits, new records and deletions on both sides, also by
others while a run is under way; kills in the middle of creating. What has to hold at the end is judged from the
server's own answers and from exported shards, never from what the engine says of itself:

- both sides are equal under the mapping, but for what waits as a conflict (I1);
- every value that a user wrote is there, or in a conflict, or in the record's history (I2);
- nothing that a user deleted comes back (I4), and nothing else is deleted (I5);
- no record is made twice, whenever the process is killed (I6);
- a run with nothing to do writes nothing (I14).

The conformance report of the description has to be the one of the page given with --report.
"""
import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from peers import PEERS

TENANT = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"
CONFIG = """
storage: {{ path: {folder}/store.db }}
sync_limits: {{ max_records_per_sync: 100000, min_interval_minutes: 0, lease_seconds: 2 }}
egress: {{ allow_http: true, allow_networks: [127.0.0.0/8], allowed_ports: [{port}] }}
integrations:
  - id: 7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01
    tenantId: {tenant}
    providerName: {name}
    settings: {{ baseUrl: "{url}" }}
    syncConfig:
      syncDirection: bidirectional
      deleteConflictResolution: update_wins
      entityMappings:
        - externalEntity: companies
          shardTypeId: company
          matchKeys: [name]
          fieldMappings:
            - {{ externalField: name, shardField: name }}
        - externalEntity: contacts
          shardTypeId: contact
          matchKeys: [email]
          fieldMappings:
            - {{ externalField: email, shardField: email, transform: lowercase }}
            - {{ externalField: name.full, shardField: name }}
            - {{ externalField: address.city, shardField: city }}
            - {{ externalField: tags, shardField: tags, strategy: union }}
            - {{ externalField: note, shardField: note }}
            - {{ externalField: companyId, shardField: company, reference: companies }}
"""


class World:
    def __init__(self, binary, peer, seed):
        self.binary = binary
        self.random = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="castiel-peers-")
        self.number = 0
        companies = [{"id": number + 1, "name": f"Company {number}"} for number in range(40)]
        contacts = [{"id": number + 1, **self.contact(number % 40 + 1)} for number in range(1200)]
        self.peer = PEERS[peer](self.folder, {"companies": companies, "contacts": contacts, "kit": []})
        self.config = f"{self.folder}/config.yaml"
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(CONFIG.format(folder=self.folder, port=self.peer.port, tenant=TENANT, name=self.peer.name,
                                    url=self.peer.url))

    def close(self):
        self.peer.stop()
        shutil.rmtree(self.folder)

    def command(self, *arguments):
        return [self.binary, "--config", self.config, *arguments]

    def cli(self, *arguments, codes=(0,), text=None):
        done = subprocess.run(self.command(*arguments), input=text, capture_output=True, text=True, timeout=300,
                              check=False, cwd=self.folder, env={"PATH": os.environ["PATH"]})
        assert done.returncode in codes, f"{arguments} ended with {done.returncode}: {done.stderr[-3000:]}"
        return done.stdout

    def sync(self):
        """What a run did, by entity. Conflicts may wait."""
        lines = self.cli("--json", "run", codes=(0, 3)).splitlines()
        done = {}
        for line in lines:
            row = json.loads(line)
            assert row["status"] == "completed", row
            counts = done.setdefault(row["entityType"], dict.fromkeys(("created", "updated", "deleted", "failed"), 0))
            for name in counts:
                counts[name] += row["records" + name.capitalize()]
        return done

    def settle(self):
        for _ in range(6):
            done = self.sync()
            if all(count == 0 for counts in done.values() for count in counts.values()):
                return
        raise AssertionError(f"runs go on writing although nobody edits: {done}")

    def shards(self, type):
        rows = [json.loads(line) for line in self.cli("shards", "export", "--type", type).splitlines()]
        return {row["id"]: row["structuredData"] for row in rows if row.get("status") != "deleted"}

    def put_shards(self, type, rows):
        lines = "".join(json.dumps({"id": str(uuid.uuid4()), "shardTypeId": type, **row}) + "\n" for row in rows)
        self.cli("shards", "import", "--type", type, text=lines)

    def contact(self, company=None):
        self.number += 1
        row = {"email": f"p{self.number}@example.org", "name": {"full": f"Person {self.number}", "title": "Dr"},
               "address": {"city": "Wien", "geo": {"lat": 48.2, "lon": 16.4}}, "tags": ["a", f"t{self.number % 7}"]}
        if company is not None:
            row["companyId"] = company
        return row

    def differences(self):
        """What of the two sides is not equal under the mapping, and not a conflict."""
        waiting = {row["sourceId"] for row in self.rows("conflicts", "list", "--limit", "100000") if "sourceId" in row}
        found = []
        companies = {key: row["name"] for key, row in self.peer.records("companies").items()}
        shard_companies = {key: row["name"] for key, row in self.shards("company").items()}
        if sorted(companies.values()) != sorted(shard_companies.values()):
            found.append(("companies", set(companies.values()) ^ set(shard_companies.values())))
        source = {}
        for key, row in self.peer.records("contacts").items():
            company = row.get("companyId")
            plain = (row["name"]["full"], (row.get("address") or {}).get("city"), tuple(sorted(row.get("tags") or [])),
                     row.get("note"), companies.get(str(company)) if company is not None else None)
            assert row["email"] not in source, f"{row['email']} is there twice (I6)"
            source[row["email"]] = (key, plain)
        target = {}
        for row in self.shards("contact").values():
            plain = (row.get("name"), row.get("city"), tuple(sorted(row.get("tags") or [])), row.get("note"),
                     shard_companies.get(row.get("company")))
            assert row["email"] not in target, f"the shard {row['email']} is there twice (I6)"
            target[row["email"]] = plain
        for email in sorted(set(source) | set(target)):
            if email in source and email in target:
                key, plain = source[email]
                if plain != target[email] and key not in waiting:
                    found.append((email, plain, target[email]))
            else:
                found.append((email, "only", "source" if email in source else "shards"))
        return found

    def rows(self, *arguments):
        return [json.loads(line) for line in self.cli("--json", *arguments, codes=(0, 3)).splitlines()]


def conform(world, report):
    seen = world.cli("adapters", "conform", world.peer.name, "--entity", "kit", "--set", f"baseUrl={world.peer.url}",
                     "--erase")
    with open(report, encoding="utf-8") as page:
        block = re.search(r"^```text\n(.*?)^```", page.read(), re.M | re.S).group(1)
    assert seen == block, f"the report is not the one of {report}:\n{seen}"


def first_copy(world):
    done = world.sync()
    assert done["contacts"]["created"] == 1200 and done["companies"]["created"] == 40, done
    assert world.differences() == []
    world.settle()


def both_sides(world):
    peer = world.peer
    before = peer.records("contacts")
    ids = sorted(before, key=lambda id: before[id]["email"])
    world.random.shuffle(ids)
    shards = {row["email"]: (id, row) for id, row in world.shards("contact").items()}

    def shard_of(id):
        return shards[before[id]["email"]]

    changed, wishes = [], {}

    def change_shard(id, **fields):
        shard, data = shard_of(id)
        changed.append({"id": shard, "structuredData": {**data, **fields}})

    take = iter(ids)
    for index in range(60):  # one side each, and members that nobody maps stay as they are
        id = next(take)
        assert peer.edit("contacts", id, {"note": f"source {index}"})
        wishes[before[id]["email"]] = {"note": f"source {index}"}
    for index in range(60):
        id = next(take)
        change_shard(id, city=f"City {index}")
        wishes[before[id]["email"]] = {"city": f"City {index}"}
    for index in range(30):  # both sides, different fields
        id = next(take)
        assert peer.edit("contacts", id, {"note": f"both {index}"})
        change_shard(id, name=f"Renamed {index}")
        wishes[before[id]["email"]] = {"note": f"both {index}", "name": f"Renamed {index}"}
    for index in range(10):  # both sides, the same field: a conflict each
        id = next(take)
        assert peer.edit("contacts", id, {"note": f"here {index}"})
        change_shard(id, note=f"there {index}")
    gone = [next(take) for _ in range(20)]
    for id in gone[:10]:
        peer.remove("contacts", id)
    world.put_shards("contact", changed)
    for id in gone[10:]:
        world.cli("shards", "delete", "--type", "contact", shard_of(id)[0])
    # A relation to a record that is not there yet: the parent is written before the child.
    company = "01900000-0000-7000-8000-000000000001"
    world.put_shards("company", [{"id": company, "structuredData": {"name": "Made of a shard"}}])
    world.put_shards("contact", [{"structuredData": {"email": f"s{index}@example.org", "name": f"Shard {index}",
                                                     "city": "Bern", "tags": ["x"], "company": company}}
                                 for index in range(50)])
    peer.create("contacts", [world.contact() for _ in range(20)])

    done = world.sync()
    assert done["contacts"]["failed"] == 0, done
    assert world.differences() == [], world.differences()[:5]
    conflicts = world.rows("conflicts", "list", "--limit", "1000")
    assert len(conflicts) == 10, f"{len(conflicts)} conflicts instead of 10"
    after = {row["email"]: row for row in world.shards("contact").values()}
    for email, wish in wishes.items():
        for field, value in wish.items():
            assert after[email].get(field) == value, f"{email}: {field} is {after[email].get(field)}, not {value} (I2)"
    for id in gone:
        assert before[id]["email"] not in after and id not in peer.records("contacts"), "a deleted record is back (I4)"
    for row in peer.records("contacts").values():
        if row["email"].startswith("p"):
            assert row["name"]["title"] == "Dr" and row["address"]["geo"]["lat"] == 48.2, "an unmapped member is lost"
    for conflict in conflicts:
        world.cli("conflicts", "resolve", conflict["conflictId"], "--source")
    world.settle()
    assert world.differences() == []
    notes = [row.get("note") or "" for row in world.shards("contact").values()]
    assert sum(note.startswith("here ") for note in notes) == 10, "a resolution is not what was chosen (I37)"


def edits_meanwhile(world):
    """Users of the server edit while runs go on, and shards are edited, too."""
    peer = world.peer
    rows = peer.records("contacts")
    ids = sorted(rows)
    world.random.shuffle(ids)
    # A server without conditional writes loses an edit that falls between the last look at a record and its write: so
    # it says of itself (docs/conformance-json-server.md). There no record is written from both sides at once.
    ours, theirs = (ids[:150], ids[150:300]) if not peer.feed else (ids[:200], ids[100:300])
    latest, stop = {}, threading.Event()
    dice = random.Random(world.random.random())

    def user():
        number = 0
        while not stop.is_set():
            id = dice.choice(theirs)
            value = f"meanwhile #{number}"
            if peer.edit("contacts", id, {"note": value}):
                latest[id] = value
            number += 1

    thread = threading.Thread(target=user)
    thread.start()
    try:
        shards = {row["email"]: (id, row) for id, row in world.shards("contact").items()}
        for round in range(6):
            changed = []
            for id in world.random.sample(ours, 40):
                shard, _ = shards[rows[id]["email"]]
                changed.append((shard, f"City {round} {id}"))
            for shard, city in changed[:8]:  # one field of what is there now
                world.cli("shards", "put", shard, "--type", "contact", "--set", f"city={city}")
            world.sync()
    finally:
        stop.set()
        thread.join()
    world.settle()
    assert world.differences() == [], world.differences()[:5]
    assert latest, "nobody edited anything"
    now = peer.records("contacts")
    for id, value in latest.items():
        assert now[id]["note"] == value, f"{id}: the edit {value} is lost, there is {now[id]['note']} (I2)"


def kills(world, count):
    """Whenever a run is killed, what it was about to make is made once."""
    made = []
    for turn in range(count):
        rows = [{"structuredData": {"email": f"k{turn}-{index}@example.org", "name": f"Kill {index}", "city": "Bonn"}}
                for index in range(120)]
        made += [row["structuredData"]["email"] for row in rows]
        world.put_shards("contact", rows)
        run = subprocess.Popen(world.command("run", "--quiet"), cwd=world.folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        time.sleep(world.random.uniform(0.01, 0.25))  # anywhere in it; what holds does not depend on it
        run.send_signal(signal.SIGKILL)
        run.wait()
    time.sleep(2.1)  # its lease
    world.settle()
    emails = [row["email"] for row in world.peer.records("contacts").values()]
    for email in made:
        assert emails.count(email) == 1, f"{email} is there {emails.count(email)} times (I6)"
    assert world.differences() == []
    assert world.rows("parked", "list") == []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--peer", required=True, choices=sorted(PEERS))
    parser.add_argument("--report", required=True)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    subprocess.run([os.path.join(os.path.dirname(os.path.abspath(__file__)), "install")], check=True)
    world = World(os.path.abspath(arguments.binary), arguments.peer, arguments.seed)
    passed = False
    try:
        for step in (lambda: conform(world, arguments.report), lambda: first_copy(world), lambda: both_sides(world),
                     lambda: edits_meanwhile(world), lambda: kills(world, arguments.kills)):
            began = time.monotonic()
            step()
            print(f"done in {time.monotonic() - began:.1f} s", flush=True)
        passed = True
    finally:
        world.peer.stop()
        if passed:
            shutil.rmtree(world.folder)
        else:
            print(f"left for a look: {world.folder}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
