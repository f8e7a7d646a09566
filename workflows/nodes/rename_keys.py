"""Rename Keys."""

import json as json_text
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import collection, flag, group, groups, number, text
from workflows.engine.values import UNDEFINED
from workflows.nodes import shelf
from workflows.nodes.lists.paths import get, put, without

RENAMED = """const replacements = %s;
return %s.map((keys, place) => {
  const {search, flags, replacement} = replacements[place];
  const regex = new RegExp(search, flags);
  return keys.map((key) => key.replace(regex, replacement));
});"""


@shelf.add
class RenameKeys(Node):
    """Give fields other names, one by one or by a regular expression."""

    key = "n8n-nodes-base.renameKeys"
    label = "Rename Keys"
    icon = "pencil"
    hint = "Update item field names"
    chunks = True
    fields = (
        groups(
            "keys",
            "Keys",
            group(
                "key",
                "Key",
                text("currentKey", "Current Key Name", hint="Dots mean nesting"),
                text("newKey", "New Key Name", hint="Dots mean nesting"),
            ),
        ),
        collection(
            "additionalOptions",
            "Additional Options",
            groups(
                "regexReplacement",
                "Regex",
                group(
                    "replacements",
                    "Replacement",
                    text("searchRegex", "Regular Expression"),
                    text("replaceRegex", "Replace With", hint="$1, $2 ... are the groups"),
                    collection(
                        "options",
                        "Regex Options",
                        flag("caseInsensitive", "Case Insensitive"),
                        number("depth", "Max Depth", -1, hint="-1 for all levels, 0 for the top"),
                    ),
                ),
            ),
        ),
    )

    async def run(self, context: Context) -> Outputs:
        """Rename the fields of each item."""
        made = []
        for index, one in context.each():
            json = one["json"]
            for pair in context.value("keys.key", index, []):
                json = _renamed(json, str(pair.get("currentKey", "")), str(pair.get("newKey", "")))
            made.append({**one, "json": json})
        rules = context.value("additionalOptions.regexReplacement.replacements", 0, [])
        for place in range(len(rules)):
            jsons = await _by_regex(context, [one["json"] for one in made], place)
            made = [{**one, "json": json} for one, json in zip(made, jsons, strict=True)]
        return [made]


def _renamed(json: dict[str, Any], current: str, new: str) -> dict[str, Any]:
    if not current or not new or current == new:
        return json
    value = get(json, current)
    if value is UNDEFINED:
        return json
    copy = _copied(without(json, current), new)
    put(copy, new, value)
    return copy


def _copied(json: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a copy in which what lies on a path can be changed."""
    head = path.partition(".")[0].partition("[")[0]
    return {**json, head: deepcopy(json[head])} if head in json else dict(json)


async def _by_regex(
    context: Context, jsons: Sequence[dict[str, Any]], place: int
) -> list[dict[str, Any]]:
    """Rename by JavaScript's regular expressions, in the confined process: all keys in one go."""
    path = f"additionalOptions.regexReplacement.replacements.{place}"
    rules = [_rule(context.value(path, index)) for index in range(len(jsons))]
    distinct = list({rule["mark"]: rule for rule in rules}.values())
    keys = {rule["mark"]: {} for rule in distinct}
    for rule, json in zip(rules, jsons, strict=True):
        _collect(json, rule["depth"], keys[rule["mark"]])
    listed = [list(keys[rule["mark"]]) for rule in distinct]
    source = RENAMED % (json_text.dumps(distinct), json_text.dumps(listed))
    result = await context.scripts.run_code(source, context.scope, each=False)
    if result.errors:
        raise next(iter(result.errors.values()))
    names = {
        rule["mark"]: dict(zip(old, new, strict=True))
        for rule, old, new in zip(distinct, listed, result.value, strict=True)
    }
    return [
        _with_names(json, rule["depth"], names[rule["mark"]])
        for rule, json in zip(rules, jsons, strict=True)
    ]


def _rule(given: Mapping[str, Any]) -> dict[str, Any]:
    search, options = str(given.get("searchRegex") or ""), given.get("options") or {}
    if not search:
        raise NodeError("A regular expression to rename keys by is blank")
    flags = "gi" if options.get("caseInsensitive") else "g"
    depth = int(options.get("depth", -1))
    replacement = str(given.get("replaceRegex") or "")
    mark = json_text.dumps([search, flags, replacement, depth])
    return {
        "search": search,
        "flags": flags,
        "replacement": replacement,
        "depth": depth,
        "mark": mark,
    }


def _collect(value: Any, depth: int, found: dict[str, None]) -> None:
    if isinstance(value, dict):
        found.update(dict.fromkeys(value))
    if depth and isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            _collect(one, depth - 1, found)


def _with_names(value: Any, depth: int, names: Mapping[str, str]) -> Any:
    """Rename at this level, and below it as deep as `depth` says (negative: all the way)."""
    if isinstance(value, list):
        return [_with_names(one, depth - 1, names) for one in value] if depth else value
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, one in value.items():
        new = names.get(key, key)
        inside = _with_names(one, depth - 1, names) if depth else one
        if new != key:
            made.pop(new, None)
        made[new] = inside
    return made
