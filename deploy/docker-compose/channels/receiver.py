#!/usr/bin/env python3
"""Logs what Alertmanager posts to /alerts, an alert a line, and lists it again to who asks: receiver.py HOST:PORT."""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The latest alerts that GET lists.
KEPT = 1000
# Of one notification; Alertmanager's have some kilobytes.
BODY_BYTES_MAX = 1 << 20
seen = []


def line(alert):
    labels = alert["labels"]
    rest = " ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "alertname")
    return f'{alert["status"]} {labels["alertname"]} {rest}'


class Receiver(BaseHTTPRequestHandler):
    def answer(self, status, text=""):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.rstrip("/") != "/alerts":
            return self.answer(404)
        self.answer(200, "".join(text + "\n" for text in seen))

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if self.path.rstrip("/") != "/alerts" or length > BODY_BYTES_MAX:
            return self.answer(404 if length <= BODY_BYTES_MAX else 413)
        try:
            lines = [line(alert) for alert in json.loads(self.rfile.read(length))["alerts"]]
        except (ValueError, KeyError, TypeError) as error:
            return self.answer(400, f"not a notification of Alertmanager: {error!r}\n")
        for text in lines:
            print(text, flush=True)
        seen.extend(lines)
        del seen[:-KEPT]
        self.answer(200)

    def log_message(self, *_):
        pass  # alerts are the log


host, _, port = sys.argv[1].rpartition(":")
ThreadingHTTPServer((host, int(port)), Receiver).serve_forever()
