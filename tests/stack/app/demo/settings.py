"""Settings of the shop the tests run; what varies comes from the environment."""
import os

env = os.environ.get

SECRET_KEY = "not-a-secret"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "demo.urls"
WSGI_APPLICATION = "demo.wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django_prometheus", "shop"]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django_prometheus.db.backends.sqlite3",
        "NAME": env("DEMO_DB", "demo.sqlite3"),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=OFF;",
        },
    }
}
CACHES = {"default": {"BACKEND": "django_prometheus.cache.backends.locmem.LocMemCache"}}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"f": {"format": "[{process}] {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}},
    "root": {"handlers": ["h"], "level": "INFO"},
    "loggers": {"django.request": {"level": "CRITICAL"}},
}

# One exporter port per worker: the first free port of the range is taken when
# the worker loads the app. METRICS_PORTS widens the range beyond the workers.
_start = int(env("METRICS_START_PORT", "0"))
if _start:
    _count = int(env("METRICS_PORTS") or env("WEB_CONCURRENCY", "1"))
    PROMETHEUS_METRICS_EXPORT_PORT_RANGE = range(_start, _start + _count)
    if env("ONESCRAPE_LAST_WORDS"):
        from onescrape_last_words import Ports

        PROMETHEUS_METRICS_EXPORT_PORT_RANGE = Ports(PROMETHEUS_METRICS_EXPORT_PORT_RANGE)
    PROMETHEUS_METRICS_EXPORT_ADDRESS = "127.0.0.1"
