#!/usr/bin/env python3
"""Two instances of `castiel-sync serve` on one store, killed by SIGKILL at random moments while they deliver webhooks
to a receiver that fails now and then.

Afterwards each event that was accepted must have arrived (I24), with the same body on every attempt; no more requests
may have arrived than attempts are on record (I25); and the store must be sound (I30).
"""
import argparse
import collections
import http.client
import http.server
import json
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

TENANT = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"
INTEGRATION = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01"
CONFIG = """
server: {{ port: 0 }}
storage: {{ path: {folder}/store.db }}
sync_limits: {{ min_interval_minutes: 0, lease_seconds: 2 }}
sync_scheduler: {{ interval_ms: 1000 }}
webhooks: {{ lease_seconds: 2, interval_ms: 1000 }}
egress: {{ allow_http: true, allow_networks: [127.0.0.0/8], allowed_ports: [{port}] }}
integrations:
  - id: {integration}
    tenantId: {tenant}
    providerName: jsonl
    settings: {{ path: {folder}/crm }}
    syncConfig:
      syncEnabled: true
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact
          fieldMappings:
            - {{ externalField: mail, shardField: email }}
"""


class Receiver:
    """Answers 204, 500 once in a while (never twice for one event), and takes its time."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.bodies = collections.defaultdict(list)  # by webhook-id
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    seen = outer.bodies[self.headers["webhook-id"]]
                    fails = not seen and outer.random.random() < 0.1
                    pause = outer.random.random() * 0.05
                    seen.append(body)
                time.sleep(pause)
                try:
                    self.send_response(500 if fails else 204)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # it was killed

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # whoever was killed closes its connections in the middle

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Service:
    def __init__(self, binary, config, log):
        self.process = subprocess.Popen([binary, "--config", config, "--json", "serve"], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json", "X-Tenant-ID": TENANT})
            answer = connection.getresponse()
            text = answer.read()
            assert 200 <= answer.status < 300, f"{method} {path} answered {answer.status}: {text}"
            return json.loads(text)
        finally:
            connection.close()

    def deliveries(self, path):
        items, cursor = [], ""
        while True:
            page = self.call("GET", f"{path}/deliveries?limit=500{cursor}")
            items += page["items"]
            if "nextCursor" not in page:
                return items
            cursor = "&cursor=" + page["nextCursor"]


def run(binary, kills, seed, folder):
    chance = random.Random(seed)
    receiver = Receiver(seed)
    config = f"{folder}/config.yaml"
    with open(config, "w", encoding="utf-8") as out:
        out.write(CONFIG.format(folder=folder, port=receiver.port, integration=INTEGRATION, tenant=TENANT))
    os.mkdir(f"{folder}/crm")
    with open(f"{folder}/crm/contacts.jsonl", "w", encoding="utf-8") as out:
        out.write('{"id": "1", "mail": "ada@example.org"}\n')
    log = open(f"{folder}/log", "w", encoding="utf-8")
    services = []
    accepted = set()
    try:
        services = [Service(binary, config, log) for _ in range(2)]
        made = services[0].call("POST", "/webhooks", {"integrationId": INTEGRATION, "events": ["*"],
                                                      "url": f"http://127.0.0.1:{receiver.port}/hook"})
        path = "/webhooks/" + made["webhookId"]
        for number in range(kills):
            victim = number % 2
            stop = threading.Event()

            def load(service):
                """Until its service is gone, or the kill is done."""
                try:
                    while not stop.is_set():
                        delivery = service.call("POST", path + "/test")
                        accepted.add(delivery["eventId"])
                        service.call("POST", "/sync/trigger", {"integrationId": INTEGRATION, "direction": "inbound"})
                except (OSError, http.client.HTTPException):
                    pass  # it was killed

            threads = [threading.Thread(target=load, args=(service,)) for service in services]
            for thread in threads:
                thread.start()
            time.sleep(0.1 + chance.random() * 0.9)
            services[victim].kill()
            stop.set()
            for thread in threads:
                thread.join()
            services[victim] = Service(binary, config, log)

        for _ in range(1200):
            deliveries = services[0].deliveries(path)
            if all(each["state"] == "delivered" for each in deliveries):
                break
            time.sleep(0.1)
        for service in services:
            service.process.terminate()
            assert service.process.wait(60) == 0, "a service did not end well"
        left = [each for each in deliveries if each["state"] != "delivered"]
        assert not left, f"{len(left)} deliveries did not end: {left[:3]}"
        ids = {each["eventId"] for each in deliveries}
        assert accepted <= ids, f"{len(accepted - ids)} accepted events have no delivery"
        unknown = 0
        for each in deliveries:
            bodies = receiver.bodies[each["eventId"]]
            assert bodies, f"{each['eventId']} is delivered and did not arrive"
            assert len(set(bodies)) == 1, f"{each['eventId']} came with different bodies"
            assert len(bodies) <= each["attemptCount"], \
                f"{each['eventId']}: {len(bodies)} requests, {each['attemptCount']} attempts on record"
            unknown += sum(attempt["state"] == "unknown" for attempt in each["attempts"])
        strangers = set(receiver.bodies) - ids
        assert not strangers, f"{len(strangers)} events arrived that no delivery tells of"
        with sqlite3.connect(f"{folder}/store.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        synced = sum(each["eventType"].startswith("integration.sync.") for each in deliveries)
        print(f"{kills} kills: {len(deliveries)} deliveries ({synced} of syncs), "
              f"{sum(map(len, receiver.bodies.values()))} requests, {unknown} attempts unknown; nothing lost")
    finally:
        for service in services:
            if service.process.poll() is None:
                service.process.kill()
                service.process.wait()
        receiver.stop()
        log.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="castiel-webhooks-kill-")
    try:
        run(os.path.abspath(arguments.binary), arguments.kills, arguments.seed, folder)
    except BaseException:
        print(f"left for a look: {folder}")
        raise
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
