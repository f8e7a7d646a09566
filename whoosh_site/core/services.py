"""Verbs of this room: people, teams, keys, links."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden, NotFound
from whoosh_site.core.models.access import ApiKey, OneTimeLink, Scope
from whoosh_site.core.models.people import Membership, Role, Team, User
from whoosh_site.core.permissions import demand

MOST_KEYS = 50


@transaction.atomic
def create_api_key(
    *,
    user: User,
    name: str,
    scopes: Iterable[str],
    by: Actor,
    expires_in: timedelta | None = None,
) -> tuple[ApiKey, str]:
    """Make a key that acts as `user`; returns it and its text, which is never shown again.

    A key made by a key does not outlive it: it ends no later and is revoked with it.

    Raises:
        BadInput: an unknown scope, no scope, or too many keys.
        Forbidden: a scope wider than the maker's own.
    """
    wanted = list(dict.fromkeys(scopes))
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if unknown or not wanted:
        named = f"Unknown scope {unknown[0]!r}" if unknown else "A key needs a scope"
        raise BadInput(f"{named}. There are: {', '.join(Scope.values)}.")
    for scope in wanted:
        if not by.has_scope(scope):
            raise Forbidden(f"This key lacks {scope!r} itself and cannot hand it on.")
        if scope == Scope.ADMIN and not user.is_superuser:
            raise Forbidden("Only an administrator's key can have the scope 'admin'.")
    _own_or_admin(user, by)
    if user.api_keys.count() >= MOST_KEYS:
        raise BadInput(f"{user} has {MOST_KEYS} keys already; revoke one first.")
    prefix, digest, text = ApiKey.fresh()
    key = ApiKey.objects.create(
        user=user,
        name=name.strip()[:80] or "key",
        prefix=prefix,
        digest=digest,
        scopes=wanted,
        expires_at=_end(expires_in, by),
        made_by=by.key,
    )
    audit.record(by, "created", key, {"scopes": wanted, "for": user.username})
    return key, text


def _own_or_admin(user: User, by: Actor) -> None:
    """Keys of others are an administrator's business; raises Forbidden."""
    if by.user is not None and by.user != user:
        demand(by, "user.change")


def _end(expires_in: timedelta | None, by: Actor) -> datetime | None:
    wanted = timezone.now() + expires_in if expires_in else None
    ends = [end for end in (wanted, by.key and by.key.expires_at) if end]
    return min(ends, default=None)


@transaction.atomic
def revoke_api_key(key: ApiKey, *, by: Actor) -> None:
    """Delete a key and those made with it; they stop working at once."""
    _own_or_admin(key.user, by)
    gone = key.family()
    ApiKey.objects.filter(pk=key.pk).delete()
    for each in gone:
        audit.record(by, "revoked", each, {"for": each.user.username})


@transaction.atomic
def set_up(token: str, *, username: str, email: str, password: str) -> User:
    """Make the first administrator, as the set-up link allows once.

    Raises:
        NotFound: the link was used, has expired or never was.
        BadInput: the password is too weak.
    """
    link = OneTimeLink.find(token)
    if link is None or link.purpose != OneTimeLink.Purpose.SETUP or not link.use():
        raise NotFound("This link is used up or too old. Start 'manage.py up' again for a new one.")
    user = User(username=username, email=email, is_staff=True, is_superuser=True)
    _check_password(password, user)
    user.set_password(password)
    user.save()
    team = Team.first_made()
    if team is not None:
        Membership.objects.create(team=team, user=user, role=Role.OWNER)
    audit.record(Actor(user), "set up", user)
    return user


@transaction.atomic
def set_password(token: str, *, password: str) -> User:
    """Set a password by a one-time link; raises as `set_up` does."""
    link = OneTimeLink.find(token)
    if link is None or link.user is None or not link.use():
        raise NotFound("This link is used up or too old. Ask an administrator for a new one.")
    change_password(link.user, password=password, by=Actor(link.user))
    return link.user


@transaction.atomic
def change_password(user: User, *, password: str, by: Actor) -> None:
    """Set a user's password; raises BadInput when it is too weak."""
    _check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record(by, "set password of", user)


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise BadInput(" ".join(error.messages), {"password": error.messages}) from error


@transaction.atomic
def set_member(team: Team, user: User, role: str | None, *, by: Actor) -> None:
    """Give a user a role in a team, or take them out with None.

    Raises:
        Forbidden: the caller owns neither the team nor the installation.
        Conflict: the last owner would go.
    """
    demand(by, "team.change", [team.pk])
    if role is not None and role not in Role.values:
        raise BadInput(f"Unknown role {role!r}. There are: {', '.join(Role.values)}.")
    owners = team.memberships.filter(role=Role.OWNER)
    was_owner = owners.filter(user=user).exists()
    if was_owner and role != Role.OWNER and owners.count() == 1:
        raise Conflict(f"{user} is the last owner of {team}; make another owner first.")
    if role is None:
        if not team.memberships.filter(user=user).delete()[0]:
            raise NotFound(f"{user} is no member of {team}.")
    else:
        Membership.objects.update_or_create(team=team, user=user, defaults={"role": role})
    audit.record(
        by, "set member", team, {"user": user.username, "role": role or "none"}, team_id=team.pk
    )


def password_link(user: User, *, by: Actor) -> str:
    """Return the path of a link with which this user can set a password once."""
    demand(by, "user.change")
    path = OneTimeLink.make(OneTimeLink.Purpose.PASSWORD, user)
    audit.record(by, "made password link for", user)
    return path
