from django.urls import include, path

from shop import views

urlpatterns = [
    path("", views.index, name="index"),
    path("order/<slug:kind>", views.order, name="order"),
    path("held", views.held, name="held"),
    path("pid", views.pid, name="pid"),
    path("", include("django_prometheus.urls")),
]
