"""The shop's own metrics: one of every type the client library offers."""
from prometheus_client import Counter, Enum, Gauge, Histogram, Info, Summary

orders = Counter("shop_orders", "Orders taken, by kind.", ["kind"])
busy = Gauge("shop_busy", "Views being served now.")
last_order = Gauge("shop_last_order_timestamp_seconds", "When the last order came.")
render = Histogram(
    "shop_render_seconds",
    'Time in a view; a help text with "quotes", a \\ and\na second line.',
    ["view"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1),
)
body = Summary("shop_body_bytes", "Size of answers.")

Info("shop_build", "What is running.").info({"version": "1.4.0", "branch": "käse/main"})
Enum("shop_state", "Mode of the shop.", states=["open", "closed"]).state("open")


def exemplar(trace_id):
    return {"trace_id": f"{trace_id:016x}"}
