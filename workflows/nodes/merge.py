"""Merge: joins the items of several inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.conversion import number, text
from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs
from workflows.engine.node import Context, Differing, Node
from workflows.engine.parameters import Field
from workflows.nodes import shelf
from workflows.nodes.flow.combining import all_with_all, by_fields, by_position
from workflows.nodes.flow.merge_fields import FIELDS, FIELDS_V1, FIELDS_V2
from workflows.nodes.flow.old_merge import merged_v1

MODES = {
    "mergeByFields": "combineByFields",
    "mergeByPosition": "combineByPosition",
    "multiplex": "combineAll",
}
"""How version 3 calls the modes of version 2."""


@shelf.add
class Merge(Node):
    """Join inputs: one after the other, by fields, position or SQL, all with all, or take one."""

    key = "n8n-nodes-base.merge"
    label = "Merge"
    group = "Flow"
    icon = "git-merge"
    versions = (1, 2, 2.1, 3, 3.1, 3.2)
    input_names = ("Input 1", "Input 2")
    only_first = True
    fields = FIELDS
    differing = (
        Differing(
            "mode", ("combineBySql",),
            (
                "The query is one SELECT of SQLite; n8n's is AlaSQL's.",
                "Values of different types are never equal (3 is not '3'), and names of columns "
                "are the same in upper and lower case.",
                "A field an item lacks is null in the result.",
                "Fields inside objects are read with json_extract(field, '$.inner') or "
                "field ->> '$.inner'; objects and lists come back as they went in.",
                "true and false stay what they are where a column holds nothing else; what is "
                "worked out is 1 or 0.",
                "Of columns with one name, as in a join, the last that is not null stays.",
                "Its items are paired with none of the inputs and have no files.",
                "A query may take 10 seconds, 64 MB of input and 256 MB of memory.",
            ),
        ),
    )  # fmt: skip

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields: they differ altogether before version 3 and before version 2."""
        if version >= 3:
            return cls.fields
        return FIELDS_V2 if version >= 2 else FIELDS_V1

    @classmethod
    def inputs_of(cls, parameters: Mapping[str, Any], version: float) -> tuple[str, ...]:
        """Return as many inputs as the parameters say."""
        found = number(parameters.get("numberInputs", 2)) if version >= 3 else 2
        count = min(max(int(found), 2), 10) if found == found else 2
        return tuple(f"Input {n + 1}" for n in range(count))

    @classmethod
    def needed_inputs(cls, parameters: Mapping[str, Any], version: float) -> Sequence[int] | int:
        """Return which inputs must have come: both to choose between them, else any."""
        if version >= 2 and parameters.get("mode") == "chooseBranch":
            return (0, 1)
        return 1

    async def run(self, context: Context) -> Outputs:
        """Join the inputs as the mode says."""
        count = len(self.inputs_of(context.parameters, context.version))
        inputs = [items or [] for items in context.inputs]
        inputs += [[] for _ in range(count - len(inputs))]
        if context.version < 2:
            return [merged_v1(context, inputs[0], inputs[1])]
        mode = context.value("mode")
        if mode == "combine":
            mode = context.value("combineBy" if context.version >= 3 else "combinationMode")
        mode = MODES.get(mode, mode)
        if mode == "append":
            return [[one for items in inputs for one in items]]
        if mode == "combineBySql":
            return [await _queried(context, inputs)]
        if mode == "chooseBranch":
            return [_chosen(context, inputs)]
        if mode == "combineByPosition":
            return [by_position(context, inputs)]
        if mode == "combineAll":
            return [all_with_all(context, inputs[0], inputs[1])]
        if mode == "combineByFields":
            return [by_fields(context, inputs[0], inputs[1])]
        raise NodeError(f"Merge: the mode {mode!r} does not exist.")


async def _queried(context: Context, inputs: Sequence[Items]) -> Items:
    """Return an item for each row of the query over the tables input1, input2 and so on."""
    tables = {f"input{n}": [one["json"] for one in items] for n, items in enumerate(inputs, 1)}
    rows = await context.outside.run_sql(text(context.value("query", default="")), tables)
    return [{"json": row} for row in rows]


def _chosen(context: Context, inputs: Sequence[Items]) -> Items:
    output = context.value("output")
    if output == "empty":
        return [
            {"json": {}, "pairedItem": [one["pairedItem"] for items in inputs for one in items]}
        ]
    if output in ("input1", "input2"):
        return inputs[0 if output == "input1" else 1]
    wanted = number(context.value("useDataOfInput", default=1))
    if wanted != wanted or not 1 <= wanted <= len(inputs):
        raise NodeError(
            f"Input {text(wanted)} doesn't exist",
            description=f"The node has {len(inputs)} inputs: choose one from 1 to {len(inputs)}.",
        )
    return inputs[int(wanted) - 1]
