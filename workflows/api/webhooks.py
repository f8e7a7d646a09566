"""Addresses that start workflows: looked at. Activating a workflow makes them."""

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers

from whoosh_site.core.rest import ReadView, public_url
from whoosh_site.core.rest_policy import Filters
from workflows.models import Trigger


class WebhookSerializer(serializers.ModelSerializer[Trigger]):
    """An address: what is called, how, and what it starts."""

    workflow = serializers.IntegerField(source="workflow_id", read_only=True)
    workflow_name = serializers.CharField(source="workflow.name", read_only=True)
    team = serializers.CharField(source="workflow.team.name", read_only=True)
    url = serializers.SerializerMethodField()
    authentication = serializers.SerializerMethodField()
    last_called_at = serializers.DateTimeField(source="last_at", read_only=True)

    class Meta:
        model = Trigger
        fields = [
            "id", "kind", "method", "path", "url", "node", "workflow", "workflow_name", "team",
            "authentication", "test", "until", "last_called_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_url(self, trigger: Trigger) -> str:
        """Return the whole address."""
        return public_url(self.context["request"], trigger.address)

    def get_authentication(self, trigger: Trigger) -> str:
        """Return how callers are checked: none, basicAuth, headerAuth or jwtAuth."""
        return str(trigger.options.get("guard", {}).get("kind", "none"))


class WebhookFilter(Filters):
    """Filters of the list of addresses."""

    name = filters.CharFilter(field_name="workflow__name")
    workflow = filters.NumberFilter(field_name="workflow", min_value=0, max_value=2**62)

    class Meta:
        model = Trigger
        fields = ["kind", "method", "path", "test"]


class WebhookViewSet(ReadView):
    """Addresses of webhooks, forms and chats that listen now, newest first."""

    queryset = Trigger.objects.all()
    serializer_class = WebhookSerializer
    filterset_class = WebhookFilter
    rules = {"list": "workflow.view", "retrieve": "workflow.view"}

    def get_queryset(self) -> QuerySet[Trigger]:
        """Return those with an address."""
        return super().get_queryset().called()
