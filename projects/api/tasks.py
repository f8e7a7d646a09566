"""Tasks: submitted, looked at, stopped, held and run again."""

from collections.abc import Callable
from typing import Any

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Call
from projects import services
from projects.api.shapes import (
    BriefTaskSerializer,
    ManyDoneSerializer,
    ManySerializer,
    NewTaskSerializer,
    PrioritySerializer,
    TaskSerializer,
)
from projects.models import Attachment, Project, Task
from whoosh_site.core.openapi import IDEMPOTENCY_KEY
from whoosh_site.core.rest import REPLAY, ReadView, idempotent
from whoosh_site.core.rest_policy import IN_EVERY_ZONE, Filters


class TaskFilter(Filters):
    """Filters of the list of tasks."""

    name = filters.CharFilter(field_name="title", lookup_expr="icontains")
    project = filters.CharFilter(field_name="project__name")
    agent = filters.CharFilter(field_name="call__agent_name")
    created_by = filters.CharFilter(field_name="created_by__username")
    since = filters.IsoDateTimeFilter(
        field_name="created_at", lookup_expr="gte", validators=IN_EVERY_ZONE
    )
    state = filters.ChoiceFilter(choices=Task.State.choices, method="shown_as")

    class Meta:
        model = Task
        fields = ["priority", "source"]

    def shown_as(self, rows: Any, name: str, state: str) -> Any:
        """As the field `state` shows it."""
        return rows.shown_as(state)


class TaskViewSet(ReadView):
    """Work for agents. POST submits; the result comes later, by waiting or by asking again."""

    queryset = Task.objects.all()
    serializer_class = TaskSerializer
    filterset_class = TaskFilter
    http_method_names = ["get", "post", "patch", "head", "options"]
    rules = {
        "list": "task.view",
        "retrieve": "task.view",
        "create": "task.submit",
        "partial_update": "task.change",
        "cancel": "task.change",
        "hold": "task.change",
        "release": "task.change",
        "run_again": "task.change",
        "many": "task.change",
    }

    def get_serializer_class(self) -> Any:
        """Lists leave the texts out."""
        return BriefTaskSerializer if self.action == "list" else TaskSerializer

    def get_queryset(self) -> Any:
        """Return rows with what is shown of them."""
        rows = super().get_queryset()
        if self.action == "list":
            return rows.brief()
        rows = rows.select_related("project", "team", "created_by", "call")
        rows = rows.defer(*(f"call__{name}" for name in Call.TEXTS))
        files = Prefetch("attachments", Attachment.objects.defer("content"))
        return rows.prefetch_related("artifacts", "attempts", files, "events")

    @extend_schema(
        request=NewTaskSerializer,
        responses={200: TaskSerializer, 202: TaskSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Submit. 202 with the task at once; with `wait` 200 once it has ended."""
        wish = NewTaskSerializer(data=request.data, context={"request": request})
        wish.is_valid(raise_exception=True)
        data = dict(wish.validated_data)
        wait = data.pop("wait")
        made = self._submit(request, data)
        task = services.wait_for(get_object_or_404(Task, pk=made.data["id"]), wait)
        headers = {"Location": f"/api/v1/tasks/{task.pk}/"}
        headers |= {name: made[name] for name in (REPLAY,) if made.has_header(name)}
        return self._shown(task, 200 if task.ended else status.HTTP_202_ACCEPTED, headers)

    @idempotent
    def _submit(self, request: Request, data: dict[str, Any]) -> Response:
        team, project = data.pop("team", None), data.pop("project", None)
        if project is not None:
            project = self._project(project, team)
        order = services.Order(**data)
        task = services.submit_task(
            order, by=self.actor, source=Task.Source.API, team=team, project=project
        )
        return Response({"id": task.pk}, status=status.HTTP_202_ACCEPTED)

    def _project(self, name: str, team: Any) -> Project:
        rows = Project.objects.visible_to(self.request.user).filter(name=name)
        found = list(rows.filter(team=team) if team else rows)
        if len(found) > 1:
            said = "Several teams have a project of this name: give team as well."
            raise serializers.ValidationError({"project": said})
        if not found:
            said = f"No project is called {name!r}. Make it first, by POST to projects."
            raise serializers.ValidationError({"project": said})
        return found[0]

    @extend_schema(request=PrioritySerializer, responses=TaskSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Give it another priority."""
        task = self.get_object()
        wish = PrioritySerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        services.set_priority(task, wish.validated_data["priority"], by=self.actor)
        return self._shown(task)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop it; a running one is stopped at its host."""
        task = self.get_object()
        services.cancel_task(task, by=self.actor)
        return self._shown(services.wait_for(task, 5))

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: str) -> Response:
        """Take it out of the queue until it is released."""
        return self._do(services.hold_task)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Put it into the queue."""
        return self._do(services.release_task)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"], url_path="run-again", url_name="run-again")
    def run_again(self, request: Request, pk: str) -> Response:
        """Start one that has ended once more; the result becomes a new version."""
        return self._do(services.run_again)

    @extend_schema(request=ManySerializer, responses=ManyDoneSerializer)
    @action(detail=False, methods=["post"])
    def many(self, request: Request) -> Response:
        """Do the same with several tasks; those that refuse say why."""
        wish = ManySerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        data = wish.validated_data
        tasks = Task.objects.visible_to(request.user).filter(pk__in=data["ids"]).brief()
        done, refused = services.each(tasks, services.VERBS[data["action"]], by=self.actor)
        answer = {
            "done": [task.pk for task in done],
            "refused": [
                {"id": task.pk, "code": error.code, "message": error.message}
                for task, error in refused
            ],
        }
        return Response(ManyDoneSerializer(answer).data)

    def _do(self, verb: Callable[..., None]) -> Response:
        task = self.get_object()
        verb(task, by=self.actor)
        return self._shown(task)

    def _shown(
        self, task: Task, code: int = status.HTTP_200_OK, headers: dict[str, str] | None = None
    ) -> Response:
        row = get_object_or_404(self.get_queryset(), pk=task.pk)
        return Response(TaskSerializer(row).data, status=code, headers=headers)
