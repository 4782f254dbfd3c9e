from prometheus_client import Counter, Gauge, Histogram

active = Gauge("websocket_connections_active", "Connections open now.")
connections = Counter("websocket_connections", "Connections opened.")
messages = Counter("websocket_messages", "Messages received.")
processing = Histogram(
    "websocket_message_processing_duration_seconds",
    "Time to answer a message.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
pings = Counter("websocket_heartbeat_pings", "Heartbeat pings sent.")
