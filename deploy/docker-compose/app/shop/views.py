from django.core.cache import cache
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from .models import Note, Order

# How long the number of orders is taken from the cache, seconds.
COUNT_AGE = 1


@require_GET
def index(request):
    count = cache.get("orders")
    if count is None:
        count = Order.objects.count()
        cache.set("orders", count, COUNT_AGE)
    return HttpResponse(f"{count} orders\n", content_type="text/plain")


@csrf_exempt  # no cookies, no sessions: nothing to forge
@require_POST
def order(request, kind):
    row = Order.objects.create(kind=kind)
    Note.objects.create(order=row, text=f"a {kind}")
    row.paid = True
    row.save()
    return HttpResponse(f"order {row.id}\n", content_type="text/plain", status=201)
