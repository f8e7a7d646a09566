"""Which nodes give the same again when a run is gone through a second time."""

import re

from workflows.engine.document import NodeSpec
from workflows.engine.node import Node
from workflows.engine.values import dumps

_VARYING = re.compile(
    rb"\$(?:now|today|vars|env)\b|\bDate\b|\bDateTime\b|\brandom|customData|StaticData|uuid",
    re.IGNORECASE,
)
"""Words of expressions and code that look at the clock, at chance, or at what others change."""


def repeats(node: type[Node], spec: NodeSpec) -> bool:
    """Say whether a node surely gives the same for the same input.

    What others do may change what it reads outside; its own work may look at clock or chance.
    """
    if node.reaches_out or node.varies:
        return False
    return _VARYING.search(dumps(spec.parameters)) is None
