#!/usr/bin/env python3
"""`castiel-sync serve` as probes, monitors and balancers meet it: /health, /ready, /metrics, /openapi.yaml, and the
stop."""
import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import uuid

TENANT = str(uuid.UUID(int=1, version=4))
TOKEN = "0123456789abcdef"
DRAIN_SECONDS = 2


def get(port, path, headers=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def check(port):
    status, _, body = get(port, "/health")
    assert (status, json.loads(body)["status"]) == (200, "healthy"), body
    status, _, body = get(port, "/ready")
    assert (status, json.loads(body)["status"]) == (200, "ready"), body
    assert json.loads(body)["checks"]["store"]["status"] == "ok", body

    status, headers, body = get(port, "/openapi.yaml")
    assert status == 200 and body.startswith("openapi: 3.1"), status
    status, _, body = get(port, "/openapi.yaml", {"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, ""), status

    assert get(port, "/metrics")[0] == 401
    assert get(port, f"/{TENANT}")[0] == 404
    assert get(port, "/api/v1/sync/streams", {"X-Tenant-ID": TENANT})[0] == 200
    status, headers, body = get(port, "/metrics", {"Authorization": "Bearer " + TOKEN})
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), status
    for line in ('http_requests_total{method="GET",route="/api/v1/sync/streams",status="200"} 1',
                 'http_requests_total{method="GET",route="unmatched",status="404"} 1',
                 "castiel_sync_http_open_connections 1", "castiel_sync_tasks_known 0", "castiel_sync_streams 0",
                 "castiel_sync_webhook_attempts_begun_total 0", "castiel_sync_webhooks_active 0",
                 "castiel_sync_token_verifications_total 0"):
        assert re.search("^" + re.escape(line) + "$", body, re.MULTILINE), f"{line} is not in:\n{body}"
    assert 'castiel_sync_store_call_duration_seconds_count{operation="read",result="ok"}' in body, body
    assert TENANT not in body


def check_stop(process, port):
    """/ready tells of the stop at once, requests are answered until the drain ends, and then nobody is let in."""
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    while True:
        status, _, body = get(port, "/ready")
        if status == 503:
            break
        assert time.monotonic() < begin + 1, "/ready does not tell of the stop"
    assert json.loads(body)["checks"]["service"]["message"] == "the service is stopping", body
    answered = 0
    try:
        while True:
            assert get(port, "/api/v1/sync/streams", {"X-Tenant-ID": TENANT})[0] == 200
            assert get(port, "/ready")[0] == 503
            answered += 1
            assert time.monotonic() < begin + 30
            time.sleep(0.05)
    except OSError:
        lasted = time.monotonic() - begin
    assert answered > 5 and lasted > DRAIN_SECONDS - 0.5, (answered, lasted)
    assert process.wait(timeout=60) == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    binary = os.path.abspath(parser.parse_args().binary)
    environment = {"PATH": os.environ["PATH"], "PORT": "0", "METRICS_BEARER_TOKEN": TOKEN}
    with tempfile.TemporaryDirectory(prefix="castiel-operations-") as folder:
        config = f"{folder}/config.yaml"
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"storage: {{ path: {folder}/store.db }}\nmetrics: {{ require_auth: true }}\n")
            out.write(f"server: {{ drain_seconds: {DRAIN_SECONDS} }}\n")
        process = subprocess.Popen([binary, "serve", "--config", config, "--json"], cwd=folder, text=True,
                                   stdout=subprocess.PIPE, env=environment)
        try:
            port = json.loads(process.stdout.readline())["port"]
            check(port)
            check_stop(process, port)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
    print("probes and monitors are answered")


if __name__ == "__main__":
    main()
