"""Looking for model hosts where an administrator says so, and making agents of what is found.

Never by itself: every search names its places, at most 1,024 addresses and 10 ports. A refused
address is refused where the socket is made, as for every agent.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from agents.live import tell_discovery
from agents.models import Agent, Discovery
from agents.models.arrivals import CANCELED, FOUND
from agents.services.endpoints import Examination, close_doors, door, examine
from agents.services.hosts import register_agent
from agents.targets import Place, places, vet_ports
from whoosh_site.core import audit, leases
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.leases import Lease
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand

AT_ONCE = 64
CONNECT_SECONDS = 1.0
LONGEST_SECONDS = 300.0
TELL_SECONDS = 0.5
MOST_SILENT = 100
"""How many named places without a host are told of."""
Find = dict[str, Any]


class Survey:
    """Asks places, 64 at a time; what it knows so far may be read while it runs."""

    def __init__(self, wanted: Sequence[Place]) -> None:
        self.wanted = wanted
        self.asked = 0
        self.out_of_time = False
        self._found: dict[int, Find] = {}

    @property
    def found(self) -> list[Find]:
        """What answered and what was named, in the order of the places."""
        return [self._found[number] for number in sorted(self._found)]

    async def run(self) -> None:
        """Ask them all, for at most five minutes."""
        left = iter(enumerate(self.wanted))
        try:
            async with asyncio.timeout(LONGEST_SECONDS), asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, len(self.wanted))):
                    group.create_task(self._ask(left))
        except TimeoutError:
            self.out_of_time = True

    async def run_alone(self) -> None:
        """Ask them all in an event loop that nobody uses afterwards."""
        try:
            await self.run()
        finally:
            await close_doors()

    async def _ask(self, left: Iterable[tuple[int, Place]]) -> None:
        for number, place in left:  # all of us take from the same
            seen = await examine(
                place.url,
                allow_local=place.local,
                connect=CONNECT_SECONDS,
                way_out=door(allow_local=place.local),
            )
            self.asked += 1
            silent = not (seen.ok or seen.needs_key)
            if not silent or (place.named and len(self._found) < MOST_SILENT):
                self._found[number] = _told(place, seen)

    @property
    def trouble(self) -> str:
        """What kept it from asking everywhere, in words; or nothing."""
        if not self.out_of_time:
            return ""
        asked, minutes = f"{self.asked:,} of {len(self.wanted):,} places", LONGEST_SECONDS / 60
        return f"It ended after {minutes:.0f} minutes, with {asked} asked. Name fewer."


def _told(place: Place, seen: Examination) -> Find:
    return {
        "endpoint": place.url,
        "allow_local": place.local,
        "ok": seen.ok,
        "needs_key": seen.needs_key,
        "flavour": seen.flavour[:40],
        "version": seen.version[:60],
        "models": len(seen.models),
        "slots": seen.slots,
        "message": seen.message[:500],
    }


# -- a search as work --------------------------------------------------------------------------


@transaction.atomic
def start_discovery(targets: Sequence[str], ports: Sequence[int] = (), *, by: Actor) -> Discovery:
    """Record a search; a runner takes it at once.

    Raises:
        Forbidden: the caller is no administrator.
        BadInput: naming targets or ports.
    """
    demand(by, "agent.register")
    wanted, asked = places(targets, ports), vet_ports(ports)
    named = [text.strip() for text in targets if text.strip()]
    discovery = Discovery.objects.create(
        created_by=by.user, targets=named, ports=asked, total=len(wanted)
    )
    audit.record(by, "started", discovery, {"targets": named[:100], "ports": asked})
    ended = Discovery.objects.filter(finished_at__isnull=False)
    old = ended.values_list("pk", flat=True)[Discovery.KEPT :]
    Discovery.objects.filter(pk__in=list(old)).delete()
    leases.wake()
    return discovery


@transaction.atomic
def cancel_discovery(discovery: Discovery, *, by: Actor) -> bool:
    """Stop a search; what it has found stays. Returns False when it had ended already."""
    demand(by, "agent.register")
    moved = leases.cancel(Discovery, discovery.pk, state=CANCELED, finished_at=timezone.now())
    if moved:
        audit.record(by, "canceled", discovery)
        tell_discovery(discovery.pk)
        leases.wake()
    return moved


async def discover(lease: Lease[Discovery]) -> None:
    """Carry a search to its end. One whose process died begins anew: it only looks."""
    row = await Discovery.objects.aget(pk=lease.pk)
    survey = Survey(places(row.targets, row.ports))
    teller = asyncio.create_task(_keep_telling(lease, survey))
    try:
        await survey.run()
    finally:
        teller.cancel()
        await asyncio.gather(teller, return_exceptions=True)
    await sync_to_async(_end)(lease, survey)


async def _keep_telling(lease: Lease[Discovery], survey: Survey) -> None:
    while True:
        await sync_to_async(_tell)(lease, survey)
        await asyncio.sleep(TELL_SECONDS)


@transaction.atomic
def _tell(lease: Lease[Discovery], survey: Survey) -> None:
    if lease.write(asked=survey.asked, found=survey.found):
        tell_discovery(lease.pk)


@transaction.atomic
def _end(lease: Lease[Discovery], survey: Survey) -> None:
    last = {"asked": survey.asked, "found": survey.found, "trouble": survey.trouble}
    if lease.finish(FOUND, finished_at=timezone.now(), **last):
        tell_discovery(lease.pk)


@transaction.atomic
def discovery_canceled(lease: Lease[Discovery]) -> None:
    """Write the end of a search that somebody stopped."""
    if lease.finish(CANCELED, finished_at=timezone.now()):
        tell_discovery(lease.pk)


@transaction.atomic
def discoveries_returned(found: leases.Returned) -> None:
    """Show what became of searches whose process died."""
    Discovery.objects.filter(pk__in=found.quarantined).update(finished_at=timezone.now())
    for pk in (*found.queued, *found.quarantined):
        tell_discovery(pk)


# -- from what was found to agents -------------------------------------------------------------


def with_names(found: Sequence[Find]) -> list[Find]:
    """Return finds with `agent`, the name of the agent each is already, and a free `name` else."""
    known = Agent.objects.values_list("name", "endpoint")
    agents = {_place(endpoint): name for name, endpoint in known}
    taken = set(agents.values())
    rows = []
    for find in found:
        agent = agents.get(_place(find["endpoint"]), "")
        rows.append(find | {"agent": agent, "name": agent or _free_name(find, taken)})
        taken.add(rows[-1]["name"])
    return rows


@dataclass(frozen=True)
class Chosen:
    """One find to be registered; without a name it gets the one that was suggested."""

    endpoint: str
    name: str = ""
    api_key: str = ""


@transaction.atomic
def register_found(
    found: Sequence[Find],
    chosen: Iterable[Chosen] | None = None,
    *,
    by: Actor,
    team: Team | None = None,
) -> list[Agent]:
    """Make agents of chosen finds: all of them, or none when one is refused.

    Without a choice, all hosts that want no key and are no agents yet.

    Raises:
        Forbidden, BadInput, Conflict: as `register_agent`; BadInput for what was not found.
    """
    demand(by, "agent.register")
    team = team or (by.user.home_team if by.user else Team.first_made())
    rows = {find["endpoint"]: find for find in with_names(found)}
    if chosen is None:
        new = [url for url, find in rows.items() if find["ok"] and not find["agent"]]
        once = {_place(url): url for url in reversed(new)}  # this machine has several names
        chosen = [Chosen(url) for url in new if url in once.values()]
    return [_register(rows, one, by, team) for one in chosen]


def _register(rows: Mapping[str, Find], one: Chosen, by: Actor, team: Team | None) -> Agent:
    find = rows.get(one.endpoint)
    if find is None or not (find["ok"] or find["needs_key"]):
        raise BadInput(f"hosts: no model host was found at {one.endpoint[:100]!r}.")
    if find["agent"]:
        raise Conflict(f"endpoint: {one.endpoint} is registered already as {find['agent']}.")
    if find["needs_key"] and not one.api_key:
        raise BadInput(f"api_key: {one.endpoint} wants a key; give it.")
    return register_agent(
        by=by,
        team=team,
        name=one.name or find["name"],
        endpoint=find["endpoint"],
        api_key=one.api_key,
        allow_local=find["allow_local"],
        slots=fitting(find["slots"]),
    )


def fitting(slots: int | None) -> int:
    """Return what a host says of its slots as what an agent may have."""
    return min(max(slots or 1, 1), 1000)


def _place(url: str) -> tuple[str, int | None]:
    """Return host and port; the names of this machine's loopback are one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    local = host in ("localhost", "::1") or host.startswith("127.")
    return "localhost" if local else host, parts.port or (443 if parts.scheme == "https" else 80)


def _free_name(find: Find, taken: set[str]) -> str:
    """Suggest a name: of the host if it has one, else of its software and address."""
    host, _ = _place(find["endpoint"])
    software = _slug(find["flavour"]) or "host"
    first = host.partition(".")[0]
    if host == "localhost":
        choices = [software]
    elif first.isdecimal() or ":" in host:
        choices = [f"{software}-{_slug(host)}"]
    else:
        choices = [_slug(first), f"{_slug(first)}-{software}"]
    return next(name for name in _numbered(choices) if name not in taken)


def _numbered(choices: Sequence[str]) -> Iterable[str]:
    short = [choice[:70] for choice in choices]
    yield from short
    number = 2
    while True:
        yield f"{short[-1]}-{number}"
        number += 1


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
