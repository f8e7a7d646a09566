"""Static data: what the nodes of a workflow keep from one production run to the next."""

import copy
import json
from collections.abc import Collection, Mapping
from typing import Any

from workflows.engine.values import dumps
from workflows.models import Execution, Workflow

Static = dict[str, dict[str, Any]]
LARGEST = 1024 * 1024
"""Characters a workflow may keep."""


def static_of(execution: Execution) -> Static:
    """Return what a run finds: `global`, and `node:<name>` for each node."""
    return _read(execution.workflow.static_text)


def keep_static(
    execution: Execution, static: Mapping[str, Mapping[str, Any]], *, leave: Collection[str] = ()
) -> str:
    """Write what a run changed over what others have written meanwhile; returns what went wrong.

    A run that found something, and changed nothing of it, takes nothing back that another wrote.
    Keys in `leave` are not this run's to write.
    """
    found = static_of(execution)
    changed = {
        key: one for key, one in static.items() if key not in leave and one != found.get(key, {})
    }
    if not changed:
        return ""
    rows = Workflow.objects.select_for_update(no_key=True)
    text = rows.values_list("static_text", flat=True).get(pk=execution.workflow_id)
    made = dumps({**_read(text), **changed}).decode()
    if len(made) > LARGEST:
        return f"The static data is {len(made)} characters: more than {LARGEST} are not kept."
    Workflow.objects.filter(pk=execution.workflow_id).update(static_text=made)
    return ""


def began_with_a_look(execution: Execution) -> bool:
    """Say whether a look of a trigger started a run, or the one it is a retry of."""
    rows = Execution.objects.filter(pk__in=execution.lineage, start_node=execution.start_node)
    asked = (Execution.Source.POLL, Execution.Source.RETRY)
    return execution.source in asked and rows.filter(source=Execution.Source.POLL).exists()


def node_key(name: str) -> str:
    """Return where a node's data stands."""
    return f"node:{name}"


def _read(text: str) -> Static:
    found = json.loads(text) if text else {}
    return {key: copy.deepcopy(one) for key, one in found.items() if isinstance(one, dict)}
