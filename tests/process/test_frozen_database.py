"""A PostgreSQL that takes connections and never answers again: the supervisor still stops."""

import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.process.installation import Installation, database

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="needs PostgreSQL"
    ),
]


class Relay(threading.Thread):
    """Carries bytes between a port of its own and the server, until it is frozen."""

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.front = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.front.getsockname()[1]
        self.frozen, self.over = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        """Relay; hold everything open while frozen; close it when all is over."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.front, selectors.EVENT_READ)
            while not self.frozen.is_set():
                for key, _ in waiting.select(0.1):
                    with contextlib.suppress(OSError):
                        self._relay(waiting, key)
            self.over.wait()
            for key in list(waiting.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]

    def _relay(self, waiting: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        if key.fileobj is self.front:
            near = self.front.accept()[0]
            far = socket.create_connection(self.server)
            waiting.register(near, selectors.EVENT_READ, far)
            waiting.register(far, selectors.EVENT_READ, near)
        elif received := key.fileobj.recv(65536):  # type: ignore[union-attr]
            key.data.sendall(received)
        else:
            for end in (key.fileobj, key.data):
                waiting.unregister(end)
                end.close()  # type: ignore[union-attr]


@pytest.fixture
def relayed(tmp_path) -> Iterator[tuple[Installation, Relay]]:
    """A running installation whose database is behind a relay."""
    with database() as url:
        parts = urlsplit(url)
        relay = Relay((parts.hostname or "127.0.0.1", parts.port or 5432))
        behind = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{relay.port}")
        made = Installation(tmp_path, behind)
        made.prepare()
        try:
            made.up("--no-builtin-model")
            yield made, relay
        finally:
            made.kill()
            relay.frozen.set()
            relay.over.set()
            relay.join()


def test_up_stops_within_ten_seconds(relayed):
    made, relay = relayed
    relay.frozen.set()
    time.sleep(3)
    began = time.monotonic()
    made.process.terminate()
    made.process.wait(15)
    assert time.monotonic() - began < 10
    assert made.survivors() == []
