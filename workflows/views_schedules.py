"""The page of schedules: what clocks start, and when."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from whoosh_site.core.live.fragments import live, page
from workflows.models import Trigger
from workflows.shown_clocks import clocks, with_last
from workflows.views import PER_PAGE


@require_GET
@login_required
@live("rows")
def schedule_list(request: HttpRequest) -> HttpResponse:
    """All schedules of active workflows, the one that is due first in front."""
    rows = with_last(Trigger.objects.visible_to(request.user).clocks())
    found = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"schedules": found, "clocks": clocks(found)}
    return page(request, "workflows/schedules.html", context)
