"""What every API resource shares: visible rows, permission, idempotency."""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.models.people import Team
from whoosh_site.core.models.system import IdempotentRequest
from whoosh_site.core.permissions import demand

REPLAY = "Idempotent-Replay"
"""Header of an answer that an Idempotency-Key had before."""


def public_url(request: HttpRequest, path: str) -> str:
    """Return where people open a path: below WHOOSH_BASE_URL, or as this request was addressed."""
    return settings.BASE_URL + path if settings.BASE_URL else request.build_absolute_uri(path)


class Strict(serializers.Serializer[Any]):
    """Base of what is sent in: a field that nobody knows is an error, not silence."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values; raises ValidationError for a name that is no field."""
        unknown = [name for name in data if name not in self.fields] if _is_object(data) else []
        if unknown:
            known = ", ".join(n for n, field in self.fields.items() if not field.read_only)
            raise serializers.ValidationError({unknown[0]: f"No such field. There are: {known}."})
        return super().to_internal_value(data)


class Part(Strict):
    """Base of an object inside another one: given whole, also where the outer one is changed."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values; raises ValidationError when a required one is missing."""
        needed = [name for name, field in self.fields.items() if field.required]
        missing = [name for name in needed if _is_object(data) and name not in data]
        if missing:
            raise serializers.ValidationError({missing[0]: "This field is required."})
        return super().to_internal_value(data)


class OwnTeam(serializers.SlugRelatedField):
    """A team by name; one of others is as unknown as one that does not exist."""

    def get_queryset(self) -> Any:
        """Return the caller's teams."""
        return Team.objects.visible_to(self.context["request"].user)


def _is_object(data: Any) -> bool:
    return isinstance(data, Mapping)


class TeamView(viewsets.GenericViewSet):
    """Base of every resource: rows by `.visible_to`, actions by the permission table.

    `rules` maps a view's action to the name of its rule; an action without a rule stops the start
    of its tests. Objects name their teams by `team_ids`; a resource outside teams has none.
    """

    rules: ClassVar[Mapping[str, str]] = {}

    def get_queryset(self) -> models.QuerySet[Any]:
        """Return what this caller may see."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return self.queryset.visible_to(self.request.user)

    @property
    def actor(self) -> Actor:
        """Who calls."""
        return Actor.of(self.request)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the scope before anything is looked up."""
        super().initial(request, *args, **kwargs)
        if self.action in self.rules and not self.detail:
            self.check_list(request)

    def check_list(self, request: Request) -> None:
        """Lists and creations: the role counts in any team of the caller."""
        demand(self.actor, self.rules[self.action], request.user.roles)

    def check_object_permissions(self, request: Request, obj: models.Model) -> None:
        """Details: the role counts in the object's own teams."""
        super().check_object_permissions(request, obj)
        demand(self.actor, self.rules[self.action], teams_of(obj))


def teams_of(obj: models.Model) -> list[int]:
    """Return the teams an object belongs to."""
    if hasattr(obj, "team_ids"):
        return list(obj.team_ids)
    team = getattr(obj, "team_id", None)
    return [team] if team is not None else []


class ReadView(mixins.ListModelMixin, mixins.RetrieveModelMixin, TeamView):
    """List and detail."""


def idempotent(method: Callable[..., Response]) -> Callable[..., Response]:
    """Let a POST that starts work take an `Idempotency-Key` header.

    The same key and body get the first answer again; the same key with another body is a conflict.
    The work and the memory of it commit together, so the method must not wait for the work.
    """

    @functools.wraps(method)
    def wrapper(view: TeamView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return method(view, request, *args, **kwargs)
        if len(key) > 200:
            raise BadInput("Idempotency-Key: at most 200 characters.")
        content = json.dumps(request.data, sort_keys=True, default=str)
        fingerprint = hashlib.sha256(f"{request.path}\n{content}".encode()).hexdigest()
        found = {"path": request.path[:200], "fingerprint": fingerprint}
        try:
            with transaction.atomic():
                kept = IdempotentRequest.objects.create(user=request.user, key=key, **found)
                answer = method(view, request, *args, **kwargs)
                kept.status, kept.body = answer.status_code, json.dumps(answer.data, default=str)
                kept.save(update_fields=["status", "body"])
                return answer
        except IntegrityError:
            earlier = IdempotentRequest.objects.filter(user=request.user, key=key).first()
            if earlier is None:
                raise
            return _again(earlier, fingerprint)

    return wrapper


def _again(earlier: IdempotentRequest, fingerprint: str) -> Response:
    if earlier.fingerprint != fingerprint:
        raise Conflict("This Idempotency-Key was used for another request.")
    headers = {REPLAY: "true"}
    return Response(json.loads(earlier.body), status=earlier.status, headers=headers)
