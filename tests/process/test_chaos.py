"""Random kills under load: everything serves again within ten seconds, nothing is lost.

The load is tasks and plain calls. A task may lose its host in the middle of an answer: it is done
elsewhere, once. Six kills run in the gate; `WHOOSH_CHAOS_KILLS=20 ./scripts/test.sh -m chaos` runs
more, with `WHOOSH_CHAOS_SEED` to repeat a run. One line of JSON is the verdict.
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

from tests.process.hosts import HostProcess, host_process
from tests.process.installation import Installation, eventually, installation

pytestmark = [pytest.mark.process, pytest.mark.chaos, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("WHOOSH_CHAOS_KILLS", "6"))
SEED = int(os.environ.get("WHOOSH_CHAOS_SEED", str(random.randrange(10**6))))
VICTIMS = (
    "web",
    "idle worker",
    "busy worker",
    "sentinel",
    "cluster",
    "group",
    "supervisor",
    "host",
)
WITHIN = 10.0
BROKEN = {"agent_failed", "agent_offline", "agent_slow"}
"""What a plain call may end with when its host was killed; its answer had begun."""


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


def strike(made: Installation, hosts: list[HostProcess], kind: str, dice: random.Random) -> bool:
    """Kill one process, or a whole group, of this kind."""
    if kind == "host":
        host = dice.choice(hosts)
        host.kill()
        threading.Timer(dice.uniform(0.5, 3), host.start).start()
        return True
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
    """Submits tasks and asks, in turn; remembers everything the API has accepted."""

    def __init__(self, made: Installation, key: str) -> None:
        super().__init__(daemon=True)
        self.made, self.key = made, key
        self.accepted: dict[str, str] = {}
        """The text by the address of the task or call."""
        self.stopped = threading.Event()

    def run(self) -> None:
        """Post until stopped; refusals while the web process is away are no loss."""
        number = 0
        with self.made.api(self.key) as api:
            while not self.stopped.wait(0.1):
                number += 1
                kind, word = ("tasks", "title") if number % 2 else ("calls", "prompt")
                text = f"load {number} " + "w " * 20
                try:
                    answer = api.post(f"/{kind}/", json={word: text}, timeout=5)
                except httpx.HTTPError:
                    continue
                if answer.status_code == 202:
                    self.accepted[f"/{kind}/{answer.json()['id']}/"] = text.strip()


GENEROUS = """
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
tunables.change("api_rate_limit", 1000000, by=SYSTEM)
"""


HOST = ("--models", "llama3:8b", "--slots", "8", "--tps", "60")


def test_random_kills_lose_nothing_and_everything_serves_again(tmp_path):
    dice = random.Random(SEED)
    with host_process(*HOST) as oak, host_process(*HOST) as elm, installation(tmp_path) as made:
        made.add_agent("oak", oak.url, slots=8)
        made.add_agent("elm", elm.url, slots=8)
        made.manage("shell", "-c", GENEROUS)
        verdict = ordeal(made, [oak, elm], dice)
        made.stop()
        assert made.survivors() == []
    print(json.dumps(verdict))
    assert verdict["lost"] == []
    assert verdict["wrong"] == []
    assert max(verdict["back_after_s"]) < WITHIN


def ordeal(made: Installation, hosts: list[HostProcess], dice: random.Random) -> dict[str, Any]:
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
            eventually(lambda kind=kind: strike(made, hosts, kind, dice), 10)
            began = time.monotonic()
            eventually(lambda: serves(made, api, "again") and made.ready(), 30)
            runs_jobs(made, f"job-{number}")
            back.append(round(time.monotonic() - began, 1))
            struck.append(kind)
        load.stopped.set()
        load.join(10)
        ended = {path: outcome(api, path) for path in load.accepted}
    return {
        "seed": SEED,
        "struck": struck,
        "back_after_s": back,
        "accepted": len(load.accepted),
        "lost": [path for path, found in ended.items() if found is None],
        "wrong": [
            path
            for path, found in ended.items()
            if found is not None and not right(found, f"You said: {load.accepted[path]}")
        ],
        "tried_again": sum(len((found or {}).get("attempts", ())) > 1 for found in ended.values()),
        "broken_calls": sum((found or {}).get("state") == "error" for found in ended.values()),
    }


def outcome(api: httpx.Client, path: str) -> dict[str, Any] | None:
    """Return a task or call once it has ended, or None when it never does."""
    until = time.monotonic() + 90
    found: dict[str, Any] = {}
    while time.monotonic() < until:
        found = api.get(path).json()
        if found["state"] not in ("queued", "running"):
            return found
        time.sleep(0.1)
    print(found)
    return None


def right(found: dict[str, Any], answer: str) -> bool:
    """Whether this is how it may end: a task in one whole result, a call also broken off."""
    if "attempts" not in found:
        broken = found["state"] == "error" and found["error_code"] in BROKEN
        return broken or (found["state"], found["answer"]) == ("success", answer)
    results = [artifact["content"] for artifact in found["artifacts"]]
    return (found["state"], results) == ("success", [answer])
