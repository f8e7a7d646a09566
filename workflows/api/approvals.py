"""Approvals: looked at, approved, rejected."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from whoosh_site.core.rest import ReadView, Strict
from whoosh_site.core.rest_policy import Filters
from workflows import services
from workflows.models import Approval


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """A question a run asked, and what became of it. Decide with the `digest` you saw."""

    status = serializers.ChoiceField(source="shown_state", choices=Approval.State.choices)
    workflow = serializers.IntegerField(source="execution.workflow_id")
    workflow_name = serializers.CharField(source="execution.workflow.name")
    requester = serializers.CharField(source="requester.username", default=None, allow_null=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = Approval
        fields = [
            "id", "status", "question", "text", "data", "digest", "workflow", "workflow_name",
            "execution", "node", "deciders", "users", "requester", "requester_may", "created_at",
            "expires_at", "decided_by", "decided_at", "comment",
        ]  # fmt: skip
        read_only_fields = fields
        extra_kwargs = {
            "data": {"help_text": "What it is about: JSON of the items, cut at 64 KB"},
            "users": {"help_text": "Who may decide, where deciders is users"},
        }


class DecisionSerializer(Strict):
    """A decision about what was seen."""

    digest = serializers.CharField(max_length=64, help_text="As the approval gives it")
    comment = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class ApprovalFilter(Filters):
    """Filters of the list of approvals."""

    class Meta:
        model = Approval
        fields = ["state", "execution"]


class ApprovalViewSet(ReadView):
    """Questions runs wait for. Exactly one decision is taken; a second is answered by 409."""

    queryset = Approval.objects.all()
    serializer_class = ApprovalSerializer
    filterset_class = ApprovalFilter
    http_method_names = ["get", "post", "head", "options"]
    rules = {
        "list": "approval.view",
        "retrieve": "approval.view",
        "approve": "approval.decide",
        "reject": "approval.decide",
    }

    def get_queryset(self) -> Any:
        """Return rows with what is shown of them."""
        rows = super().get_queryset()
        return rows.select_related("execution__workflow", "requester", "decided_by")

    @extend_schema(request=DecisionSerializer, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Say yes: the run goes on by its output Approved."""
        return self._decided(request, approve=True)

    @extend_schema(request=DecisionSerializer, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """Say no: the run goes on by its output Rejected."""
        return self._decided(request, approve=False)

    def _decided(self, request: Request, *, approve: bool) -> Response:
        approval = self.get_object()
        services.vet_decider(approval, self.actor)
        wish = DecisionSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        services.decide_approval(approval, approve, by=self.actor, **wish.validated_data)
        return Response(ApprovalSerializer(self.get_object()).data)
