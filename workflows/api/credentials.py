"""Credentials and their types. What was entered goes in and never comes out."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models.people import Team
from whoosh_site.core.openapi import IDEMPOTENCY_KEY
from whoosh_site.core.permissions import demand, may
from whoosh_site.core.rest import OwnTeam, ReadView, Strict, idempotent
from workflows import services
from workflows.credentials import shelf
from workflows.models import Credential

FOR_ALL = ("id", "team", "type", "label", "name")
"""What those see who may not change a credential."""


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    """A credential without what was entered. Viewers see its name and type alone."""

    team = serializers.CharField(source="team.name", read_only=True)
    label = serializers.CharField(read_only=True)
    hosts = serializers.ListField(child=serializers.CharField(), read_only=True)
    shared_with = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None)
    connected_by = serializers.CharField(
        source="connected_by.username", read_only=True, default=None
    )

    class Meta:
        model = Credential
        fields = [
            *FOR_ALL, "ref", "hosts", "shared_with", "created_by", "created_at", "updated_at",
            "last_used_at", "tested_at", "works", "test_words", "connected_by", "token_ends_at",
            "trouble",
        ]  # fmt: skip
        read_only_fields = fields

    def to_representation(self, instance: Credential) -> dict[str, Any]:
        """Leave out what is not for this reader, and the names of teams they do not know."""
        shown, by = super().to_representation(instance), Actor.of(self.context["request"])
        if not may(by, "credential.details.view", [instance.team_id]):
            return {name: shown[name] for name in FOR_ALL}
        user = by.user
        teams = instance.shared_with.all()
        known = [t for t in teams if user is None or user.is_superuser or t.pk in user.roles]
        return shown | {"shared_with": [team.name for team in known]}


class ChangedCredentialSerializer(Strict):
    """What of a credential may be changed. `values` are merged into those that are stored."""

    name = serializers.CharField(max_length=128, required=False)
    values = serializers.DictField(
        child=serializers.JSONField(allow_null=True), required=False, write_only=True,
        help_text="By field; an empty secret stays as it is, null takes it away",
    )  # fmt: skip
    hosts = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, max_length=50,
        help_text="Hosts it may be sent to; empty: those its values name",
    )  # fmt: skip


class NewCredentialSerializer(ChangedCredentialSerializer):
    """A credential to be made."""

    type = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=128)
    team = OwnTeam(slug_field="name", queryset=Team.objects.none(), required=False)
    ref = serializers.CharField(
        max_length=64, required=False, help_text="The id documents name it by; n8n's own"
    )


class TrySerializer(Strict):
    """Where to try a credential whose type names no address itself."""

    url = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class TriedSerializer(serializers.Serializer[Any]):
    """What a test showed."""

    works = serializers.BooleanField()
    words = serializers.CharField()


class SharedSerializer(Strict):
    """Other teams whose workflows may use a credential."""

    teams = OwnTeam(slug_field="name", queryset=Team.objects.none(), many=True)


class ForceSerializer(Strict):
    """Whether to delete what is used."""

    force = serializers.BooleanField(required=False, default=False)


class UseSerializer(serializers.Serializer[Any]):
    """A workflow that uses a credential, and the nodes it does so at."""

    workflow = serializers.IntegerField(source="workflow.pk")
    name = serializers.CharField(source="workflow.name")
    nodes = serializers.ListField(child=serializers.CharField())


class CredentialViewSet(ReadView):
    """What workflows sign in elsewhere with. Values go in and never come out."""

    queryset = Credential.objects.all()
    serializer_class = CredentialSerializer
    filterset_fields = ["name", "type"]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    rules = {
        "list": "credential.view",
        "retrieve": "credential.view",
        "create": "credential.change",
        "partial_update": "credential.change",
        "test": "credential.change",
        "share": "credential.share",
        "uses": "credential.details.view",
        "destroy": "credential.delete",
    }

    def get_queryset(self) -> Any:
        """Return rows without any secret."""
        return super().get_queryset().brief()

    def check_object_permissions(self, request: Request, obj: Credential) -> None:
        """The role counts in the team that owns it, not in those it is shared with."""
        demand(self.actor, self.rules[self.action], [obj.team_id])

    @extend_schema(
        request=NewCredentialSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: CredentialSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Keep a credential."""
        wish = self._said(NewCredentialSerializer)
        made = services.create_credential(
            wish.pop("type"), wish.pop("name"), wish.pop("values", {}), by=self.actor, **wish
        )
        return self._shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=ChangedCredentialSerializer, responses=CredentialSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change it; a host it did not go to before asks for its secrets again."""
        credential = self.get_object()
        wish = self._said(ChangedCredentialSerializer)
        services.change_credential(credential, by=self.actor, **wish)
        return self._shown(credential)

    @extend_schema(request=TrySerializer, responses=TriedSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Try it: a harmless request to where it belongs."""
        credential = self.get_object()
        works = services.try_credential(credential, by=self.actor, **self._said(TrySerializer))
        credential.refresh_from_db(fields=["test_words"])
        return Response({"works": works, "words": credential.test_words})

    @extend_schema(request=SharedSerializer, responses=CredentialSerializer)
    @action(detail=True, methods=["post"])
    def share(self, request: Request, pk: str) -> Response:
        """Set which of the caller's other teams may use it."""
        credential = self.get_object()
        teams = self._said(SharedSerializer)["teams"]
        services.share_credential(credential, teams, by=self.actor)
        return self._shown(credential)

    @extend_schema(responses=UseSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def uses(self, request: Request, pk: str) -> Response:
        """List the workflows that use it, those of other teams left out."""
        found = services.uses_of(self.get_object(), _teams(self.actor))
        return Response(UseSerializer(found, many=True).data)

    @extend_schema(parameters=[ForceSerializer], responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete it, unless a workflow uses it; `?force=true` does so all the same."""
        wish = ForceSerializer(data=request.query_params)
        wish.is_valid(raise_exception=True)
        credential = get_object_or_404(self.get_queryset(), pk=pk)
        self.check_object_permissions(request, credential)
        services.delete_credential(credential, by=self.actor, **wish.validated_data)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _said(self, kind: type[Strict]) -> dict[str, Any]:
        wish = kind(data=self.request.data, context={"request": self.request})
        wish.is_valid(raise_exception=True)
        return dict(wish.validated_data)

    def _shown(self, credential: Credential, code: int = status.HTTP_200_OK) -> Response:
        row = self.get_queryset().get(pk=credential.pk)
        return Response(self.get_serializer(row).data, status=code)


def _teams(by: Actor) -> list[int] | None:
    everything = by.user is None or by.user.is_superuser
    return None if everything else list(by.user.roles)


class TypeFieldSerializer(serializers.Serializer[Any]):
    """One field of a credential type."""

    name = serializers.CharField()
    label = serializers.CharField()
    kind = serializers.CharField()
    default = serializers.JSONField()
    hint = serializers.CharField()
    required = serializers.BooleanField()
    secret = serializers.BooleanField()
    choices = serializers.SerializerMethodField()

    def get_choices(self, field: Any) -> list[Any]:
        """Return the values of a choice."""
        return [one.value for one in field.choices]


class TypeSerializer(serializers.Serializer[Any]):
    """A credential type: called as in n8n."""

    key = serializers.CharField()
    label = serializers.CharField()
    signs = serializers.BooleanField(help_text="Whether HTTP requests can be signed with it")
    stays = serializers.BooleanField(help_text="It is sent nowhere, and needs no hosts")
    parameters = TypeFieldSerializer(many=True, source="fields")


class TypeListSerializer(serializers.Serializer[Any]):
    """All types; they have no pages."""

    results = TypeSerializer(many=True)


class CredentialTypeViewSet(viewsets.ViewSet):
    """The types of credentials there are."""

    lookup_field = "key"
    lookup_value_regex = "[A-Za-z0-9]+"
    rules = {"list": "credential.view", "retrieve": "credential.view"}
    serializer_class = TypeSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Everybody may look; a parameter nobody knows is an error here too."""
        super().initial(request, *args, **kwargs)
        demand(Actor.of(request), self.rules.get(self.action or "", "credential.view"))
        if unknown := [name for name in request.query_params if name != "format"]:
            raise BadInput(f"{unknown[0]}: there is no such filter.")

    @extend_schema(
        operation_id="credential_types_list",
        responses=forced_singular_serializer(TypeListSerializer),
    )
    def list(self, request: Request) -> Response:
        """Return all types."""
        return Response({"results": TypeSerializer(list(shelf), many=True).data})

    def retrieve(self, request: Request, key: str) -> Response:
        """Return one type."""
        if (kind := shelf.get(key)) is None:
            raise Http404
        return Response(TypeSerializer(kind).data)
