"""API of this room: teams, members, users, keys, settings, audit, who am I."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, models, transaction
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from whoosh_site.core import audit, services, tunables
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import Conflict
from whoosh_site.core.models import ApiKey, AuditEntry, Membership, Role, Team, User
from whoosh_site.core.models.access import Scope
from whoosh_site.core.permissions import demand
from whoosh_site.core.rest import ReadView, Strict, TeamView, public_url
from whoosh_site.core.rest_policy import Filters


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    """One member of a team."""

    user = serializers.CharField(source="user.username")

    class Meta:
        model = Membership
        fields = ["user", "role"]


class TeamSerializer(Strict, serializers.ModelSerializer[Team]):
    """A team and its members."""

    members = MembershipSerializer(source="memberships", many=True, read_only=True)

    class Meta:
        model = Team
        fields = ["id", "name", "created_at", "members"]
        read_only_fields = ["id", "created_at"]


class MemberSerializer(Strict):
    """Who gets which role."""

    user = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)


class TeamViewSet(
    mixins.CreateModelMixin, mixins.UpdateModelMixin, mixins.DestroyModelMixin, ReadView
):
    """Teams own everything; members have a role in them."""

    queryset = Team.objects.prefetch_related("memberships__user")
    serializer_class = TeamSerializer
    filterset_fields = ["name"]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    rules = {
        "list": "team.view",
        "retrieve": "team.view",
        "create": "team.create",
        "partial_update": "team.change",
        "destroy": "team.delete",
        "members": "team.change",
        "remove_member": "team.change",
    }

    @transaction.atomic
    def perform_create(self, serializer: serializers.BaseSerializer[Team]) -> None:
        """Make a team."""
        team = serializer.save()
        audit.record(self.actor, "created", team, team_id=team.pk)

    @transaction.atomic
    def perform_update(self, serializer: serializers.BaseSerializer[Team]) -> None:
        """Rename a team."""
        team = serializer.save()
        audit.record(self.actor, "changed", team, serializer.validated_data, team_id=team.pk)

    @transaction.atomic
    def perform_destroy(self, instance: Team) -> None:
        """Delete a team that owns nothing."""
        try:
            Team.objects.filter(pk=instance.pk).delete()  # the instance keeps its id for the trail
        except models.ProtectedError as error:
            raise Conflict(f"{instance} still owns agents; move them first.") from error
        audit.record(self.actor, "deleted", instance, team_id=instance.pk)

    @extend_schema(request=MemberSerializer, responses=TeamSerializer)
    @action(detail=True, methods=["post"])
    def members(self, request: Request, pk: str) -> Response:
        """Give a user a role; only administrators add people who share no team with them."""
        team = self.get_object()
        data = MemberSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        user = self._person(data.validated_data["user"])
        services.set_member(team, user, data.validated_data["role"], by=self.actor)
        return Response(TeamSerializer(self.get_queryset().get(pk=team.pk)).data)

    @extend_schema(
        responses={204: None},
        parameters=[OpenApiParameter("username", OpenApiTypes.STR, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["delete"], url_path=r"members/(?P<username>[^/]+)")
    def remove_member(self, request: Request, pk: str, username: str) -> Response:
        """Take a user out of the team."""
        team = self.get_object()
        services.set_member(team, self._person(username), None, by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _person(self, name: str) -> User:
        """Return somebody the caller may see; all others are as unknown as a name nobody has."""
        # Named first and then looked for: a mail address of one never stands for another's name.
        visible = User.objects.visible_to(self.request.user)
        return get_object_or_404(visible, pk__in=User.objects.named(name))


class UserSerializer(Strict, serializers.ModelSerializer[User]):
    """A person. The password is write-only and never comes back."""

    password = serializers.CharField(write_only=True, required=False, min_length=10)

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "is_active",
            "is_staff",
            "is_superuser",
            "last_login",
            "password",
        ]
        read_only_fields = ["id", "last_login"]

    def validate_password(self, password: str) -> str:
        """As strict as every other way to set one."""
        validate_password(password, self.instance)
        return password

    def create(self, validated_data: dict[str, Any]) -> User:
        """Make a user; without a password only a link can set one."""
        return User.objects.create_user(**validated_data)

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        """Change a user."""
        password = validated_data.pop("password", None)
        if password:
            instance.set_password(password)
        return super().update(instance, validated_data)


class UserFilter(Filters):
    """Filters of the list of people."""

    name = filters.CharFilter(field_name="username")

    class Meta:
        model = User
        fields = ["username", "email", "is_active"]


class UserViewSet(mixins.CreateModelMixin, mixins.UpdateModelMixin, ReadView):
    """People. Only administrators make and change them."""

    queryset = User.objects.all()
    serializer_class = UserSerializer
    filterset_class = UserFilter
    http_method_names = ["get", "post", "patch", "head", "options"]
    rules = {
        "list": "user.view",
        "retrieve": "user.view",
        "create": "user.change",
        "partial_update": "user.change",
        "password_link": "user.change",
        "me": "user.view",
    }

    def check_object_permissions(self, request: Request, obj: User) -> None:
        """People belong to no team: the rule alone decides."""
        demand(self.actor, self.rules[self.action])

    @transaction.atomic
    def perform_create(self, serializer: serializers.BaseSerializer[User]) -> None:
        """Make a user."""
        audit.record(self.actor, "created", self._saved(serializer))

    @transaction.atomic
    def perform_update(self, serializer: serializers.BaseSerializer[User]) -> None:
        """Change a user; the audit trail names the fields, not their values."""
        fields = sorted(serializer.validated_data)
        audit.record(self.actor, "changed", self._saved(serializer), {"fields": fields})

    def _saved(self, serializer: serializers.BaseSerializer[User]) -> User:
        try:
            with transaction.atomic():
                return serializer.save()
        except IntegrityError as error:  # other upper and lower case; the index decides
            raise Conflict("Another account has this user name or e-mail address.") from error

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"], url_path="password-link")
    def password_link(self, request: Request, pk: str) -> Response:
        """Return a link with which the user can set a password once."""
        path = services.password_link(self.get_object(), by=self.actor)
        return Response({"url": public_url(request, path)})

    @extend_schema(responses=UserSerializer)
    @action(detail=False, url_path="me", pagination_class=None, filter_backends=[])
    def me(self, request: Request) -> Response:
        """Return who is calling."""
        return Response(UserSerializer(request.user).data)


class KeySerializer(Strict, serializers.ModelSerializer[ApiKey]):
    """An API key; `key` is there only in the answer that made it."""

    user = serializers.CharField(source="user.username", read_only=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    expires_in_days = serializers.IntegerField(
        write_only=True, required=False, min_value=1, max_value=3650
    )
    key = serializers.SerializerMethodField()

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "user",
            "name",
            "prefix",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "expires_in_days",
            "key",
        ]
        read_only_fields = ["id", "prefix", "created_at", "expires_at", "last_used_at"]

    def get_key(self, key: ApiKey) -> str | None:
        """Return the text of a key just made."""
        return getattr(key, "text", None)


class KeyViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.DestroyModelMixin,
    TeamView,
):
    """A person's own API keys; administrators see and revoke all."""

    queryset = ApiKey.objects.select_related("user")
    serializer_class = KeySerializer
    filterset_fields = ["name"]
    rules = {
        "list": "key.view",
        "retrieve": "key.view",
        "create": "key.change",
        "destroy": "key.change",
    }

    def perform_create(self, serializer: serializers.BaseSerializer[ApiKey]) -> None:
        """Make a key for the caller; its text is in this answer only."""
        data = serializer.validated_data
        days = data.get("expires_in_days")
        key, text = services.create_api_key(
            user=self.request.user,
            name=data["name"],
            scopes=data["scopes"],
            by=self.actor,
            expires_in=timedelta(days=days) if days else None,
        )
        key.text = text  # type: ignore[attr-defined]
        serializer.instance = key

    def perform_destroy(self, instance: ApiKey) -> None:
        """Revoke a key."""
        services.revoke_api_key(instance, by=self.actor)


