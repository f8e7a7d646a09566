"""Fixtures of the workflows room: documents and workflows that were kept."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.addresses import Allowed, allowed
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


class Site:
    """A web site on this machine: `site({"/a": (200, "text/plain", b"...")})` gives its address.

    For a status of 302 the second part is where it leads to. `asked` are the paths so far.
    """

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, str, bytes]] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                status, kind, body = site.pages.get(self.path, (404, "text/plain", b""))
                self.send_response(status)
                self.send_header("Location" if status == 302 else "Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def allowed(self) -> Allowed:
        """The entry that lets workflows reach it."""
        return allowed(f"127.0.0.1:{self.server.server_port}")

    def __call__(self, pages: dict[str, tuple[int, str, bytes]]) -> str:
        self.pages = pages
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on this machine."""
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()
