"""castiel-sync serve beside a Fastify server of equal duty: see bench/http/run, which starts this."""
import argparse
import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import os
import resource
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TENANT = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"
QUIET = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01"    # the integration that tasks are created for
RUNNING = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a02"  # the one with an execution that does not end
TASKS = "/api/v1/sync/tasks"
TICKS = os.sysconf("SC_CLK_TCK")
PREPARED_TASKS = 2000


def make_token(secret):
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    now = int(time.time())
    claims = {"sub": "bench", "tenantId": TENANT, "type": "access", "iat": now, "exp": now + 24 * 3600}
    text = encode(b'{"alg":"HS256","typ":"JWT"}') + b"." + encode(json.dumps(claims).encode())
    return (text + b"." + encode(hmac.digest(secret.encode(), text, hashlib.sha256))).decode()


class Server:
    def __init__(self, command, folder, environment, token):
        self.token = token
        with open(os.path.join(folder, "server.log"), "ab") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log,
                                            text=True)
        line = self.process.stdout.readline()
        if not line:
            with open(os.path.join(folder, "server.log"), encoding="utf-8") as log:
                sys.exit(f"{command[0]} did not start: {log.read()[-2000:]}")
        self.port = json.loads(line)["port"]
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def cpu_seconds(self):
        """Of all threads, in user and kernel mode, to the tick (10 ms)."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, which="VmRSS"):
        """In MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(which)) / 1024

    def ask(self, method, path, body=None):
        headers = {"Authorization": "Bearer " + self.token, "X-Tenant-ID": TENANT}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {text}")
        return json.loads(text)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.crash()

    def crash(self):
        self.process.kill()
        self.process.wait()


class Bench:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = folder
        self.secret = secrets.token_hex(32)
        self.token = make_token(self.secret)
        self.servers = []
        self.execution = None

    def environment(self, **more):
        names = ("PATH", "HOME", "LD_LIBRARY_PATH")
        return {name: os.environ[name] for name in names if name in os.environ} | {"JWT_SECRET": self.secret} | more

    def start(self, name, command, **environment):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        server = Server(command, folder, self.environment(**environment), self.token)
        self.servers.append(server)
        return server

    def start_ours(self):
        # The lease outlasts the measurement: an execution whose process died is not ended before.
        command = [self.arguments.binary, "serve", "--json", "--config", "bench.yaml"]
        return self.start("castiel_sync", command, PORT="0", SYNC_MIN_INTERVAL_MINUTES="0",
                          SYNC_MAX_RECORDS="1000000", SYNC_LEASE_SECONDS="3600")

    def start_theirs(self):
        return self.start("fastify", ["node", os.path.join(HERE, "fastify", "server.mjs"), "--modules",
                                      self.arguments.modules, "--database", "fastify.db"], NODE_ENV="production")

    def configure(self, records):
        """Integrations that use files stand in the configuration file: with tokens nobody may send them."""
        folder = os.path.join(self.folder, "castiel_sync")
        os.makedirs(os.path.join(folder, "crm"))
        with open(os.path.join(folder, "crm", "contacts.jsonl"), "w", encoding="utf-8") as lines:
            lines.writelines(f'{{"id":{i},"mail":"p{i}@example.org"}}\n' for i in range(records))
        mapping = {"externalEntity": "contacts", "shardTypeId": "contact", "matchKeys": ["email"],
                   "fieldMappings": [{"externalField": "mail", "shardField": "email"}]}
        integrations = [{"id": identity, "tenantId": TENANT, "name": "CRM", "providerName": "jsonl",
                         "settings": {"path": "./crm"},
                         "syncConfig": {"syncDirection": "bidirectional", "entityMappings": [mapping]}}
                        for identity in (QUIET, RUNNING)]
        with open(os.path.join(folder, "bench.yaml"), "w", encoding="utf-8") as configuration:
            json.dump({"integrations": integrations}, configuration)

    def leave_an_execution_running(self, server):
        """What a stream of events follows must not end, and should take no CPU time: its process dies."""
        task = server.ask("POST", TASKS, {"integrationId": RUNNING})["taskId"]
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            for execution in server.ask("GET", f"{TASKS}/{task}/executions")["items"]:
                if execution["status"] == "running":
                    server.crash()
                    return execution["executionId"]
        sys.exit("no execution was seen running")

    def prepare(self):
        self.configure(50_000)
        ours = self.start_ours()
        self.execution = self.leave_an_execution_running(ours)

    def listed(self, name, method, body, paths):
        file = os.path.join(self.folder, name)
        with open(file, "w", encoding="utf-8") as lines:
            lines.write("\n".join([method, body, *paths]) + "\n")
        return file

    def cases_of(self, name, server):
        body = {"integrationId": QUIET, "run": False}
        tasks = [server.ask("POST", TASKS, body)["taskId"] for _ in range(PREPARED_TASKS)]
        first = server.ask("GET", f"{TASKS}?limit=100")
        assert len(first["items"]) == 100
        page = f"{TASKS}?limit=100&cursor=" + first["nextCursor"]
        assert len(server.ask("GET", page)["items"]) == 100
        return {
            "GET /health": self.listed(f"{name}-health", "GET", "", ["/health"]),
            "GET a task": self.listed(f"{name}-get", "GET", "", [f"{TASKS}/{task}" for task in tasks]),
            "list 100 tasks": self.listed(f"{name}-list", "GET", "", [page]),
            "POST a task": self.listed(f"{name}-post", "POST", json.dumps(body), [TASKS]),
        }

    def drive(self, server, file, seconds):
        before = server.cpu_seconds()
        done = subprocess.run(["wrk", "-t1", f"-c{self.arguments.connections}", f"-d{seconds}s", "--timeout", "10s",
                               "-s", os.path.join(HERE, "requests.lua"), f"http://127.0.0.1:{server.port}", "--", file],
                              env=self.environment(TOKEN=self.token, TENANT=TENANT), stdout=subprocess.PIPE, text=True,
                              check=True)
        cpu = server.cpu_seconds() - before
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        if figures["refused"] or figures["broken"]:
            sys.exit(f"{file}: {figures}")
        return {"rate": figures["requests"] * 1e6 / figures["microseconds"], "p50": figures["p50"] / 1000,
                "p99": figures["p99"] / 1000, "cpu": cpu * 1e6 / figures["requests"],
                "memory": server.memory()}

    def compare(self):
        sides = {"ours": self.start_ours(), "theirs": self.start_theirs()}
        cases = {side: self.cases_of(side, server) for side, server in sides.items()}
        chosen = [case for case in cases["ours"] if not self.arguments.only or self.arguments.only in case]
        figures = {case: {side: [] for side in sides} for case in chosen}
        for case in chosen:  # caches are filled, and JavaScript is compiled
            for side, server in sides.items():
                self.drive(server, cases[side][case], 1)
        for turn in range(self.arguments.rounds):
            order = list(sides.items())
            for case in chosen:
                for side, server in order if turn % 2 == 0 else reversed(order):
                    figures[case][side].append(self.drive(server, cases[side][case], self.arguments.seconds))
        for server in sides.values():
            server.stop()
        return figures

    def follow(self):
        """(idle CPU, CPU with the streams open, both in shares of a core, memory of a stream in KiB)."""
        server = self.start_ours()
        for _ in range(200):
            server.ask("GET", "/api/v1/sync/executions/" + self.execution)
        idle = share_of_core(server, 3)
        before = server.memory()
        count = self.arguments.streams
        busy, after = asyncio.run(self.follow_all(server, count))
        server.stop()
        return idle, busy, (after - before) * 1024 / count

    async def follow_all(self, server, count):
        request = (f"GET /api/v1/sync/executions/{self.execution}/events HTTP/1.1\r\nHost: localhost\r\n"
                   f"Authorization: Bearer {self.token}\r\nX-Tenant-ID: {TENANT}\r\n\r\n").encode()
        writers = []

        async def open_one():
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writers.append(writer)
            writer.write(request)
            await asyncio.wait_for(reader.readuntil(b"event: progress"), 30)

        for start in range(0, count, 50):
            await asyncio.gather(*(open_one() for _ in range(min(50, count - start))))
        await asyncio.sleep(2)
        busy = share_of_core(server, 10)
        after = server.memory()
        for writer in writers:
            writer.close()
        return busy, after


