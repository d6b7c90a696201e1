#!/usr/bin/env python3
"""A small help desk, kept in memory: a server of the test's own, unlike those from npm. docs of its API: helpdesk.md.

  helpdesk.py --token TOKEN     prints its port
"""
import argparse
import json
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = 25


class Desk:
    def __init__(self, token):
        self.token = token
        self.lock = threading.Lock()
        self.tickets = {}
        self.keys = {}  # Idempotency-Key → id
        self.last = 0
        self.clock = 0

    def now(self):
        self.clock = max(self.clock + 1, int(time.time() * 1000))
        return self.clock

    def shown(self, id):
        ticket = self.tickets[id]
        return {"number": id, "lockVersion": ticket["version"], "changedAt": ticket["changed"],
                "state": ticket["state"], "fields": ticket["fields"]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    desk = None

    def log_message(self, *_):
        pass

    def answer(self, status, body=None):
        text = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status, code, text):
        self.answer(status, {"error": {"code": code, "text": text}})

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Authorization") != "Bearer " + self.desk.token:
            return self.refuse(401, "token", "who are you?")
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        try:
            sent = json.loads(body) if body else None
        except ValueError:
            return self.refuse(400, "json", "that is no JSON")
        with self.desk.lock:
            if url.path == "/v2/ping":
                return self.answer(200, {"pong": True})
            if url.path == "/v2/tickets":
                return self.many(query, sent)
            one = re.fullmatch(r"/v2/tickets/(\d+)", url.path)
            if one:
                return self.one(int(one.group(1)), query, sent)
            if re.fullmatch(r"/v2/tickets/[^/]+", url.path):
                return self.refuse(404, "unknown", "there is no such ticket")
        return self.refuse(404, "path", "nothing is here")

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_one

    def many(self, query, sent):
        desk = self.desk
        if self.command == "GET":
            after = int(query.get("token", "0"))
            size = min(int(query.get("size", PAGE)), PAGE)
            ids = [id for id in sorted(desk.tickets) if id > after]
            if "changedSince" in query:
                ids = [id for id in ids if desk.tickets[id]["changed"] >= int(query["changedSince"])]
            else:
                ids = [id for id in ids if desk.tickets[id]["state"] != "deleted"]
            more = len(ids) > size
            ids = ids[:size]
            return self.answer(200, {"tickets": [desk.shown(id) for id in ids],
                                     "page": {"next": str(ids[-1]) if more else None}})
        if self.command != "POST":
            return self.refuse(405, "method", "not here")
        fields = (sent or {}).get("ticket", {}).get("fields")
        if not isinstance(fields, dict):
            return self.refuse(422, "invalid", "a ticket has fields")
        key = self.headers.get("Idempotency-Key")
        if key in desk.keys:
            return self.answer(200, {"ticket": desk.shown(desk.keys[key])})
        desk.last += 1
        desk.tickets[desk.last] = {"version": 1, "changed": desk.now(), "state": "open", "fields": fields}
        if key:
            desk.keys[key] = desk.last
        return self.answer(201, {"ticket": desk.shown(desk.last)})

    def one(self, id, query, sent):
        desk = self.desk
        ticket = desk.tickets.get(id)
        if ticket is None or ticket["state"] == "deleted":
            return self.refuse(404, "unknown", "there is no such ticket")
        if self.command == "GET":
            return self.answer(200, {"ticket": desk.shown(id)})
        version = (sent or {}).get("lockVersion") if self.command == "PATCH" else query.get("lockVersion")
        if version is None or int(version) != ticket["version"]:
            return self.refuse(409, "stale", f"the ticket has version {ticket['version']}")
        if self.command == "PATCH":
            fields = (sent or {}).get("ticket", {}).get("fields")
            if not isinstance(fields, dict):
                return self.refuse(422, "invalid", "a ticket has fields")
            ticket["fields"] = fields
        elif self.command == "DELETE":
            ticket["state"] = "deleted"
        else:
            return self.refuse(405, "method", "not here")
        ticket["version"] += 1
        ticket["changed"] = desk.now()
        if self.command == "DELETE":
            return self.answer(204)
        return self.answer(200, {"ticket": desk.shown(id)})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", required=True)
    Handler.desk = Desk(parser.parse_args().token)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
