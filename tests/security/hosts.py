"""Hosts on loopback that are no model hosts: they listen, count, and repeat what they hear."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, str, str]
"""Status, content type, body."""


@dataclass
class Host:
    """Where it listens and what it has heard."""

    url: str
    heard: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@contextlib.contextmanager
def listening(answer: Callable[[str, dict[str, str]], Answer]) -> Iterator[Host]:
    """Answer every request by path and headers, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            host.heard.append((self.command, self.path, headers))
            status, kind, body = answer(self.path, headers)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            if 300 <= status < 400:
                self.send_header("Location", f"/{headers.get('authorization', '')}")
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = Host(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def echo(status: int, shape: str) -> Callable[[str, dict[str, str]], Answer]:
    """Return an answer that repeats the request's headers, in one of the ways servers do."""

    def answered(path: str, headers: dict[str, str]) -> Answer:
        said = f"you sent {headers}"
        shapes = {
            "text": ("text/plain", said),
            "ollama": ("application/json", json.dumps({"error": said})),
            "openai": ("application/json", json.dumps({"error": {"message": said}})),
            "page": ("text/html", f"<title>{said[:150]}</title>"),
            "dump": ("application/json", json.dumps({"headers": headers})),
        }
        return status, *shapes[shape]

    return answered
