import os
import time

from django.core.cache import cache
from django.http import HttpResponse

from . import metrics
from .models import Note, Order


def answer(view, started, text):
    metrics.render.labels(view).observe(time.perf_counter() - started, metrics.exemplar(os.getpid()))
    metrics.body.observe(len(text))
    return HttpResponse(text, content_type="text/plain")


def index(request):
    started = time.perf_counter()
    with metrics.busy.track_inprogress():
        count = cache.get_or_set("count", Order.objects.count, 1)
    return answer("index", started, f"{count} orders\n")


def order(request, kind):
    started = time.perf_counter()
    with metrics.busy.track_inprogress():
        row = Order.objects.create(kind=kind)
        Note.objects.create(order=row, text=f"a {kind}")
        row.paid = True
        row.save()
    metrics.orders.labels(kind).inc(1, metrics.exemplar(row.id))
    metrics.last_order.set_to_current_time()
    return answer("order", started, f"order {kind}\n")


def slow(request):
    """Takes its time: /slow?ms=1500."""
    started = time.perf_counter()
    with metrics.busy.track_inprogress():
        time.sleep(float(request.GET.get("ms", "20")) / 1000)
    return answer("slow", started, "slept\n")


def pid(request):
    return HttpResponse(f"{os.getpid()}\n", content_type="text/plain")
