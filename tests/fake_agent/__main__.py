"""A fake host as a process: prints `READY http://127.0.0.1:PORT`, stops on SIGTERM.

Every plain field of Settings is an option (`--load-seconds 2`, `--max-queue 1`, `--pace 0`).
"""

import argparse
import asyncio
import signal
import sys

from tests.fake_agent.host import FakeHost
from tests.fake_agent.settings import FLAVOURS, Settings, plain_settings


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    found = argparse.ArgumentParser(prog="python -m tests.fake_agent", description=__doc__)
    found.add_argument("--format", dest="flavour", choices=sorted(FLAVOURS), default="ollama")
    found.add_argument("--models", type=_names, default=(), help="names, with commas between them")
    found.add_argument("--registry", type=_names, default=None, help="names that can be pulled")
    for name, kind in plain_settings().items():
        if name != "flavour":
            option = f"--{name.replace('_', '-')}"
            found.add_argument(option, dest=name, type=kind, default=getattr(Settings, name))
    return found


async def serve(host: FakeHost) -> None:
    """Serve until somebody says stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with host:
        sys.stdout.write(f"READY {host.url}\n")
        sys.stdout.flush()
        await stop.wait()


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


if __name__ == "__main__":
    asyncio.run(serve(FakeHost(**vars(parser().parse_args()))))
