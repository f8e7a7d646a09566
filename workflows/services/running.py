"""Running documents in this process, with the scripts, files and memories they share."""

import gc
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

from whoosh_site.core.errors import BadInput
from workflows.allowed import bounds, policy
from workflows.binary import Binaries
from workflows.engine.document import Document
from workflows.engine.driver import Saved
from workflows.engine.items import Items
from workflows.engine.tables import NoTables, Tables
from workflows.execute import Order, Outcome, execute, static_of
from workflows.n8n.reading import read_one
from workflows.reach import (
    Begin,
    Credentials,
    Found,
    Reach,
    Responder,
    no_credentials,
    nobody,
)
from workflows.remembering import Memories, ProcessMemory
from workflows.scripts.session import Session
from workflows.services.finding import find_in_team, find_workflow

LOOSE = "command"
"""Who owns the files of runs that belong to no team."""
TEAM = "team-"
"""Before a team's id: the owner of the files of its runs."""


@dataclass(frozen=True)
class Given:
    """How somebody wants a run to be."""

    items: Items = field(default_factory=lambda: [{"json": {}}])
    start: str = ""
    until: str = ""
    pins: bool = False
    timezone: str = ""
    limit: float = 0.0
    execution: Mapping[str, Any] = field(default_factory=dict)
    workflow: Mapping[str, Any] = field(default_factory=dict)
    saved: Saved = field(default_factory=dict)
    vars: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    static: dict[str, dict[str, Any]] | None = None  # the document's own where there is none
    python: bool = False
    commands: bool = False
    credentials: Credentials = no_credentials
    tables: Tables = field(default_factory=NoTables)
    run_key: str = ""  # the same for every try of one execution
    mode: str = "test"  # or production
    depth: int = 0  # how many workflows it runs inside of
    owner: str = LOOSE  # whose share of the script processes it uses


async def run_document(
    document: Document,
    given: Given,
    *,
    files: Binaries | None = None,
    memories: Memories | None = None,
    find: Callable[[str], Found] | None = None,
    begin: Begin | None = None,
    respond: Responder = nobody,
    **hooks: Any,
) -> Outcome:
    """Run a document to its end; what goes wrong in it is told by the outcome.

    Without `files` what it makes is deleted at the end. `find` gives the workflows it may run
    inside itself; any workflow and any file when it is left out. `begin` starts those it does not
    wait for; without it they run here beside it, and it ends with them. `respond` answers the call
    that started it. `hooks`: see `execute`.
    """
    blobs = files or Binaries(settings.VAR / "binary", owner=LOOSE, run=secrets.token_hex(8))
    scripts = Session(owner=given.owner)
    reach = Reach(
        scripts=scripts.inner,
        find=find or find_anything,
        blobs=blobs,
        memories=memories or _memories.of(None, document.id or document.name),
        credentials=given.credentials,
        tables=given.tables,
        timezone=given.timezone or settings.TIME_ZONE,
        file_roots=settings.FILE_ROOTS,
        own_folders=[str(settings.VAR), str(settings.ROOT)],
        policy=await sync_to_async(policy)(),
        bounds=await sync_to_async(bounds)(),
        python=given.python,
        commands=given.commands,
        run_key=given.run_key,
        depth=given.depth,
        begin=begin,
        respond=respond,
    )
    try:
        outcome = await execute(_order(document, given), scripts, reach, **hooks)
        aside = await reach.aside.ended(given.limit or document.time_limit)
        return replace(outcome, warnings=[*outcome.warnings, *aside])
    finally:
        await reach.aside.stop()
        await scripts.close()
        await reach.close()
        if files is None:
            blobs.forget()


def _order(document: Document, given: Given) -> Order:
    return Order(
        document=document,
        items=given.items,
        start=given.start,
        until=given.until,
        pins=given.pins,
        timezone=given.timezone or settings.TIME_ZONE,
        limit=given.limit,
        mode=given.mode,
        static=static_of(document) if given.static is None else given.static,
        execution=given.execution,
        workflow=given.workflow,
        saved=given.saved,
        vars=given.vars,
        env=given.env,
    )


def calm_collector() -> None:
    """Let Python look for garbage less often: items by the ten thousand are made, and are none."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


_memories: Memories = ProcessMemory()


def find_document(which: str) -> Document:
    """Return the document in a file, or that of the workflow with this name or id.

    Raises:
        BadInput: the file holds no workflow.
        NotFound: there is no such file and no such workflow.
    """
    return find_anything(which).document


def find_anything(which: str) -> Found:
    """Return what `find_document` gives, with the row it stands in. Raises the same."""
    path = Path(which)
    if not path.is_file():
        row = find_workflow(which)
        return Found(row.current.document if row.current else Document({}), row.pk)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{which} cannot be read: {error}") from None
    document = Document({"name": path.stem, **read_one(text).document})
    return Found(document, name=document.id or document.name)


def find_of_team(team: int, which: str) -> Found:
    """Return a team's workflow, by n8n's id, ours or its name.

    Never a file, and never another team's.

    Raises:
        NotFound: the team has no such workflow.
    """
    found = find_in_team(team, which)
    return Found(found.current.document if found.current else Document({}), found.pk)
