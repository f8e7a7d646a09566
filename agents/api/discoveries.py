"""Discoveries: searches for model hosts, and making agents of what they find."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents import services
from agents.api.agents import AgentSerializer
from agents.models import Agent, Discovery
from agents.targets import LAST_PORT, MOST_ADDRESSES
from whoosh_site.core.models.people import Team
from whoosh_site.core.openapi import IDEMPOTENCY_KEY
from whoosh_site.core.rest import Part, ReadView, Strict, idempotent


class FindSerializer(serializers.Serializer[Any]):
    """What answered at one place, or why a host that was named did not."""

    endpoint = serializers.CharField()
    ok = serializers.BooleanField(help_text="It is a model host")
    needs_key = serializers.BooleanField()
    allow_local = serializers.BooleanField(help_text="It is this machine")
    flavour = serializers.CharField()
    version = serializers.CharField()
    models = serializers.IntegerField(help_text="How many it has")
    slots = serializers.IntegerField(allow_null=True, help_text="Where the host tells")
    message = serializers.CharField()
    agent = serializers.CharField(help_text="The agent it is already; empty for none")
    name = serializers.CharField(help_text="A name it could have")


class DiscoverySerializer(serializers.ModelSerializer[Discovery]):
    """A search for hosts, how far it is, and what it has found."""

    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None)
    found = serializers.SerializerMethodField()

    class Meta:
        model = Discovery
        fields = [
            "id", "state", "targets", "ports", "total", "asked", "trouble", "created_by",
            "created_at", "finished_at", "found",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(FindSerializer(many=True))
    def get_found(self, row: Discovery) -> Any:
        """With what each is already, or could be called."""
        return FindSerializer(services.with_names(row.found), many=True).data


class StartSerializer(Strict):
    """Where to look."""

    targets = serializers.ListField(
        child=serializers.CharField(max_length=300),
        max_length=MOST_ADDRESSES,
        help_text="Hosts, host:port or networks such as 192.168.1.0/24",
    )
    ports = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        default=list,
        help_text=f"1 to {LAST_PORT}, at most 10; the usual ones of model hosts when left out",
    )


class ChosenSerializer(Part):
    """One host to register; its name is suggested when left out."""

    endpoint = serializers.CharField(max_length=300)
    name = serializers.CharField(max_length=80, required=False, default="")
    api_key = serializers.CharField(required=False, default="", write_only=True)


class RegisterSerializer(Strict):
    """Which hosts to register, and for whom."""

    hosts = ChosenSerializer(many=True, allow_empty=False)
    team = serializers.SlugRelatedField(
        slug_field="name", queryset=Team.objects.all(), required=False
    )


class DiscoveryViewSet(ReadView):
    """Searches for hosts that an administrator asks for; WHOOSH makes none by itself."""

    queryset = Discovery.objects.select_related("created_by")
    serializer_class = DiscoverySerializer
    filterset_fields = ["state"]
    rules = {
        "list": "discovery.view",
        "retrieve": "discovery.view",
        "create": "agent.register",
        "cancel": "agent.register",
        "register": "agent.register",
    }

    @extend_schema(
        request=StartSerializer,
        responses={202: DiscoverySerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Look for hosts. 202; `state`, `asked` and `found` tell how far it is."""
        data = StartSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        row = services.start_discovery(**data.validated_data, by=self.actor)
        headers = {"Location": f"/api/v1/discoveries/{row.pk}/"}
        return Response(self.get_serializer(row).data, status.HTTP_202_ACCEPTED, headers=headers)

    @extend_schema(request=None, responses={202: DiscoverySerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop looking; what was found stays."""
        row = self.get_object()
        services.cancel_discovery(row, by=self.actor)
        row.refresh_from_db()
        return Response(self.get_serializer(row).data, status.HTTP_202_ACCEPTED)

    @extend_schema(request=RegisterSerializer, responses={201: AgentSerializer(many=True)})
    @action(detail=True, methods=["post"], pagination_class=None, filter_backends=[])
    def register(self, request: Request, pk: str) -> Response:
        """Make agents of hosts that were found: all of these, or none when one is refused."""
        row = self.get_object()
        data = RegisterSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        chosen = [services.Chosen(**one) for one in data.validated_data["hosts"]]
        team = data.validated_data.get("team")
        made = services.register_found(row.found, chosen, by=self.actor, team=team)
        agents = Agent.objects.with_state().filter(pk__in=[agent.pk for agent in made])
        shown = AgentSerializer(agents, many=True, context=self.get_serializer_context())
        return Response(shown.data, status.HTTP_201_CREATED)
