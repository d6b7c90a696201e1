"""Servers that nobody here wrote, each on a free port of 127.0.0.1, and how their users read and write."""
import http.client
import json
import os
import socket
import subprocess
import time
import urllib.parse

MODULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "peers", "node_modules")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Peer:
    name = ""

    def __init__(self, folder, content):
        """`content`: rows by entity, with integer ids."""
        self.folder = os.path.join(folder, self.name)
        os.makedirs(self.folder)
        self.prepare(content)
        for _ in range(5):  # somebody else may take the port in between
            self.port = free_port()
            self.log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
            self.process = subprocess.Popen(["node", *self.command()], cwd=self.folder, stdin=subprocess.DEVNULL,
                                            stdout=self.log, stderr=subprocess.STDOUT)
            if self.answers():
                self.fill(content)
                return
            self.stop()
        raise AssertionError(f"{self.name} did not start; see {self.folder}/log")

    def answers(self):
        for _ in range(300):
            if self.process.poll() is not None:
                return False
            try:
                self.request("GET", "/")
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text[:1] in b"{[" else text
        finally:
            connection.close()

    def must(self, method, path, body=None):
        status, answer = self.request(method, path, body)
        assert 200 <= status < 300, f"{self.name}: {method} {path} answered {status}: {answer}"
        return answer


class JsonServer(Peer):
    name = "json-server"
    feed = False

    def prepare(self, content):
        with open(os.path.join(self.folder, "db.json"), "w", encoding="utf-8") as out:
            json.dump(content, out)

    def fill(self, content):
        pass  # it is in the file

    def command(self):
        return [os.path.join(MODULES, "json-server", "lib", "cli", "bin.js"), "--quiet", "--host", "127.0.0.1",
                "--port", str(self.port), "db.json"]

    def records(self, entity):
        return {str(row["id"]): row for row in self.must("GET", "/" + entity)}

    def create(self, entity, rows):
        return [str(self.must("POST", "/" + entity, row)["id"]) for row in rows]

    def edit(self, entity, id, change):
        """True: it was there."""
        status, _ = self.request("PATCH", f"/{entity}/{urllib.parse.quote(id)}", change)
        assert status in (200, 404), status
        return status == 200

    def remove(self, entity, id):
        status, _ = self.request("DELETE", f"/{entity}/{urllib.parse.quote(id)}")
        assert status in (200, 404), status

class CouchDb(Peer):
    name = "couchdb"
    feed = True

    def prepare(self, content):
        pass

    def fill(self, content):
        for entity, rows in content.items():
            self.must("PUT", "/" + entity)
            for row in rows:
                row["_id"] = str(row.pop("id"))
                if "companyId" in row:
                    row["companyId"] = str(row["companyId"])
            self.create(entity, rows)

    def command(self):
        return [os.path.join(MODULES, "pouchdb-server", "bin", "pouchdb-server"), "--in-memory", "--host",
                "127.0.0.1", "--port", str(self.port)]

    def records(self, entity):
        rows = self.must("GET", f"/{entity}/_all_docs?include_docs=true")["rows"]
        return {row["id"]: row["doc"] for row in rows}

    def create(self, entity, rows):
        answers = self.must("POST", f"/{entity}/_bulk_docs", {"docs": rows})
        assert all(answer.get("ok") for answer in answers), answers
        return [answer["id"] for answer in answers]

    def edit(self, entity, id, change):
        path = f"/{entity}/{urllib.parse.quote(id)}"
        for _ in range(100):
            status, document = self.request("GET", path)
            if status == 404:
                return False
            document.update(change)
            status, _ = self.request("PUT", path, document)
            if status != 409:
                assert status == 201, status
                return True
        raise AssertionError(f"{id} changes all the time")

    def remove(self, entity, id):
        path = f"/{entity}/{urllib.parse.quote(id)}"
        for _ in range(100):
            status, document = self.request("GET", path)
            if status == 404:
                return
            status, _ = self.request("DELETE", f"{path}?rev={document['_rev']}")
            if status != 409:
                assert status == 200, status
                return
        raise AssertionError(f"{id} changes all the time")

PEERS = {"json-server": JsonServer, "couchdb": CouchDb}
