"""Processes that have counted in multiprocess mode and stay alive: multiproc_processes.py DIRECTORY PROCESSES.

Each has what a small Django site has: counters and histograms by view and method, a summary, gauges. Prints "ready" once all are
there; ends them when its standard input ends.
"""
import os
import signal
import sys

directory, processes = sys.argv[1], int(sys.argv[2])
os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
VIEWS = 20
BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 25, 50, 75)


def count():
    from prometheus_client import Counter, Gauge, Histogram, Summary

    requests = Counter("site_requests", "Requests.", ["view", "method", "status"])
    latency = Histogram("site_latency_seconds", "Latency.", ["view", "method"], buckets=BUCKETS)
    size = Summary("site_size_bytes", "Sizes.", ["view"])
    active = Gauge("site_active", "Requests under way.", ["view"], multiprocess_mode="livesum")
    for view in range(VIEWS):
        name = f"shop.views.view_{view}"
        for method in ("GET", "POST"):
            for status in ("200", "302", "404"):
                requests.labels(name, method, status).inc(view + os.getpid() % 100)
            latency.labels(name, method).observe(view / 10)
        size.labels(name).observe(view * 100.5)
        active.labels(name).set(view % 3)


children = []
for _ in range(processes):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        count()
        os.write(writing, b"x")
        signal.pause()
    os.read(reading, 1)
    children.append(child)
print("ready", *children, flush=True)
sys.stdin.read()
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