def share_of_core(server, seconds):
    begin, before = time.monotonic(), server.cpu_seconds()
    time.sleep(seconds)
    return (server.cpu_seconds() - before) / (time.monotonic() - begin)


def print_table(figures):
    def median(rounds, name):
        return statistics.median(each[name] for each in rounds)

    print("| request | castiel_sync /s | Fastify /s | ratio | p50 ms | p99 ms | CPU µs | CPU ratio | RSS MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case, sides in figures.items():
        ours, theirs = ({name: median(sides[side], name) for name in ("rate", "p50", "p99", "cpu", "memory")}
                        for side in ("ours", "theirs"))
        print(f"| {case} | {ours['rate']:,.0f} | {theirs['rate']:,.0f} | {ours['rate'] / theirs['rate']:.1f} "
              f"| {ours['p50']:.2f} / {theirs['p50']:.2f} | {ours['p99']:.1f} / {theirs['p99']:.1f} "
              f"| {ours['cpu']:.1f} / {theirs['cpu']:.1f} | {theirs['cpu'] / ours['cpu']:.1f} "
              f"| {ours['memory']:.0f} / {theirs['memory']:.0f} |")


def main():
    parser = argparse.ArgumentParser(prog="bench/http/run")
    parser.add_argument("--binary", default=os.path.join(ROOT, "build", "release", "service", "castiel-sync"))
    parser.add_argument("--modules", default=os.path.join(ROOT, "build", "http"))
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="the table has their medians")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--only", help="cases whose name holds this text; no streams then")
    arguments = parser.parse_args()
    arguments.binary = os.path.abspath(arguments.binary)
    if not os.path.exists(arguments.binary):
        sys.exit(f"{arguments.binary} is missing: cmake --preset release && "
                 "cmake --build build/release --target castiel-sync")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Whoever ends this script ends the servers with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    folder = tempfile.mkdtemp(prefix="castiel_sync_bench_http_")
    bench = Bench(arguments, folder)
    try:
        bench.prepare()
        print_table(bench.compare())
        if arguments.streams and not arguments.only:
            idle, busy, memory = bench.follow()
            print(f"\n{arguments.streams} open streams of events: {busy * 100:.1f} % of a core (without: "
                  f"{idle * 100:.1f} %), {memory:.1f} KiB each")
    finally:
        for server in bench.servers:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
