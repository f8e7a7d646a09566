"""Findings of a document, with what is on this installation's shelf."""

import asyncio
import functools
from collections.abc import Mapping, Sequence

from whoosh_site.core.shelf import load_folder
from workflows import nodes
from workflows.engine.document import Document
from workflows.engine.errors import NodeError
from workflows.engine.node import Node
from workflows.n8n.findings import Finding, sorted_out
from workflows.n8n.lint import lint
from workflows.n8n.reading import Given
from workflows.scripts.session import Session


@functools.cache
def kinds() -> Mapping[str, type[Node]]:
    """Return the node types there are, by n8n's type."""
    load_folder(nodes)
    return {kind.key: kind for kind in nodes.shelf}


def check_syntax(templates: Sequence[str]) -> Sequence[str]:
    """Return what is wrong with each expression; nothing where scripts cannot run here."""
    try:
        return asyncio.run(_checked(templates))
    except NodeError:
        return [""] * len(templates)


async def _checked(templates: Sequence[str]) -> Sequence[str]:
    session = Session()
    try:
        return await session.check(templates)
    finally:
        await session.close()


def linted(given: Given) -> list[Finding]:
    """Return everything that was found in a document, the gravest first."""
    found = lint(Document(given.document), kinds(), check_syntax)
    return sorted_out([*given.findings, *found])
