"""OAuth2: people say yes at the provider, tokens are fetched, kept and renewed.

One process renews a token at a time: whoever sets `renewing_until` asks the provider, everybody
else waits for the next `token_version`.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict, Outside, WhooshError
from whoosh_site.core.http import Door, Fetched
from whoosh_site.core.limits import MEGABYTE, Limits
from whoosh_site.core.permissions import demand
from whoosh_site.core.secrets import Secret
from workflows.allowed import policy
from workflows.credentials.base import secret_texts
from workflows.credentials.oauth2 import CLIENT, PKCE, OAuth2
from workflows.engine.credentials import Mask
from workflows.live import tell_credential
from workflows.models import Credential

CALLBACK = "/credentials/oauth2/callback/"
LIMITS = Limits(first_byte=20.0, between=10.0, total=30.0, size=MEGABYTE)
EARLY = 30
"""Seconds before its end from which on a token is renewed; half its life where that is less."""
ALONE = timedelta(seconds=45)
"""How long one process may ask for a token before another may try."""
GONE = ("invalid_grant", "unauthorized_client", "invalid_client", "access_denied")
"""Errors of a provider that no further try mends: somebody must connect the credential again."""
KEPT = ("access_token", "refresh_token")


class NotConnected(Conflict):
    """No token can be had before somebody connects the credential."""

    code = "not_connected"


def redirect_uri(base: str = "") -> str:
    """Return the address to register at providers; `base` is this site's where none is set."""
    return (settings.BASE_URL or base.rstrip("/")) + CALLBACK


# -- connected by a person -----------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What a browser takes to the provider, and what it is known by when it comes back."""

    url: str
    state: str
    verifier: str
    redirect_uri: str


def connection(credential: Credential, *, by: Actor, base: str = "") -> Asked:
    """Return where to send a person who connects a credential.

    Raises:
        Forbidden: the caller may not change it.
        BadInput: it is none that people connect.
    """
    demand(by, "credential.change", [credential.team_id])
    kind, values = _oauth(credential), credential.entered
    if kind.grant(values) == CLIENT:
        raise BadInput(f"{credential} signs in by itself: nobody has to connect it.")
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    where, back = kind.addresses(values)[0], redirect_uri(base)
    parts = urlsplit(where)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query |= dict(parse_qsl(str(values.get("authQueryParameters") or ""), keep_blank_values=True))
    query |= {
        "response_type": "code",
        "client_id": values["clientId"],
        "redirect_uri": back,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if values.get("scope"):
        query["scope"] = values["scope"]
    url = urlunsplit(parts._replace(query=urlencode(query, quote_via=quote), fragment=""))
    return Asked(url, state, verifier, back)


def connect(credential: Credential, code: str, asked: Mapping[str, str], *, by: Actor) -> None:
    """Fetch the token for a code a person came back with, and keep it.

    `asked` are `verifier` and `redirect_uri` of the `Asked` it belongs to.

    Raises:
        Forbidden: the caller may not change the credential.
        Outside: the provider refuses, or does not answer.
    """
    demand(by, "credential.change", [credential.team_id])
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked["redirect_uri"],
        "code_verifier": asked["verifier"],
    }
    token = async_to_sync(_ask)(credential, fields)
    with transaction.atomic():
        row = Credential.objects.select_for_update().get(pk=credential.pk)
        if row.token_version != credential.token_version:
            raise Conflict(f"{row} was changed meanwhile. Connect it again.")
        _put(row, token)
        row.connected_by = by.user
        row.save()
        audit.record(by, "connected", row)
        tell_credential(row)


def _oauth(credential: Credential) -> type[OAuth2]:
    kind = credential.kind
    if kind is None or not issubclass(kind, OAuth2):
        raise BadInput(f"{credential} is no credential of OAuth2.")
    return kind


# -- tokens of runs ------------------------------------------------------------------------------


def token_texts(token: Mapping[str, Any]) -> list[str]:
    """Return the texts of a token that must not be seen."""
    return [str(token[key]) for key in KEPT if key in token]


async def fresh_token(row: Credential, *, refused: int | None = None) -> Credential:
    """Return the row with a token that holds, renewed when its end is near or it was refused.

    `refused` is the version of a token a server did not take although it had not ended.

    Raises:
        NotConnected: somebody must connect it; says who did so last.
        Outside: the provider does not answer.
    """
    deadline = asyncio.get_running_loop().time() + 2 * ALONE.total_seconds()
    while True:
        if row.trouble:
            raise NotConnected(row.trouble)
        if _holds(row) and row.token_version != refused:
            return row
        if await sync_to_async(_claimed)(row):
            await _renew(row)
            return await _again_read(row)
        if asyncio.get_running_loop().time() > deadline:
            raise Outside(f"{row}: its token is being renewed elsewhere; this takes too long.")
        await asyncio.sleep(0.1)
        row = await _again_read(row)


