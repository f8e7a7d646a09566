"""Credentials for a run: found by what its document says, lent with their hosts, never shown."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import Q
from django.utils import timezone

from whoosh_site.core.errors import WhooshError
from workflows.credentials.base import secret_texts
from workflows.credentials.oauth2 import TOKEN, OAuth2
from workflows.engine.credentials import Credential as Lent
from workflows.engine.errors import NodeError
from workflows.models import Credential
from workflows.reach import Credentials
from workflows.services.credentials import find_credential
from workflows.services.oauth import fresh_token, token_texts

NOTED_EVERY = timedelta(minutes=1)


def lender(team: int) -> Credentials:
    """Return what gives a team's runs the credentials their documents name."""
    return partial(_lend, team)


async def _lend(team: int, kind: str, reference: Mapping[str, Any]) -> Lent:
    try:
        row = await sync_to_async(_found)(team, kind, reference)
        return await lent(row)
    except WhooshError as error:
        raise NodeError(error.message) from error


def _found(team: int, kind: str, reference: Mapping[str, Any]) -> Credential:
    row = find_credential(team, kind, reference)
    if row is None:
        called = reference.get("name") or reference.get("id")
        raise NodeError(
            f"The credential {called!r} of the type {kind} is not there.",
            description="It is not in this workflow's team, or several are called so. Make it "
            "under Credentials, or choose another at the node.",
        )
    if row.kind is None:
        raise NodeError(f"The credential type {kind} is not known here.")
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED_EVERY)
    Credential.objects.filter(stale, pk=row.pk).update(last_used_at=now)
    return row


async def lent(row: Credential, *, refused: int | None = None) -> Lent:
    """Return a credential as nodes get it, with a token that holds where it is one of OAuth2.

    `refused` is the version of a token that was refused before its end.

    Raises:
        WhooshError: its key is gone, or no token can be had; says what to do.
    """
    kind = row.kind
    if kind is None:
        raise AssertionError("whoever looked it up has seen to that")
    values = dict(row.entered)
    texts = list(secret_texts(kind, values))
    renew = None
    if issubclass(kind, OAuth2):
        row = await fresh_token(row, refused=refused)
        token = row.token
        values = {TOKEN: token["access_token"]}
        texts += token_texts(token)
        renew = partial(_renewed, row.pk, row.token_version)
    return Lent(row.type, row.name, values, tuple(row.hosts), tuple(texts), renew)


async def _renewed(pk: int, refused: int) -> Lent:
    try:
        row = await Credential.objects.aget(pk=pk)
        return await lent(row, refused=refused)
    except Credential.DoesNotExist:
        raise NodeError("The credential was deleted while the run used it.") from None
    except WhooshError as error:
        raise NodeError(error.message) from error
