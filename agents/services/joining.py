"""Hosts that ask to join with a token. Nothing is sent to them before an administrator approves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.errors import UnusableEndpoint
from agents.models import Agent, JoinRequest, JoinToken
from agents.services.discovery import fitting
from agents.services.endpoints import Examination, examine, vet_endpoint
from agents.services.hosts import register_agent, set_capabilities
from whoosh_site.core import audit, live
from whoosh_site.core.actor import Actor
from whoosh_site.core.addresses import Ip, plain
from whoosh_site.core.errors import BadInput, Conflict, Forbidden, WhooshError
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand

USUAL_PORT = 11434
MOST_DAYS = 365
MOST_USES = 1000
State = JoinRequest.State


@transaction.atomic
def make_join_token(
    *, by: Actor, team: Team, name: str, days: int = 7, most_uses: int = 1
) -> tuple[JoinToken, str]:
    """Make a token; returns it and its text, which is never shown again.

    Raises:
        Forbidden: the caller is no administrator.
        BadInput: naming name, days or most_uses.
    """
    demand(by, "joining.change")
    for field, value, most in (("days", days, MOST_DAYS), ("most_uses", most_uses, MOST_USES)):
        if not 1 <= value <= most:
            raise BadInput(f"{field}: use 1 to {most}.")
    if not 1 <= len(name.strip()) <= 80:
        raise BadInput("name: say in 1 to 80 characters what it is for.")
    prefix, digest, text = JoinToken.fresh()
    token = JoinToken.objects.create(
        name=name.strip(),
        team=team,
        prefix=prefix,
        digest=digest,
        most_uses=most_uses,
        expires_at=timezone.now() + timedelta(days=days),
        created_by=by.user,
    )
    audit.record(by, "created", token, {"days": days, "most_uses": most_uses})
    return token, text


@transaction.atomic
def revoke_join_token(token: JoinToken, *, by: Actor) -> None:
    """Delete a token; what was asked with it stays."""
    demand(by, "joining.change")
    audit.record(by, "revoked", token, {"uses": token.uses})
    JoinToken.objects.filter(pk=token.pk).delete()


@dataclass(frozen=True)
class Application:
    """What a host says of itself. Without an endpoint it is the sender's address and `port`."""

    name: str
    endpoint: str = ""
    port: int | None = None
    protocol: str = ""
    slots: int | None = None
    capabilities: Sequence[str] = ()
    tags: Sequence[str] = ()


def ask_to_join(said: Application, *, token: JoinToken, sender: str) -> JoinRequest:
    """Note that a host wants to join; said again, it is the same request, decided or not.

    Raises:
        BadInput: naming what does not fit.
        Forbidden: the token is used up.
    """
    endpoint, local = _endpoint(said, sender)
    row = JoinRequest(
        team=token.team,
        token=token,
        address=sender[:45],
        name=said.name,
        endpoint=endpoint,
        allow_local=local,
        protocol=said.protocol,
        slots=said.slots,
        capabilities=list(said.capabilities),
        tags=list(said.tags),
    )
    earlier = JoinRequest.objects.filter(team=row.team, name=row.name, endpoint=row.endpoint)
    known = earlier.first()
    if known is not None:
        return known
    _validated(row)
    try:
        return _noted(row, token)
    except IntegrityError:  # the same at the same time
        return earlier.get()


@transaction.atomic
def _noted(row: JoinRequest, token: JoinToken) -> JoinRequest:
    if not token.spend():
        raise Forbidden("This join token is used up. Ask an administrator for another.")
    row.save()
    by = Actor(name=f"join token {token.prefix}")
    audit.record(by, "asked to join", row, {"from": row.address, "team": token.team.name})
    _announce(row)
    return row


def approve_join(row: JoinRequest, *, by: Actor, api_key: str = "") -> Agent:
    """Look at the host, and make it an agent. What goes wrong is kept on the row.

    Raises:
        Forbidden: the caller is no administrator.
        Conflict: it was decided already; or name or endpoint exists.
        BadInput, UnusableEndpoint: the host is none, or is not reached; says why.
    """
    demand(by, "agent.register")
    if row.state != State.WAITING:
        raise Conflict(f"{row} was decided already.")
    seen = async_to_sync(examine)(
        row.endpoint, api_key=api_key, protocol=row.protocol, allow_local=row.allow_local
    )
    try:
        if not seen.ok:
            raise UnusableEndpoint(f"endpoint: {seen.message}")
        return _approved(row, seen, by, api_key)
    except WhooshError as error:
        waiting = JoinRequest.objects.filter(pk=row.pk, state=State.WAITING)
        if waiting.update(trouble=error.message[:1000]):
            _announce(row)
        raise


@transaction.atomic
def _approved(row: JoinRequest, seen: Examination, by: Actor, api_key: str) -> Agent:
    _decide(row, State.APPROVED, by)
    agent = register_agent(
        by=by,
        team=row.team,
        name=row.name,
        endpoint=row.endpoint,
        api_key=api_key,
        protocol=row.protocol,
        allow_local=row.allow_local,
        slots=fitting(row.slots or seen.slots),
        tags=row.tags,
    )
    if row.capabilities:
        set_capabilities(agent, row.capabilities, by=by)
    JoinRequest.objects.filter(pk=row.pk).update(agent=agent)
    audit.record(by, "approved", row, {"agent": agent.name})
    return agent


@transaction.atomic
def reject_join(row: JoinRequest, *, by: Actor) -> None:
    """Turn a host away; the record stays, so that asking again changes nothing.

    Raises:
        Forbidden: the caller is no administrator.
        Conflict: it was decided already.
    """
    demand(by, "agent.register")
    _decide(row, State.REJECTED, by)
    audit.record(by, "rejected", row)


def _decide(row: JoinRequest, state: str, by: Actor) -> None:
    waiting = JoinRequest.objects.filter(pk=row.pk, state=State.WAITING)
    decided = {"decided_by": by.user, "decided_at": timezone.now(), "trouble": ""}
    if not waiting.update(state=state, **decided):
        raise Conflict(f"{row} was decided already.")
    _announce(row)


def _announce(row: JoinRequest) -> None:
    live.announce("agents", teams=[row.team_id])


def _endpoint(said: Application, sender: str) -> tuple[str, bool]:
    """Return where the host says it is, and whether that is this machine.

    Only who asks from this machine may name its loopback: from elsewhere it means another one.
    """
    near = _ip(sender)
    if said.endpoint and said.port:
        raise BadInput("port: write it into the endpoint.")
    url = said.endpoint or _own_address(near, said.port or USUAL_PORT)
    there = _ip(_hostname(url))
    local = bool(near and near.is_loopback and there and there.is_loopback)
    try:
        return vet_endpoint(url, allow_local=local), local
    except UnusableEndpoint as error:
        if error.details.get("set") != "allow_local":
            raise
        raise UnusableEndpoint(
            "endpoint: give the address under which WHOOSH reaches this host, "
            "or leave it out to use the one this request comes from."
        ) from error


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _own_address(near: Ip | None, port: int) -> str:
    if near is None:
        raise BadInput("endpoint: say where the host is; the sender's address is not known.")
    host = f"[{near}]" if near.version == 6 else str(near)
    return f"http://{host}:{port}"


def _ip(text: str) -> Ip | None:
    try:
        return plain(ip_address(text))
    except ValueError:
        return None


def _validated(row: JoinRequest) -> None:
    try:
        row.clean_fields(exclude={"token", "team", "decided_by", "agent"})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        details: dict[str, Any] = dict(error.message_dict)
        raise BadInput(f"{field}: {' '.join(messages)}", details) from error
