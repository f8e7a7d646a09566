"""Pages of executions: the list, one of them, what starts and ends them."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.live.fragments import live, page
from whoosh_site.core.permissions import demand, may
from workflows import services
from workflows.forms import RunForm
from workflows.models import Execution, Workflow
from workflows.shown import progress
from workflows.shown_data import ADVICE, Wanted, look_at, rows_of
from workflows.views import PER_PAGE, _find, _number, _tell, _told


@require_http_methods(["GET", "POST"])
@login_required
def run_workflow(request: HttpRequest, pk: int) -> HttpResponse:
    """Run a workflow with an input, from a node, to a node."""
    workflow, by = _find(request, pk), Actor.of(request)
    demand(by, "execution.start", [workflow.team_id])
    number = _number(request.POST.get("version") or request.GET.get("version"))
    version = services.find_version(workflow, number) if number else workflow.current
    initial = {"version": number or None}
    form = RunForm(version.document, request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(
                services.start_execution(
                    workflow, by=by, source=Execution.Source.PAGE, version=version, **form.wishes()
                )
            )
        except WhooshError as error:
            _tell(form, error)
    context = {"workflow": workflow, "version": version, "form": form}
    return render(request, "workflows/run.html", context, status=422 if form.errors else 200)


@require_GET
@login_required
@live("rows")
def execution_list(request: HttpRequest) -> HttpResponse:
    """All executions, newest first, by state and workflow."""
    asked = {name: request.GET.get(name, "")[:200] for name in ("state", "workflow")}
    rows = Execution.objects.visible_to(request.user).brief()
    workflow = None
    if asked["state"] in Execution.State.values:
        rows = rows.filter(state=asked["state"])
    if number := _number(asked["workflow"]):
        workflow = Workflow.objects.visible_to(request.user).filter(pk=number).first()
        rows = rows.filter(workflow=number)
    context = {
        "executions": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "states": Execution.State.choices,
        "workflow": workflow,
        "asked": asked,
        "filtered": any(asked.values()),
    }
    return page(request, "workflows/executions.html", context)


@require_GET
@login_required
@live("facts", "graph", "nodes", "data")
def execution_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One execution: how it stands, its nodes in the order they ran, what one of them gave."""
    execution = get_object_or_404(Execution.objects.visible_to(request.user).whole(), pk=pk)
    part = request.fragment
    wanted = Wanted.of(request.GET, execution)
    context: dict[str, Any] = {"execution": execution, "wanted": wanted}
    context["advice"] = ADVICE.get(execution.state, "")
    if part in ("", "facts"):
        context["children"] = execution.children.order_by("pk").values_list("pk", flat=True)[:20]
    if part in ("", "nodes"):
        context |= rows_of(execution)
    if part in ("", "graph"):
        context["shown"] = progress(execution.version, execution)
    if part in ("", "data"):
        context["seen"] = look_at(execution, wanted)
    if not part:
        newest = execution.workflow.current_id
        context |= {
            "may_run": may(Actor.of(request), "execution.start", [execution.team_id]),
            "may_delete": may(Actor.of(request), "execution.delete", [execution.team_id]),
            "outdated": newest is not None and newest != execution.version_id,
            "may_keep": may(Actor.of(request), "execution.keep", [execution.team_id]),
            "retries": execution.retries.order_by("pk")[:20],
        }
    return page(request, "workflows/execution.html", context)


@require_GET
@login_required
def execution_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Download a file that belongs to an item: never shown in the browser."""
    execution = get_object_or_404(Execution.objects.visible_to(request.user), pk=pk)
    asked = Wanted.of(request.GET, execution)
    item, name = _number(request.GET.get("item")), request.GET.get("name", "")
    called, file = services.open_file(
        execution, asked.node, run=asked.run, output=asked.output, item=item, name=name
    )
    # Workflows make what they like: the browser only ever saves it.
    return FileResponse(
        file, as_attachment=True, filename=called, content_type="application/octet-stream"
    )


@require_POST
@login_required
def execution_deed(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """Cancel, retry (with the newest version), run from a node or the start, keep, delete."""
    execution = get_object_or_404(Execution.objects.visible_to(request.user).whole(), pk=pk)
    by = Actor.of(request)
    with _told(request):
        if step == "cancel":
            if not services.cancel_execution(execution, by=by):
                messages.error(request, "It has ended already.")
        elif step == "delete":
            services.delete_execution(execution, by=by)
            messages.success(request, f"Execution {pk} is deleted.")
            return redirect(f"{reverse('executions')}?workflow={execution.workflow_id}")
        elif step in ("keep", "unkeep"):
            services.keep_execution(execution, kept=step == "keep", by=by)
        elif step == "again":
            return redirect(services.run_again(execution, by=by))
        else:
            newest = step == "retry-newest"
            node = request.POST.get("node", "") if step == "from" else ""
            return redirect(services.retry_execution(execution, by=by, newest=newest, node=node))
    return redirect(execution)
