"""Live pages: a notice published by a worker reaches 50 open pages; p50, p95 and CPU are printed.

    .venv/bin/python -m benchmarks.live [PAGES] [SECONDS]

Every page is a signed-in WebSocket that watches the list of calls; a runner-side change is
published ten times a second. Each page then fetches its fragment, as a browser does.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from benchmarks.idle import cpu
from tests.process.installation import ROOT, Installation, installation

PUBLISH = """
import json, sys, time
from whoosh_site.core import live
for _ in range({count}):
    live.stream("call:1", {{"sent": time.time()}})
    live.announce("calls", teams=[1])
    time.sleep(0.1)
"""
MAKE_A_CALL = """
from agents.models import Call
from whoosh_site.core.models import Team
team = Team.objects.order_by("pk").first()
Call.objects.create(pk=1, team=team, source="api", state="success")
"""


async def watch(made: Installation, cookie: str, until: float, late: list[float]) -> None:
    """Be one page: note how late each piece is."""
    address = made.url.replace("http", "ws") + "/ws/live/"
    headers = {"Cookie": f"sessionid={cookie}"}
    async with connect(address, origin=made.url, additional_headers=headers) as socket:
        await socket.send(json.dumps({"watch": ["calls", "call:1"], "since": 0}))
        await socket.recv()
        while time.time() < until:
            try:
                async with asyncio.timeout(max(0.1, until - time.time())):
                    message = json.loads(await socket.recv())
            except TimeoutError:
                return
            heard = time.time()
            late += [(heard - p["sent"]) * 1000 for p in message["data"].get("call:1", ())]


async def fetch(made: Installation, cookie: str, count: int) -> list[float]:
    """Let `count` pages fetch the same fragment at once; return each one's milliseconds."""
    async with httpx.AsyncClient(cookies={"sessionid": cookie}, timeout=30) as client:

        async def one() -> float:
            began = time.monotonic()
            answer = await client.get(f"{made.url}/calls/?fragment=rows&tick=1")
            assert answer.status_code == 200
            return (time.monotonic() - began) * 1000

        return sorted(await asyncio.gather(*(one() for _ in range(count))))


async def measure(made: Installation, cookie: str, pages: int, seconds: float) -> None:
    """Open the pages, publish, print."""
    late: list[float] = []
    processes = made.processes()
    until = time.time() + seconds + 4
    watchers = [asyncio.create_task(watch(made, cookie, until, late)) for _ in range(pages)]
    await asyncio.sleep(2)
    before = cpu(processes)
    script = PUBLISH.format(count=int(seconds * 10))
    publisher = await asyncio.create_subprocess_exec(
        *(sys.executable, "manage.py", "shell", "-v", "0", "-c", script),
        cwd=ROOT,
        env=made.environment,
    )
    await asyncio.gather(*watchers)
    used = cpu(processes) - before
    await publisher.wait()
    late.sort()
    print(
        f"{'pages':>6} {'heard':>7} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8} {'CPU ms/piece':>13}"
    )
    print(
        f"{pages:>6} {len(late):>7} {statistics.median(late):>8.1f} "
        f"{late[int(len(late) * 0.95)]:>8.1f} {late[-1]:>8.1f} "
        f"{used * 1000 / max(1, len(late)):>13.2f}"
    )
    took = await fetch(made, cookie, pages)
    print(f"{pages} pages fetch the changed part at once: median {statistics.median(took):.0f} ms, "
          f"slowest {took[-1]:.0f} ms")  # fmt: skip


def main(pages: int = 50, seconds: int = 15) -> None:
    """Start an installation and measure it."""
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder)) as made:
        made.manage("shell", "-c", MAKE_A_CALL)
        with made.browse() as browser:
            cookie = browser.cookies["sessionid"]
        asyncio.run(measure(made, cookie, pages, seconds))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
