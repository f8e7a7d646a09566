"""Which trigger a call falls on, and what has to be known of its workflow before it runs."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.utils import timezone

from whoosh_site.core import tunables
from whoosh_site.core.prepared import Prepared
from workflows.allowed import environment, variables_of
from workflows.engine.document import Document
from workflows.engine.triggers import ON_RECEIVED
from workflows.models import Trigger, WorkflowVersion
from workflows.services.linting import kinds

MOST_KEPT = 200
"""Documents that are kept read in one process."""
COLUMNS = (
    "pk", "path", "method", "kind", "node", "options", "version_id", "version__checksum",
    "workflow_id", "workflow__team_id", "workflow__name", "started_by_id", "until",
)  # fmt: skip
HEAVY = frozenset({"Files"})
"""Groups of nodes that work on whole files: never in the web process."""


@dataclass(frozen=True)
class Plan:
    """A version as a call needs it: its document, and whether it may run in the web process."""

    document: Document
    quick: bool
    pages: bool  # a form goes on with further pages, or an ending of its own
    vars: bool
    env: bool


@dataclass(frozen=True)
class Caught:
    """A trigger that was called, and what its workflow's run may see."""

    pk: int
    path: str
    method: str
    kind: str
    node: str
    options: Mapping[str, Any]
    version: int
    checksum: str
    workflow: int
    team: int
    name: str
    started_by: int | None
    until: Any
    test: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    plan: Plan | None = None
    vars: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    quota: int = 0  # bytes the files of its team may take

    @property
    def wish(self) -> Mapping[str, Any]:
        """What is answered, and when."""
        return self.options.get("wish", {})

    @property
    def waits(self) -> bool:
        """Whether the caller wants to hear what the run gives."""
        return bool(self.wish.get("mode", ON_RECEIVED) != ON_RECEIVED)


def triggers_at(path: str, *, test: bool, kinds: Iterable[str]) -> list[Caught]:
    """Return the triggers that listen at a path, whatever their method; none where none does."""
    path = path.strip("/")
    if not path or "\x00" in path or len(path) > 1000:
        return []
    found = [Caught(*row, test=test) for row in _exact(test).rows(path=path)]
    found = found or _by_parts(path, test)
    if test:
        now = timezone.now()
        found = [one for one in found if one.until is None or one.until > now]
    wanted = frozenset(kinds)
    return [one for one in found if one.kind in wanted]


@cache
def _exact(test: bool) -> Prepared:
    rows = Trigger.objects.filter(test=test).order_by("pk")
    return Prepared(lambda path: rows.filter(path=path).values_list(*COLUMNS), path=str)


def _by_parts(path: str, test: bool) -> list[Caught]:
    """Return those whose path has parameters and fits, the one with most fixed parts."""
    parts = path.split("/")
    if len(parts) < 2:
        return []
    rows = Trigger.objects.filter(test=test, path__startswith=f"{parts[0]}/", path__contains="/:")
    best: dict[str, list[Caught]] = {}
    for row in rows.order_by("pk").values_list(*COLUMNS):
        one = Caught(*row, test=test)
        params = _params(one.path.split("/"), parts)
        if params is not None:
            best.setdefault(one.path, []).append(_with(one, params=params))
    if not best:
        return []
    return best[min(best, key=lambda own: (own.count(":"), own))]


def _params(own: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(own) != len(parts):
        return None
    found = {}
    for mine, given in zip(own, parts, strict=True):
        if mine.startswith(":"):
            found[mine[1:]] = given
        elif mine != given:
            return None
    return found


def ready(caught: Caught) -> Caught:
    """Return a trigger with its document and what its expressions may read beside the run."""
    plan = plan_of(caught.version, caught.checksum)
    return _with(
        caught,
        plan=plan,
        vars=variables_of(caught.team) if plan.vars else {},
        env=environment() if plan.env else {},
        quota=files_quota(),
    )


def files_quota() -> int:
    """Return how many bytes the files of one team may take."""
    return int(tunables.value("team_files_megabytes")) << 20


def _with(caught: Caught, **news: Any) -> Caught:
    return Caught(**{**vars(caught), **news})


_plans: "OrderedDict[str, Plan]" = OrderedDict()


def plan_of(version: int, checksum: str) -> Plan:
    """Return a version's plan; the same text is read once in a process."""
    if checksum in _plans:
        _plans.move_to_end(checksum)
        return _plans[checksum]
    row = WorkflowVersion.objects.get(pk=version)
    document = row.document
    nodes = [spec for spec in document.nodes.values() if not spec.disabled]
    plan = Plan(
        document,
        quick=is_quick(document, row.text),
        pages=any(spec.short_type in ("form", "wait") for spec in nodes),
        vars="$vars" in row.text,
        env="$env" in row.text,
    )
    _plans[checksum] = plan
    while len(_plans) > MOST_KEPT:
        _plans.popitem(last=False)
    return plan


def is_quick(document: Document, text: str) -> bool:
    """Whether no node reaches outside, waits, works on files, or leaves something for later runs.

    What such a run did can be done once more: nobody but its caller has seen any of it.
    """
    if "StaticData" in text or "customData" in text or "$execution.resume" in text:
        return False
    for spec in document.nodes.values():
        node = kinds().get(spec.type)
        if spec.disabled:
            continue
        if node is None or node.group in HEAVY or node.reaches_out:
            return False
        if spec.tries > 1 or "python" in str(spec.parameters.get("language", "")):
            return False
    return True
