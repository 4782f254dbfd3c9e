from django.urls import include, path

from shop import views

urlpatterns = [
    path("", views.index, name="index"),
    path("order/<slug:kind>", views.order, name="order"),
    path("slow", views.slow, name="slow"),
    path("pid", views.pid, name="pid"),
    path("", include("django_prometheus.urls")),
]
