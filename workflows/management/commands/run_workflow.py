"""Run workflows in this process, without a server."""

import asyncio
import zoneinfo
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.core.management.base import CommandParser

from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import BadInput, WhooshError
from whoosh_site.core.management.base import WhooshCommand
from workflows import services
from workflows.engine.items import Items
from workflows.engine.values import dumps
from workflows.execute import TOO_DEEP, Outcome
from workflows.models import Workflow


class Command(WhooshCommand):
    """Many files share one process and one script engine."""

    help = "Run workflows from files, or by name, in this process, without a server."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to run, and how."""
        parser.add_argument("workflow", nargs="+", help="a file, or the name or id of a workflow")
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")
        parser.add_argument("--input", default="", metavar="FILE", help="JSON the run starts with")
        parser.add_argument("--start", default="", metavar="NODE", help="the node to start from")
        parser.add_argument("--until", default="", metavar="NODE", help="only what leads to a node")
        parser.add_argument("--pin", action="store_true", help="use the pinned data")
        parser.add_argument("--timezone", default="", help="zone of workflows that name none")
        parser.add_argument("--timeout", type=_seconds, default=0.0, help="seconds a run may take")
        parser.add_argument(
            "--save", action="store_true", help="keep the run among the workflow's executions"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run them in order; the exit code says whether all went well."""
        given = services.Given(
            items=_items(options["input"]),
            start=options["start"],
            until=options["until"],
            pins=options["pin"],
            timezone=_zone(options["timezone"]),
            limit=options["timeout"],
        )
        services.calm_collector()
        self.save = options["save"]
        failed = asyncio.run(self._run_all(options["workflow"], given, options["json"]))
        if failed:
            raise WhooshError(f"{failed} of {len(options['workflow'])} ended in error.")

    async def _run_all(self, names: list[str], given: services.Given, as_json: bool) -> int:
        failed = 0
        for name in names:
            try:
                outcome = await self._run(name, given)
            except WhooshError as error:
                if len(names) == 1 and not as_json:
                    raise
                outcome = Outcome.refused(error.message)
            failed += outcome.status not in ("success", "waiting")
            self._print(name, outcome, as_json)
            outcome.close()
        return failed

    async def _run(self, name: str, given: services.Given) -> Outcome:
        if self.save:
            workflow = await sync_to_async(_stored)(name)
            return await services.run_here(workflow, given, by=SYSTEM)
        document = await sync_to_async(services.find_document)(name)
        return await services.run_document(document, given)

    def _print(self, name: str, outcome: Outcome, as_json: bool) -> None:
        if as_json:
            try:
                line = outcome.line(file=name)
            except (RecursionError, ValueError):
                line = Outcome.refused(TOO_DEEP).line(file=name)
            self.stdout.write(line.decode())
        else:
            self.stdout.write("\n".join(_lines(name, outcome)))
        self.stdout.flush()


def _lines(name: str, outcome: Outcome) -> list[str]:
    lines = [f"{name}: {outcome.status} after {outcome.ms:.0f} ms"]
    for step in outcome.steps:
        found = "failed" if step.failed else f"{step.count} items"
        lines.append(f"  {step.node} #{step.index + 1}: {found}, {step.ms:.1f} ms")
    lines += [f"  warning at {one['node']}: {one['message']}" for one in outcome.warnings]
    if outcome.error is not None:
        where = f" at {outcome.error['node']}" if outcome.error.get("node") else ""
        lines.append(f"  error{where}: {outcome.error['message']}")
    elif outcome.steps:
        shown = [one["json"] for one in outcome.last_items[:20]]
        lines.append(dumps(shown).decode())
    return lines


def _items(file: str) -> Items:
    """Read what a run starts with: an object, a list of objects, or a list of items."""
    if not file:
        return [{"json": {}}]
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--input: {file} cannot be read: {error}") from None
    return services.parse_items(text, f"--input {file}")


def _stored(name: str) -> Workflow:
    if Path(name).is_file():
        raise BadInput(
            f"--save keeps runs of workflows that are stored: {name} is a file. Import it with "
            "import_workflow, then give its name."
        )
    return services.find_workflow(name)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 1e9:
        raise ValueError("no time")
    return seconds


def _zone(name: str) -> str:
    if name and name not in zoneinfo.available_timezones():
        raise BadInput(f"--timezone: {name} is no zone. Give one such as Europe/Berlin.")
    return name
