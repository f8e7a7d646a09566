"""Pages of this room: workflows, their versions, what tells two of them apart."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import Forbidden, WhooshError
from whoosh_site.core.live.fragments import live, page
from whoosh_site.core.permissions import demand, may
from whoosh_site.core.templatetags.ui import counted
from workflows import services
from workflows.forms import ImportForm, RunForm, WorkflowForm
from workflows.models import Tag, Workflow, WorkflowVersion
from workflows.shown import shown
from workflows.shown_clocks import clocks, with_last
from workflows.shown_hooks import is_called, rows_of

PER_PAGE = 50
MOST_RUNS = 5
MOST_CLOCKS = 20
STATES = {"active": "Active", "inactive": "Not active", "archived": "Archived"}
DEEDS = {
    "activate": (services.activate_workflow, "is active"),
    "deactivate": (services.deactivate_workflow, "is not active any more"),
    "archive": (services.archive_workflow, "is archived"),
    "bring-back": (services.bring_back, "is back in the list"),
    "listen": (services.listen_for_test, "listens for one test call"),
    "stop-listening": (services.stop_test, "does not listen for a test call any more"),
}


@contextlib.contextmanager
def _told(request: HttpRequest) -> Iterator[None]:
    """Tell why something was not done, beside the page it was asked for on."""
    try:
        yield
    except Forbidden:
        raise
    except WhooshError as error:
        messages.error(request, error.message)


def _find(request: HttpRequest, pk: int) -> Workflow:
    rows = Workflow.objects.visible_to(request.user)
    rows = rows.select_related("team", "created_by", "current__author", "active")
    return get_object_or_404(rows.defer("active__text", "active__findings"), pk=pk)


def _may(request: HttpRequest, action: str, workflow: Workflow) -> bool:
    return may(Actor.of(request), action, [workflow.team_id])


@require_GET
@login_required
@live("rows")
def workflow_list(request: HttpRequest) -> HttpResponse:
    """All workflows by name, by state, tag and words."""
    asked = {name: request.GET.get(name, "")[:200] for name in ("state", "tag", "q")}
    seen = Workflow.objects.visible_to(request.user)
    tags = Tag.objects.visible_to(request.user).values_list("name", flat=True)
    context = {
        "workflows": Paginator(_asked_for(seen.brief(), asked), PER_PAGE).get_page(
            request.GET.get("page")
        ),
        "states": STATES.items(),
        "tags": tags.distinct().order_by("name")[:200],
        "asked": asked,
        "filtered": any(asked.values()),
        "may_change": may(Actor.of(request), "workflow.change", request.user.roles),
    }
    return page(request, "workflows/list.html", context)


def _asked_for(rows: QuerySet[Workflow], asked: dict[str, str]) -> QuerySet[Workflow]:
    rows = rows.filter(archived=asked["state"] == "archived")
    if asked["state"] in ("active", "inactive"):
        rows = rows.filter(active__isnull=asked["state"] == "inactive")
    if asked["tag"]:
        rows = rows.filter(tags__name=asked["tag"])
    if asked["q"]:
        rows = rows.filter(name__icontains=asked["q"])
    return rows.order_by("name", "pk")


@require_http_methods(["GET", "POST"])
@login_required
def import_workflows(request: HttpRequest) -> HttpResponse:
    """Bring workflows in by file, by paste or from an address."""
    demand(Actor.of(request), "workflow.change", request.user.roles)
    initial = {"team": request.user.home_team}
    form = ImportForm(request.user, request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(_imported(request, form))
        except WhooshError as error:
            if isinstance(error, Forbidden) and error.code == "forbidden":
                raise
            _tell(form, error)
    return render(
        request, "workflows/import.html", {"form": form}, status=422 if form.errors else 200
    )


def _imported(request: HttpRequest, form: ImportForm) -> Any:
    data = form.cleaned_data
    done = services.import_workflows(
        form.documents(),
        by=Actor.of(request),
        team=data["team"],
        same_name=data["same_name"],
        activate=data["activate"],
    )
    for one in done[:10]:
        version = one.workflow.current
        words = f"{one.workflow} {WORDS[one.outcome]}"
        counts = (version.error_count, "error"), (version.warning_count, "warning")
        if found := [counted(count, noun) for count, noun in counts if count]:
            words += f", with {' and '.join(found)}"
        messages.success(request, f"{words}.")
    if len(done) > 10:
        messages.success(request, f"And {len(done) - 10} more.")
    return done[0].workflow if len(done) == 1 else "workflows"


WORDS = {
    "created": "is imported",
    "changed": "has a new version",
    "unchanged": "was here already",
}


def _tell(form: Any, error: WhooshError) -> None:
    """Put an error at the field it names."""
    field, _, words = error.message.partition(": ")
    if field in form.fields:
        form.add_error(field, words)
    else:
        form.add_error(None, error.message)


@require_GET
@login_required
@live("facts", "addresses", "runs", "clocks", "body")
def workflow_detail(request: HttpRequest, pk: int, number: int = 0) -> HttpResponse:
    """One workflow, or an earlier version of it: picture, nodes, findings."""
    workflow = _find(request, pk)
    version = services.find_version(workflow, number) if number else workflow.current
    if version is None:
        version = services.find_version(workflow, 1)
    rows = rows_of(workflow.triggers.called(), request)
    context = {
        "workflow": workflow,
        "version": version,
        "single": bool(number),
        "tab": "versions" if number else "workflow",
        "older": version.pk != workflow.current_id,
        "tags": workflow.tags.all(),
        "shown": shown(version) if request.fragment in ("", "body") else None,
        "runs": workflow.executions.brief()[:MOST_RUNS],
        "clocks": clocks(with_last(workflow.triggers.clocks())[:MOST_CLOCKS]),
        "rows": rows,
        "testing": any(row["trigger"].test for row in rows),
        "is_called": is_called(version.document),
        "may_start": _may(request, "execution.start", workflow),
        "may_change": _may(request, "workflow.change", workflow),
        "may_delete": _may(request, "workflow.delete", workflow),
        "missing": services.missing_credentials(version.document, workflow.team_id),
    }
    if not request.fragment and _may(request, "execution.start", workflow):
        context["run_form"] = RunForm(version.document, initial={"version": number or None})
    return page(request, "workflows/workflow.html", context)


@require_GET
@login_required
@live("rows")
def workflow_versions(request: HttpRequest, pk: int) -> HttpResponse:
    """Every version: who saved it, when, what it is called."""
    workflow = _find(request, pk)
    rows = workflow.versions.select_related("author").defer(*WorkflowVersion.TEXTS)
    context = {
        "workflow": workflow,
        "versions": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "may_change": _may(request, "workflow.change", workflow),
    }
    return page(request, "workflows/versions.html", context)


@require_GET
@login_required
def workflow_diff(request: HttpRequest, pk: int) -> HttpResponse:
    """What tells two versions apart."""
    workflow = _find(request, pk)
    last = workflow.current.number if workflow.current else 1
    numbers = [_number(request.GET.get(name)) for name in ("from", "to")]
    new = services.find_version(workflow, numbers[1] or last)
    old = services.find_version(workflow, numbers[0] or max(1, new.number - 1))
    context = {
        "workflow": workflow,
        "old": old,
        "new": new,
        "diff": services.diff_versions(old, new),
        "numbers": range(last, max(0, last - 200), -1),
    }
    return render(request, "workflows/diff.html", context)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 0


@require_GET
@login_required
def export_workflow(request: HttpRequest, pk: int) -> HttpResponse:
    """Download a version as n8n's JSON; the current one unless `?version=` names another."""
    workflow = _find(request, pk)
    number = _number(request.GET.get("version"))
    version = services.find_version(workflow, number) if number else workflow.current
    # Never shown in the browser: people and models write what they like.
    answer = HttpResponse(services.export_text(version), content_type="application/octet-stream")
    name = content_disposition_header(True, services.file_name(workflow))
    answer.headers["Content-Disposition"] = name or "attachment"
    return answer


