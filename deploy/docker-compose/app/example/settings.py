"""Settings of the example. What differs between the stacks comes from the environment."""
import os
import sys

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only-an-example")
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "*").split(",")
ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"
ASGI_APPLICATION = "example.asgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django_prometheus", "shop", "live"]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",  # the first and the last: what is between them is timed
    "django.middleware.common.CommonMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django_prometheus.db.backends.sqlite3",  # counts connections, statements, errors
        "NAME": os.environ.get("DATABASE_FILE", "/data/shop.sqlite3"),
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL"},
    }
}
CACHES = {"default": {"BACKEND": "django_prometheus.cache.backends.locmem.LocMemCache"}}  # counts hits and misses
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"process": {"format": "[{process}] {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "process"}},
    # A worker that finds no free metrics port says so once, as a warning of django_prometheus.exports.
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}},
}

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
