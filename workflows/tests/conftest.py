"""Fixtures of the workflows room: documents and workflows that were kept."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.addresses import Allowed, allowed
from workflows import services
from workflows.models import Execution, Workflow
from workflows.tests.calls import active, call, calls  # noqa: F401  (fixtures)


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


def node(name: str, kind: str, **parameters: Any) -> dict[str, Any]:
    """Return a node of a document; `kind` is its type without the package."""
    version = {"set": 3.4, "code": 2, "wait": 1.1, "executeWorkflow": 1}.get(kind, 1)
    made = {"name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": version}
    return made | {"position": [0, 0], "parameters": parameters}


def chain(name: str, *nodes: dict[str, Any], **more: Any) -> str:
    """Return a document in which a Manual Trigger, "Start", leads from node to node."""
    every = [node("Start", "manualTrigger"), *nodes]
    links = {
        one["name"]: {"main": [[{"node": other["name"], "type": "main", "index": 0}]]}
        for one, other in itertools.pairwise(every)
    }
    for place, one in enumerate(every):
        one["position"] = [200 * place, 0]
    return written(name, *every, connections=links, **more)


def code(name: str, script: str) -> dict[str, Any]:
    """Return a Code node."""
    return node(name, "code", jsCode=script)


NUMBERS = "return Array.from({length: 60}, (_, n) => ({json: {n}}))"


@pytest.fixture
def work(carry: Any) -> Callable[..., Execution]:
    """Let the runner do all that is due, and return the execution as it is then."""

    def worked(execution: Execution) -> Execution:
        carry("execution")
        return Execution.objects.select_related("workflow", "version").get(pk=execution.pk)

    return worked


@pytest.fixture
def start(people: Any) -> Callable[..., Execution]:
    """Queue a run as the member: `start(workflow, items=[...], until="Set")`."""

    def started(workflow: Workflow, *, by: Any = None, **how: Any) -> Execution:
        how.setdefault("source", "api")
        return services.start_execution(workflow, by=Actor(by or people.member), **how)

    return started


@pytest.fixture
def api(people: Any, with_key: Any) -> Callable[..., Any]:
    """Send a text or a value as somebody: `api("member", "post", path, body)`: status and body."""
    clients: dict[str, Any] = {}

    def sent(who: str, method: str, path: str, body: Any = None, **headers: Any) -> Any:
        if who not in clients:
            clients[who] = with_key(getattr(people, who))
        if method == "get":
            answer = clients[who].get(path, body or {})
        else:
            text = body if isinstance(body, str) else json.dumps(body or {})
            call = getattr(clients[who], method)
            answer = call(path, text, content_type="application/json", headers=headers)
        is_json = answer.get("Content-Type") == "application/json" and answer.content
        return answer.status_code, (answer.json() if is_json else None)

    return sent
