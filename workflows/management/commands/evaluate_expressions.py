"""Evaluate n8n expressions from the command line: JSON Lines in, JSON Lines out."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from whoosh_site.core.errors import BadInput
from whoosh_site.core.management.base import WhooshCommand
from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Source
from workflows.engine.run import Step
from workflows.engine.scripts import Scope
from workflows.scripts.session import Session
from workflows.scripts.typed import typed


class Command(WhooshCommand):
    """Each line is evaluated by itself, as if a workflow had run up to it."""

    help = "Evaluate n8n expressions: JSON Lines in (FILE or stdin), JSON Lines out."
    migrates = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the expressions are."""
        parser.add_argument("file", nargs="?", help="JSON Lines; without it, standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        """Answer line by line."""
        with asyncio.Runner() as runner:
            for number, line in enumerate(_lines(options["file"]), 1):
                if line.strip():
                    answer = runner.run(_answer(_question(line, number)))
                    self.stdout.write(json.dumps(answer, ensure_ascii=False))
                    self.stdout.flush()


def _lines(file: str | None) -> Iterator[str]:
    if file is None:
        yield from sys.stdin
        return
    try:
        with Path(file).open(encoding="utf-8") as lines:
            yield from lines
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read: {error}") from None


def _question(line: str, number: int) -> Mapping[str, Any]:
    try:
        question = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"Line {number} is no JSON: {error}") from None
    if not isinstance(question, dict) or not isinstance(question.get("expr"), str):
        raise BadInput(f'Line {number} is no object with a text "expr".')
    items = question.get("items")
    if items is not None and not (isinstance(items, list) and all(map(_is_item, items))):
        raise BadInput(f'Line {number}: "items" is no list of objects with "json".')
    return question


def _is_item(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("json"), dict)


async def _answer(question: Mapping[str, Any]) -> dict[str, Any]:
    template = question["expr"]
    if not template.startswith("="):
        return typed(template)
    items = question.get("items") or [{"json": question.get("json") or {}}]
    index = max(int(question.get("itemIndex") or 0), 0)
    session = Session()
    try:
        column = (await session.evaluate([template], _scope(question, items), [index]))[0]
    except NodeError as error:
        return {"error": error.message}
    finally:
        await session.close()
    if index in column.errors:
        return {"error": column.errors[index].message}
    return typed(column.values[index])


def _scope(question: Mapping[str, Any], items: Items) -> Scope:
    """Return the last of three nodes: Start, D, which gave the items, and the one that asks."""
    arriving = [{**one, "pairedItem": {"item": n}} for n, one in enumerate(items)]
    made = [{**one, "pairedItem": {"item": 0}} for one in items]
    past = {
        "Start": [Step("Start", 0, [], [[{"json": {}, "pairedItem": {"item": 0}}]])],
        "D": [Step("D", 0, [Source("Start")], [made])],
    }
    return Scope(
        node="N",
        node_type="n8n-nodes-base.set",
        node_version=1,
        node_id="N",
        run_index=0,
        items=arriving,
        sources=[Source("D")],
        parameters={},
        state={},
        states={},
        past=lambda name: past.get(name, []),
        nodes={
            "Start": {"parameters": {}, "disabled": False, "parents": []},
            "D": {"parameters": {}, "disabled": False, "parents": ["Start"]},
            "N": {"parameters": {}, "disabled": False, "parents": ["D", "Start"]},
        },
        wired=lambda name: 0 if name in past else None,
        workflow={"id": "test", "name": "T", "active": False},
        execution={"id": "1", "mode": "test", "resumeUrl": "", "resumeFormUrl": ""},
        timezone=str(question.get("timezone") or settings.TIME_ZONE),
        vars=question.get("vars") or {},
    )
