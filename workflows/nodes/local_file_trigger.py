"""Local File Trigger: starts the workflow when a file or a folder of this machine changes."""

import fnmatch
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workflows.engine.document import NodeSpec
from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.parameters import choice, choices, collection, flag, number, text
from workflows.engine.schedules import SECONDS, Rule
from workflows.engine.triggers import POLL, Listener
from workflows.nodes import shelf
from workflows.nodes.clock.news import looks
from workflows.nodes.files.roots import Roots

EVERY = 5
"""Seconds between two looks."""
MOST = 5000
"""Files and folders one trigger may watch."""
THERE = "there"
FOLDER = "folder"
EVENTS = {
    "add": "File Added",
    "change": "File Changed",
    "unlink": "File Deleted",
    "addDir": "Folder Added",
    "unlinkDir": "Folder Deleted",
}
DEPTHS: dict[Any, str] = {-1: "Unlimited", 0: "Top Folder Only"} | {
    levels: f"{levels} Levels Down" for levels in range(1, 6)
}


@shelf.add
class LocalFileTrigger(Node):
    """Look at a file or a folder below the opened roots, and start with what has changed."""

    key = "n8n-nodes-base.localFileTrigger"
    label = "Local File Trigger"
    group = "Triggers"
    icon = "folder"
    hint = "Looks every five seconds; the first look only remembers what is there."
    input_names = ()
    starts = True
    reaches_out = True
    only_first = True
    fields = (
        choice(
            "triggerOn", "Trigger On",
            {"file": "Changes to a Specific File", FOLDER: "Changes Involving a Specific Folder"},
            required=True,
        ),
        text("path", "Path", required=True),
        choices("events", "Watch for", EVENTS, required=True, when={"triggerOn": [FOLDER]}),
        collection(
            "options", "Options",
            flag("followSymlinks", "Follow Symlinks", True),
            flag("ignoreInitial", "Ignore Existing Files/Folders", True),
            text("ignored", "Ignore", hint="A pattern of paths, such as **/*.tmp"),
            choice("depth", "Max Folder Depth", DEPTHS, -1),
            flag("usePolling", "Use Polling"),
            flag("awaitWriteFinish", "Await Write Finish"),
            number("stabilityThreshold", "Stability Threshold"),
        ),
    )  # fmt: skip
    unsupported = (
        Unsupported("options.awaitWriteFinish", (True,)),
        Unsupported("options.stabilityThreshold"),
    )

    @classmethod
    def listeners(cls, spec: NodeSpec, parameters: Mapping[str, Any]) -> Sequence[Listener]:
        """Look every few seconds."""
        if not parameters.get("path"):
            raise NodeError("The path of what to watch is empty.")
        if parameters.get("triggerOn") == FOLDER and not parameters.get("events"):
            raise NodeError("Choose at least one event to watch for.")
        return [Listener(POLL, rules=(Rule(SECONDS, EVERY).kept(),))]

    async def run(self, context: Context) -> Outputs:
        """Give what has changed since the last look; in a run by hand, what is there."""
        roots, path = Roots.of(context.outside), str(context.value("path") or "")
        folder = context.value("triggerOn") == FOLDER
        wanted = set(context.value("events") or ()) if folder else {"change"}
        now = dict(_there(roots, roots.path(path), context))
        if not looks(context):
            first = next(iter(now), path)
            return [[{"json": {"event": min(wanted, default="change"), "path": first}}]]
        before = context.static.get(THERE)
        context.static[THERE] = now
        if before is None:
            if context.value("options.ignoreInitial", 0, True):
                return [[]]
            before = {}
        return [_changes(before, now, wanted)]


def _there(roots: Roots, start: Path, context: Context) -> Iterator[tuple[str, str]]:
    """Yield what is there: path, and what tells one state of it from another."""
    follow = bool(context.value("options.followSymlinks", 0, True))
    deepest = int(context.value("options.depth", 0, -1))
    ignored = str(context.value("options.ignored", 0, "") or "")[:500]
    count = 0
    for path, names in _below(start, deepest, follow):
        if ignored and fnmatch.fnmatch(path, ignored):
            continue
        if not roots.holds(Path(os.path.realpath(path))):
            continue
        count += 1
        if count > MOST:
            raise NodeError(f"'{start}' holds more than {MOST} files and folders to watch.")
        try:
            found = os.stat(path, follow_symlinks=follow)
        except OSError:  # gone meanwhile
            continue
        yield path, "" if names else f"{found.st_mtime_ns} {found.st_size}"


def _below(start: Path, deepest: int, follow: bool) -> Iterator[tuple[str, bool]]:
    """Yield paths below a folder with whether each is a folder, or the one file."""
    if not start.is_dir():
        if start.exists():
            yield str(start), False
        return
    for folder, folders, names in os.walk(start, followlinks=False):
        depth = len(Path(folder).relative_to(start).parts)
        for name in sorted(folders):
            yield os.path.join(folder, name), True
        for name in sorted(names):
            path = os.path.join(folder, name)
            if follow or not os.path.islink(path):
                yield path, False
        if 0 <= deepest <= depth:
            folders.clear()


def _changes(before: Mapping[str, str], now: Mapping[str, str], wanted: set[str]) -> Items:
    found = []
    for path, state in now.items():
        if path not in before:
            found.append(("add" if state else "addDir", path))
        elif state != before[path]:
            found.append(("change", path))
    found += [
        ("unlink" if state else "unlinkDir", path)
        for path, state in before.items()
        if path not in now
    ]
    return [{"json": {"event": event, "path": path}} for event, path in found if event in wanted]
