"""SQL statements whose values stand beside them, and whose names are quoted."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows.engine.errors import NodeError

_PARAMETER = r"\$(?P<number>[1-9][0-9]{0,3})(?P<form>:[A-Za-z]+|~)?"


@dataclass(frozen=True)
class Dialect:
    """How a database writes names and the places of values, and where it looks for neither."""

    quote: str
    skipped: str
    longest: int = 128

    def name(self, name: Any, what: str) -> str:
        """Return a name, quoted; NodeError where it cannot be one."""
        text = str(name or "")
        if not text or "\0" in text or len(text) > self.longest:
            raise NodeError(f"{what}: {text[:60]!r} is not a name.")
        return f"{self.quote}{text.replace(self.quote, self.quote * 2)}{self.quote}"


POSTGRES = Dialect(
    '"',
    r"""(?P<skipped>[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/"""
    r"""|\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)""",
)


@dataclass
class Statement:
    """A statement in the making: text and values are added apart from one another."""

    dialect: Dialect
    text: str = ""
    values: list[Any] = field(default_factory=list)

    def sql(self, text: str) -> "Statement":
        """Add SQL as it stands."""
        self.text += text
        return self

    def name(self, name: Any, what: str = "Column") -> "Statement":
        """Add a name, quoted."""
        return self.sql(self.dialect.name(name, what))

    def names(self, names: Iterable[Any], what: str = "Column") -> "Statement":
        """Add names with commas between them."""
        return self.sql(", ".join(self.dialect.name(one, what) for one in names))

    def value(self, value: Any) -> "Statement":
        """Add a value: its place in the text, itself beside it."""
        self.values.append(value)
        self.text += f"${len(self.values)}"
        return self

    def listed(self, values: Sequence[Any]) -> "Statement":
        """Add values with commas between them."""
        for place, one in enumerate(values):
            self.sql(", " if place else "").value(one)
        return self


def query(dialect: Dialect, text: str, values: Sequence[Any]) -> Statement:
    """Return the statement of a query somebody wrote, with values for its $1, $2 and so on.

    `$1:name` (or `$1~`) is a name, `$1:csv` a list of values. Quoted texts and comments stay as
    they are.

    Raises:
        NodeError: there is no value for one, or it stands where it would become part of a text.
    """
    made = Statement(dialect)
    end = 0
    for found in re.finditer(f"{dialect.skipped}|{_PARAMETER}", text, re.DOTALL):
        made.sql(text[end : found.start()])
        end = found.end()
        if found["skipped"]:
            _vet_skipped(dialect, found["skipped"], values)
            made.sql(found["skipped"])
        else:
            _parameter(made, found, values)
    return made.sql(text[end:])


def _vet_skipped(dialect: Dialect, text: str, values: Sequence[Any]) -> None:
    quoted = text[0] in "'\"`eE$"
    found = re.search(_PARAMETER, text[1:-1]) if quoted and values else None
    if found and int(found["number"]) <= len(values):
        raise NodeError(
            f"The query has {found[0]} inside quotes, where no value can be put.",
            description="Take the quotes away: the value gets what it needs by itself. In a longer "
            "text, join them: '%' || $1 || '%'. DO blocks take no values.",
        )


def _parameter(made: Statement, found: re.Match[str], values: Sequence[Any]) -> None:
    number, form = int(found["number"]), (found["form"] or "").lower()
    if number > len(values):
        raise NodeError(
            f"The query has ${number}, and there are {len(values)} query parameters.",
            description="Give a value for each under Query Parameters.",
        )
    value = values[number - 1]
    if form in ("~", ":name", ":alias"):
        if value == "*":
            made.sql("*")
        else:
            made.names(value if isinstance(value, list) else [value], f"${number}")
    elif form in (":csv", ":list"):
        made.listed(value if isinstance(value, list) else [value])
    elif form in ("", ":json"):
        made.value(value)
    else:
        raise NodeError(
            f"The query has {found[0]}: {form} would put a text into the query as it is.",
            description="Use the parameter without it, or :name where it stands for a name.",
        )


# -- what conditions and orders say --------------------------------------------------------------

_COMPARED = {
    "equal": "=", "=": "=", "!=": "!=", "LIKE": "LIKE", ">": ">", "<": "<", ">=": ">=", "<=": "<=",
}  # fmt: skip
CONDITIONS = {
    "equal": "Equal", "!=": "Not Equal", "LIKE": "Like", ">": "Greater Than", "<": "Less Than",
    ">=": "Greater Than Or Equal", "<=": "Less Than Or Equal", "IS NULL": "Is Null",
    "IS NOT NULL": "Is Not Null",
}  # fmt: skip


def where(made: Statement, given: Any, combine: Any) -> Statement:
    """Add the conditions of the node's Select Rows, if there are any."""
    rules = (given or {}).get("values") or []
    word = " OR " if combine == "OR" else " AND "
    for place, rule in enumerate(rules):
        made.sql(word if place else " WHERE ").name(rule.get("column"))
        told = str(rule.get("condition") or "equal")
        if told in ("IS NULL", "IS NOT NULL"):
            made.sql(f" {told}")
        elif told in _COMPARED:
            made.sql(f" {_COMPARED[told]} ").value(rule.get("value"))
        else:
            raise NodeError(f"Select Rows: there is no condition {told!r}.")
    return made


def order(made: Statement, given: Any) -> Statement:
    """Add the order of the node's Sort, if there is one."""
    for place, rule in enumerate((given or {}).get("values") or []):
        made.sql(", " if place else " ORDER BY ").name(rule.get("column"))
        made.sql(" DESC" if rule.get("direction") == "DESC" else " ASC")
    return made
