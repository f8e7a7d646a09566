"""Two machines on one PostgreSQL: slots stay true, one takes over what the other had in hand."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.process.hosts import host_process
from tests.process.installation import Installation, database, eventually
from tests.process.test_chaos import GENEROUS, outcome, right

NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
"""What makes a machine of its own of a process tree: nobody outside sees its processes die."""


def _alone() -> bool:
    """Whether this machine lets us make process namespaces."""
    if not shutil.which(NAMESPACE[0]):
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.process,
    pytest.mark.soak,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="needs PostgreSQL"
    ),
    pytest.mark.skipif(not _alone(), reason="needs the right to make process namespaces"),
]
LEASE = 30.0
SLOTS, TASKS = 4, 120  # enough to be under way when the lease ends


@pytest.fixture
def machines(tmp_path) -> Iterator[tuple[Installation, Installation]]:
    """Two machines with state folders and process namespaces of their own."""
    with database() as url:
        made = []
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
            machine = Installation(tmp_path / name, url)
            machine.before = NAMESPACE
            made.append(machine)
        made[0].prepare()
        shutil.copy(made[0].var / "secret.key", made[1].var)
        try:
            for machine in made:
                machine.up("--no-builtin-model")
            yield made[0], made[1]
        finally:
            for machine in made:
                machine.kill()


def owners(machine: Installation) -> dict[str, int]:
    """Return how many calls run, by the machine that carries them."""
    return dict(json.loads(machine.manage("shell", "-c", OWNERS).stdout.splitlines()[-1]))


OWNERS = """
import json
from collections import Counter
from agents.models import Call
owners = Call.objects.filter(state="running").values_list("owner", flat=True)
print(json.dumps(Counter(owner.split(":")[0] for owner in owners)))
"""


def test_slots_stay_true_and_the_work_of_a_dead_machine_is_taken_over(machines):
    here, there = machines
    options = ("--models", "llama3:8b", "--slots", str(SLOTS), "--tps", "25")
    with host_process(*options) as oak:
        here.add_agent("oak", oak.url, slots=SLOTS)
        here.manage("shell", "-c", GENEROUS)
        key = here.key()
        with here.api(key) as first, there.api(key) as second:
            eventually(lambda: first.get("/agents/").json()["results"][0]["status"] == "online", 30)
            asked = {}
            for number in range(TASKS):
                api = (first, second)[number % 2]
                title = f"number {number} " + "w " * 40
                made = api.post("/tasks/", json={"title": title}).json()
                asked[f"/tasks/{made['id']}/"] = title.strip()
            eventually(lambda: sum(owners(here).values()) == SLOTS, 20)
            both = eventually(lambda: len(found := owners(here)) == 2 and found, 60)
            began = time.monotonic()
            there.process.kill()
            lost = set(both) - set(eventually(lambda: owners_alive(here), LEASE + 20))
            taken = time.monotonic() - began
            ended = {path: outcome(first, path) for path in asked}
        most = oak.state()["peak_running"]
    print(
        {
            "running": both,
            "lost": sorted(lost),
            "taken_over_after_s": round(taken, 1),
            "most_at_once": most,
            "tasks": len(ended),
        }
    )
    assert most <= SLOTS
    assert taken < LEASE + 10
    assert all(found and right(found, f"You said: {asked[path]}") for path, found in ended.items())


def owners_alive(machine: Installation) -> dict[str, int]:
    """Return the owners once one machine has all of it."""
    found = owners(machine)
    return found if len(found) == 1 and sum(found.values()) == SLOTS else {}
