"""A fake model host as a process of its own, that can be killed like a real one."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.process.installation import ROOT, free_port


class HostProcess:
    """One `python -m tests.fake_agent` on a port that stays the same."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.options = options
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", "tests.fake_agent", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, *self.options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        with self.process.stdout as said:
            assert said.readline().startswith("READY")

    def state(self) -> dict[str, Any]:
        """Return what it counted."""
        return dict(httpx.get(f"{self.url}/_fake/state", params={"last": 0}).json())

    def kill(self) -> None:
        """SIGKILL: whatever it was saying breaks off."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def host_process(*options: str) -> Iterator[HostProcess]:
    """Yield a running host; nothing is left behind."""
    made = HostProcess(*options)
    try:
        yield made
    finally:
        made.kill()
