"""Pages about addresses: all that listen."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from whoosh_site.core.live.fragments import live, page
from workflows.models import Trigger
from workflows.shown_hooks import CALLED, rows_of
from workflows.views import PER_PAGE


@require_GET
@login_required
@live("rows")
def webhook_list(request: HttpRequest) -> HttpResponse:
    """Every address that starts a workflow: whose it is, and when it was called."""
    rows = Trigger.objects.visible_to(request.user).called()
    triggers = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"rows": rows_of(triggers, request), "triggers": triggers, "kinds": CALLED}
    return page(request, "workflows/webhooks.html", context)
