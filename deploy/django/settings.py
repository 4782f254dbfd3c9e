# Metrics: one port per worker. Needs `import os, sys` and "django_prometheus" in INSTALLED_APPS.
METRICS_START_PORT = int(os.environ.get("METRICS_START_PORT", "0"))  # 0: no metrics ports
# Twice the workers: a reload runs two generations at once, and a worker that finds no free port is never seen.
METRICS_PORTS = int(os.environ.get("METRICS_PORTS") or 2 * int(os.environ.get("WEB_CONCURRENCY", "1")))
# Whatever loads the settings takes a port, and would count as a worker. These must not; runserver is one of manage.py's.
NO_SERVERS = ("manage.py", "django-admin", "django/__main__.py", "celery", "celery/__main__.py", "pytest", "pytest/__main__.py")
if METRICS_START_PORT and not sys.argv[0].endswith(NO_SERVERS):
    PROMETHEUS_METRICS_EXPORT_PORT_RANGE = range(METRICS_START_PORT, METRICS_START_PORT + METRICS_PORTS)
    PROMETHEUS_METRICS_EXPORT_ADDRESS = os.environ.get("METRICS_ADDRESS", "127.0.0.1")  # IPv4 only
PROMETHEUS_EXPORT_MIGRATIONS = False  # True asks the database as soon as Django starts: collectstatic in an image build has none
