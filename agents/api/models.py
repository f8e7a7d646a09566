"""Models and capabilities."""

from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from django.http import Http404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents import services
from agents.api.jobs import JobsSerializer
from agents.models import AgentModel, Capability, Model, ModelJob
from agents.models.registry import KEEP_RULE
from whoosh_site.core import audit
from whoosh_site.core.errors import BadInput
from whoosh_site.core.openapi import IDEMPOTENCY_KEY
from whoosh_site.core.rest import REPLAY, ReadView, Strict, idempotent
from whoosh_site.core.rest_policy import Filters, Flag


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
            "load_ms",
            "keep_alive",
            "pinned",
        ]


class ModelSerializer(serializers.ModelSerializer[Model]):
    """A model and the hosts that have it."""

    digests_differ = serializers.BooleanField(
        read_only=True, help_text="Hosts hold different files under this name"
    )
    hosts = AgentModelSerializer(many=True, read_only=True)

    class Meta:
        model = Model
        fields = ["id", "name", "family", "parameters", "digests_differ", "hosts"]


class ModelFilter(Filters):
    """Filters of the list of models; all of them have to fit one and the same host."""

    capability = filters.CharFilter(help_text="What some host says that it can do, such as vision")
    resident = Flag(help_text="In memory on some host, or on none")
    agent = filters.CharFilter(help_text="On this agent")

    class Meta:
        model = Model
        fields = ["name", "family"]

    def filter_queryset(self, queryset: Any) -> Any:
        """Look for what belongs together in one row of a host."""
        asked = dict(self.form.cleaned_data)
        held = {name: asked.pop(name) for name in ("capability", "resident", "agent")}
        for name, value in asked.items():
            queryset = self.filters[name].filter(queryset, value)
        if any(value not in (None, "") for value in held.values()):
            queryset = queryset.held_as(self.request.user, **held)
        return queryset


class OnAgentsSerializer(Strict):
    """On which agents something is to be done."""

    agents = serializers.ListField(
        child=serializers.CharField(max_length=80), allow_empty=False, max_length=100
    )


class PullSerializer(OnAgentsSerializer):
    """A model to be fetched, and where to."""

    model = serializers.CharField(max_length=200, help_text="Such as llama3:8b")


class UnlessUsedSerializer(OnAgentsSerializer):
    """On which agents, and whether calls that run on the model there matter."""

    force = serializers.BooleanField(default=False, help_text="Also while calls run on it")


class KeepSerializer(OnAgentsSerializer):
    """How long a model stays in memory on these agents; what is left out stays as it is."""

    keep_alive = serializers.CharField(
        required=False, allow_blank=True, validators=[KEEP_RULE], help_text=KEEP_RULE.message
    )
    pinned = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a change of nothing."""
        if "keep_alive" not in attrs and "pinned" not in attrs:
            raise serializers.ValidationError({"keep_alive": "Give keep_alive or pinned, or both."})
        return attrs


def starts_jobs(body: type[Strict]) -> Any:
    """Describe an action that starts a job for each agent."""
    return extend_schema(
        request=body, responses={202: JobsSerializer}, parameters=[IDEMPOTENCY_KEY]
    )


class ModelViewSet(ReadView):
    """Models over all hosts the caller sees; owners of a host's team manage them there."""

    queryset = Model.objects.all()
    serializer_class = ModelSerializer
    filterset_class = ModelFilter
    rules = {
        "list": "model.view",
        "retrieve": "model.view",
        "pull": "model.manage",
        "load": "model.manage",
        "unload": "model.manage",
        "remove": "model.manage",
        "keep": "model.manage",
    }

    def get_queryset(self) -> Any:
        """Return models with the visible hosts only."""
        rows = AgentModel.objects.select_related("agent", "model")
        if self.request.user.is_authenticated:
            rows = rows.visible_to(self.request.user)
        return super().get_queryset().prefetch_related(Prefetch("hosts", rows))

    @starts_jobs(PullSerializer)
    @action(detail=False, methods=["post"])
    def pull(self, request: Request) -> Response:
        """Fetch a model, or bring it up to date, on these agents; how far it is, the jobs tell."""
        data = _read(PullSerializer, request)
        return self._started(request, ModelJob.Verb.PULL, data["model"], data)

    @starts_jobs(OnAgentsSerializer)
    @action(detail=True, methods=["post"])
    def load(self, request: Request, pk: str) -> Response:
        """Have the model in memory on these agents."""
        model, data = self.get_object().name, _read(OnAgentsSerializer, request)
        return self._started(request, ModelJob.Verb.LOAD, model, data)

    @starts_jobs(UnlessUsedSerializer)
    @action(detail=True, methods=["post"])
    def unload(self, request: Request, pk: str) -> Response:
        """Take the model out of memory on these agents."""
        model, data = self.get_object().name, _read(UnlessUsedSerializer, request)
        return self._started(request, ModelJob.Verb.UNLOAD, model, data)

    @starts_jobs(UnlessUsedSerializer)
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: str) -> Response:
        """Delete the model from the disks of these agents."""
        model, data = self.get_object().name, _read(UnlessUsedSerializer, request)
        return self._started(request, ModelJob.Verb.DELETE, model, data)

    @extend_schema(request=KeepSerializer, responses=ModelSerializer)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: str) -> Response:
        """Say how long the model stays in memory on these agents, or pin it there."""
        model, data = self.get_object(), _read(KeepSerializer, request)
        agents = services.agents_named(data.pop("agents"), by=self.actor)
        with transaction.atomic():
            for agent in agents:
                held = agent.models.filter(model=model).select_related("agent", "model").first()
                if held is None:
                    raise BadInput(f"agents: {agent.name} does not have {model}.")
                services.keep_model(held, by=self.actor, **data)
        return Response(self.get_serializer(self.get_queryset().get(pk=model.pk)).data)

    def _started(self, request: Request, verb: str, model: str, data: dict[str, Any]) -> Response:
        made = self._start(request, verb, model, data)
        seen = ModelJob.objects.visible_to(request.user).select_related("agent", "created_by")
        jobs = list(seen.filter(pk__in=made.data["ids"]).order_by("pk"))
        if not jobs:  # an earlier answer, of hosts the caller sees no more
            raise Http404
        told = JobsSerializer({"results": jobs}, context=self.get_serializer_context())
        headers = {name: made[name] for name in (REPLAY,) if made.has_header(name)}
        return Response(told.data, status=status.HTTP_202_ACCEPTED, headers=headers)

    @idempotent
    def _start(self, request: Request, verb: str, model: str, data: dict[str, Any]) -> Response:
        agents = services.agents_named(data["agents"], by=self.actor)
        force = data.get("force", False)
        jobs = services.start_jobs(verb, model, agents, by=self.actor, force=force)
        return Response({"ids": [job.pk for job in jobs]}, status=status.HTTP_202_ACCEPTED)


def _read(kind: type[Strict], request: Request) -> dict[str, Any]:
    data = kind(data=request.data)
    data.is_valid(raise_exception=True)
    return dict(data.validated_data)


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
