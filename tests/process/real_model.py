"""A real small model as a process of its own: llama.cpp's server on a port that stays the same.

`python -m tests.process.real_model PORT NAME FILE` serves until SIGTERM.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.process.installation import ROOT, eventually, free_port


class RealModel:
    """One model, one slot, one thread."""

    def __init__(self, name: str, file: Path) -> None:
        self.name, self.file, self.port = name, file, free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it takes work."""
        words = [str(self.port), self.name, str(self.file)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.process.real_model", *words],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._healthy, 60)

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health").status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def real_model(name: str, file: Path) -> Iterator[RealModel]:
    """Yield a running model; nothing is left behind."""
    made = RealModel(name, file)
    try:
        yield made
    finally:
        made.kill()


def serve(port: int, name: str, file: str) -> None:
    """Serve until SIGTERM."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = file
    parameters.model_alias = {name}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_ctx = 2048
    parameters.n_parallel = 1
    parameters.cache_ram_mib = 0
    parameters.use_jinja = True
    for threads in (parameters.cpuparams, parameters.cpuparams_batch):
        threads.n_threads = 1
        threads.poll = 0
    server = xllamacpp.Server(parameters)
    signal.sigwait([signal.SIGTERM])
    del server


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])
