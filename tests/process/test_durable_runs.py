"""Runs of workflows while their processes are killed: none is lost, no kept step is done again.

Each run does three things outside, with code, and waits between them. The server they are done at
notes the keys. Six kills run in the gate; `WHOOSH_CHAOS_KILLS=20` makes more, `WHOOSH_CHAOS_SEED`
repeats a run. One line of JSON is the verdict.
"""

import json
import random
import time
from typing import Any

import httpx
import pytest

from tests.process.installation import Installation, eventually, installation
from tests.process.sink import Sink
from tests.process.test_chaos import GENEROUS, KILLS, SEED, strike
from workflows.tests.conftest import chain, code, node

pytestmark = [pytest.mark.process, pytest.mark.chaos, pytest.mark.timeout(900)]

VICTIMS = ("busy worker", "group", "cluster", "supervisor")
WITHIN = 10.0
CLOCK = "return [{json: {at: Date.now(), chance: Math.random()}}]"


def document(place: str) -> str:
    """Return a workflow that does three things at the sink, each named after its run."""

    def deed(name: str) -> dict[str, Any]:
        url = f"=http://{place}/{{{{ $execution.id }}}}/{name}/{{{{ $('Clock').first().json.at }}}}"
        return node(name, "httpRequest", url=url, method="POST") | {"typeVersion": 4.2}

    rest = node("Rest", "wait", resume="timeInterval", amount=2, unit="seconds")
    return chain("Deeds", code("Clock", CLOCK), deed("one"), deed("two"), rest, deed("three"))


def submit(api: httpx.Client, workflow: int, number: int) -> str:
    """Start a run, also while the web process is away."""
    key = {"Idempotency-Key": f"run-{number}"}

    def started() -> str:
        try:
            answer = api.post(f"/workflows/{workflow}/run/", json={}, headers=key, timeout=5)
        except httpx.HTTPError:
            return ""
        return f"/executions/{answer.json()['id']}/" if answer.status_code == 202 else ""

    return str(eventually(started, 60))


def end_of(api: httpx.Client, run: str) -> str:
    """Return how a run ended, or its state after ninety seconds."""
    until = time.monotonic() + 90
    while True:
        state = str(api.get(run).json()["status"])
        if state not in ("queued", "running", "waiting") or time.monotonic() > until:
            return state
        time.sleep(0.2)


def ordeal(made: Installation, sink: Sink, dice: random.Random) -> dict[str, Any]:
    """Start runs, kill what carries them, and return what became of everything."""
    with made.api(made.key()) as api:
        headers = {"Content-Type": "application/json"}
        body = document(sink.place)
        workflow = api.post("/workflows/", content=body, headers=headers).json()["id"]
        runs, back, struck = [], [], []
        for number in range(KILLS):
            runs += [submit(api, workflow, number * 8 + place) for place in range(8)]
            time.sleep(dice.uniform(0.5, 4))
            kind = dice.choice(VICTIMS)
            eventually(lambda kind=kind: strike(made, [], kind, dice), 10)
            began = time.monotonic()
            runs.append(submit(api, workflow, 10_000 + number))
            eventually(lambda began=began: sink.next_after(began), 60)
            back.append(round(time.monotonic() - began, 1))
            struck.append(kind)
        ends = {run: end_of(api, run) for run in runs}
    deeds = {"/".join(path.split("/")[1:3]) for path in sink.keys}
    return {
        "seed": SEED,
        "struck": struck,
        "back_after_s": back,
        "runs": len(runs),
        "succeeded": list(ends.values()).count("success"),
        "quarantined": list(ends.values()).count("quarantined"),
        "deeds": len(deeds),
        "branched": len(sink.keys) - len(deeds),
        "keys_changed": [path for path, keys in sink.keys.items() if len(keys) != 1],
        "done_again": sum(count - 1 for count in sink.calls.values()),
    }


def test_kills_lose_no_run_and_change_no_key(tmp_path):
    dice = random.Random(SEED)
    with Sink(0.05) as sink, installation(tmp_path) as made:
        made.stop()
        made.environment["WHOOSH_HTTP_ALLOW"] = sink.place
        made.up("--no-builtin-model")
        made.manage("shell", "-c", GENEROUS)
        verdict = ordeal(made, sink, dice)
    print(json.dumps(verdict))
    # A run that three kills met at one step is put aside, and says so: it is not lost.
    assert verdict["succeeded"] + verdict["quarantined"] == verdict["runs"]
    assert verdict["quarantined"] <= KILLS
    assert verdict["deeds"] >= 3 * verdict["succeeded"]
    assert verdict["branched"] == 0, "a resumed run saw another clock"
    assert verdict["keys_changed"] == []
    assert verdict["done_again"] <= 9 * KILLS, "only what was under way at a kill is done again"
    assert max(verdict["back_after_s"]) < WITHIN
