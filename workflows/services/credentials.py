"""What people do with credentials: make, change, share, delete; and which ones documents mean."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from agents import services as agents
from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand
from whoosh_site.core.secrets import SecretKeyError
from workflows.credentials import CredentialType, shelf
from workflows.credentials.entering import entered, read_hosts, wider
from workflows.engine.document import Document
from workflows.live import tell_credential
from workflows.models import Credential, Workflow
from workflows.models.credentials import LONGEST_NAME, fresh_ref
from workflows.n8n.reading import shortened
from workflows.nodes import shelf as nodes

REF = re.compile(r"[\w-]{1,64}", re.ASCII)
OPEN = re.compile(r"\*(\.[^.]+)?")
"""Entries of a list of hosts that stand for hosts of all the world."""


# -- made and changed ----------------------------------------------------------------------------


@transaction.atomic
def create_credential(
    kind: str,
    name: str,
    values: Mapping[str, Any],
    *,
    by: Actor,
    team: Team | None = None,
    hosts: Iterable[str] = (),
    ref: str = "",
) -> Credential:
    """Keep a credential; without `hosts` it may be sent to those its values name.

    `ref` is the id documents that come from elsewhere name it by.

    Raises:
        Forbidden: the caller may not make credentials of the team, or not for all hosts.
        BadInput: names the field.
        Conflict: there is one with this name and type, or this id.
    """
    team = team or agents.team_for(agents.Wish(()), by)
    demand(by, "credential.change", [team.pk])
    found = find_type(kind)
    if ref and not REF.fullmatch(ref):
        raise BadInput("ref: up to 64 letters, digits, _ and -.")
    made = Credential(
        team=team, type=kind, name=_named(name), ref=ref or fresh_ref(), created_by=by.user
    )
    made.entered = entered(found, values, {})
    made.hosts = _hosts(found, made.entered, read_hosts(hosts), by, team)
    _saved(made, force_insert=True)
    audit.record(by, "created", made, {"type": kind, "hosts": made.hosts})
    tell_credential(made)
    return made


@transaction.atomic
def change_credential(
    credential: Credential,
    *,
    by: Actor,
    name: str | None = None,
    values: Mapping[str, Any] | None = None,
    hosts: Iterable[str] | None = None,
) -> list[str]:
    """Change what is given; an empty secret stays as it is. Returns what has changed.

    Hosts that were derived from the values follow them. Whoever lets it be sent to another host
    must enter its secrets again: nobody gets a secret by moving it.

    Raises:
        Forbidden, BadInput, Conflict: as `create_credential`.
    """
    demand(by, "credential.change", [credential.team_id])
    kind = find_type(credential.type)
    row = Credential.objects.select_for_update().get(pk=credential.pk)
    old = _readable(row)
    new = entered(kind, values or {}, old) if values is not None else old
    derived = sorted(kind.hosts_of(old)) == row.hosts
    wanted = row.hosts if hosts is None else read_hosts(hosts)
    if derived and (hosts is None or wanted == row.hosts):
        wanted = []
    before = {"name": row.name, "hosts": row.hosts, "values": old}
    row.name = row.name if name is None else _named(name)
    if wanted != row.hosts:
        row.hosts = _hosts(kind, new, wanted, by, row.team)
    moved = wider([*row.hosts, *kind.goes_to(new)], [*before["hosts"], *kind.goes_to(old)])
    if moved:
        _secrets_given(kind, values or {}, old, moved)
        row.forget_token()  # it was got for the hosts of before
    row.entered = new
    after = {"name": row.name, "hosts": row.hosts, "values": new}
    changed = sorted(key for key in after if after[key] != before[key])
    if changed:
        _keep(row, credential, changed, by)
        details = {key: after[key] for key in changed if key != "values"}
        fields = sorted(key for key in new if new[key] != old.get(key))
        audit.record(by, "changed", row, details | ({"fields": fields} if fields else {}))
        tell_credential(row)
    return changed


def _keep(row: Credential, shown: Credential, changed: list[str], by: Actor) -> None:
    row.updated_at = timezone.now()
    if "values" in changed:
        # What was shown of the old values, and tokens got with them, are no more.
        row.works, row.tested_at, row.test_words = None, None, ""
        row.forget_token()
    _saved(row)
    shown.refresh_from_db()


def _readable(row: Credential) -> dict[str, Any]:
    """Return what was entered; nothing where its key is gone: entering it again is the way out."""
    try:
        return row.entered
    except SecretKeyError:
        return {}


def _secrets_given(
    kind: type[CredentialType], values: Mapping[str, Any], old: Mapping[str, Any], host: str
) -> None:
    for one in kind.fields:
        if one.secret and old.get(one.name) and values.get(one.name, "") == "":
            said = f"enter it again: it may be sent to {host} now, which was not so before."
            raise BadInput(f"{one.name}: {said}")


def _hosts(
    kind: type[CredentialType], values: Mapping[str, Any], given: list[str], by: Actor, team: Team
) -> list[str]:
    if kind.stays:
        if given:
            raise BadInput(f"hosts: {kind.label} is sent nowhere; leave them out.")
        return []
    found = given or sorted(kind.hosts_of(values))
    if not found:
        said = "say which hosts it may be sent to, such as api.example.com."
        raise BadInput(f"hosts: {said}")
    if any(OPEN.fullmatch(entry) for entry in found):
        demand(by, "credential.open", [team.pk])
    return found


def _named(name: str) -> str:
    found = shortened(name)
    if not found:
        raise BadInput("name: give the credential a name.")
    if len(found) > LONGEST_NAME:
        raise BadInput(f"name: at most {LONGEST_NAME} characters.")
    return found


def _saved(row: Credential, **how: Any) -> None:
    try:
        with transaction.atomic():
            row.save(**how)
    except IntegrityError:
        rows = Credential.objects.filter(team=row.team_id).exclude(pk=row.pk)
        if rows.filter(ref=row.ref).exists():
            raise Conflict(f"ref: the team has a credential with the id {row.ref}.") from None
        said = f"name: the team has a credential {row.name!r} of the type {row.label}."
        raise Conflict(said) from None


def find_type(key: str) -> type[CredentialType]:
    """Return a type of the shelf; raises BadInput for none."""
    if (found := shelf.get(key)) is None:
        raise BadInput(f"type: there is no credential type {key!r}.")
    return found


@transaction.atomic
def share_credential(credential: Credential, teams: Iterable[Team], *, by: Actor) -> bool:
    """Set which other teams' workflows may use it; returns whether that changed anything."""
    demand(by, "credential.share", [credential.team_id])
    wanted = {team for team in teams if team.pk != credential.team_id}
    hidden = set()  # teams the caller does not see stay as they are
    if by.user is not None:
        unseen = credential.shared_with.exclude(pk__in=Team.objects.visible_to(by.user))
        hidden = set(unseen)
    if set(credential.shared_with.all()) == wanted | hidden:
        return False
    credential.shared_with.set(wanted | hidden)
    audit.record(by, "shared", credential, {"with": sorted(team.name for team in wanted)})
    tell_credential(credential)
    return True


