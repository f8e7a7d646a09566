"""Hosts and runners that fail in the worst way: a task ends with a reason, the others go on.

Poison, hung, flapping, half-open and slow: rows R05, R06, R18 and R19 of the fault table, each
against real processes. Every test prints its figures; `-s` shows them. What takes minutes is
marked `soak`.
"""

import json
import signal
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import httpx
import psutil
import pytest

from tests.fake_agent import FakeHost, running
from tests.process.hosts import HostProcess, host_process
from tests.process.installation import Installation, eventually, installation
from tests.process.test_chaos import GENEROUS

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

CHAT = ("/api/chat",)
LIMIT, GRACE = 3.0, 5.0
"""Seconds a task may take at its agent here, and how much later it has to be over."""
CONNECT, FIRST_BYTE = 5.0, 300.0
"""Seconds every call waits for a connection, and for the first byte after it."""
HOUR = 3600.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation whose agent "oak" is in good health."""
    host = FakeHost("ollama", models=("llama3:8b",), slots=4, tps=60)
    with running(host) as oak, installation(tmp_path_factory.mktemp("faults")) as made:
        made.manage("shell", "-c", GENEROUS)
        made.add_agent("oak", oak.url, slots=4)
        yield made


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[httpx.Client]:
    """An API client; oak has been seen."""
    with made.api(made.key()) as client:
        eventually(lambda: agent(client, "oak")["status"] == "online", 20)
        yield client


@contextmanager
def beside(
    made: Installation, api: httpx.Client, url: str, *, called: str = "fir", **fields: Any
) -> Iterator[None]:
    """Register another agent and wait until it is online; it leaves at the end."""
    made.add_agent(called, url, **fields)
    eventually(lambda: agent(api, called).get("status") == "online", 20)
    pk = agent(api, called)["id"]
    try:
        yield
    finally:
        api.delete(f"/agents/{pk}/")


def agent(api: httpx.Client, name: str) -> dict[str, Any]:
    """Return an agent as the API shows it."""
    found = api.get("/agents/", params={"name": name}).json()["results"]
    return dict(found[0]) if found else {}


def submit(api: httpx.Client, title: str, **fields: Any) -> int:
    """Submit a task; returns its id."""
    answer = api.post("/tasks/", json={"title": title} | fields)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def task(api: httpx.Client, pk: int) -> dict[str, Any]:
    """Return a task as the API shows it."""
    return dict(api.get(f"/tasks/{pk}/").json())


def ended(api: httpx.Client, pk: int, seconds: float) -> dict[str, Any]:
    """Return a task once it has ended, within these seconds."""

    def over() -> dict[str, Any] | None:
        found = task(api, pk)
        return None if found["state"] in ("queued", "running") else found

    return dict(eventually(over, seconds, 0.05))


def figures(**found: Any) -> None:
    """Print what was measured."""
    print(json.dumps(found))


# -- R05: a task that kills whoever carries it ---------------------------------------------------


def carrier(made: Installation, host: FakeHost) -> psutil.Process | None:
    """Return the process that has an answer of this host in hand."""
    port = int(host.url.rpartition(":")[2])
    for process in made.processes() if host.memory.running else ():
        try:
            if any(c.raddr and c.raddr.port == port for c in process.net_connections()):
                return process
        except psutil.NoSuchProcess:
            continue
    return None


def test_a_task_whose_runner_dies_three_times_is_quarantined_and_the_others_finish(made, api):
    slow = FakeHost("ollama", models=("tiny:1b",), tps=1, tokens=900)
    with running(slow) as fir, beside(made, api, fir.url):
        others = [submit(api, "beside it " + "w " * 90, agent="oak") for _ in range(2)]
        poison = submit(api, "poison", agent="fir")
        began, back = time.monotonic(), []
        for _ in range(3):
            runner = eventually(lambda: carrier(made, fir), 20, 0.02)
            back.append(round(time.monotonic() - began, 1))
            others.append(submit(api, "comes later", agent="oak"))
            runner.kill()
            began = time.monotonic()
            runner.wait(10)
            eventually(lambda: not fir.memory.running, 5, 0.02)
        found = ended(api, poison, 20)
        call = api.get(f"/calls/{found['call']}/").json()
        states = [ended(api, pk, 20)["state"] for pk in others]
        with made.browse() as browser:
            dashboard = browser.get("/").text
    figures(row="R05", in_hand_again_after_s=back, said=found["error"], others=states)
    assert (found["state"], call["state"]) == ("quarantined", "quarantined")
    assert found["error"] == call["error"] == "its process died (3 of 3)"
    assert len(found["attempts"]) == 1
    assert "its process died (3 of 3)" in found["history"][-1]["text"]
    assert "1 task put in quarantine today." in dashboard
    assert states == ["success"] * 5


# -- R06: a host that accepts and never answers --------------------------------------------------


def test_a_hung_host_costs_a_task_its_time_limit_and_nobody_else_anything(made, api):
    with (
        running(FakeHost("ollama", models=("tiny:1b",))) as fir,
        beside(made, api, fir.url, slots=1),
    ):
        fir.faults.add("delay", paths=CHAT, seconds=HOUR)
        began = time.monotonic()
        hung = submit(api, "hangs", agent="fir", time_limit=LIMIT, most_attempts=1)
        second = submit(api, "hangs too", agent="fir", time_limit=60, most_attempts=1)
        eventually(lambda: task(api, hung)["state"] == "running", 5)
        other = ended(api, submit(api, "goes elsewhere", agent="oak"), 5)
        first = ended(api, hung, LIMIT + GRACE)
        took = time.monotonic() - began
        eventually(lambda: task(api, second)["state"] == "running", 5)  # the slot is free again
        eventually(lambda: fir.in_flight == 1, 5)
        asked = time.monotonic()
        api.post(f"/tasks/{second}/cancel/")
        last = ended(api, second, 5)
        over = time.monotonic() - asked
        eventually(lambda: fir.in_flight == 0, 5)
        figures(row="R06", ended_after_s=took, said=first["error"], canceled_after_s=over)
    assert (first["state"], first["error_code"]) == ("error", "agent_slow")
    assert "total" in first["error"]
    assert other["state"] == "success"
    assert last["state"] == "canceled"
    assert fir.canceled == 2


# -- R18: a host that comes and goes -------------------------------------------------------------


RATHER_FIR = {"model": "tiny:1b", "fallbacks": ["llama3:8b"]}
"""What is asked of fir alone, and of oak where fir cannot be had."""


class Flapping(threading.Thread):
    """Lets a host break off every connection for some seconds, then answer as long, in turn.

    A host that refuses connections could not count who came.
    """

    def __init__(self, host: FakeHost, seconds: float) -> None:
        super().__init__(daemon=True)
        self.host, self.seconds = host, seconds
        self.over = threading.Event()
        self.flaps = 0

    def run(self) -> None:
        """Flap until told to stop."""
        while not self.over.is_set():
            fault = self.host.faults.add("drop")
            self.flaps += 1
            self.over.wait(self.seconds)
            self.host.faults.remove(fault)
            self.over.wait(self.seconds)


COUNT = """
import json
from agents.models import Agent
from whoosh_site.core.models import AuditEntry
from whoosh_site.core.models.system import Notice
agent = Agent.objects.get(name="fir")
notices = Notice.objects.filter(topic=f"agent:{agent.pk}").count()
print(json.dumps([notices, AuditEntry.objects.count()]))
"""


def flap(made: Installation, api: httpx.Client, fir: FakeHost, half: float, seconds: float) -> Any:
    """Submit tasks while the preferred host flaps; return them with what was counted."""

    def count() -> tuple[int, int]:
        notices, audited = json.loads(made.manage("shell", "-c", COUNT).stdout.splitlines()[-1])
        return notices, audited

    before, asked = count(), len(fir.requests)
    flapping = Flapping(fir, half)
    flapping.start()
    began, submitted, shown = time.monotonic(), [], []
    while time.monotonic() - began < seconds:
        submitted.append(submit(api, f"number {len(submitted)}", **RATHER_FIR))
        shown.append(agent(api, "fir")["status"])
        time.sleep(0.3)
    flapping.over.set()
    flapping.join(10)
    tasks = [ended(api, pk, 30) for pk in submitted]
    after = count()
    calls = moments(fir, asked, CHAT[0])
    return tasks, {
        "row": "R18",
        "seconds": round(time.monotonic() - began),
        "flaps": flapping.flaps,
        "tasks": len(tasks),
        "at_oak": sum(found["agent"] == "oak" for found in tasks),
        "calls": len(calls),
        "failed_calls": len(calls) - sum(found["agent"] == "fir" for found in tasks),
        "looks": moments(fir, asked, "/api/version", together=1.0),
        "seen_down": sum(a == "online" != b for a, b in pairwise(shown)),
        "status_changes": sum(a != b for a, b in pairwise(shown)),
        "notices": after[0] - before[0],
        "audit_lines_beside_submissions": after[1] - before[1] - len(tasks),
    }


def moments(host: FakeHost, first: int, path: str, together: float = 0.0) -> list[float]:
    """Return when a path was asked for, in seconds; what came close together counts once."""
    seen = host.requests[first:]
    found: list[float] = []
    for one in seen:
        at = round(one.at - seen[0].at, 1)
        if one.path == path and (not found or at - found[-1] >= together):
            found.append(at)
    return found


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_flapping_host_is_left_alone_and_makes_no_storm(made, api):
    with (
        running(FakeHost("ollama", models=("tiny:1b",), tps=60, slots=4)) as fir,
        beside(made, api, fir.url, slots=4),
    ):
        # 5 s would be half of what health checks pause: they would always see the same.
        tasks, found = flap(made, api, fir, 4, 120)
    figures(**found)
    assert [one["state"] for one in tasks] == ["success"] * len(tasks)
    assert all(one["result"] == f"You said: number {n}" for n, one in enumerate(tasks))
    down, changes = found["seen_down"] + 1, found["status_changes"] + 1
    assert len(found["looks"]) <= found["seconds"] / 10 + down
    assert found["failed_calls"] <= (3 + 3) * down  # the third opens the breaker; three go beside
    assert found["notices"] <= 2 * found["calls"] + 2 * changes
    assert found["audit_lines_beside_submissions"] == 0


def test_a_host_that_breaks_off_every_call_is_tried_by_one_in_ten_seconds(made, api):
    with (
        running(FakeHost("ollama", models=("tiny:1b",))) as fir,
        beside(made, api, fir.url, slots=1),
    ):
        asked = len(fir.requests)
        fir.faults.add("drop", paths=CHAT)  # its health checks find nothing wrong
        submitted, until = [], time.monotonic() + 12
        while time.monotonic() < until:
            submitted.append(submit(api, "anybody", **RATHER_FIR))
            time.sleep(0.3)
        agents = [ended(api, pk, 20)["agent"] for pk in submitted]
        calls = moments(fir, asked, CHAT[0])
    figures(row="R18", tasks=len(agents), calls=calls)
    assert agents == ["oak"] * len(agents)
    assert len(calls) == 4
    assert calls[3] - calls[2] >= 10


# -- R19: a host that is slow, or half open ------------------------------------------------------


@contextmanager
def stopped(host: HostProcess) -> Iterator[None]:
    """Freeze a host: its kernel takes connections, no byte ever comes back."""
    host.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        host.process.send_signal(signal.SIGCONT)


@contextmanager
def deaf(port: int) -> Iterator[None]:
    """Listen so that no further connection is ever made: nobody answers a SYN."""
    with socket.create_server(("127.0.0.1", port), backlog=0), ExitStack() as queue:
        for _ in range(4):
            waits = queue.enter_context(socket.socket())
            waits.setblocking(False)
            waits.connect_ex(("127.0.0.1", port))
        yield


def test_a_host_that_never_sends_a_byte_and_one_that_drips_end_at_the_time_limit(made, api):
    with (
        host_process("--models", "tiny:1b", "--slots", "2") as host,
        beside(made, api, host.url, slots=2),
        running(FakeHost("ollama", models=("tiny:1b",), slots=2)) as yew,
        beside(made, api, yew.url, called="yew", slots=2),
    ):
        yew.faults.add("drip", paths=CHAT, seconds=1)
        with stopped(host):
            began = time.monotonic()
            limits = {"time_limit": LIMIT, "most_attempts": 1}
            slow = [submit(api, "slow", agent=name, **limits) for name in ("fir", "yew") * 2]
            others = [submit(api, f"other {n}", agent="oak") for n in range(8)]
            done = [ended(api, pk, LIMIT + GRACE)["state"] for pk in others]
            over = [ended(api, pk, LIMIT + GRACE) for pk in slow]
            took = time.monotonic() - began
            eventually(lambda: yew.in_flight == 0, 5)
        figures(row="R19", ended_after_s=took, said=[one["error"] for one in over])
    assert [one["error_code"] for one in over] == ["agent_slow"] * 4
    assert done == ["success"] * 8


def test_a_host_that_takes_no_connection_costs_a_task_five_seconds(made, api):
    options = ("--models", "llama3:8b", "--tps", "1000", "--load-seconds", "0")
    with host_process(*options) as host, beside(made, api, host.url, priority=1):
        assert ended(api, submit(api, "how fast?", agent="fir"), 5)["state"] == "success"
        host.kill()
        with deaf(host.port):
            began = time.monotonic()
            found = ended(api, submit(api, "anybody"), CONNECT + GRACE)
            took = time.monotonic() - began
        figures(row="R19", done_elsewhere_after_s=took, attempts=len(found["attempts"]))
    assert (found["state"], found["agent"]) == ("success", "oak")
    assert took > CONNECT  # it was tried at fir


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_without_a_limit_of_its_own_a_task_waits_five_minutes_for_the_first_byte(made, api):
    with host_process("--models", "tiny:1b") as host, beside(made, api, host.url):
        with stopped(host):
            began = time.monotonic()
            pk = submit(api, "slow", agent="fir", most_attempts=1)
            found = ended(api, pk, FIRST_BYTE + GRACE)
        figures(row="R19", ended_after_s=time.monotonic() - began, said=found["error"])
    assert found["error_code"] == "agent_slow"
    assert "first byte" in found["error"]


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_slow_hosts_take_nothing_from_a_good_one(made, api):
    with (
        host_process("--models", "tiny:1b", "--slots", "4") as host,
        beside(made, api, host.url, slots=4),
        running(FakeHost("ollama", models=("tiny:1b",), slots=4)) as yew,
        beside(made, api, yew.url, called="yew", slots=4),
    ):
        yew.faults.add("drip", paths=CHAT, seconds=1)
        alone, beside_slow = [], []
        for _ in range(3):
            alone.append(rate_at_oak(api))
            with stopped(host):
                limits = {"time_limit": 60, "most_attempts": 1}
                slow = [submit(api, "slow", agent=name, **limits) for name in ("fir", "yew") * 6]
                beside_slow.append(rate_at_oak(api))
                assert sum(task(api, pk)["state"] == "running" for pk in slow) == 8
                api.post("/tasks/many/", json={"action": "cancel", "ids": slow})
                [ended(api, pk, 10) for pk in slow]
            eventually(lambda: agent(api, "fir")["status"] == "online", 30)
        ratio = statistics.median(beside_slow) / statistics.median(alone)
    figures(row="R19", tasks_per_second=alone, beside_slow=beside_slow, ratio=round(ratio, 3))
    assert ratio > 0.9


def rate_at_oak(api: httpx.Client) -> float:
    """Return how many tasks a second oak finishes, of forty."""
    began = time.monotonic()
    tasks = [submit(api, f"number {n} " + "w " * 40, agent="oak") for n in range(40)]
    assert all(ended(api, pk, 60)["state"] == "success" for pk in tasks)
    return round(len(tasks) / (time.monotonic() - began), 2)
