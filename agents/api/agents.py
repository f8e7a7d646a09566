"""Agents: what they are, how they are, and what can be done with them."""

from typing import Any

from asgiref.sync import async_to_sync
from django.db import transaction
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents import services
from agents.api.models import AgentModelSerializer
from agents.models import Agent, AgentCapability, Gpu, Health, with_models
from agents.models.hosts import NAME_RULE
from whoosh_site.core.models.people import Team
from whoosh_site.core.rest import Part, ReadView, Strict
from whoosh_site.core.rest_policy import Filters

PARTS = ("gpus", "capabilities", "shared_with", "model_slots")
"""What stands in rows of its own."""


class TextsField(serializers.ListField):
    """A list of short texts."""

    child = serializers.CharField(max_length=200)


class GpuSerializer(Part, serializers.ModelSerializer[Gpu]):
    """A graphics card."""

    class Meta:
        model = Gpu
        fields = ["name", "vram_gb"]


class AgentCapabilitySerializer(Part, serializers.ModelSerializer[AgentCapability]):
    """How good an agent is at something, 0 to 1."""

    name = serializers.CharField(source="capability.name", max_length=80, validators=[NAME_RULE])

    class Meta:
        model = AgentCapability
        fields = ["name", "proficiency"]


class AgentSerializer(Strict, serializers.ModelSerializer[Agent]):
    """An agent: what it is (writable by administrators) and how it is."""

    team = serializers.SlugRelatedField(
        slug_field="name", queryset=Team.objects.all(), required=False
    )
    shared_with = serializers.SlugRelatedField(
        slug_field="name", queryset=Team.objects.all(), many=True, required=False
    )
    api_key = serializers.CharField(write_only=True, required=False, allow_blank=True)
    tags = TextsField(required=False)
    models_fixed = TextsField(
        required=False, help_text="Use only these models of the host; empty for all"
    )
    gpus = GpuSerializer(many=True, required=False)
    capabilities = AgentCapabilitySerializer(many=True, required=False)
    models = AgentModelSerializer(many=True, read_only=True)
    model_slots = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=1000, allow_null=True),
        required=False,
        help_text="Calls at once of models the host limits more than others, by name; null for as "
        "many as the agent has slots. Models that are not named stay as they are",
    )
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
            "model_slots",
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


class EndpointSerializer(Strict):
    """An endpoint to look at before it is saved."""

    endpoint = serializers.CharField()
    api_key = serializers.CharField(required=False, allow_blank=True, default="")
    protocol = serializers.ChoiceField(choices=Agent.Protocol.choices, required=False, default="")
    allow_local = serializers.BooleanField(required=False, default=False)


class AgentFilter(Filters):
    """Filters of the list of agents."""

    status = filters.ChoiceFilter(choices=Health.Status.choices, method="shown_as")
    capability = filters.CharFilter(field_name="capabilities__capability__name")
    model = filters.CharFilter(field_name="models__model__name")
    team = filters.CharFilter(field_name="team__name")

    class Meta:
        model = Agent
        fields = ["name", "enabled", "maintenance"]

    def shown_as(self, rows: Any, name: str, status: str) -> Any:
        """As the field `status` shows it: the switches come before what the last check saw."""
        switches = {Health.Status.DISABLED: {"enabled": False}}
        switches[Health.Status.DRAINING] = {"enabled": True, "maintenance": True}
        seen = {"enabled": True, "maintenance": False, "health__status": status}
        return rows.filter(**switches.get(status, seen))


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
        related = ("gpus", "capabilities__capability", with_models(), "shared_with")
        return super().get_queryset().with_state().prefetch_related(*related)

    @transaction.atomic
    def perform_create(self, serializer: serializers.BaseSerializer[Agent]) -> None:
        """Register an agent; its first check follows at once."""
        fields = dict(serializer.validated_data)
        parts = {name: fields.pop(name, None) for name in PARTS}
        fields.setdefault("team", self.request.user.home_team)
        agent = services.register_agent(by=self.actor, **fields)
        self._parts(agent, parts)
        serializer.instance = self.get_queryset().get(pk=agent.pk)

    @transaction.atomic
    def perform_update(self, serializer: serializers.BaseSerializer[Agent]) -> None:
        """Change an agent."""
        fields = dict(serializer.validated_data)
        parts = {name: fields.pop(name, None) for name in PARTS}
        agent = serializer.instance
        services.change_agent(agent, by=self.actor, **fields)
        self._parts(agent, parts)
        serializer.instance = self.get_queryset().get(pk=agent.pk)

    def _parts(self, agent: Agent, parts: dict[str, Any]) -> None:
        if parts["shared_with"] is not None:
            services.share_agent(agent, parts["shared_with"], by=self.actor)
        if parts["model_slots"] is not None:
            services.set_model_slots(agent, parts["model_slots"], by=self.actor)
        if parts["gpus"] is not None:
            gpus = [(gpu["name"], gpu.get("vram_gb")) for gpu in parts["gpus"]]
            services.set_gpus(agent, gpus, by=self.actor)
        if parts["capabilities"] is not None:
            wanted = {
                row["capability"]["name"]: row.get("proficiency", AgentCapability.DEFAULT)
                for row in parts["capabilities"]
            }
            services.set_capabilities(agent, wanted, by=self.actor)

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
