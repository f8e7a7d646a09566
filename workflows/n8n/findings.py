"""What was found in a document: told to people where they import, save and look at it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)
MOST = 200
"""Findings that are kept of one document."""
LONGEST, LONGEST_LABEL = 1_000, 255
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def label(name: str) -> str:
    """Return a node's name as it is shown: storable, and not endless."""
    return storable(name)[:LONGEST_LABEL]


def storable(text: str) -> str:
    """Return a text as every database holds it: no null character, no half of one."""
    return _UNSTORABLE.sub("\ufffd", text)


def whole(text: str) -> str:
    """Return JSON whose halves of characters are written as escapes, as every file holds it."""
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing: error, warning or note.

    An error fails when it is run; a warning may not do what was meant; a note explains. `node` is
    empty where the whole document is meant.
    """

    severity: str
    message: str
    node: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as it is stored."""
        return {
            "severity": self.severity,
            "message": storable(self.message)[:LONGEST],
            "node": label(self.node),
        }


def sorted_out(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, the gravest first; not more than `MOST`."""
    once = list(dict.fromkeys(findings))
    return sorted(once, key=lambda one: SEVERITIES.index(one.severity))[:MOST]
