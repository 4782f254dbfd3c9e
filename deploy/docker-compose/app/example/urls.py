from django.urls import path
from django_prometheus.exports import ExportToDjangoView
from shop import views

urlpatterns = [
    path("", views.index, name="index"),
    path("orders/<slug:kind>", views.order, name="order"),
    # Of the one worker that happens to answer. For people who look at a single process; nginx keeps the public out.
    path("metrics/", ExportToDjangoView, name="metrics"),
]