async def _again_read(row: Credential) -> Credential:
    return await Credential.objects.select_related("connected_by").aget(pk=row.pk)


def _holds(row: Credential) -> bool:
    if not row.token_text:
        return False
    return row.token_ends_at is None or row.token_ends_at > timezone.now()


def _claimed(row: Credential) -> bool:
    """Whether this process renews the token now, and nobody else."""
    now = timezone.now()
    free = Q(renewing_until=None) | Q(renewing_until__lt=now)
    mine = Credential.objects.filter(free, pk=row.pk, token_version=row.token_version)
    return bool(mine.update(renewing_until=now + ALONE))


async def _renew(row: Credential) -> None:
    try:
        token = await _renewed(row)
    except NotConnected as error:
        await sync_to_async(_let_go)(row, error.message)
        raise
    except BaseException:
        await asyncio.shield(sync_to_async(_let_go)(row))
        raise
    await sync_to_async(_kept)(row, token)


async def _renewed(row: Credential) -> dict[str, Any]:
    values, old = row.entered, row.token
    if _oauth(row).grant(values) == CLIENT:
        return await _ask(row, _scoped({"grant_type": "client_credentials"}, values))
    refresh = old.get("refresh_token")
    if not old:
        raise NotConnected(f"{row} is not connected. Press Connect on its page.")
    if not refresh:
        raise NotConnected(_again(row, "its token has ended, and the provider gave none to renew"))
    fields = {"grant_type": "refresh_token", "refresh_token": refresh}
    return {"refresh_token": refresh} | await _ask(row, fields)


def _scoped(fields: dict[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    return fields | ({"scope": values["scope"]} if values.get("scope") else {})


def _again(row: Credential, why: str) -> str:
    who = row.connected_by.get_username() if row.connected_by else "somebody of its team"
    return f"{row}: {why}. {who} must connect it again on its page."


def _kept(row: Credential, token: dict[str, Any]) -> None:
    with transaction.atomic():
        there = Credential.objects.select_for_update().filter(pk=row.pk).first()
        if there is None or there.token_version != row.token_version:
            return  # it was changed or connected anew meanwhile: that counts
        _put(there, token)
        there.save()


def _put(row: Credential, token: dict[str, Any]) -> None:
    seconds = token.get("expires_in")
    row.token_text = Secret.of(json.dumps(token))
    row.token_ends_at = None
    if seconds:
        row.token_ends_at = timezone.now() + timedelta(seconds=seconds - min(EARLY, seconds / 2))
    row.token_version += 1
    row.renewing_until, row.trouble = None, ""


def _let_go(row: Credential, trouble: str = "") -> None:
    mine = Credential.objects.filter(pk=row.pk, token_version=row.token_version)
    mine.update(renewing_until=None, trouble=trouble[:500])


# -- the provider --------------------------------------------------------------------------------


async def _ask(row: Credential, fields: dict[str, str]) -> dict[str, Any]:
    """Ask the provider for a token; only its answer's known parts are kept."""
    row = await _again_read(row)
    kind, values = _oauth(row), row.entered
    headers = {
        "accept": "application/json", "content-type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    secret = str(values.get("clientSecret") or "")
    if secret and values.get("authentication") != "body" and kind.grant(values) != PKCE:
        pair = f"{quote(values['clientId'], safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        fields = fields | {"client_id": values["clientId"]}
        fields |= {"client_secret": secret} if secret else {}
    mask = Mask()
    mask.add([*secret_texts(kind, values), *fields.values(), *token_texts(row.token)])
    door = Door(await sync_to_async(policy)(), LIMITS)
    try:
        url = kind.addresses(values)[1]
        answer = await door.fetch("POST", url, headers=headers, content=urlencode(fields).encode())
    except WhooshError as error:
        raise Outside(mask.text(f"{row}: no token came: {error.message}")) from None
    finally:
        await door.close()
    return _token(row, answer, mask)


def _token(row: Credential, answer: Fetched, mask: Mask) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = dict(parse_qsl(answer.text))  # GitHub, unless asked otherwise
    found = found if isinstance(found, dict) else {}
    if isinstance(found.get("access_token"), str) and answer.status < 400:
        made = {k: v for k in KEPT if isinstance(v := found.get(k), str)}
        seconds = str(found.get("expires_in") or "")
        return made | ({"expires_in": int(seconds)} if seconds.isdecimal() else {})
    code = str(found.get("error") or f"status {answer.status}")
    said = mask.text(str(found.get("error_description") or ""))[:200]
    why = f"the provider refuses ({mask.text(code)[:80]}{f': {said}' if said else ''})"
    if code in GONE:
        raise NotConnected(_again(row, why))
    raise Outside(f"{row}: {why}.")
