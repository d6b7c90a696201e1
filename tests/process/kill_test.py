#!/usr/bin/env python3
"""kill -9 at random moments: `castiel-sync run` on growing data with edits on both sides in between, now and then two
of them side by side.

After each kill the store file must be sound, and what the stream says about itself must be so; at the end one
undisturbed run must bring both sides together, with every edit that anybody made still there (I1, I2, I6, I7, I16,
I30). Every value carries a tag of its own, so each can be traced.
"""
import argparse
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

TENANT = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"
CONFIG = """
storage: {{ path: {folder}/store.db }}
sync_limits: {{ max_records_per_sync: 200, lease_seconds: 1 }}
integrations:
  - id: 7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01
    tenantId: {tenant}
    providerName: jsonl
    settings: {{ path: {folder}/crm }}
    syncConfig:
      syncEnabled: true
      syncDirection: bidirectional
      rails: {{ stopOnAllChanged: false }}
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact
          matchKeys: [email]
          fieldMappings:
            - {{ externalField: mail, shardField: email }}
            - {{ externalField: name, shardField: name }}
            - {{ externalField: phone, shardField: phone }}
"""


class World:
    def __init__(self, binary, seed):
        self.binary = binary
        self.random = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="castiel-kill-")
        os.mkdir(f"{self.folder}/crm")
        self.config = f"{self.folder}/config.yaml"
        with open(self.config, "w") as out:
            out.write(CONFIG.format(folder=self.folder, tenant=TENANT))
        self.file = f"{self.folder}/crm/contacts.jsonl"
        self.next = 0
        self.expected = {}  # email → {field: value}, by whoever wrote it last; each field has one writer
        self.write({})
        self.command("run")  # makes the store

    def read(self):
        with open(self.file, encoding="utf-8") as lines:
            return {row["id"]: row for row in map(json.loads, filter(str.strip, lines))}

    def write(self, rows):
        with open(self.file + ".new", "w", encoding="utf-8") as out:
            for row in rows.values():
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
        os.replace(self.file + ".new", self.file)

    def command(self, *words, input=None, check=True):
        done = subprocess.run([self.binary, *words, "--config", self.config, "--json"], input=input, text=True,
                              capture_output=True, timeout=300, cwd=self.folder)
        if check and done.returncode not in (0, 3):
            raise AssertionError(f"{words}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done

    def shards(self):
        lines = self.command("shards", "export", "--type", "contact").stdout.splitlines()
        return {row["id"]: row["structuredData"] | {"": row["id"]} for row in map(json.loads, lines)}

    def edit(self):
        """New records and edits on both sides; names belong to the file's users, phones to the shards'."""
        rows = self.read()
        for row in self.random.sample(sorted(rows), min(len(rows), 12)):
            self.next += 1
            rows[row]["name"] = f"name#{self.next} Łucja"
            self.expected[rows[row]["mail"]]["name"] = rows[row]["name"]
        for _ in range(self.random.randrange(1, 60)):
            self.next += 1
            mail = f"f{self.next}@example.org"
            row = {"id": f"f{self.next}", "mail": mail, "name": f"name#{self.next}", "extra": self.next}
            rows[row["id"]] = row
            self.expected[mail] = {"name": f"name#{self.next}"}
        self.write(rows)
        shards = self.shards()
        lines = []
        for shard in self.random.sample(sorted(shards), min(len(shards), 12)):
            self.next += 1
            data = {key: value for key, value in shards[shard].items() if key}
            data["phone"] = f"+{self.next}"
            self.expected[data["email"]]["phone"] = data["phone"]
            lines.append({"id": shard, "shardTypeId": "contact", "structuredData": data})
        for _ in range(self.random.randrange(1, 20)):
            self.next += 1
            mail = f"s{self.next}@example.org"
            self.expected[mail] = {"name": f"name#{self.next}"}
            lines.append({"id": str(uuid.UUID(int=self.random.getrandbits(128), version=4)), "shardTypeId": "contact",
                          "structuredData": {"email": mail, "name": f"name#{self.next}"}})
        self.command("shards", "import", "--type", "contact", input="".join(json.dumps(line) + "\n" for line in lines))

    def moment(self):
        return self.random.choice([0.02, 0.05, 0.1, 0.2, 0.4]) * (0.5 + self.random.random())

    def start(self):
        return subprocess.Popen([self.binary, "run", "--config", self.config, "--json"], cwd=self.folder,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self, process, moment):
        try:
            process.wait(timeout=moment)
            return 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return 1

    def run_and_kill(self):
        """The number of processes that were still running when their time came."""
        if self.random.random() < 0.7:
            return self.kill(self.start(), self.moment())
        # The second one may find the first one's lease, take over from it once it is dead, or outlive it.
        first = self.start()
        time.sleep(self.moment() / 4)
        second = self.start()
        kills = self.kill(first, self.moment())
        return kills + self.kill(second, self.random.choice([self.moment(), 1 + self.moment(), 300]))

    def sound(self):
        connection = sqlite3.connect(f"{self.folder}/store.db", timeout=30)
        try:
            answer = connection.execute("PRAGMA integrity_check").fetchall()
            assert answer == [("ok",)], answer
            self.scan(connection)
        finally:
            connection.close()

    def scan(self, connection):
        """I7, I30: each record has one partner, and the stream counts what there is."""
        one = lambda sql, *values: connection.execute(sql, values).fetchone()[0]
        live = "coalesce(json_extract(body, '$.state'), 'live') = 'live'"
        for (stream, body) in connection.execute("SELECT id, body FROM stream").fetchall():
            told = json.loads(body)
            for side in ("source_id", "target_id"):
                twice = connection.execute(f"SELECT {side} FROM link WHERE stream_id = ? AND {live} "
                                           f"GROUP BY {side} HAVING count(*) > 1", (stream,)).fetchall()
                assert not twice, f"I7: several links hold {side} {twice[0][0]}"
            counted = {
                "links": one(f"SELECT count(*) FROM link WHERE stream_id = ? AND {live}", stream),
                "parked": one("SELECT count(*) FROM parked WHERE stream_id = ?", stream),
                "openConflicts": one("SELECT count(*) FROM conflict WHERE stream_id = ? AND state = 'open'", stream),
            }
            for name, number in counted.items():
                assert told[name] == number, f"I30: stream {stream} says {told[name]} {name}, there are {number}"
            candidates = [one("SELECT count(*) FROM candidate WHERE stream_id = ? AND json_extract(body, '$.side') = ?",
                              stream, side) for side in ("source", "target")]
            assert told["candidates"] == candidates, f"I30: {told['candidates']} candidates told, {candidates} there"
        lost = one("SELECT count(*) FROM conflict WHERE state = 'open' AND link_id <> '' AND link_id NOT IN "
                   "(SELECT id FROM link)")
        assert lost == 0, f"I30: {lost} open conflicts name a link that is not there"

    def verify(self):
        for _ in range(4):
            self.command("run")
        rows, shards = self.read(), self.shards()
        by_mail = {}
        for row in rows.values():
            assert row["mail"] not in by_mail, f"I6: {row['mail']} twice in the file"
            by_mail[row["mail"]] = row
        shard_by_mail = {}
        for shard in shards.values():
            assert shard["email"] not in shard_by_mail, f"I6: {shard['email']} twice among the shards"
            shard_by_mail[shard["email"]] = shard
        assert set(by_mail) == set(shard_by_mail) == set(self.expected), (
            f"I1: {len(by_mail)} rows, {len(shard_by_mail)} shards, {len(self.expected)} expected")
        for mail, fields in self.expected.items():
            for field, value in fields.items():
                assert by_mail[mail].get(field) == value, f"I2: {mail} {field}: {by_mail[mail].get(field)} != {value}"
                assert shard_by_mail[mail].get(field) == value, (
                    f"I2: shard {mail} {field}: {shard_by_mail[mail].get(field)} != {value}")
        states = [json.loads(line) for line in self.command("executions", "list").stdout.splitlines()]
        assert not [state for state in states if state["status"] == "running"], "I16: an execution never ended"
        idle = [json.loads(line) for line in self.command("run").stdout.splitlines()]
        wrote = sum(line["recordsCreated"] + line["recordsUpdated"] + line["recordsDeleted"] for line in idle)
        assert wrote == 0, f"I14: a run without edits wrote {wrote} records"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    print(f"seed {seed}", flush=True)
    world = World(os.path.abspath(options.binary), seed)
    kills = runs = 0
    try:
        while kills < options.kills and runs < options.kills * 20:
            world.edit()
            runs += 1
            kills += world.run_and_kill()
            world.sound()
        world.verify()
        assert kills >= options.kills, f"only {kills} of {runs} runs were still running when their time came"
        print(f"{kills} kills in {runs} runs, {len(world.expected)} records, nothing lost")
    except BaseException:
        print(f"failed with --seed {seed} after {kills} kills; the files are in {world.folder}", file=sys.stderr)
        raise
    shutil.rmtree(world.folder)


if __name__ == "__main__":
    main()