@transaction.atomic
def delete_credential(credential: Credential, *, by: Actor, force: bool = False) -> None:
    """Delete a credential for good.

    Raises:
        Conflict: workflows use it, which are named; unless `force`.
    """
    demand(by, "credential.delete", [credential.team_id])
    used = [use.workflow.name for use in uses_of(credential)]
    if used and not force:
        names = ", ".join(repr(name) for name in used[:10])
        raise Conflict(
            f"{credential} is used by {names}{' and more' if len(used) > 10 else ''}. Choose "
            "another there first, or delete it all the same."
        )
    audit.record(by, "deleted", credential, {"type": credential.type, "used_by": used[:50]})
    tell_credential(credential)
    credential.delete()


# -- which ones documents mean -------------------------------------------------------------------


def find_credential(team: int, kind: str, reference: Any) -> Credential | None:
    """Return the credential a document of a team means: by its id, else by an only name."""
    ref, name = _pointed(reference)
    rows = Credential.objects.of_team(team).filter(type=kind)
    if ref and (found := rows.filter(ref=ref).first()):
        return found
    named = list(rows.filter(name=name)[:3]) if name else []
    own = [row for row in named if row.team_id == team]
    fitting = own or named
    return fitting[0] if len(fitting) == 1 else None


def _pointed(reference: Any) -> tuple[str, str]:
    """Return the id and the name of a reference; very old documents hold a bare name."""
    if isinstance(reference, str):
        return "", reference[:LONGEST_NAME]
    if not isinstance(reference, Mapping):
        return "", ""
    ref = str(reference.get("id") or "")
    return ref if len(ref) <= 64 else "", str(reference.get("name") or "")[:LONGEST_NAME]


