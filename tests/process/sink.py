"""A server that notes every call: what workflows did outside, and under which key."""

import json
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Sink:
    """Counts a key once, however often it comes, as services that know such keys do.

    `keys[effect]` are the keys under which an effect (a path) was asked for; `calls` how often.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.keys: dict[str, set[str]] = defaultdict(set)
        self.calls: dict[str, int] = defaultdict(int)
        self.times: list[float] = []
        sink, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with lock:
                    sink.keys[self.path].add(self.headers.get("Idempotency-Key", ""))
                    sink.calls[self.path] += 1
                time.sleep(seconds)
                body = json.dumps({"done": self.path}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                sink.times.append(time.monotonic())

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> "Sink":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server.server_port}"

    def next_after(self, moment: float) -> bool:
        """Whether something was done after this moment."""
        return any(time > moment for time in self.times)
