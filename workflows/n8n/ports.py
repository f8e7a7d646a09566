"""Inputs and outputs as a node's declaration tells them, also of nodes that are filled in badly."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from workflows.engine.document import NodeSpec
from workflows.engine.node import Node
from workflows.engine.parameters import filled

T = TypeVar("T")
UNREADABLE = (TypeError, ValueError, KeyError, IndexError, AttributeError)
"""What a declaration raises that is given parameters of the wrong shape: n8n would as well."""


def inputs(spec: NodeSpec, kind: type[Node]) -> Sequence[str]:
    """Return the names of a node's inputs."""
    return _asked(kind.inputs_of, spec, kind, kind.input_names)


def outputs(spec: NodeSpec, kind: type[Node]) -> Sequence[str]:
    """Return the names of a node's outputs, the error output left out."""
    return _asked(kind.outputs_of, spec, kind, kind.output_names)


def needed(spec: NodeSpec, kind: type[Node]) -> Sequence[int]:
    """Return the inputs that must have come; none where any will do."""
    whichever: Sequence[int] | int = 1
    found = _asked(kind.needed_inputs, spec, kind, whichever)
    return found if isinstance(found, Sequence) else ()


def parameter(spec: NodeSpec, kind: type[Node], name: str) -> Any:
    """Return one of a node's parameters, or its default."""
    return _asked(lambda found, version: found.get(name), spec, kind, None)


def _asked(
    question: Callable[[Mapping[str, Any], float], T], spec: NodeSpec, kind: type[Node], default: T
) -> T:
    try:
        found = filled(kind.fields_of(spec.version), spec.version, spec.parameters)
        return question(found, spec.version)
    except UNREADABLE:
        return default