@dataclass(frozen=True)
class Use:
    """A workflow that uses a credential, and the nodes it does so at."""

    workflow: Workflow
    nodes: list[str]


def uses_of(credential: Credential, teams: Iterable[int] | None = None) -> list[Use]:
    """Return the workflows whose current or active version uses a credential, by name.

    `teams` leaves out the workflows of others.
    """
    words = {credential.ref, credential.name, json.dumps(credential.name)[1:-1]}
    mentioned = Q()
    for version in ("current", "active"):
        for word in words:
            mentioned |= Q(**{f"{version}__text__contains": word})
    allowed = {credential.team_id, *credential.shared_with.values_list("pk", flat=True)}
    if teams is not None:
        allowed &= set(teams)
    rows = Workflow.objects.filter(mentioned, team__in=allowed).select_related("current", "active")
    found: list[Use] = []
    for workflow in rows.order_by("name", "pk"):
        versions = {v.pk: v for v in (workflow.current, workflow.active) if v is not None}
        there = [n for v in versions.values() for n in _nodes(v.document, workflow, credential)]
        if there:
            found.append(Use(workflow, sorted(set(there))))
    return found


def _nodes(document: Document, workflow: Workflow, credential: Credential) -> Iterator[str]:
    for name, kind, reference in _references(document):
        if kind == credential.type:
            found = find_credential(workflow.team_id, kind, reference)
            if found is not None and found.pk == credential.pk:
                yield name


def _references(document: Document) -> Iterator[tuple[str, str, Any]]:
    for spec in document.nodes.values():
        for kind, reference in spec.credentials.items():
            yield spec.name, str(kind), reference


@dataclass(frozen=True)
class Missing:
    """A credential a document names and its team does not have."""

    type: str
    label: str
    name: str
    ref: str
    nodes: list[str]
    known: bool  # whether it can be made here
    team: int

    @property
    def url(self) -> str:
        """Where to make it: under the id the document names it by."""
        asked = {"type": self.type, "name": self.name, "ref": self.ref, "team": self.team}
        return f"/credentials/new/?{urlencode({k: v for k, v in asked.items() if v})}"

    @property
    def message(self) -> str:
        """What is wrong, and what to do."""
        what = f"The credential {self.name or self.ref!r} ({self.label}) is not here"
        if not self.known:
            return f"{what}, and its type is not known here."
        return f"{what}: make it, or choose another at the node."


def missing_credentials(document: Document, team: int) -> list[Missing]:
    """Return what a document names that its team has not, each once; disabled nodes left out."""
    wanted: dict[tuple[str, str, str], list[str]] = {}
    for name, kind, reference in _references(document):
        spec = document.nodes[name]
        ref, called = _pointed(reference)
        if not (ref or called) or spec.disabled or spec.type not in nodes:
            continue
        if find_credential(team, kind, reference) is None:
            wanted.setdefault((kind, ref, called), []).append(name)
    found = []
    for (kind, ref, called), names in wanted.items():
        there = shelf.get(kind)
        usable = ref if REF.fullmatch(ref) else ""
        label = there.label if there else kind
        found.append(Missing(kind, label, called, usable, names, there is not None, team))
    return found
