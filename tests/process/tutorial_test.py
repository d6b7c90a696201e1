#!/usr/bin/env python3
"""Runs exactly the framed commands of a page, in order, and compares what they print with what stands there.

`…` in an expected answer stands for anything. The address is that of a service on a free port, or of a proxy before it
that refuses whatever the contract does not allow.
"""
import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading


def blocks(text):
    """(commands, expected answer or None) in the order of the page."""
    found = re.findall(r"^```(sh|text)\n(.*?)^```$", text, re.M | re.S)
    pairs = []
    for kind, body in found:
        if kind == "sh":
            pairs.append([body, None])
        else:
            assert pairs and pairs[-1][1] is None, "an answer without commands before it"
            pairs[-1][1] = body
    return pairs


def matches(expected, answer):
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, answer.strip(), re.S)


class Proxy:
    """Prism before the service. It demands the token that the contract asks for; the service asks for none."""

    def __init__(self, program, contract, port, log):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = log
        with open(log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                [program, "proxy", contract, f"http://127.0.0.1:{port}", "--errors", "--host", "127.0.0.1", "--port",
                 str(self.port)], stdout=subprocess.PIPE, stderr=out, text=True)
        for line in self.process.stdout:
            if "is listening" in line:
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        raise AssertionError("the proxy did not start: " + self.text())

    def text(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--page", required=True)
    parser.add_argument("--before", help="commands that prepare the folder, before the service starts")
    parser.add_argument("--proxy", help="the program prism")
    parser.add_argument("--contract", help="what the proxy lets pass")
    arguments = parser.parse_args()
    with open(arguments.page, encoding="utf-8") as page:
        pairs = blocks(page.read())
    assert len(pairs) > 5, "the page has lost its commands"
    folder = tempfile.mkdtemp(prefix="castiel-tutorial-")
    path = os.path.dirname(os.path.abspath(arguments.binary)) + ":" + os.environ["PATH"]
    environment = {"PATH": path, "PORT": "0", "SYNC_MIN_INTERVAL_MINUTES": "0", "HOME": folder}
    if arguments.before:
        subprocess.run(["bash", "-e", os.path.abspath(arguments.before)], cwd=folder, env=environment, check=True)
    log = open(f"{folder}/service.log", "w", encoding="utf-8")
    service = subprocess.Popen([os.path.abspath(arguments.binary), "serve", "--json"], cwd=folder, env=environment,
                               stdout=subprocess.PIPE, stderr=log, text=True)
    proxy = None
    try:
        port = json.loads(service.stdout.readline())["port"]
        mark = "=== end of a block ==="
        script = "set -e\n" + "".join(commands + f"echo '{mark}'\n" for commands, _ in pairs)
        if arguments.proxy:
            proxy = Proxy(arguments.proxy, arguments.contract, port, f"{folder}/proxy.log")
            port = proxy.port
            script = script.replace("curl -sS", "curl -sS -H 'Authorization: Bearer none'")
        script = script.replace("127.0.0.1:3052", f"127.0.0.1:{port}")
        done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, text=True, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        answers = done.stdout.split(mark + "\n")
        assert done.returncode == 0, f"after block {len(answers)}: {answers[-1]}"
        for (commands, expected), answer in zip(pairs, answers):
            if expected is not None:
                assert matches(expected, answer), f"{commands}\nanswered\n{answer}\nand the page says\n{expected}"
        service.terminate()
        assert service.wait(timeout=60) == 0
        print(f"{len(pairs)} blocks, as the page says")
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
