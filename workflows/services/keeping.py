"""What runs have left: their data and files, looked at, deleted, and tidied away."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import Conflict, NotFound
from whoosh_site.core.permissions import demand
from workflows import binary
from workflows.binary import Binaries
from workflows.engine.errors import NodeError
from workflows.engine.run import Step
from workflows.live import tell_execution
from workflows.models import Execution, KeptSteps
from workflows.models.executions import OPEN
from workflows.services.executing import files_of
from workflows.services.running import TEAM

AT_ONCE = 100
ORPHANED = timedelta(days=1)


def find_step(execution: Execution, node: str, run: int = 0) -> Step:
    """Return what one run of a node gave.

    Raises:
        NotFound: nothing is kept of it; says what there is.
    """
    kept = KeptSteps(execution.pk)
    step = kept.step(node, run)
    if step is not None:
        return step
    if not kept.size:
        raise NotFound(f"{_named(execution)} kept no data (yet).")
    figures = next((one for one in execution.nodes if one["name"] == node), None)
    if figures is None:
        raise NotFound(f"No node called {node!r} ran in {execution}.")
    runs = figures["runs"]
    raise NotFound(f"{node!r} has no run {run} in {execution}: it ran {runs} times, from 0.")


def open_file(
    execution: Execution, node: str, *, run: int, output: int, item: int, name: str
) -> tuple[str, BinaryIO]:
    """Return the name of a file that belongs to an item, and the file, to be read and closed.

    Raises:
        NotFound: there is no such item, or it holds no such file.
    """
    step = find_step(execution, node, run)
    items = (step.outputs[output] if output < len(step.outputs) else None) or []
    binary = items[item].get("binary") if item < len(items) else None
    record = binary.get(name) if isinstance(binary, dict) else None
    if not isinstance(record, dict):
        raise NotFound(f"Item {item} of {node!r} holds no file called {name!r}.")
    try:
        file = files_of(execution).open(record)
    except NodeError as error:
        raise NotFound(f"{error.message} {error.description}".strip()) from None
    return str(record.get("fileName") or name), file


def _named(execution: Execution) -> str:
    return f"{str(execution)[0].upper()}{str(execution)[1:]}"


@transaction.atomic
def delete_execution(execution: Execution, *, by: Actor) -> None:
    """Delete a run that has ended, with its data and files.

    Raises:
        Forbidden: the caller may not.
        Conflict: it has not ended.
    """
    demand(by, "execution.delete", [execution.team_id])
    mine = Execution.objects.filter(pk=execution.pk).exclude(state__in=OPEN)
    if not mine.exists():
        raise Conflict(f"{_named(execution)} has not ended: cancel it first.")
    audit.record(by, "deleted", execution)
    tell_execution(execution)
    owner, run = f"{TEAM}{execution.team_id}", str(execution.pk)
    mine.delete()
    transaction.on_commit(lambda: forget_files(owner, run))


def forget_files(owner: str, run: str) -> None:
    """Delete the files of a run."""
    Binaries(settings.VAR / "binary", owner=owner, run=run).forget()


@transaction.atomic
def keep_execution(execution: Execution, *, kept: bool, by: Actor) -> None:
    """Let a run stay however old or large it is, or no longer.

    Raises:
        Forbidden: the caller may not.
    """
    demand(by, "execution.keep", [execution.team_id])
    if Execution.objects.filter(pk=execution.pk).exclude(kept=kept).update(kept=kept):
        audit.record(by, "kept" if kept else "no longer kept", execution)
        tell_execution(execution)


def delete_past(days: int, most: int) -> None:
    """Delete ended runs older than this, and the oldest beyond so many; a batch at a time.

    Those somebody keeps stay, and do not count.
    """
    ended = _passing()
    oldest = timezone.now() - timedelta(days=days)
    _delete_all(lambda: ended.filter(finished_at__lt=oldest))
    newest = ended.order_by("-pk").values_list("pk", flat=True)
    first_too_many = newest[most : most + 1].first() if most else None
    if first_too_many is not None:
        _delete_all(lambda: ended.filter(pk__lte=first_too_many))
    forget_orphans()


def delete_too_large(most: int) -> None:
    """Delete the oldest ended runs while all of them take more than so many bytes; 0: never."""
    ended = _passing().filter(stored_bytes__gt=0)
    excess = (ended.aggregate(sum=Sum("stored_bytes"))["sum"] or 0) - most
    if not most or excess <= 0:
        return
    oldest: list[tuple[int, int]] = []
    for pk, team, size in ended.order_by("pk").values_list("pk", "team_id", "stored_bytes"):
        if excess <= 0:
            break
        oldest.append((pk, team))
        excess -= size
    _delete(oldest)


def make_room_for_files(quota: int) -> None:
    """Delete the oldest ended runs with files of teams that are near their quota; 0: of none.

    What somebody keeps, or has not ended, takes its room: where that alone is too much nothing is
    deleted, and nodes that make files fail.
    """
    folder = settings.VAR / "binary"
    teams = sorted({owner for owner, _, _ in binary.runs(folder)}) if quota else []
    for owner in teams:
        team = owner.removeprefix(TEAM)
        if not (owner.startswith(TEAM) and team.isdecimal()):
            continue
        sizes = binary.sizes(folder / owner)
        excess = sum(sizes.values()) - quota * 9 // 10
        if excess <= 0:
            continue
        pks = sorted(int(run) for run, size in sizes.items() if size and run.isdecimal())
        ended = sorted(_passing_among(pks))
        if excess > sum(sizes[str(pk)] for pk in ended):
            continue
        oldest: list[tuple[int, int]] = []
        for pk in ended:
            if excess <= 0:
                break
            oldest.append((pk, int(team)))
            excess -= sizes[str(pk)]
        _delete(oldest)


def _passing() -> QuerySet[Execution]:
    """Return the runs that go when there is no room: they have ended, and nobody keeps them."""
    return Execution.objects.exclude(state__in=OPEN).filter(kept=False)


def _passing_among(pks: Sequence[int]) -> Iterator[int]:
    for at in range(0, len(pks), 500):
        yield from _passing().filter(pk__in=pks[at : at + 500]).values_list("pk", flat=True)


def _delete_all(rows: Callable[[], QuerySet[Execution]]) -> None:
    while batch := list(rows().order_by("pk").values_list("pk", "team_id")[:AT_ONCE]):
        _delete(batch)


def _delete(rows: Sequence[tuple[int, int]]) -> None:
    """Delete runs (ids, and those of their teams) with their files, a batch at a time."""
    for at in range(0, len(rows), AT_ONCE):
        batch = rows[at : at + AT_ONCE]
        Execution.objects.filter(pk__in=[pk for pk, _ in batch]).delete()
        for pk, team in batch:
            forget_files(f"{TEAM}{team}", str(pk))


def forget_orphans() -> None:
    """Delete files whose runs are gone: with their workflow, or with a process that died."""
    old = [
        (owner, run)
        for owner, run, age in binary.runs(settings.VAR / "binary")
        if age > ORPHANED.total_seconds()
    ]
    there = set(_existing(int(run) for owner, run in old if _of_team(owner, run)))
    for owner, run in old:
        if not (_of_team(owner, run) and int(run) in there):
            forget_files(owner, run)


def _of_team(owner: str, run: str) -> bool:
    return owner.startswith(TEAM) and run.isdecimal()


def _existing(pks: Iterable[int]) -> Iterable[int]:
    found = list(pks)
    for at in range(0, len(found), 500):
        yield from Execution.objects.filter(pk__in=found[at : at + 500]).values_list(
            "pk", flat=True
        )
