#!/usr/bin/env python3
"""Holds a WebSocket connection and sends a message a second: websocket_client.py URL SECONDS."""
import sys
import time

from websockets.sync.client import connect

url, seconds = sys.argv[1], float(sys.argv[2])
# Time between two messages, seconds.
PAUSE = 1
until = time.monotonic() + seconds
with connect(url) as socket:
    print("connected", flush=True)
    while time.monotonic() < until:
        socket.send("hello")
        while socket.recv() != "hello":  # a ping of the heartbeat may come first
            pass
        time.sleep(min(PAUSE, max(0, until - time.monotonic())))
