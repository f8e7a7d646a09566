"""API of the agents room."""

from datetime import UTC, datetime
from typing import Any

from asgiref.sync import async_to_sync
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import transaction
from django.db.models import Prefetch
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents import services
from agents.models import Agent, AgentCapability, AgentModel, Call, Capability, Gpu, Model
from agents.models.hosts import NAME_RULE
from agents.services.calls import Wish
from agents.services.stream import events
from whoosh_site.core import audit
from whoosh_site.core.models.people import Team
from whoosh_site.core.rest import ReadView, idempotent

LONGEST_WAIT = 300
IN_EVERY_ZONE = (
    MinValueValidator(datetime(1, 1, 2, tzinfo=UTC)),
    MaxValueValidator(datetime(9999, 12, 30, tzinfo=UTC)),
)
"""Moments that are a date in every time zone."""


class GpuSerializer(serializers.ModelSerializer[Gpu]):
    """A graphics card."""

    class Meta:
        model = Gpu
        fields = ["name", "vram_gb"]


class AgentCapabilitySerializer(serializers.ModelSerializer[AgentCapability]):
    """How good an agent is at something, 0 to 1."""

    name = serializers.CharField(source="capability.name", max_length=80, validators=[NAME_RULE])

    class Meta:
        model = AgentCapability
        fields = ["name", "proficiency"]


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
            "tps",
            "prompt_tps",
        ]


class AgentSerializer(serializers.ModelSerializer[Agent]):
    """An agent: what it is (writable by administrators) and how it is."""

    team = serializers.SlugRelatedField(
        slug_field="name", queryset=Team.objects.all(), required=False
    )
    shared_with = serializers.SlugRelatedField(
        slug_field="name", queryset=Team.objects.all(), many=True, required=False
    )
    api_key = serializers.CharField(write_only=True, required=False, allow_blank=True)
    gpus = GpuSerializer(many=True, required=False)
    capabilities = AgentCapabilitySerializer(many=True, required=False)
    models = AgentModelSerializer(many=True, read_only=True)
    status = serializers.CharField(read_only=True)
    status_reason = serializers.CharField(read_only=True)
    since = serializers.DateTimeField(source="health.since", read_only=True)
    checked_at = serializers.DateTimeField(source="health.checked_at", read_only=True)
    flavour = serializers.CharField(source="health.flavour", read_only=True)
    version = serializers.CharField(source="health.version", read_only=True)
    latency_ms = serializers.FloatField(source="health.latency_ms", read_only=True)
    in_flight = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = Agent
        fields = [
            "id",
            "name",
            "title",
            "team",
            "shared_with",
            "endpoint",
            "protocol",
            "allow_local",
            "api_key",
            "preferred_model",
            "specialization",
            "slots",
            "tags",
            "enabled",
            "maintenance",
            "models_fixed",
            "cpu_cores",
            "ram_gb",
            "gpus",
            "capabilities",
            "min_tps",
            "max_response_time",
            "target_availability",
            "priority",
            "builtin",
            "created_at",
            "status",
            "status_reason",
            "since",
            "checked_at",
            "flavour",
            "version",
            "latency_ms",
            "in_flight",
            "models",
        ]
        read_only_fields = ["id", "builtin", "created_at"]
        # The service answers these, with what exists already by name.
        extra_kwargs = {"name": {"validators": []}, "endpoint": {"validators": []}}

    def to_representation(self, instance: Agent) -> dict[str, Any]:
        """Name only the caller's teams: guests do not learn who else may use the agent."""
        user, shown = self.context["request"].user, super().to_representation(instance)
        guests = [t for t in instance.shared_with.all() if user.is_superuser or t.pk in user.roles]
        return shown | {"shared_with": [team.name for team in guests]}


class ExaminationSerializer(serializers.Serializer[Any]):
    """What an endpoint answered."""

    ok = serializers.BooleanField()
    message = serializers.CharField()
    protocol = serializers.CharField()
    flavour = serializers.CharField()
    version = serializers.CharField()
    latency_ms = serializers.FloatField(allow_null=True)


class EndpointSerializer(serializers.Serializer[Any]):
    """An endpoint to look at before it is saved."""

    endpoint = serializers.CharField()
    api_key = serializers.CharField(required=False, allow_blank=True, default="")
    protocol = serializers.ChoiceField(choices=Agent.Protocol.choices, required=False, default="")
    allow_local = serializers.BooleanField(required=False, default=False)


class AgentFilter(filters.FilterSet):
    """Filters of the list of agents."""

    status = filters.CharFilter(field_name="health__status")
    capability = filters.CharFilter(field_name="capabilities__capability__name")
    model = filters.CharFilter(field_name="models__model__name")
    team = filters.CharFilter(field_name="team__name")

    class Meta:
        model = Agent
        fields = ["name", "enabled", "maintenance"]


