import asyncio
import os

from channels.generic.websocket import AsyncWebsocketConsumer

from . import metrics

# Time between two pings of a connection, seconds.
HEARTBEAT = float(os.environ.get("HEARTBEAT_SECONDS", "10"))


class Echo(AsyncWebsocketConsumer):
    """Sends back what it is sent, and a ping now and then."""

    heartbeat = None

    async def connect(self):
        await self.accept()
        metrics.connections.inc()
        metrics.active.inc()
        self.heartbeat = asyncio.create_task(self.ping())

    async def disconnect(self, code):
        if self.heartbeat:  # else it was never accepted
            self.heartbeat.cancel()
            metrics.active.dec()

    async def receive(self, text_data=None, bytes_data=None):
        metrics.messages.inc()
        with metrics.processing.time():
            await self.send(text_data=text_data, bytes_data=bytes_data)

    async def ping(self):
        while True:
            await asyncio.sleep(HEARTBEAT)
            await self.send(text_data="ping")
            metrics.pings.inc()
