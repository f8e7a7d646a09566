"""Random kills under load: everything serves again within ten seconds, nothing is lost.

Six kills run in the gate; `WHOOSH_CHAOS_KILLS=20 ./scripts/test.sh -m chaos` runs more, with
`WHOOSH_CHAOS_SEED` to repeat a run. One line of JSON is the verdict.
"""

import json
import os
import random
import signal
import threading
import time
from typing import Any

import httpx
import psutil
import pytest

from tests.fake_agent import FakeHost, running
from tests.process.installation import Installation, eventually, installation

pytestmark = [pytest.mark.process, pytest.mark.chaos, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("WHOOSH_CHAOS_KILLS", "6"))
SEED = int(os.environ.get("WHOOSH_CHAOS_SEED", str(random.randrange(10**6))))
VICTIMS = ("web", "idle worker", "busy worker", "sentinel", "cluster", "group", "supervisor")
WITHIN = 10.0


def victims(made: Installation, kind: str) -> list[psutil.Process]:
    """Return the processes of one kind."""
    found = []
    for process in made.processes():
        try:
            line, parent = " ".join(process.cmdline()), process.parent()
        except psutil.NoSuchProcess:
            continue
        top = parent is not None and parent.pid == made.process.pid
        main = line.startswith("qcluster MainProcess")
        signs = {
            "web": "webserver" in line,
            "idle worker": " idle" in line,
            "busy worker": "processing" in line,
            "sentinel": main and not top,
            "cluster": main and top,
            "group": main and top,
            "supervisor": process.pid == made.process.pid,
        }
        if signs[kind]:
            found.append(process)
    return found


def strike(made: Installation, kind: str, dice: random.Random) -> bool:
    """Kill one process, or a whole group, of this kind."""
    found = victims(made, kind)
    if not found:
        return False
    victim = dice.choice(found)
    if kind == "group":
        os.killpg(os.getpgid(victim.pid), signal.SIGKILL)
    else:
        victim.kill()
    if kind == "supervisor":
        made.process.wait(10)
        eventually(lambda: not made.survivors(), 5)
        made.up("--no-builtin-model", ready=False)
    return True


def serves(made: Installation, api: httpx.Client, text: str) -> bool:
    """Whether a fresh prompt gets its answer."""
    try:
        answer = api.post("/calls/", json={"prompt": text, "wait": 2}, timeout=5)
        return answer.status_code == 200 and answer.json()["state"] == "success"
    except httpx.HTTPError:
        return False


def runs_jobs(made: Installation, name: str) -> None:
    """Wait until a fresh short job has run: a deaf cluster looks alive from outside."""
    made.manage("shell", "-c", TOUCH.format(name=name))
    eventually(lambda: (made.var / name).exists(), 30)


TOUCH = """
from django.conf import settings
from whoosh_site.core import queue
queue.enqueue("pathlib.Path.touch", settings.VAR / "{name}")
"""


class Load(threading.Thread):
    """Asks steadily; remembers every call the API has accepted."""

    def __init__(self, made: Installation, key: str) -> None:
        super().__init__(daemon=True)
        self.made, self.key = made, key
        self.accepted: dict[int, str] = {}
        self.stopped = threading.Event()

    def run(self) -> None:
        """Post until stopped; refusals while the web process is away are no loss."""
        number = 0
        with self.made.api(self.key) as api:
            while not self.stopped.wait(0.1):
                number += 1
                text = f"load {number} " + "w " * 20
                try:
                    answer = api.post("/calls/", json={"prompt": text}, timeout=5)
                except httpx.HTTPError:
                    continue
                if answer.status_code == 202:
                    self.accepted[answer.json()["id"]] = text.strip()


GENEROUS = """
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
tunables.change("api_rate_limit", 1000000, by=SYSTEM)
"""


def test_random_kills_lose_nothing_and_everything_serves_again(tmp_path):
    dice = random.Random(SEED)
    fake = FakeHost("ollama", models=("llama3:8b",), slots=8, tps=60)
    with running(fake) as host, installation(tmp_path) as made:
        made.add_agent("oak", host.url, slots=8)
        made.manage("shell", "-c", GENEROUS)
        verdict = ordeal(made, dice)
        made.stop()
        assert made.survivors() == []
    print(json.dumps(verdict))
    assert verdict["lost"] == 0
    assert verdict["wrong"] == 0
    assert max(verdict["back_after_s"]) < WITHIN


def ordeal(made: Installation, dice: random.Random) -> dict[str, Any]:
    """Kill at random moments under load; return what became of everything."""
    key = made.key()
    with made.api(key) as api:
        eventually(lambda: serves(made, api, "before"), 30)
        load = Load(made, key)
        load.start()
        back, struck = [], []
        order = [*VICTIMS, *(dice.choice(VICTIMS) for _ in range(KILLS))]
        dice.shuffle(order)
        for number, kind in enumerate(order[:KILLS]):
            time.sleep(dice.uniform(0.5, 3))
            eventually(lambda kind=kind: strike(made, kind, dice), 10)
            began = time.monotonic()
            eventually(lambda: serves(made, api, "again") and made.ready(), 30)
            runs_jobs(made, f"job-{number}")
            back.append(round(time.monotonic() - began, 1))
            struck.append(kind)
        load.stopped.set()
        load.join(10)
        ended = [_ended(api, pk) for pk in load.accepted]
    return {
        "seed": SEED,
        "struck": struck,
        "back_after_s": back,
        "accepted": len(load.accepted),
        "lost": sum(call is None for call in ended),
        "wrong": sum(
            call is not None and call["answer"] != f"You said: {load.accepted[call['id']]}"
            for call in ended
        ),
        "run_again": sum(call is not None and call["attempt"] > 1 for call in ended),
    }


def _ended(api: httpx.Client, pk: int) -> dict[str, Any] | None:
    """Return a call once it has succeeded, or None when it never does."""
    until = time.monotonic() + 40
    while time.monotonic() < until:
        call = api.get(f"/calls/{pk}/").json()
        if call["state"] == "success":
            return dict(call)
        time.sleep(0.1)
    print(call)
    return None
