"""Fixtures of the workflows room: documents and workflows that were kept."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Workflow


def written(name: str = "Tides", *nodes: dict[str, Any], **more: Any) -> str:
    """Return a document in which a trigger leads to a Set node, or the nodes that are given."""
    first = {"name": "Start", "type": "n8n-nodes-base.manualTrigger", "position": [0, 0]}
    second = {"name": "Set", "type": "n8n-nodes-base.set", "position": [200, 0], "parameters": {}}
    links = {"Start": {"main": [[{"node": "Set", "type": "main", "index": 0}]]}}
    document = {"name": name, "nodes": [*nodes] or [first, second], "connections": links}
    return json.dumps(document | {"settings": {"executionOrder": "v1"}} | more)


@pytest.fixture
def keep(people: Any) -> Callable[..., Workflow]:
    """Import a document into `ours`: `keep()`, `keep(written("Moon"))`, `keep(text, by=...)`."""

    def kept(text: str = "", *, by: Any = SYSTEM, **how: Any) -> Workflow:
        how.setdefault("team", people.ours)
        found = services.read_workflows(text or written())
        return services.import_workflows(found, by=by, **how)[0].workflow

    return kept