class AgentViewSet(
    mixins.CreateModelMixin, mixins.UpdateModelMixin, mixins.DestroyModelMixin, ReadView
):
    """Hosts that run models. Administrators register them; owners of their team drain them."""

    queryset = Agent.objects.all()
    serializer_class = AgentSerializer
    filterset_class = AgentFilter
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    rules = {
        "list": "agent.view",
        "retrieve": "agent.view",
        "create": "agent.register",
        "partial_update": "agent.change",
        "destroy": "agent.delete",
        "examine": "agent.register",
        "check_now": "agent.check",
        "drain": "agent.drain",
        "resume": "agent.drain",
        "enable": "agent.drain",
        "disable": "agent.drain",
    }

    def get_queryset(self) -> Any:
        """Return agents with all that the answer shows, in a fixed number of queries."""
        related = ("gpus", "capabilities__capability", "models__model", "shared_with")
        return super().get_queryset().with_state().prefetch_related(*related)

    def perform_create(self, serializer: serializers.BaseSerializer[Agent]) -> None:
        """Register an agent; its first check follows at once."""
        fields = dict(serializer.validated_data)
        parts = {name: fields.pop(name, None) for name in ("gpus", "capabilities", "shared_with")}
        fields.setdefault("team", self.request.user.home_team)
        agent = services.register_agent(by=self.actor, **fields)
        self._parts(agent, parts)
        serializer.instance = self.get_queryset().get(pk=agent.pk)

    def perform_update(self, serializer: serializers.BaseSerializer[Agent]) -> None:
        """Change an agent."""
        fields = dict(serializer.validated_data)
        parts = {name: fields.pop(name, None) for name in ("gpus", "capabilities", "shared_with")}
        agent = serializer.instance
        services.change_agent(agent, by=self.actor, **fields)
        self._parts(agent, parts)
        serializer.instance = self.get_queryset().get(pk=agent.pk)

    def _parts(self, agent: Agent, parts: dict[str, Any]) -> None:
        if parts["shared_with"] is not None:
            services.share_agent(agent, parts["shared_with"], by=self.actor)
        if parts["gpus"] is not None:
            services.set_gpus(agent, [(g["name"], g.get("vram_gb")) for g in parts["gpus"]])
        if parts["capabilities"] is not None:
            wanted = {
                row["capability"]["name"]: row.get("proficiency", AgentCapability.DEFAULT)
                for row in parts["capabilities"]
            }
            services.set_capabilities(agent, wanted)

    def perform_destroy(self, instance: Agent) -> None:
        """Remove an agent; its calls stay."""
        services.delete_agent(instance, by=self.actor)

    @extend_schema(request=EndpointSerializer, responses=ExaminationSerializer)
    @action(detail=False, methods=["post"])
    def examine(self, request: Request) -> Response:
        """Ask an endpoint what it is, without saving anything."""
        data = EndpointSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        wish = dict(data.validated_data)
        url = services.vet_endpoint(wish.pop("endpoint"), allow_local=wish["allow_local"])
        found = async_to_sync(services.examine)(url, **wish)
        return Response(ExaminationSerializer(found).data)

    @extend_schema(request=None, responses={202: AgentSerializer})
    @action(detail=True, methods=["post"], url_path="check")
    def check_now(self, request: Request, pk: str) -> Response:
        """Look at the host again at once, models included."""
        agent = self.get_object()
        services.refresh(agent, by=self.actor)
        return Response(self.get_serializer(agent).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=AgentSerializer)
    @action(detail=True, methods=["post"])
    def drain(self, request: Request, pk: str) -> Response:
        """Finish calls in hand and start no new ones."""
        return self._switched(services.drain, on=True)

    @extend_schema(request=None, responses=AgentSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Take calls again."""
        return self._switched(services.drain, on=False)

    @extend_schema(request=None, responses=AgentSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        """Switch the agent on."""
        return self._switched(services.switch, on=True)

    @extend_schema(request=None, responses=AgentSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        """Switch the agent off: neither used nor checked."""
        return self._switched(services.switch, on=False)

    def _switched(self, service: Any, *, on: bool) -> Response:
        agent = self.get_object()
        service(agent, by=self.actor, on=on)
        return Response(self.get_serializer(self.get_queryset().get(pk=agent.pk)).data)


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


class CapabilitySerializer(serializers.ModelSerializer[Capability]):
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


class CallSerializer(serializers.ModelSerializer[Call]):
    """A call: what was asked, who answered and why, the exact figures."""

    agent = serializers.CharField(source="agent_name", read_only=True)
    model = serializers.CharField(source="model_name", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None)

    class Meta:
        model = Call
        fields = [
            "id",
            "state",
            "team",
            "created_by",
            "source",
            "created_at",
            "title",
            "wanted_agent",
            "wanted_model",
            "wanted_capability",
            "messages",
            "options",
            "schema",
            "agent",
            "model",
            "reason",
            "decision",
            "trouble",
            "answer",
            "thinking",
            "tool_calls",
            "done_reason",
            "error_code",
            "error",
            "attempt",
            "sent_at",
            "finished_at",
            "wait_ms",
            "load_ms",
            "first_token_ms",
            "prompt_ms",
            "answer_ms",
            "total_ms",
            "prompt_tokens",
            "answer_tokens",
            "tps",
            "prompt_tps",
        ]
        read_only_fields = fields


class BriefCallSerializer(CallSerializer):
    """A call without its texts, for lists."""

    class Meta(CallSerializer.Meta):
        fields = [name for name in CallSerializer.Meta.fields if name not in Call.TEXTS]
        read_only_fields = fields


class MessageSerializer(serializers.Serializer[Any]):
    """One turn of a conversation."""

    role = serializers.ChoiceField(choices=["system", "user", "assistant", "tool"])
    content = serializers.CharField(allow_blank=True, trim_whitespace=False, default="")
    images = serializers.ListField(child=serializers.CharField(), required=False, max_length=16)


class OwnTeam(serializers.SlugRelatedField):
    """A team by name; one of others is as unknown as one that does not exist."""

    def get_queryset(self) -> Any:
        """Return the caller's teams."""
        return Team.objects.visible_to(self.context["request"].user)


class AskSerializer(serializers.Serializer[Any]):
    """A prompt, or a whole conversation, and what it needs."""

    prompt = serializers.CharField(required=False, trim_whitespace=False)
    messages = MessageSerializer(many=True, required=False)
    agent = serializers.CharField(required=False, default="")
    model = serializers.CharField(required=False, default="")
    capability = serializers.CharField(required=False, default="")
    team = OwnTeam(slug_field="name", queryset=Team.objects.none(), required=False)
    options = serializers.DictField(required=False, default=dict)
    schema = serializers.DictField(required=False, default=None, allow_null=True)
    stream = serializers.BooleanField(
        default=False, help_text="Answer with server-sent events as the tokens come"
    )
    wait = serializers.IntegerField(
        default=0,
        min_value=0,
        max_value=LONGEST_WAIT,
        help_text="Seconds to wait for the end before answering",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Turn a prompt into a conversation."""
        if ("prompt" in attrs) == ("messages" in attrs):
            raise serializers.ValidationError({"prompt": "Give either prompt or messages."})
        if "prompt" in attrs:
            attrs["messages"] = [{"role": "user", "content": attrs.pop("prompt")}]
        return attrs


class CallFilter(filters.FilterSet):
    """Filters of the list of calls."""

    agent = filters.CharFilter(field_name="agent_name")
    model = filters.CharFilter(field_name="model_name")
    created_by = filters.CharFilter(field_name="created_by__username")
    since = filters.IsoDateTimeFilter(
        field_name="created_at", lookup_expr="gte", validators=IN_EVERY_ZONE
    )

    class Meta:
        model = Call
        fields = ["state", "source"]


class CallViewSet(ReadView):
    """Prompts and their answers. POST asks; the answer comes later, by waiting or as a stream."""

    queryset = Call.objects.select_related("created_by")
    serializer_class = CallSerializer
    filterset_class = CallFilter
    rules = {
        "list": "call.view",
        "retrieve": "call.view",
        "create": "call.create",
        "cancel": "call.cancel",
    }

    def get_serializer_class(self) -> Any:
        """Lists leave the texts out."""
        return BriefCallSerializer if self.action == "list" else CallSerializer

    def get_queryset(self) -> Any:
        """Lists do not even read the texts."""
        rows = super().get_queryset()
        return rows.brief() if self.action == "list" else rows

    @extend_schema(request=AskSerializer, responses={200: CallSerializer, 202: CallSerializer})
    def create(self, request: Request) -> Any:
        """Ask. 202 with the call at once; with `wait` 200 once it ended; with `stream` events."""
        wish = AskSerializer(data=request.data, context={"request": request})
        wish.is_valid(raise_exception=True)
        data = wish.validated_data
        made = self._ask(request, data)
        call = get_object_or_404(self.get_queryset(), pk=made.data["id"])
        if data["stream"]:
            return StreamingHttpResponse(events(call.pk, _whole), content_type="text/event-stream")
        call = services.wait_for(call, data["wait"])
        code = status.HTTP_200_OK if call.ended else status.HTTP_202_ACCEPTED
        headers = {"Location": f"/api/v1/calls/{call.pk}/"} | dict(made.headers)
        return Response(CallSerializer(call).data, status=code, headers=headers)

    @idempotent
    def _ask(self, request: Request, data: dict[str, Any]) -> Response:
        call = services.ask(
            Wish(
                messages=[dict(message) for message in data["messages"]],
                agent=data["agent"],
                model=data["model"],
                capability=data["capability"],
                options=data["options"],
                schema=data["schema"],
                streams=data["stream"],
            ),
            by=self.actor,
            team=data.get("team"),
            source=Call.Source.API,
        )
        return Response({"id": call.pk}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=CallSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop the call; a running one is stopped at its host."""
        call = self.get_object()
        services.cancel_call(call, by=self.actor)
        return Response(CallSerializer(services.wait_for(call, 5)).data)


def _whole(call: Call) -> dict[str, Any]:
    return dict(CallSerializer(call).data)
