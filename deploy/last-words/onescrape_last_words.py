"""Tells onescrape what this worker has counted, when the worker is about to end.

Needs prometheus_client only, which django-prometheus brings. Copy it next to manage.py; deploy/gunicorn and deploy/uwsgi show the few
lines that use it. What it must know comes from the environment:

ONESCRAPE_LAST_WORDS             where to: http://127.0.0.1:11011 or unix:///run/onescrape.sock; without it nothing is sent
ONESCRAPE_LAST_WORDS_SOURCE      name of the source in onescrape's configuration (workers)
ONESCRAPE_LAST_WORDS_HOST        host of the workers as it stands there (127.0.0.1)
ONESCRAPE_LAST_WORDS_TOKEN_FILE  file with the token; over a unix socket none is needed
ONESCRAPE_LAST_WORDS_SECONDS     the longest that the worker waits for it (0.3)
"""
import http.client
import logging
import os
import socket
import threading
from urllib.parse import urlencode, urlsplit

from prometheus_client import REGISTRY
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

log = logging.getLogger(__name__)
taken = None  # the metrics port of this worker


class Ports:
    """For PROMETHEUS_METRICS_EXPORT_PORT_RANGE: remembers the port taken, which is the last that was tried."""

    def __init__(self, ports):
        self.ports = ports

    def __iter__(self):
        global taken
        for taken in self.ports:
            yield taken
        taken = None  # none was free


class _Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def send():
    """Never raises and never waits long: a worker ends in any case."""
    to = os.environ.get("ONESCRAPE_LAST_WORDS")
    if to and taken:
        limit = float(os.environ.get("ONESCRAPE_LAST_WORDS_SECONDS", "0.3"))
        # In a thread, so that the limit is one for all of it.
        sending = threading.Thread(target=_send, args=(urlsplit(to), limit), daemon=True)
        sending.start()
        sending.join(limit)


def _send(to, limit):
    env = os.environ.get
    try:
        headers = {"Content-Type": CONTENT_TYPE_LATEST}
        token_file = env("ONESCRAPE_LAST_WORDS_TOKEN_FILE")
        if token_file:
            with open(token_file) as file:
                headers["Authorization"] = "Bearer " + file.read().strip()
        connection = _Unix(to.path, limit) if to.scheme == "unix" else http.client.HTTPConnection(to.netloc, timeout=limit)
        worker = f"{env('ONESCRAPE_LAST_WORDS_HOST', '127.0.0.1')}:{taken}"
        query = urlencode({"source": env("ONESCRAPE_LAST_WORDS_SOURCE", "workers"), "worker": worker})
        connection.request("POST", f"/api/v1/last-words?{query}", generate_latest(REGISTRY), headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace").strip()
        if answer.status != 200:
            log.warning("onescrape did not take the last words of %s: %s %s", worker, answer.status, text)
    except Exception as error:
        log.warning("cannot tell onescrape the last words of port %s: %s", taken, error)
