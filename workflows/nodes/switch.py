"""Switch: sends each item to one of several outputs, or to all that match."""

from collections.abc import Callable, Mapping
from typing import Any

from workflows.engine.conversion import number, text
from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field
from workflows.nodes import shelf
from workflows.nodes.flow.comparisons import comparison, instant
from workflows.nodes.flow.filters import test_of
from workflows.nodes.flow.switch_fields import FIELDS, FIELDS_V1, FIELDS_V2

Route = Callable[[int], "list[int]"]


@shelf.add
class Switch(Node):
    """Send items to outputs by rules, or to the output an expression names."""

    key = "n8n-nodes-base.switch"
    label = "Switch"
    group = "Flow"
    icon = "route"
    versions = (1, 2, 3, 3.1, 3.2, 3.3, 3.4)
    chunks = True
    fields = FIELDS

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields: they differ altogether before version 3 and before version 2."""
        if version >= 3:
            return cls.fields
        return FIELDS_V2 if version >= 2 else FIELDS_V1

    @classmethod
    def outputs_of(cls, parameters: Mapping[str, Any], version: float) -> tuple[str, ...]:
        """Return one output a rule, and the extra one; or as many as the parameters say."""
        if version < 2:
            return ("0", "1", "2", "3")
        if parameters.get("mode") == "expression":
            name = "numberOutputs" if version >= 3 else "outputsAmount"
            return tuple(str(n) for n in range(_count(parameters.get(name), 4)))
        names = [str(row.get("outputKey") or n) for n, row in enumerate(_rules(parameters))]
        options = parameters.get("options") if version >= 3 else parameters
        options = options if isinstance(options, Mapping) else {}
        if options.get("fallbackOutput") == "extra":
            names.append(str(options.get("renameFallbackOutput") or "Fallback"))
        return tuple(names)

    async def run(self, context: Context) -> Outputs:
        """Give each item to the outputs its route names; an error goes to the first output."""
        count = len(self.outputs_of(context.parameters, context.version))
        route = _route(context, count)
        outputs: list[Items] = [[] for _ in range(max(count, 1))]
        for index, one in context.each():
            try:
                for output in route(index):
                    outputs[_checked(output, len(outputs))].append(one)
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                outputs[0].append(context.failed(error, index))
        return list(outputs)


def _route(context: Context, count: int) -> Route:
    if context.parameters.get("mode") == "expression":
        read = context.reader(context.parameters.get("output"))
        return lambda index: [_output(read(index))]
    if context.version >= 3:
        return _by_filters(context, count)
    return _by_value(context, count)


def _by_filters(context: Context, count: int) -> Route:
    rules = _rules(context.parameters)
    tests = [test_of(context, row.get("conditions")) for row in rules]
    several = context.value("options.allMatchingOutputs", default=False) is True
    fallback = _fallback(context.value("options.fallbackOutput", default="none"), len(rules))

    def route(index: int) -> list[int]:
        found = []
        for output, test in enumerate(tests):
            if test(index):
                found.append(output)
                if not several:
                    return found
        return found or fallback

    return route


def _by_value(context: Context, count: int) -> Route:
    """Routes of versions 1 and 2: one value compared with the value of each rule."""
    dates = context.parameters.get("dataType") == "dateTime"
    read = context.reader(context.parameters.get("value1"))
    rules = [
        (
            comparison(str(row.get("operation"))),
            context.reader(row.get("value2")),
            context.reader(row.get("output", 0)) if context.version < 2 else None,
        )
        for row in _rules(context.parameters)
    ]
    fallback = _fallback(context.value("fallbackOutput", default=-1), len(rules))

    def made(value: Any) -> Any:
        return instant(value, context.scope.timezone) if dates else value

    def route(index: int) -> list[int]:
        value = made(read(index))
        for place, (compare, other, output) in enumerate(rules):
            if compare(value, made(other(index))):
                return [place if output is None else _output(output(index))]
        return fallback

    return route


def _rules(parameters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = parameters.get("rules")
    if not isinstance(found, Mapping):
        return []
    rows = found.get("values") or found.get("rules") or ()
    return [row for row in rows if isinstance(row, Mapping)]


def _fallback(stored: Any, extra: int) -> list[int]:
    if stored == "extra":
        return [extra]
    if stored in ("none", "", None, -1):
        return []
    return [_output(stored)]


def _output(value: Any) -> int:
    found = number(value)
    if found != found or found != int(found):
        raise NodeError(
            f"The output {text(value)} is not a number.",
            description="Name an output by its number; the first is 0.",
        )
    return int(found)


def _checked(output: int, count: int) -> int:
    if 0 <= output < count:
        return output
    raise NodeError(
        f"The output {output} is not allowed. It has to be between 0 and {count - 1}.",
        description="Correct the expression, or raise the number of outputs.",
    )


def _count(stored: Any, default: int) -> int:
    found = number(stored)
    return min(max(int(found), 1), 100) if found == found else default
