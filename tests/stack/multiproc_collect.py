"""Prints what prometheus_client's own collector makes of a directory: multiproc_collect.py DIRECTORY.

With a number behind it, does so that often and prints the shortest time in seconds instead.
"""
import sys
import time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector


def collect(directory):
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=directory)
    return generate_latest(registry)


def timed(directory):
    begun = time.perf_counter()
    collect(directory)
    return time.perf_counter() - begun


if len(sys.argv) > 2:
    print(min(timed(sys.argv[1]) for _ in range(int(sys.argv[2]))))
else:
    sys.stdout.buffer.write(collect(sys.argv[1]))
