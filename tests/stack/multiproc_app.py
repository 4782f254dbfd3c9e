"""A WSGI application that counts with every type of metric and every mode of gauge, for gunicorn with PROMETHEUS_MULTIPROC_DIR set.

Every request does a little of everything; what it adds depends on its path, so that processes differ.
"""
import os
import time

from prometheus_client import Counter, Gauge, Histogram, Summary

requests = Counter("shop_requests", "Requests, by path.", ["path", "note"])
seconds = Counter("shop_busy_seconds", "Seconds of work.\nIn floats.")
latency = Histogram("shop_latency_seconds", "Latency.", ["path"], buckets=(0.1, 0.25, 1, 10))
size = Summary("shop_size_bytes", "Sizes.", ["path"])
modes = ["all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent", "livemostrecent"]
gauges = {mode: Gauge(f"shop_{mode}", f"A gauge of mode {mode}.", ["kind"], multiprocess_mode=mode) for mode in modes}
never_set = Gauge("shop_never_set", "Nobody sets it.", multiprocess_mode="mostrecent")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    amount = len(path) / 10
    requests.labels(path, 'é "quoted" \\ \n').inc()
    seconds.inc(amount)
    latency.labels(path).observe(amount)
    size.labels(path).observe(amount * 1000)
    for gauge in gauges.values():
        gauge.labels("time").set(time.time())
        gauge.labels("pid").set(os.getpid())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
