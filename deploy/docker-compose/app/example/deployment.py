"""What runs here, and since when. Imported by wsgi.py and asgi.py, so that every worker has it."""
import os
import time

from prometheus_client import Gauge, Info

_begun = time.time()
Gauge("application_uptime_seconds", "Time since this process began.").set_function(lambda: time.time() - _begun)
Info("application_deployment", "What is deployed here.").info({"color": os.environ.get("DEPLOYMENT_COLOR", "none")})
