"""Administration of projects and tasks."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import RelatedOnlyFieldListFilter as OfVisibleRows
from django.db import models
from django.http import HttpRequest

from projects import services
from projects.live import tell_project
from projects.models import Artifact, Attempt, Event, Project, Task
from whoosh_site.core.actor import Actor
from whoosh_site.core.admin import CREATED, ReadOnlyAdmin, RoomAdmin, moment
from whoosh_site.core.permissions import demand
from whoosh_site.core.templatetags.ui import counted

FINISHED = moment("finished_at")


@admin.register(Project)
class ProjectAdmin(RoomAdmin):
    """Projects; those with tasks are not deleted."""

    word = "project"
    list_display = ["name", "team", "open_tasks", "all_tasks", CREATED]
    list_filter = [("team", OfVisibleRows)]
    search_fields = ["name", "description"]
    fields = ["team", "name", "description"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Project]:
        """Return projects with their numbers of tasks."""
        return super().get_queryset(request).with_counts()

    @admin.display(description="Open", ordering="open_count")
    def open_tasks(self, project: Project) -> int:
        """Tasks that have not ended."""
        return project.open_count

    @admin.display(description="Tasks", ordering="task_count")
    def all_tasks(self, project: Project) -> int:
        """Count."""
        return project.task_count

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A project stays where it was made: its tasks are its team's."""
        return ["team"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        """Save, if the team's rules allow it, and tell the pages that list projects."""
        demand(Actor.of(request), "project.change", [obj.team_id])
        if not change:
            obj.created_by = request.user
        super().save_model(request, obj, form, change)
        tell_project(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners, as on the page."""
        return self.allowed(request, "delete", obj)


class ByState(admin.SimpleListFilter):
    """Tasks by the state that is shown."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every state."""
        return list(Task.State.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Filter."""
        return queryset.shown_as(self.value()) if self.value() else queryset


class Shown(admin.TabularInline):
    """Rows that belong to a task, to look at."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes here."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who sees the task."""
        return True


class Attempts(Shown):
    """Every try."""

    model = Attempt
    fields = readonly_fields = [
        "number", "kind", "state", "agent_name", "model_name", "error", CREATED, FINISHED,
    ]  # fmt: skip


class Artifacts(Shown):
    """Every version of the result."""

    model = Artifact
    fields = readonly_fields = ["name", "version", "media_type", "content", CREATED]


class Events(Shown):
    """The history."""

    model = Event
    AT = moment("at")
    fields = readonly_fields = [AT, "by", "text"]


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """Tasks: looked at, and handled several at once."""

    word = "task"
    list_display = [
        "id", "title", "state_shown", "priority", "project", "agent", "created_by", CREATED,
    ]  # fmt: skip
    list_display_links = ["title"]
    list_filter = [
        ByState,
        "priority",
        "source",
        ("project", OfVisibleRows),
        ("team", OfVisibleRows),
    ]
    search_fields = ["title", "description"]
    date_hierarchy = "created_at"
    actions = ["submit_again", "cancel", "hold", "release", "run_again"]
    inlines = [Attempts, Artifacts, Events]
    FIELDSETS = {
        "": [
            "title", "description", "state_shown", "waits_for", "error", "priority", "project",
            "team", "created_by", "source", CREATED, FINISHED,
        ],
        "Wish": [
            "wanted_agent", "wanted_model", "wanted_capability", "fallbacks", "options", "schema",
        ],
        "Limits": ["time_limit", "token_limit", "most_attempts"],
    }  # fmt: skip
    fieldsets = [(name or None, {"fields": fields}) for name, fields in FIELDSETS.items()]
    readonly_fields = [field for fields in FIELDSETS.values() for field in fields]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Task]:
        """Lists do not read the texts."""
        return super().get_queryset(request).brief()

    @admin.display(description="State", ordering="state")
    def state_shown(self, task: Task) -> str:
        """As pages tell it."""
        return task.shown_label

    @admin.display(description="Agent")
    def agent(self, task: Task) -> str:
        """Who has it, or had it last."""
        return (task.call.agent_name if task.call else "") or "–"

    def has_handle_permission(self, request: HttpRequest) -> bool:
        """Who may change tasks."""
        return self.allowed(request, "change", None)

    @admin.action(description="Submit again, as new tasks", permissions=["handle"])
    def submit_again(self, request: HttpRequest, queryset: models.QuerySet[Task]) -> None:
        """Submit a copy of each."""
        self._each(request, queryset, services.submit_copy, "submitted")

    @admin.action(description="Cancel", permissions=["handle"])
    def cancel(self, request: HttpRequest, queryset: models.QuerySet[Task]) -> None:
        """Stop them."""
        self._each(request, queryset, services.cancel_task, "canceled")

    @admin.action(description="Hold", permissions=["handle"])
    def hold(self, request: HttpRequest, queryset: models.QuerySet[Task]) -> None:
        """Take them out of the queue."""
        self._each(request, queryset, services.hold_task, "put on hold")

    @admin.action(description="Release", permissions=["handle"])
    def release(self, request: HttpRequest, queryset: models.QuerySet[Task]) -> None:
        """Put them into the queue."""
        self._each(request, queryset, services.release_task, "released")

    @admin.action(description="Run again", permissions=["handle"])
    def run_again(self, request: HttpRequest, queryset: models.QuerySet[Task]) -> None:
        """Start those that have ended once more."""
        self._each(request, queryset, services.run_again, "run again")

    def _each(self, request: HttpRequest, tasks: Any, verb: Any, done: str) -> None:
        found, refused = services.each(tasks, verb, by=Actor.of(request))
        if found:
            messages.success(request, f"{counted(len(found), 'task')} {done}.")
        for _, error in refused:
            messages.error(request, error.message)
