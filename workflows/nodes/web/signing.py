"""Credentials of the HTTP Request node: chosen, checked against the host, put into requests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from whoosh_site.core.digest import digest_answer
from whoosh_site.core.errors import BadInput
from whoosh_site.core.http import endpoint
from workflows.credentials import CredentialType, shelf
from workflows.engine.credentials import Credential
from workflows.engine.errors import NodeError
from workflows.engine.node import Context
from workflows.nodes.web.parameters import OLD_CREDENTIALS
from workflows.nodes.web.request import Body, Request, header


class Signer:
    """Signs the requests of one run of a node with its credential."""

    def __init__(self, context: Context, kind: type[CredentialType], found: Credential) -> None:
        self.context = context
        self.kind = kind
        self.found = found

    def sign(self, request: Request) -> Request:
        """Return the request with what the credential adds.

        Raises:
            NodeError: the credential may not be sent there.
        """
        try:
            self.found.demand_host(*endpoint(request.full_url))
        except BadInput as error:
            raise NodeError(error.message) from error
        added = self.kind.added(self.found.values)
        more = dict(header(name, value) for name, value in added.headers.items())
        body = request.body
        for name, value in added.body.items():
            body = (body or Body("json", {})).with_value(name, value)
        return replace(
            request.without(added.query),
            headers={**request.headers, **more},
            query={**request.query, **added.query},
            body=body,
        )

    @property
    def stays(self) -> bool:
        """Whether a redirect must not be followed: what it would carry on is secret."""
        return bool(self.kind.added(self.found.values).body)

    async def again(
        self, request: Request, headers: Mapping[str, str], used: Credential
    ) -> Request | None:
        """Return the request to send once more after a 401; None where that would change nothing.

        `request` is the one before it was signed, `used` what it was signed with.
        """
        if self.kind.answers:
            who = (str(self.found.values.get(name, "")) for name in ("user", "password"))
            said = digest_answer(*who, request.method, request.full_url, headers)
            self.context.mask.add([said])
            more = {**request.headers, "authorization": said}
            return replace(self.sign(request), headers=more) if said else None
        if self.found is used:  # no other request of the node had it renewed meanwhile
            fresh = await self.context.renewed(used)
            if fresh is None:
                return None
            self.found = fresh
        return self.sign(request)


async def signer_of(context: Context) -> Signer | None:
    """Return what signs this node's requests; None where it needs no credential.

    Raises:
        NodeError: none is chosen, or its type signs no requests.
    """
    chosen = _chosen(context)
    if not chosen:
        return None
    kind = shelf.get(chosen)
    if kind is None or not kind.signs:
        known = ", ".join(one.key for one in shelf if one.signs)
        raise NodeError(
            f"Requests cannot be signed with a credential of the type {chosen}.",
            description=f"There are: {known}. Or choose Custom Auth, and say what to send.",
        )
    return Signer(context, kind, await context.credential(chosen))


def _chosen(context: Context) -> str:
    how: Any = context.value("authentication", 0) or "none"
    if how == "none":
        return ""
    if how == "genericCredentialType":
        return str(context.value("genericAuthType", 0) or "")
    if how == "predefinedCredentialType":
        return str(context.value("nodeCredentialType", 0) or "")
    if how in OLD_CREDENTIALS:
        return OLD_CREDENTIALS[how]
    raise NodeError(f"The authentication {how!r} is not there.")
