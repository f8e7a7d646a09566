"""Executions: started, looked at, canceled, run again, deleted."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from whoosh_site.core.errors import Conflict
from whoosh_site.core.openapi import IDEMPOTENCY_KEY
from whoosh_site.core.rest import ReadView, TeamView, idempotent
from whoosh_site.core.rest_policy import Filters
from workflows import services
from workflows.api import execution_shapes as shapes
from workflows.engine.run import Step
from workflows.engine.values import plain
from workflows.models import Execution

WHILE_IT_STOPS = 5.0
"""Seconds a cancellation waits for the end."""


def started(execution: Execution) -> Response:
    """Answer with the id of what was queued."""
    headers = {"Location": f"/api/v1/executions/{execution.pk}/"}
    return Response({"id": execution.pk}, status=status.HTTP_202_ACCEPTED, headers=headers)


class Running(TeamView):
    """What starts from a workflow: its runs, and previews of single expressions."""

    RULES: ClassVar[dict[str, str]] = {"run": "execution.start", "preview": "execution.start"}

    @extend_schema(
        request=shapes.RunSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: shapes.StartedSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def run(self, request: Request, pk: str) -> Response:
        """Queue a run of the current version, or of another one."""
        workflow = self.get_object()
        wish = shapes.RunSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        how = dict(wish.validated_data)
        number, items = how.pop("version", None), how.pop("input", None)
        version = services.find_version(workflow, number) if number else None
        return started(
            services.start_execution(
                workflow, by=self.actor, source=Execution.Source.API, version=version,
                items=items, **how,
            )
        )  # fmt: skip

    @extend_schema(request=shapes.PreviewSerializer, responses={200: shapes.PreviewedSerializer})
    @action(detail=True, methods=["post"], filter_backends=[])
    def preview(self, request: Request, pk: str) -> Response:
        """Evaluate one expression as a node would see it, over the data of a run."""
        workflow = self.get_object()
        wish = shapes.PreviewSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        return Response(services.preview_expression(workflow, **wish.validated_data))


class ExecutionFilter(Filters):
    """Filters of the list of executions."""

    status = filters.ChoiceFilter(field_name="state", choices=Execution.State.choices)
    name = filters.CharFilter(field_name="workflow__name", label="Name of the workflow")
    workflow = filters.NumberFilter(
        field_name="workflow", min_value=0, max_value=2**63 - 1, decimal_places=0
    )

    class Meta:
        model = Execution
        fields = ["source", "mode"]


class ExecutionViewSet(ReadView):
    """Runs of workflows. POST to a workflow's `run/` starts one."""

    queryset = Execution.objects.all()
    serializer_class = shapes.ExecutionSerializer
    filterset_class = ExecutionFilter
    http_method_names = ["get", "post", "delete", "head", "options"]
    rules = {
        "list": "execution.view",
        "retrieve": "execution.view",
        "data": "execution.view",
        "cancel": "execution.start",
        "retry": "execution.start",
        "keep": "execution.keep",
        "destroy": "execution.delete",
    }

    def get_serializer_class(self) -> Any:
        """Lists leave the nodes out."""
        brief = self.action == "list"
        return shapes.BriefExecutionSerializer if brief else shapes.ExecutionSerializer

    def get_queryset(self) -> Any:
        """Return rows with what is shown of them."""
        rows = super().get_queryset()
        if self.action == "list":
            return rows.brief()
        return rows.whole()

    @extend_schema(parameters=[shapes.WhichDataSerializer], responses=shapes.NodeDataSerializer)
    @action(detail=True, methods=["get"], filter_backends=[], pagination_class=None)
    def data(self, request: Request, pk: str) -> Response:
        """Return the items a node gave, a page of them."""
        execution = self.get_object()
        asked = shapes.WhichDataSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        how = asked.validated_data
        step = services.find_step(execution, how["node"], how["run"])
        return Response(shapes.NodeDataSerializer(_page(step, how)).data)

    @extend_schema(request=None, responses=shapes.ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop it; a running one is stopped where it is."""
        execution = self.get_object()
        if not services.cancel_execution(execution, by=self.actor):
            raise Conflict(f"The {execution} has ended already.")
        return self._shown(services.wait_for_execution(execution, WHILE_IT_STOPS))

    @extend_schema(
        request=shapes.RetrySerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: shapes.StartedSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def retry(self, request: Request, pk: str) -> Response:
        """Run a failed one again, from the node that failed."""
        execution = self.get_object()
        wish = shapes.RetrySerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        return started(services.retry_execution(execution, by=self.actor, **wish.validated_data))

    @extend_schema(request=shapes.KeptSerializer, responses=shapes.ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: str) -> Response:
        """Let it stay however old or large it is, or no longer."""
        execution = self.get_object()
        wish = shapes.KeptSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        services.keep_execution(execution, by=self.actor, **wish.validated_data)
        return self._shown(execution)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete one that has ended, with its data and files."""
        services.delete_execution(self.get_object(), by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _shown(self, execution: Execution) -> Response:
        row = get_object_or_404(self.get_queryset(), pk=execution.pk)
        return Response(shapes.ExecutionSerializer(row).data)


def _page(step: Step, how: dict[str, Any]) -> dict[str, Any]:
    """Return what of a step was asked for."""
    output, offset = how["output"], how["offset"]
    items = (step.outputs[output] if output < len(step.outputs) else None) or []
    end = offset + how["limit"]
    return {
        "node": step.node,
        "run": step.index,
        "output": output,
        "offset": offset,
        "next": end if end < len(items) else None,
        "total": len(items),
        "outputs": [None if one is None else len(one) for one in step.outputs],
        "ms": round(step.ms, 2),
        "started": datetime.fromtimestamp(step.started, UTC),
        "pinned": step.pinned,
        "error": step.error,
        "logs": list(step.logs),
        "items": [plain(one) for one in items[offset:end]],
    }
