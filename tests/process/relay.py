"""A relay before the database server: it can freeze, and cut every connection."""

import contextlib
import selectors
import socket
import threading
import time


class Relay(threading.Thread):
    """Carries bytes between a port of its own and the server; holds them while frozen."""

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.front = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.front.getsockname()[1]
        self.frozen, self.cut, self.over = threading.Event(), threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        """Relay until all is over; frozen, everything stays open and nothing moves."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.front, selectors.EVENT_READ)
            while not self.over.is_set():
                if self.cut.is_set():
                    self._close(waiting, self.front)
                    self.cut.clear()
                if self.frozen.is_set():
                    time.sleep(0.05)
                    continue
                for key, _ in waiting.select(0.1):
                    with contextlib.suppress(OSError, KeyError):
                        self._relay(waiting, key)
            self._close(waiting)
            self.front.close()

    def _close(self, waiting: selectors.BaseSelector, *but: socket.socket) -> None:
        for key in list(waiting.get_map().values()):
            if key.fileobj not in but:
                waiting.unregister(key.fileobj)
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
