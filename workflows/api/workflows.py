"""Workflows: handed in, looked at, saved, compared, activated."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from whoosh_site.core.errors import BadInput
from whoosh_site.core.openapi import IDEMPOTENCY_KEY
from whoosh_site.core.rest import ReadView, Strict, idempotent
from whoosh_site.core.rest_policy import Filters, Flag
from workflows import services
from workflows.api import shapes
from workflows.api.bodies import DocumentBody
from workflows.api.executions import Running
from workflows.api.webhooks import WebhookSerializer
from workflows.models import Workflow, WorkflowVersion
from workflows.n8n.reading import Given

DOCUMENT = {(200, "application/json"): OpenApiTypes.OBJECT}
NUMBER = r"versions/(?P<number>\d{1,9})"
OF_VERSION = OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH)


class WorkflowFilter(Filters):
    """Filters of the list of workflows."""

    q = filters.CharFilter(field_name="name", lookup_expr="icontains", label="Part of the name")
    tag = filters.CharFilter(field_name="tags__name")
    team = filters.CharFilter(field_name="team__name")
    active = Flag(field_name="active", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Workflow
        fields = ["name", "archived"]


class WorkflowViewSet(Running, ReadView):
    """n8n's workflows. POST takes the document itself; the address says what to do with it."""

    queryset = Workflow.objects.all()
    serializer_class = shapes.WorkflowSerializer
    filterset_class = WorkflowFilter
    http_method_names = ["get", "post", "put", "patch", "delete", "head", "options"]
    rules = Running.RULES | {
        "list": "workflow.view",
        "retrieve": "workflow.view",
        "export": "workflow.view",
        "versions": "workflow.view",
        "version": "workflow.view",
        "diff": "workflow.view",
        "usage": "execution.view",
        "document": "workflow.view",
        "save_document": "workflow.change",
        "create": "workflow.change",
        "fetch": "workflow.change",
        "partial_update": "workflow.change",
        "name_version": "workflow.change",
        "restore": "workflow.change",
        "activate": "workflow.change",
        "deactivate": "workflow.change",
        "listen": "execution.start",
        "stop_listening": "execution.start",
        "copy": "workflow.change",
        "destroy": "workflow.delete",
    }

    def get_serializer_class(self) -> Any:
        """Lists leave the findings out."""
        brief = self.action == "list"
        return shapes.BriefWorkflowSerializer if brief else shapes.WorkflowSerializer

    def get_parsers(self) -> list[Any]:
        """Documents come in as their text."""
        # The request is made before the framework notes its action.
        method = (self.request.method or "").lower() if self.request else ""
        action = self.action_map.get(method) or getattr(self, "action", None)
        whole = action in ("create", "save_document")
        return [DocumentBody()] if whole else super().get_parsers()

    def get_queryset(self) -> Any:
        """Return rows with what is shown of them; texts are read where they are needed."""
        rows = super().get_queryset()
        # A preview is asked for at every pause of somebody's typing.
        return rows.only("team", "name", "current") if self.action == "preview" else rows.brief()

    # -- handing in ------------------------------------------------------------------------------

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        parameters=[shapes.HowSerializer, IDEMPOTENCY_KEY],
        responses={201: shapes.WorkflowSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Keep a document as it stands; 200 when it is here already, or became a version."""
        how = self._said(shapes.HowSerializer, request.query_params)
        text = request.data if isinstance(request.data, str) else ""
        found = services.read_workflows(text)
        if len(found) > 1:
            said = f"This is a list of {len(found)} workflows; send one at a time."
            raise BadInput(said)
        done = self._import(found, how)
        created = done[0].outcome == "created"
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return self._shown(done[0].workflow, code)

    @extend_schema(
        request=shapes.FromAddressSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: shapes.ImportedSerializer(many=True)},
    )
    @action(detail=False, methods=["post"])
    def fetch(self, request: Request) -> Response:
        """Fetch a document from an address and keep all workflows in it."""
        how = self._said(shapes.FromAddressSerializer, request.data)
        text, stem = services.fetch_document(how.pop("url"))
        return self._keep(request, text, stem, how)

    @idempotent
    def _keep(self, request: Request, text: str, stem: str, how: dict[str, Any]) -> Response:
        done = self._import(services.read_workflows(text, stem), how)
        kept = self.get_queryset().filter(pk__in=[one.workflow.pk for one in done])
        rows = {row.pk: row for row in kept}
        found = [{"outcome": one.outcome, "workflow": rows[one.workflow.pk]} for one in done]
        return Response(shapes.ImportedSerializer(found, many=True).data)

    def _import(self, found: list[Given], how: dict[str, Any]) -> Sequence[services.Imported]:
        name = how.pop("name")
        if name and len(found) == 1:
            found = [services.relabeled(found[0], name)]
        return services.import_workflows(found, by=self.actor, **how)

    # -- the document ----------------------------------------------------------------------------

    @extend_schema(responses=DOCUMENT)
    @action(detail=True, methods=["get"], filter_backends=[])
    def document(self, request: Request, pk: str) -> HttpResponse:
        """Return the current document, character for character as it was saved."""
        return HttpResponse(self.get_object().text, content_type="application/json")

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        parameters=[shapes.SavingSerializer],
        responses=shapes.WorkflowSerializer,
    )
    @document.mapping.put
    def save_document(self, request: Request, pk: str) -> Response:
        """Save a document as the next version; the same text again makes none."""
        workflow = self.get_object()
        how = self._said(shapes.SavingSerializer, request.query_params)
        text = request.data if isinstance(request.data, str) else ""
        services.save_version(workflow, text, by=self.actor, **how)
        return self._shown(workflow)

    @extend_schema(responses=DOCUMENT)
    @action(detail=True, methods=["get"])
    def export(self, request: Request, pk: str) -> HttpResponse:
        """Download the current document, laid out: every key, string and number as it was."""
        workflow = self.get_object()
        answer = HttpResponse(
            services.export_text(workflow.current), content_type="application/json"
        )
        name = content_disposition_header(True, services.file_name(workflow))
        answer.headers["Content-Disposition"] = name or "attachment"
        return answer

    # -- versions --------------------------------------------------------------------------------

    @extend_schema(responses=shapes.BriefVersionSerializer(many=True))
    @action(detail=True, methods=["get"], filter_backends=[])
    def versions(self, request: Request, pk: str) -> Response:
        """List all versions, newest first."""
        rows = self.get_object().versions.select_related("author")
        rows = self.paginate_queryset(rows.defer(*WorkflowVersion.TEXTS))
        return self.get_paginated_response(shapes.BriefVersionSerializer(rows, many=True).data)

    @extend_schema(parameters=[OF_VERSION], responses=shapes.VersionSerializer)
    @action(detail=True, methods=["get"], url_path=NUMBER)
    def version(self, request: Request, pk: str, number: str) -> Response:
        """Return one version with its document as text."""
        found = services.find_version(self.get_object(), int(number))
        return Response(shapes.VersionSerializer(found).data)

    @extend_schema(
        parameters=[OF_VERSION],
        request=shapes.NamedVersionSerializer,
        responses=shapes.VersionSerializer,
    )
    @version.mapping.patch
    def name_version(self, request: Request, pk: str, number: str) -> Response:
        """Give a version a name, or take it away."""
        found = services.find_version(self.get_object(), int(number))
        wish = self._said(shapes.NamedVersionSerializer, request.data)
        services.name_version(found, wish["name"], by=self.actor)
        return Response(shapes.VersionSerializer(found).data)

    @extend_schema(parameters=[shapes.BetweenSerializer], responses=shapes.DifferenceSerializer)
    @action(detail=True, methods=["get"], filter_backends=[])
    def diff(self, request: Request, pk: str) -> Response:
        """Tell two versions apart."""
        workflow = self.get_object()
        asked = self._said(shapes.BetweenSerializer, request.query_params)
        old = services.find_version(workflow, asked["from"])
        new = services.find_version(workflow, asked["to"]) if "to" in asked else workflow.current
        return Response(shapes.DifferenceSerializer(services.diff_versions(old, new)).data)

    @extend_schema(parameters=[shapes.SinceSerializer], responses=shapes.DaySerializer(many=True))
    @action(detail=True, methods=["get"], filter_backends=[], pagination_class=None)
    def usage(self, request: Request, pk: str) -> Response:
        """Count the runs of each day, those kept: days without any are left out."""
        asked = self._said(shapes.SinceSerializer, request.query_params)
        days = services.usage_of(self.get_object(), asked["days"])
        return Response(shapes.DaySerializer(days, many=True).data)

    # -- handling --------------------------------------------------------------------------------

    @extend_schema(request=shapes.ChangedWorkflowSerializer, responses=shapes.WorkflowSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename, tag, archive or bring back; renaming makes a version."""
        workflow = self.get_object()
        wish = self._said(shapes.ChangedWorkflowSerializer, request.data)
        services.change_workflow(workflow, by=self.actor, **wish)
        return self._shown(workflow)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete with all versions."""
        services.delete_workflow(self.get_object(), by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=shapes.WhichSerializer, responses=shapes.WorkflowSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Save an earlier version once more, as the newest."""
        workflow = self.get_object()
        wish = self._said(shapes.WhichSerializer, request.data)
        services.restore_version(workflow, wish["version"], by=self.actor)
        return self._shown(workflow)

    @extend_schema(request=shapes.MaybeWhichSerializer, responses=shapes.WorkflowSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """Make a version the one that triggers run."""
        workflow = self.get_object()
        wish = self._said(shapes.MaybeWhichSerializer, request.data)
        version = services.find_version(workflow, wish["version"]) if wish else None
        services.activate_workflow(workflow, by=self.actor, version=version)
        return self._shown(workflow)

    @extend_schema(request=None, responses=shapes.WorkflowSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        """Let no trigger run it."""
        return self._do(services.deactivate_workflow)

    @extend_schema(request=None, responses=WebhookSerializer(many=True))
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def listen(self, request: Request, pk: str) -> Response:
        """Let its test addresses listen for one call, or two minutes."""
        made = services.listen_for_test(self.get_object(), by=self.actor)
        shown = WebhookSerializer(made, many=True, context={"request": request})
        return Response(shown.data)

    @extend_schema(request=None, responses={204: None})
    @listen.mapping.delete
    def stop_listening(self, request: Request, pk: str) -> Response:
        """Let its test addresses listen no longer."""
        services.stop_test(self.get_object(), by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        request=shapes.CopySerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: shapes.WorkflowSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def copy(self, request: Request, pk: str) -> Response:
        """Make another workflow of the current version."""
        workflow = self.get_object()
        wish = self._said(shapes.CopySerializer, request.data)
        made = services.copy_workflow(workflow, by=self.actor, **wish)
        return self._shown(made, status.HTTP_201_CREATED)

    def _do(self, verb: Callable[..., None]) -> Response:
        workflow = self.get_object()
        verb(workflow, by=self.actor)
        return self._shown(workflow)

    def _said(self, kind: type[Strict | serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
        wish = kind(data=data, context={"request": self.request})
        wish.is_valid(raise_exception=True)
        return dict(wish.validated_data)

    def _shown(self, workflow: Workflow, code: int = status.HTTP_200_OK) -> Response:
        row = get_object_or_404(self.get_queryset(), pk=workflow.pk)
        return Response(shapes.WorkflowSerializer(row).data, status=code)
