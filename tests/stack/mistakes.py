"""A site with the usual mistakes around /metrics: hosts, slashes, logins, pages in place of metrics."""
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseForbidden
from django.shortcuts import redirect
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["localhost"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not-a-secret",
)

LOGIN = """<!DOCTYPE html><html><head><title>Log in | Shop</title></head>
<body><form method="post"><input name="username"><input type="password" name="password"></form></body></html>"""
PAGE = "<!DOCTYPE html><html><head><title>Shop: fine goods</title></head><body>Welcome</body></html>"


def metrics(request):
    from prometheus_client import generate_latest

    return HttpResponse(generate_latest(), content_type="text/plain; version=0.0.4")


urlpatterns = [
    path("metrics/", metrics),
    path("page", lambda request: HttpResponse(PAGE)),
    path("members", lambda request: redirect("/accounts/login/?next=/members")),
    path("accounts/login/", lambda request: HttpResponse(LOGIN)),
    path("staff", lambda request: HttpResponseForbidden("<h1>403 Forbidden</h1>")),
]
application = get_wsgi_application()
