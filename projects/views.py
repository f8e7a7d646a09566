"""Pages of this room: tasks, the queue, projects."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.markdown import render_markdown
from agents.models import Agent, Call
from projects import services
from projects.forms import ProjectForm, TaskForm
from projects.models import Artifact, Attachment, Project, Task
from projects.models.tasks import PRIORITIES
from projects.shown import SHOWN, history, waiting, with_calls
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import Forbidden, WhooshError
from whoosh_site.core.live.fragments import live, page
from whoosh_site.core.permissions import demand, may
from whoosh_site.core.templatetags.ui import counted

PER_PAGE = 50
DONE = {
    "cancel": "canceled",
    "hold": "put on hold",
    "release": "released",
    "run-again": "run again",
}


def _may(request: HttpRequest, action: str) -> bool:
    return may(Actor.of(request), action, request.user.roles)


@contextlib.contextmanager
def _told(request: HttpRequest) -> Iterator[None]:
    """Tell why something was not done, beside the page it was asked for on."""
    try:
        yield
    except Forbidden:
        raise
    except WhooshError as error:
        messages.error(request, error.message)


# -- tasks -------------------------------------------------------------------------------------


@require_GET
@login_required
@live("rows")
def task_list(request: HttpRequest) -> HttpResponse:
    """All tasks, newest first, by state, project and words."""
    asked = {name: request.GET.get(name, "") for name in ("state", "project", "q")}
    tasks = Task.objects.visible_to(request.user).brief()
    if asked["state"] in Task.State.values:
        tasks = tasks.shown_as(asked["state"])
    if asked["project"].isdecimal() and len(asked["project"]) < 19:
        tasks = tasks.filter(project=asked["project"])
    if asked["q"]:
        tasks = tasks.filter(title__icontains=asked["q"][:200])
    context = {
        "tasks": Paginator(tasks, PER_PAGE).get_page(request.GET.get("page")),
        "states": Task.State.choices,
        "projects": Project.objects.visible_to(request.user),
        "asked": asked,
        "filtered": any(asked.values()),
        "may_submit": _may(request, "task.submit"),
        "may_change": _may(request, "task.change"),
    }
    return page(request, "projects/tasks.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def new_task(request: HttpRequest) -> HttpResponse:
    """Submit a task, or see where it would go."""
    demand(Actor.of(request), "task.submit", request.user.roles)
    form = TaskForm(
        request.user, request.POST or None, request.FILES or None, initial=_given(request)
    )
    found = None
    if request.method == "POST" and form.is_valid():
        try:
            if "foresee" in request.POST:
                found = _foreseen(request, form)
            else:
                return redirect(_submitted(request, form))
        except WhooshError as error:
            _tell(form, error)
    context = {"form": form, "found": found, "agents": Agent.objects.visible_to(request.user)}
    return render(request, "projects/new_task.html", context, status=422 if form.errors else 200)


def _submitted(request: HttpRequest, form: TaskForm) -> Task:
    return services.submit_task(
        form.order(),
        by=Actor.of(request),
        source=Task.Source.PAGE,
        project=form.cleaned_data["project"],
    )


def _foreseen(request: HttpRequest, form: TaskForm) -> dict[str, Any]:
    project = form.cleaned_data["project"]
    team = project.team if project else None
    return services.foresee_task(form.order(), by=Actor.of(request), team=team).as_dict()


def _given(request: HttpRequest) -> dict[str, str]:
    """Return what the address already says."""
    names = ("title", "project", "capability", "model", "agent")
    return {name: request.GET.get(name, "") for name in names if name in request.GET}


def _tell(form: Any, error: WhooshError) -> None:
    """Put an error at the field it names."""
    field, _, words = error.message.partition(": ")
    if field in form.fields:
        form.add_error(field, words)
    else:
        form.add_error(None, error.message)


@require_GET
@login_required
@live("answer", "attempts", "facts", "log")
def task_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One task: how it stands, the answer as it comes, results, attempts, history."""
    rows = Task.objects.visible_to(request.user)
    rows = rows.select_related("project", "team", "created_by", "call__agent")
    rows = rows.defer(*(f"call__{name}" for name in Call.TEXTS if name != "decision"))
    task = get_object_or_404(rows, pk=pk)
    if (
        request.fragment == "answer"
        and task.shown_state == Task.State.RUNNING
        and _streaming(request, task)
    ):
        return HttpResponse(status=204)  # the page is drawing the stream; leave it alone
    return page(request, "projects/task.html", _task_context(request, task))


def _streaming(request: HttpRequest, task: Task) -> bool:
    return request.GET.get("call") == str(task.call_id)


def _task_context(request: HttpRequest, task: Task) -> dict[str, Any]:
    may_change = may(Actor.of(request), "task.change", [task.team_id])
    artifacts = list(task.artifacts.all())
    newest = artifacts[0] if artifacts else None
    return {
        "task": task,
        "call": task.call,
        "newest": newest,
        "result": render_markdown(newest.content)
        if newest and newest.media_type == "text/markdown"
        else "",
        "artifacts": artifacts,
        "attachments": task.attachments.defer("content"),
        "attempts": with_calls(task),
        "events": history(task),
        "priorities": PRIORITIES,
        "may_change": may_change,
    }


