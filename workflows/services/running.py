"""Running documents in this process, with the scripts, files and memories they share."""

import gc
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

from whoosh_site.core.errors import BadInput
from workflows.allowed import policy
from workflows.binary import Binaries
from workflows.engine.document import Document
from workflows.engine.driver import Saved
from workflows.engine.items import Items
from workflows.execute import Order, Outcome, execute, static_of
from workflows.n8n.reading import read_one
from workflows.reach import Memories, ProcessMemory, Reach
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
    run_key: str = ""  # the same for every try of one execution


async def run_document(
    document: Document,
    given: Given,
    *,
    files: Binaries | None = None,
    memories: Memories | None = None,
    find: Callable[[str], Document] | None = None,
    **hooks: Any,
) -> Outcome:
    """Run a document to its end; what goes wrong in it is told by the outcome.

    Without `files` what it makes is deleted at the end. `find` gives the workflows it may run
    inside itself; any workflow and any file when it is left out. `hooks`: see `execute`.
    """
    blobs = files or Binaries(settings.VAR / "binary", owner=LOOSE, run=secrets.token_hex(8))
    reach = Reach(
        scripts=Session,
        find=find or find_document,
        blobs=blobs,
        memories=memories or _memories,
        timezone=given.timezone or settings.TIME_ZONE,
        file_roots=settings.FILE_ROOTS,
        own_folders=[str(settings.VAR), str(settings.ROOT)],
        policy=await sync_to_async(policy)(),
        python=given.python,
        run_key=given.run_key,
    )
    order = Order(
        document=document,
        items=given.items,
        start=given.start,
        until=given.until,
        pins=given.pins,
        timezone=reach.timezone,
        limit=given.limit,
        static=static_of(document) if given.static is None else given.static,
        execution=given.execution,
        workflow=given.workflow,
        saved=given.saved,
        vars=given.vars,
        env=given.env,
    )
    scripts = Session()
    try:
        return await execute(order, scripts, reach, **hooks)
    finally:
        await scripts.close()
        await reach.close()
        if files is None:
            blobs.forget()


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
    path = Path(which)
    if not path.is_file():
        found = find_workflow(which)
        return found.current.document if found.current else Document({})
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{which} cannot be read: {error}") from None
    return Document({"name": path.stem, **read_one(text).document})


def find_of_team(team: int, which: str) -> Document:
    """Return the document of a team's workflow, by n8n's id, ours or its name.

    Never a file, and never another team's.

    Raises:
        NotFound: the team has no such workflow.
    """
    found = find_in_team(team, which).current
    return found.document if found else Document({})
