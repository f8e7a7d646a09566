"""Hosts that join by themselves: the tokens, the requests, and the door hosts come to."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import services
from agents.api.agents import TextsField
from agents.models import Agent, JoinRequest, JoinToken
from agents.models.hosts import NAME_RULE
from agents.targets import LAST_PORT
from whoosh_site.core.auth import address_of, wrong
from whoosh_site.core.models.people import Team
from whoosh_site.core.rest import ReadView, Strict, TeamView
from whoosh_site.core.rest_policy import CallerThrottle


class JoinTokenSerializer(Strict, serializers.ModelSerializer[JoinToken]):
    """A join token; `token` is there only in the answer that made it."""

    team = serializers.SlugRelatedField(
        slug_field="name", queryset=Team.objects.all(), required=False
    )
    expires_in_days = serializers.IntegerField(
        write_only=True, required=False, min_value=1, max_value=365, help_text="Default 7"
    )
    token = serializers.SerializerMethodField()

    class Meta:
        model = JoinToken
        fields = [
            "id", "name", "team", "prefix", "most_uses", "uses", "created_at", "expires_at",
            "expires_in_days", "token",
        ]  # fmt: skip
        read_only_fields = ["id", "prefix", "uses", "created_at", "expires_at"]

    def get_token(self, token: JoinToken) -> str | None:
        """Return the text of a token just made."""
        return getattr(token, "text", None)


class JoinTokenViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.DestroyModelMixin,
    TeamView,
):
    """Tokens with which hosts ask to join; they open nothing else."""

    queryset = JoinToken.objects.select_related("team")
    serializer_class = JoinTokenSerializer
    filterset_fields = ["name"]
    rules = {
        "list": "joining.view",
        "retrieve": "joining.view",
        "create": "joining.change",
        "destroy": "joining.change",
    }

    def perform_create(self, serializer: serializers.BaseSerializer[JoinToken]) -> None:
        """Make a token; its text is in this answer only."""
        data = serializer.validated_data
        token, text = services.make_join_token(
            by=self.actor,
            team=data.get("team") or self.request.user.home_team,
            name=data["name"],
            days=data.get("expires_in_days", 7),
            most_uses=data.get("most_uses", 1),
        )
        token.text = text  # type: ignore[attr-defined]
        serializer.instance = token

    def perform_destroy(self, instance: JoinToken) -> None:
        """Revoke a token."""
        services.revoke_join_token(instance, by=self.actor)


class JoinRequestSerializer(serializers.ModelSerializer[JoinRequest]):
    """A host that asked to join, and what became of it."""

    team = serializers.CharField(source="team.name")
    token = serializers.CharField(source="token.prefix", default=None, help_text="Its prefix")
    decided_by = serializers.CharField(source="decided_by.username", default=None)
    agent = serializers.CharField(source="agent.name", default=None)

    class Meta:
        model = JoinRequest
        fields = [
            "id", "state", "name", "endpoint", "allow_local", "protocol", "slots", "capabilities",
            "tags", "team", "token", "address", "created_at", "decided_at", "decided_by", "agent",
            "trouble",
        ]  # fmt: skip
        read_only_fields = fields


class ApproveSerializer(Strict):
    """What the host did not say itself."""

    api_key = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="The host's own key, if it has one"
    )


class JoinRequestViewSet(ReadView):
    """Hosts that asked to join. Nothing is sent to them before one is approved."""

    queryset = JoinRequest.objects.select_related("team", "token", "decided_by", "agent")
    serializer_class = JoinRequestSerializer
    filterset_fields = ["name", "state"]
    rules = {
        "list": "joining.view",
        "retrieve": "joining.view",
        "approve": "agent.register",
        "reject": "agent.register",
    }

    @extend_schema(request=ApproveSerializer, responses=JoinRequestSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Look at the host and make it an agent; what goes wrong stays in `trouble`."""
        row = self.get_object()
        data = ApproveSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        services.approve_join(row, by=self.actor, **data.validated_data)
        return Response(self.get_serializer(self.get_queryset().get(pk=row.pk)).data)

    @extend_schema(request=None, responses=JoinRequestSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """Turn the host away; the record stays."""
        row = self.get_object()
        services.reject_join(row, by=self.actor)
        return Response(self.get_serializer(self.get_queryset().get(pk=row.pk)).data)


class JoinTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <join token>`; keys and sessions of people do not count here."""

    WRONG = "This join token is unknown, expired or revoked."

    def authenticate(self, request: Request) -> tuple[AnonymousUser, JoinToken] | None:
        """Return nobody, and the token; None when nothing was sent."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = JoinToken.find(text.strip())
        if token is None:
            raise wrong(request, self.WRONG)
        return AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        """Ask for a Bearer token with 401."""
        return "Bearer"


class JoinTokenScheme(OpenApiAuthenticationExtension):
    """A join token as Bearer token, in the schema."""

    target_class = JoinTokenAuthentication
    name = "joinToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A join token"}


class HasJoinToken(BasePermission):
    """Who shows a join token may ask to join."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask whether there is one."""
        return isinstance(request.auth, JoinToken)


class JoinThrottle(CallerThrottle):
    """As for people, counted by token."""

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Count by token."""
        return f"throttle-join-{request.auth.pk}"


class ApplicationSerializer(Strict):
    """What a host says of itself."""

    name = serializers.CharField(max_length=80, validators=[NAME_RULE])
    endpoint = serializers.CharField(
        max_length=300,
        required=False,
        default="",
        help_text="Where WHOOSH reaches it; default: the sender's address and `port`",
    )
    port = serializers.IntegerField(
        min_value=1, max_value=LAST_PORT, required=False, default=None, help_text="Default 11434"
    )
    protocol = serializers.ChoiceField(choices=Agent.Protocol.choices, required=False, default="")
    slots = serializers.IntegerField(min_value=1, max_value=1000, required=False, default=None)
    capabilities = serializers.ListField(
        child=serializers.CharField(max_length=80, validators=[NAME_RULE]),
        max_length=50,
        required=False,
        default=list,
    )
    tags = TextsField(max_length=50, required=False, default=list)


class JoinedSerializer(serializers.Serializer[Any]):
    """What became of the request so far."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=JoinRequest.State.choices)
    endpoint = serializers.CharField()
    message = serializers.CharField()


class JoinView(APIView):
    """The door for hosts that want to become agents."""

    who = "hosts with a join token"
    """As the reference of addresses says it."""
    authentication_classes = (JoinTokenAuthentication,)
    permission_classes = (HasJoinToken,)
    throttle_classes = (JoinThrottle,)
    TOLD = {
        JoinRequest.State.WAITING: "It waits for an administrator.",
        JoinRequest.State.APPROVED: "It is an agent.",
        JoinRequest.State.REJECTED: "An administrator turned it away; ask them.",
    }

    @extend_schema(
        operation_id="agents_join",
        request=ApplicationSerializer,
        responses={200: JoinedSerializer, 202: JoinedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Ask to join. 202 while it waits, 200 once it was decided; asking again is no harm."""
        data = ApplicationSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        row = services.ask_to_join(
            services.Application(**data.validated_data),
            token=request.auth,
            sender=address_of(request),
        )
        told = {"id": row.pk, "state": row.state, "endpoint": row.endpoint}
        told["message"] = self.TOLD[JoinRequest.State(row.state)]
        waits = row.state == JoinRequest.State.WAITING
        code = status.HTTP_202_ACCEPTED if waits else status.HTTP_200_OK
        return Response(JoinedSerializer(told).data, status=code)
