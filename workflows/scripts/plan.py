"""What templates and code will ask for: earlier nodes, pairs, parameters. Found in their text."""

import re
from dataclasses import dataclass
from functools import lru_cache

QUOTED = r"(?:\"([^\"\\\n]*)\"|'([^'\\\n]*)'|`([^`\\$]*)`)"
BY_NAME = re.compile(
    rf"\$(?:\(\s*+{QUOTED}\s*+(?:,\s*+)?\)|items\(\s*{QUOTED}|node\s*(?:\?\.)?\[\s*{QUOTED}\s*\])"
    r"|\$node\s*\.\s*([A-Za-z_$][\w$]*)"
)
OTHERS = re.compile(r"\$\s*\(|\$node\b|\$items\s*\(\s*[^)\s]|\$evaluateExpression\b|\$parameter\b")
OTHER_ITEMS = re.compile(r"\$(?:input|items|item|evaluateExpression|parameter)\b")
PAIRS = re.compile(r"\.\s*(?:item\b(?!\()|pairedItem|itemMatching)|\[\s*[\"'`](?:item|paired)")


@dataclass(frozen=True)
class Needs:
    """What a text asks for beside the item itself."""

    nodes: frozenset[str]  # earlier nodes named in it
    any_node: bool  # it names nodes in a way only running it tells
    pairs: bool  # it follows items back
    other_items: bool  # it may look at other items than its own
    parameters: bool
    node_parameters: bool
    states: bool
    text: str = ""


@lru_cache(maxsize=1024)
def needs(texts: tuple[str, ...]) -> Needs:
    """Read what these templates or this code ask for."""
    text = "\n".join(texts)
    if "$" not in text and "arameter" not in text:
        return Needs(frozenset(), False, False, False, False, False, False)
    found = BY_NAME.findall(text)
    names = frozenset(next((group for group in groups if group), "") for groups in found)
    rest = BY_NAME.sub("", text)
    return Needs(
        nodes=names,
        any_node=bool(OTHERS.search(rest)),
        pairs=bool(PAIRS.search(text)),
        other_items=bool(OTHER_ITEMS.search(text)),
        parameters="arameter" in text,
        node_parameters=bool(re.search(r"\bparam(s|eter)\b|[\"'`]param", text)),
        states="context" in text,
        text=text,
    )
