"""Jobs at the hosts: models being fetched, loaded, unloaded, deleted."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents import services
from agents.models import ModelJob
from whoosh_site.core.rest import ReadView
from whoosh_site.core.rest_policy import Filters


class ModelJobSerializer(serializers.ModelSerializer[ModelJob]):
    """A job: what is done to which model on which agent, and how far it is."""

    agent = serializers.CharField(source="agent.name", read_only=True)
    model = serializers.CharField(source="model_name", read_only=True)
    created_by = serializers.SerializerMethodField(
        help_text="Who asked; told to members of the agent's own team"
    )
    status = serializers.CharField(
        source="said", read_only=True, help_text="What the host does now, in its own words"
    )
    trouble = serializers.CharField(
        source="waits_for", read_only=True, help_text="Why it waits; empty when it does not"
    )
    total = serializers.IntegerField(read_only=True, help_text="Bytes the host has told of")
    completed = serializers.IntegerField(read_only=True, help_text="Bytes it has of them")
    rate = serializers.FloatField(read_only=True, help_text="Bytes a second over the last seconds")
    layers = serializers.DictField(
        read_only=True, help_text="By digest: bytes of all, and those the host has"
    )

    class Meta:
        model = ModelJob
        fields = [
            "id",
            "state",
            "verb",
            "model",
            "agent",
            "force",
            "created_by",
            "created_at",
            "finished_at",
            "cancel_asked",
            "status",
            "trouble",
            "total",
            "completed",
            "rate",
            "layers",
            "error_code",
            "error",
            "attempt",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_created_by(self, job: ModelJob) -> str | None:
        """Guests of another team do not learn who works for the agent's own."""
        user = self.context["request"].user
        known = job.created_by and (user.is_superuser or job.team_id in user.roles)
        return job.created_by.username if known else None


class JobsSerializer(serializers.Serializer[Any]):
    """The jobs that were started, one for each agent."""

    results = ModelJobSerializer(many=True)


class ModelJobFilter(Filters):
    """Filters of the list of jobs."""

    name = filters.CharFilter(field_name="model_name", help_text="The model's name")
    agent = filters.CharFilter(field_name="agent__name")

    class Meta:
        model = ModelJob
        fields = ["state", "verb"]


class ModelJobViewSet(ReadView):
    """What is done to models at the hosts. Jobs are started on models; see there."""

    queryset = ModelJob.objects.select_related("agent", "created_by")
    serializer_class = ModelJobSerializer
    filterset_class = ModelJobFilter
    rules = {"list": "model.view", "retrieve": "model.view", "cancel": "model.manage"}

    @extend_schema(request=None, responses=ModelJobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Take the job back; a running one is broken off at its host within a second or two."""
        job = self.get_object()
        services.cancel_job(job, by=self.actor)
        return Response(self.get_serializer(self.get_queryset().get(pk=job.pk)).data)