@require_POST
@login_required
def task_action(request: HttpRequest, pk: int, change: str) -> HttpResponse:
    """Cancel, hold, release or run again."""
    task = get_object_or_404(Task.objects.visible_to(request.user), pk=pk)
    with _told(request):
        services.VERBS[change](task, by=Actor.of(request))
    return redirect(task)


@require_POST
@login_required
def priority(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a task another place in the queue."""
    task = get_object_or_404(Task.objects.visible_to(request.user), pk=pk)
    wanted = request.POST.get("priority", "")
    with _told(request):
        number = int(wanted) if len(wanted) == 1 and wanted.isdecimal() else 0
        services.set_priority(task, number, by=Actor.of(request))
    return redirect(task)


@require_POST
@login_required
def many(request: HttpRequest) -> HttpResponse:
    """Do the same with the tasks that were ticked."""
    by, verb = Actor.of(request), request.POST.get("verb", "")
    demand(by, "task.change", request.user.roles)
    ids = [pk for pk in request.POST.getlist("task") if pk.isdecimal() and len(pk) < 19]
    back = f"{reverse('tasks')}?{request.POST.get('back', '').lstrip('?')}"
    tasks = (
        Task.objects.visible_to(request.user).filter(pk__in=ids[: services.MOST_AT_ONCE]).brief()
    )
    if verb not in services.VERBS or not ids:
        messages.error(request, "Tick tasks first, then choose what to do with them.")
        return redirect(back)
    done, refused = services.each(tasks, services.VERBS[verb], by=by)
    if done:
        messages.success(request, f"{counted(len(done), 'task')} {DONE[verb]}.")
    for _, error in refused[:5]:
        messages.error(request, error.message)
    if len(refused) > 5:
        messages.error(request, f"And {len(refused) - 5} more refused.")
    return redirect(back)


@require_GET
@login_required
def attachment(request: HttpRequest, pk: int, file: int) -> HttpResponse:
    """Download a file that was given with a task."""
    rows = Attachment.objects.filter(task__in=Task.objects.visible_to(request.user))
    found = get_object_or_404(rows, pk=file, task=pk)
    return _download(found.name, services.bytes_of(found))


@require_GET
@login_required
def artifact(request: HttpRequest, pk: int, file: int) -> HttpResponse:
    """Download one version of a result."""
    rows = Artifact.objects.filter(task__in=Task.objects.visible_to(request.user))
    found = get_object_or_404(rows, pk=file, task=pk)
    ending = "json" if found.media_type == "application/json" else "md"
    name = f"task-{pk}-{found.name}-v{found.version}.{ending}"
    return _download(name, found.content.encode())


def _download(name: str, content: bytes) -> HttpResponse:
    # Never shown in the browser: models and users write what they like.
    answer = HttpResponse(content, content_type="application/octet-stream")
    answer.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer


# -- the queue ---------------------------------------------------------------------------------


@require_GET
@login_required
@live("rows")
def queue(request: HttpRequest) -> HttpResponse:
    """What waits: for what, since when, and which is next."""
    calls = Call.objects.visible_to(request.user)
    context = {
        "rows": waiting(request.user),
        "count": calls.waiting().count(),
        "shown": SHOWN,
        "running": calls.at_work().count(),
        "held": Task.objects.visible_to(request.user).filter(state=Task.State.HELD).count(),
        "agents": [
            agent for agent in Agent.objects.visible_to(request.user).with_state() if agent.enabled
        ],
    }
    return page(request, "projects/queue.html", context)


# -- projects ----------------------------------------------------------------------------------


@require_GET
@login_required
@live("rows")
def project_list(request: HttpRequest) -> HttpResponse:
    """All projects with their numbers of tasks."""
    context = {
        "projects": Project.objects.visible_to(request.user).with_counts(),
        "may_change": _may(request, "project.change"),
    }
    return page(request, "projects/projects.html", context)


@require_GET
@login_required
@live("rows")
def project_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One project and its newest tasks."""
    project = get_object_or_404(Project.objects.visible_to(request.user).with_counts(), pk=pk)
    by = Actor.of(request)
    context = {
        "project": project,
        "tasks": Task.objects.visible_to(request.user).filter(project=project).brief()[:PER_PAGE],
        "may_submit": may(by, "task.submit", [project.team_id]),
        "may_change": may(by, "project.change", [project.team_id]),
        "may_delete": may(by, "project.delete", [project.team_id]),
    }
    return page(request, "projects/project.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def edit_project(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Add a project, or change one."""
    by, project = Actor.of(request), None
    if pk is not None:
        project = get_object_or_404(Project.objects.visible_to(request.user), pk=pk)
    demand(by, "project.change", [project.team_id] if project else request.user.roles)
    initial = {"team": request.user.home_team}
    form = ProjectForm(request.user, request.POST or None, instance=project, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            if project is None:
                return redirect(services.create_project(by=by, **data))
            fresh = Project.objects.get(pk=project.pk)
            return redirect(services.change_project(fresh, by=by, **data))
        except WhooshError as error:
            _tell(form, error)
    context = {"form": form, "project": project}
    return render(
        request, "projects/edit_project.html", context, status=422 if form.errors else 200
    )


@require_POST
@login_required
def delete_project(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a project without tasks."""
    project = get_object_or_404(Project.objects.visible_to(request.user), pk=pk)
    name = str(project)
    with _told(request):
        services.delete_project(project, by=Actor.of(request))
        messages.success(request, f"The project {name} is deleted.")
        return redirect("projects")
    return redirect(project)
