"""Pages of approvals: what waits for a person, and one question to be decided."""

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from whoosh_site.core.actor import Actor
from whoosh_site.core.live.fragments import live, page
from workflows import services
from workflows.models import Approval
from workflows.views import PER_PAGE, _told

STATES = {"": "Waiting", "ended": "Decided and over"}


@require_GET
@login_required
@live("rows")
def approval_list(request: HttpRequest) -> HttpResponse:
    """What waits for a decision, or what has been decided."""
    asked = request.GET.get("state", "")
    rows = Approval.objects.visible_to(request.user)
    still = rows.open()
    rows = rows.exclude(pk__in=still.values("pk")) if asked == "ended" else still
    context = {
        "approvals": Paginator(rows.brief(), PER_PAGE).get_page(request.GET.get("page")),
        "states": STATES.items(),
        "asked": asked,
    }
    return page(request, "workflows/approvals.html", context)


@require_http_methods(["GET", "POST"])
@login_required
@live("decision")
def approval_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One question: what it is about, and the decision."""
    rows = Approval.objects.visible_to(request.user).select_related("execution__workflow")
    approval = get_object_or_404(rows, pk=pk)
    if request.method == "POST":
        with _told(request):
            services.decide_approval(
                approval,
                request.POST.get("decision") == "approve",
                digest=request.POST.get("digest", ""),
                by=Actor.of(request),
                comment=request.POST.get("comment", ""),
            )
            messages.success(request, f"You have {approval.shown_label.lower()} it.")
        return redirect(approval)
    context: dict[str, Any] = {"approval": approval, "refusal": approval.refusal_of(request.user)}
    if not request.fragment:
        context |= _shown(approval.data)
    return page(request, "workflows/approval.html", context)


def _shown(data: str) -> dict[str, Any]:
    """Return the items laid out; a text that was cut is shown as it is."""
    try:
        found = json.loads(data) if data else []
    except ValueError:
        return {"data": data, "is_cut": True, "count": 0}
    return {"data": json.dumps(found, indent=2, ensure_ascii=False), "count": len(found)}