@require_http_methods(["GET", "POST"])
@login_required
def edit_workflow(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename and tag."""
    workflow, by = _find(request, pk), Actor.of(request)
    demand(by, "workflow.change", [workflow.team_id])
    form = WorkflowForm(workflow, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_workflow(_find(request, pk), by=by, **form.cleaned_data)
            return redirect(workflow)
        except WhooshError as error:
            _tell(form, error)
    context = {"form": form, "workflow": workflow}
    return render(request, "workflows/edit.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def workflow_deed(request: HttpRequest, pk: int, deed: str) -> HttpResponse:
    """Activate, deactivate, archive, bring back; listen for a test call or stop that."""
    workflow = _find(request, pk)
    verb, words = DEEDS[deed]
    with _told(request):
        verb(workflow, by=Actor.of(request))
        messages.success(request, f"{workflow} {words}.")
    return redirect(workflow)


@require_POST
@login_required
def copy_workflow(request: HttpRequest, pk: int) -> HttpResponse:
    """Make another workflow of the current version."""
    workflow = _find(request, pk)
    made = workflow
    with _told(request):
        made = services.copy_workflow(workflow, by=Actor.of(request))
        messages.success(request, f"This is the copy of {workflow}.")
    return redirect(made)


@require_POST
@login_required
def delete_workflow(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a workflow with all its versions."""
    workflow = _find(request, pk)
    name = str(workflow)
    with _told(request):
        services.delete_workflow(workflow, by=Actor.of(request))
        messages.success(request, f"The workflow {name} is deleted.")
        return redirect("workflows")
    return redirect(workflow)


@require_POST
@login_required
def version_deed(request: HttpRequest, pk: int, number: int, act: str) -> HttpResponse:
    """Restore a version, make it the active one, or name it."""
    workflow, by = _find(request, pk), Actor.of(request)
    version = services.find_version(workflow, int(number))
    with _told(request):
        if act == "restore":
            made = services.restore_version(workflow, version.number, by=by)
            messages.success(request, f"It is {made} now.")
            return redirect(workflow)
        if act == "activate":
            services.activate_workflow(workflow, by=by, version=version)
            messages.success(request, f"This {version} is the active one.")
        else:
            services.name_version(version, request.POST.get("name", ""), by=by)
    return redirect("one-version", pk, version.number)
