"""Whether a credential works: a harmless request to where it belongs, or a sign-in."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone

from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.digest import digest_answer
from whoosh_site.core.errors import BadInput, WhooshError
from whoosh_site.core.http import Door, endpoint
from whoosh_site.core.limits import MEGABYTE, Limits
from whoosh_site.core.permissions import demand
from workflows.allowed import policy
from workflows.credentials import CredentialType
from workflows.credentials.base import Probe, Server
from workflows.credentials.oauth2 import OAuth2
from workflows.engine.credentials import Credential as Lent
from workflows.engine.credentials import Mask
from workflows.engine.errors import NodeError
from workflows.live import tell_credential
from workflows.models import Credential
from workflows.services.credentials import find_type
from workflows.services.lending import lent
from workflows.services.servers import sign_in

LIMITS = Limits(first_byte=15.0, between=5.0, total=20.0, size=MEGABYTE)
NO_TEST = "There is no test for this type: a run will show whether it works."


def try_credential(credential: Credential, *, by: Actor, url: str = "") -> bool:
    """Try a credential, and note what came of it; returns whether it works.

    `url` is where to send a request signed with it, for types that name no host themselves.

    Raises:
        Forbidden: the caller may not change it.
        BadInput: it cannot be tried, or not at this address.
    """
    demand(by, "credential.change", [credential.team_id])
    kind = find_type(credential.type)
    row = Credential.objects.select_related("connected_by").get(pk=credential.pk)  # secrets too
    try:
        trouble = async_to_sync(_tried)(row, kind, url.strip())
    except BadInput:
        raise
    except (WhooshError, NodeError) as error:
        trouble = error.message
    words = trouble[:500] or "It works."
    Credential.objects.filter(pk=credential.pk).update(
        tested_at=timezone.now(), works=not trouble, test_words=words
    )
    audit.record(by, "tested", credential, {"works": not trouble})
    tell_credential(credential)
    return not trouble


async def _tried(credential: Credential, kind: type[CredentialType], url: str) -> str:
    """Return what is wrong, or nothing."""
    if kind.stays:
        raise BadInput("It is sent nowhere, so there is nothing to try.")
    values = credential.entered
    server = kind.server(values)
    probe = kind.probe(values) or (Probe(url) if kind.signs and url else None)
    if server is None and probe is None and not issubclass(kind, OAuth2):
        raise BadInput("url: give an address to try it at." if kind.signs else NO_TEST)
    found = await lent(credential)  # for OAuth2, fetches a token where there is none
    mask = Mask()
    mask.add(found.secrets)
    try:
        if server is not None:
            return mask.text(await _signed_in(found, server))
        return mask.text(await _probed(found, kind, probe)) if probe is not None else ""
    except WhooshError as error:
        return mask.text(error.message)
    except NodeError as error:
        return mask.text(f"{error.message} {error.description}".strip())


async def _signed_in(found: Lent, server: Server) -> str:
    found.demand_host(server.host, server.port)
    return await asyncio.to_thread(sign_in, server, await sync_to_async(policy)())


async def _probed(found: Lent, kind: type[CredentialType], probe: Probe) -> str:
    added = kind.added(found.values)
    join = "&" if "?" in probe.url else "?"
    url = probe.url + (join + urlencode(added.query) if added.query else "")
    found.demand_host(*endpoint(url))
    headers = {"accept": "application/json", **probe.headers, **added.headers}
    door = Door(await sync_to_async(policy)(), LIMITS)
    try:
        answer = await door.fetch("GET", url, headers=headers)
        if kind.answers and answer.status == 401:
            more = _digest(found.values, url, answer.headers)
            answer = await door.fetch("GET", url, headers=headers | more)
    finally:
        await door.close()
    host = endpoint(url)[0]
    if answer.status in (401, 403):
        return f"{host} does not take it (status {answer.status})."
    if answer.status >= 400:
        return f"{host} answers {answer.status}."
    try:
        said = probe.complaint(answer.json())
    except ValueError:
        said = probe.complaint(None)
    return f"{host} does not take it: {said[:200]}." if said else ""


def _digest(values: Mapping[str, Any], url: str, headers: Mapping[str, str]) -> dict[str, str]:
    who = str(values.get("user", "")), str(values.get("password", ""))
    said = digest_answer(*who, "GET", url, headers)
    return {"authorization": said} if said else {}
