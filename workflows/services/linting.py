"""Findings of a document, with what is on this installation's shelf."""

import functools
from collections.abc import Mapping

from whoosh_site.core.shelf import load_folder
from workflows import nodes
from workflows.engine.document import Document
from workflows.engine.node import Node
from workflows.n8n.findings import Finding, sorted_out
from workflows.n8n.lint import lint
from workflows.n8n.reading import Given
from workflows.n8n.texts import CheckSyntax

check_syntax: CheckSyntax | None = None
"""What reads the grammar of expressions; nobody does while this is None."""


@functools.cache
def kinds() -> Mapping[str, type[Node]]:
    """Return the node types there are, by n8n's type."""
    load_folder(nodes)
    return {kind.key: kind for kind in nodes.shelf}


def linted(given: Given) -> list[Finding]:
    """Return everything that was found in a document, the gravest first."""
    found = lint(Document(given.document), kinds(), check_syntax)
    return sorted_out([*given.findings, *found])
