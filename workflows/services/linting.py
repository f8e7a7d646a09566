"""Findings of a document, with what is on this installation's shelf."""

from workflows.n8n.findings import Finding, sorted_out
from workflows.n8n.reading import Given


def linted(given: Given) -> list[Finding]:
    """Return everything that was found in a document, the gravest first."""
    return sorted_out(given.findings)
