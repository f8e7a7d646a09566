"""Models and capabilities."""

from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from rest_framework import mixins, serializers

from agents.models import Agent, AgentModel, Capability, Model
from whoosh_site.core import audit
from whoosh_site.core.rest import ReadView, Strict


class AgentModelSerializer(serializers.ModelSerializer[AgentModel]):
    """A model on a host."""

    name = serializers.CharField(source="model.name")
    agent = serializers.CharField(source="agent.name")

    class Meta:
        model = AgentModel
        fields = [
            "name",
            "agent",
            "digest",
            "size",
            "quantization",
            "capabilities",
            "context_length",
            "resident",
            "resident_until",
            "resident_context",
            "size_vram",
            "remote_host",
            "tps",
            "prompt_tps",
        ]


class ModelSerializer(serializers.ModelSerializer[Model]):
    """A model and the hosts that have it."""

    hosts = AgentModelSerializer(many=True, read_only=True)

    class Meta:
        model = Model
        fields = ["id", "name", "family", "parameters", "hosts"]


class ModelViewSet(ReadView):
    """Models over all hosts the caller sees."""

    queryset = Model.objects.all()
    serializer_class = ModelSerializer
    filterset_fields = ["name", "family"]
    rules = {"list": "model.view", "retrieve": "model.view"}

    def get_queryset(self) -> Any:
        """Return models with the visible hosts only."""
        rows = AgentModel.objects.select_related("agent", "model")
        if self.request.user.is_authenticated:
            rows = rows.filter(agent__in=Agent.objects.visible_to(self.request.user))
        return super().get_queryset().prefetch_related(Prefetch("hosts", rows))


class CapabilitySerializer(Strict, serializers.ModelSerializer[Capability]):
    """Something agents can be good at."""

    class Meta:
        model = Capability
        fields = ["id", "name", "description"]


class CapabilityViewSet(
    mixins.CreateModelMixin, mixins.UpdateModelMixin, mixins.DestroyModelMixin, ReadView
):
    """The words agents are described with."""

    queryset = Capability.objects.all()
    serializer_class = CapabilitySerializer
    filterset_fields = ["name"]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    rules = {
        "list": "capability.view",
        "retrieve": "capability.view",
        "create": "capability.change",
        "partial_update": "capability.change",
        "destroy": "capability.change",
    }

    @transaction.atomic
    def perform_create(self, serializer: serializers.BaseSerializer[Capability]) -> None:
        """Add a word."""
        audit.record(self.actor, "created", serializer.save())

    @transaction.atomic
    def perform_update(self, serializer: serializers.BaseSerializer[Capability]) -> None:
        """Change a word."""
        audit.record(self.actor, "changed", serializer.save(), serializer.validated_data)

    @transaction.atomic
    def perform_destroy(self, instance: Capability) -> None:
        """Remove a word from all agents."""
        audit.record(self.actor, "deleted", instance)
        instance.delete()
