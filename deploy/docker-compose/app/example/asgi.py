import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
http = get_asgi_application()

from example import deployment  # noqa: E402,F401
from live.consumers import Echo  # noqa: E402

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter([path("ws/echo/", Echo.as_asgi())])})
