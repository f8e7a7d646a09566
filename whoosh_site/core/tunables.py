"""Tunables: what an administrator may change while the system runs, declared once each.

A room declares its own with `declare`; values that differ from the default are `core.Setting`
rows. Every process sees a change within two seconds.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, NotFound
from whoosh_site.core.models.system import Setting

SEEN_WITHIN = 2.0
LONGEST_TEXT = 1000


@dataclass(frozen=True)
class Tunable:
    """One setting: its type is its default's; numbers have bounds and a unit."""

    key: str
    default: Any
    label: str
    help: str
    lowest: float | None = None
    highest: float | None = None
    unit: str = ""

    def checked(self, value: Any) -> Any:
        """Return the value in this tunable's type; raises BadInput naming the setting."""
        wanted = type(self.default)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not wanted or (wanted is float and not math.isfinite(value)):
            raise BadInput(f"{self.key}: expected {_WORDS[wanted]}, got {repr(value)[:100]}")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise BadInput(f"{self.key}: at most {LONGEST_TEXT} characters")
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.lowest is not None and value < self.lowest:
                raise BadInput(
                    f"{self.key}: {value} is below {self.lowest:.12g} {self.unit}".rstrip()
                )
            if self.highest is not None and value > self.highest:
                raise BadInput(
                    f"{self.key}: {value} is above {self.highest:.12g} {self.unit}".rstrip()
                )
        return value


_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
}
_DECLARED: dict[str, Tunable] = {}
_cache: dict[str, Any] = {}
_read_at = -SEEN_WITHIN


def declare(*tunables: Tunable) -> None:
    """Add tunables; a key twice stops the start."""
    for tunable in tunables:
        if _DECLARED.get(tunable.key, tunable) != tunable:
            raise ValueError(f"two tunables are called {tunable.key!r}")
        _DECLARED[tunable.key] = tunable


def declared() -> list[Tunable]:
    """Return all tunables in key order."""
    return [_DECLARED[key] for key in sorted(_DECLARED)]


def find(key: str) -> Tunable:
    """Return one tunable; raises NotFound naming those that exist."""
    if key not in _DECLARED:
        raise NotFound(f"No setting is called {key!r}. There are: {', '.join(sorted(_DECLARED))}.")
    return _DECLARED[key]


def value(key: str) -> Any:
    """Return the current value of a tunable."""
    global _cache, _read_at
    if time.monotonic() - _read_at > SEEN_WITHIN:
        _cache = dict(Setting.objects.values_list("key", "value"))
        _read_at = time.monotonic()
    return _cache.get(key, _DECLARED[key].default)


def forget() -> None:
    """Read the rows again at the next question."""
    global _read_at
    _read_at = -SEEN_WITHIN


@transaction.atomic
def change(key: str, new: Any, *, by: Actor) -> bool:
    """Set a tunable; returns whether that changed anything. The default deletes the row."""
    tunable = find(key)
    new = tunable.checked(new)
    row = Setting.objects.filter(key=key).first()
    old = row.value if row else tunable.default
    if old == new:
        return False
    if new == tunable.default and row:
        audit.record(by, "reset", row, {"key": key, "old": old, "new": new})
        row.delete()
    else:
        row, _ = Setting.objects.update_or_create(key=key, defaults={"value": new})
        audit.record(by, "changed", row, {"key": key, "old": old, "new": new})
    forget()
    return True


declare(
    Tunable(
        "session_timeout",
        3600,
        "Session timeout",
        "Seconds without activity after which a person is signed out.",
        60,
        30 * 86_400,
        "seconds",
    ),
    Tunable(
        "api_rate_limit",
        100,
        "API rate limit",
        "API requests per minute for each key or signed-in person.",
        1,
        1_000_000,
        "requests per minute",
    ),
    Tunable("cluster_name", "WHOOSH", "Cluster name", "Shown in the title of every page."),
    Tunable("cluster_region", "", "Region", "Shown beside the cluster name."),
    Tunable(
        "notice_retention",
        3600,
        "Live history",
        "Seconds that live updates are kept for pages that reconnect.",
        60,
        86_400,
        "seconds",
    ),
)
