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


def held(request):
    """Doesn't answer until there is a file: /held?until=/path."""
    started = time.perf_counter()
    with metrics.busy.track_inprogress():
        while not os.path.exists(request.GET["until"]):
            time.sleep(0.02)
    return answer("held", started, "released\n")


def pid(request):
    return HttpResponse(f"{os.getpid()}\n", content_type="text/plain")