class SettingSerializer(Strict):
    """One tunable: what it is, what it may be, what it is set to."""

    key = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)
    help = serializers.CharField(read_only=True)
    unit = serializers.CharField(read_only=True)
    lowest = serializers.FloatField(read_only=True, allow_null=True)
    highest = serializers.FloatField(read_only=True, allow_null=True)
    default = serializers.JSONField(read_only=True)
    value = serializers.JSONField()


class SettingListSerializer(serializers.Serializer[Any]):
    """All tunables; they have no pages."""

    results = SettingSerializer(many=True)


class SettingViewSet(viewsets.ViewSet):
    """Tunables of the installation, for administrators."""

    lookup_field = "key"
    lookup_value_regex = "[a-z_]+"
    serializer_class = SettingSerializer

    @extend_schema(
        operation_id="settings_list",
        responses=forced_singular_serializer(SettingListSerializer),
        parameters=[OpenApiParameter("name", OpenApiTypes.STR, description="Only this key")],
    )
    def list(self, request: Request) -> Response:
        """Return all tunables."""
        demand(Actor.of(request), "setting.view")
        name = request.query_params.get("name", "")
        found = [tunable for tunable in tunables.declared() if name in ("", tunable.key)]
        return Response({"results": [_setting(tunable) for tunable in found]})

    def retrieve(self, request: Request, key: str) -> Response:
        """Return one tunable."""
        demand(Actor.of(request), "setting.view")
        return Response(_setting(tunables.find(key)))

    def partial_update(self, request: Request, key: str) -> Response:
        """Set a tunable."""
        by = Actor.of(request)
        demand(by, "setting.change")
        data = SettingSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        tunables.change(key, data.validated_data["value"], by=by)
        return Response(_setting(tunables.find(key)))


def _setting(tunable: tunables.Tunable) -> dict[str, Any]:
    data = SettingSerializer({**vars(tunable), "value": tunables.value(tunable.key)}).data
    return dict(data)


class AuditSerializer(serializers.ModelSerializer[AuditEntry]):
    """One line of the audit trail."""

    class Meta:
        model = AuditEntry
        fields = [
            "number",
            "at",
            "actor",
            "team_id",
            "action",
            "target_type",
            "target_id",
            "target",
            "details",
            "digest",
        ]


class AuditFilter(Filters):
    """Filters of the audit trail."""

    name = filters.CharFilter(field_name="target")

    class Meta:
        model = AuditEntry
        fields = ["actor", "action", "target_type", "target_id"]


@extend_schema_view(list=extend_schema(description="Newest first; owners see their teams'."))
class AuditViewSet(ReadView):
    """Who changed what, when. Nobody can change it."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditSerializer
    filterset_class = AuditFilter
    lookup_field = "number"
    rules = {"list": "audit.view", "retrieve": "audit.view"}
