"""What a run has given is kept before anything outside can depend on it."""

import asyncio
import contextlib

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from whoosh_site.core import leases
from whoosh_site.core.actor import Actor
from workflows import services
from workflows.models import Execution, KeptSteps
from workflows.models import kept as keeping
from workflows.tests.conftest import NUMBERS, chain, code, node

pytestmark = pytest.mark.django_db(transaction=True)
CLOCK = "return [{json: {at: Date.now() + Math.random()}}]"
ASLEEP = node("Wait", "wait", resume="timeInterval", amount=50, unit="seconds")


@pytest.fixture
def reach(site, settings):
    """`reach("/a", ...)`: HTTP Request nodes, named after their paths, to a site that answers."""

    def made(*paths):
        settings.HTTP_ALLOW = [site.allowed]
        url = site(dict.fromkeys(paths, (200, "application/json", b'{"ok": 1}')))
        return [node(path, "httpRequest", url=f"{url}{path}") for path in paths]

    return made


@pytest.fixture
def die_at(run):
    """Carry a run until a node works, then let its process die: `die_at(execution, "Wait")`."""

    def running(pk, name):
        nodes = Execution.objects.values_list("nodes", flat=True).get(pk=pk)
        return any(one["running"] for one in nodes if one["name"] == name)

    async def carried(execution, name):
        lease = await sync_to_async(leases.claim_one)(Execution, execution.pk, "gone:1:1")
        task = asyncio.create_task(services.run_execution(lease))
        while not await sync_to_async(running)(execution.pk, name):
            assert not task.done(), task
            await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await sync_to_async(leases.release_all)(Execution, lease.owner)
        return lease

    return lambda execution, name: run(carried(execution, name))


def kept(execution):
    return [step.node for step in KeptSteps(execution.pk).steps()]


def test_what_reached_outside_is_not_done_again(keep, start, work, reach, site, die_at):
    first, second = reach("/a", "/b")
    workflow = keep(chain("T", first, code("Clock", CLOCK), second, ASLEEP, node("End", "noOp")))
    execution = start(workflow, until="Wait")
    die_at(execution, "Wait")
    assert kept(execution) == ["Start", "/a", "Clock", "/b"]
    clock = services.find_step(execution, "Clock").outputs
    Execution.objects.filter(pk=execution.pk).update(until_node="/b")
    done = work(execution)
    assert (done.state, done.attempt, site.asked) == ("success", 2, ["/a", "/b"])
    assert services.find_step(done, "Clock").outputs == clock
    assert kept(done) == ["Start", "/a", "Clock", "/b"]


def test_nodes_that_give_the_same_again_are_not_written_by_themselves(keep, start, die_at):
    execution = start(keep(chain("T", node("Pass", "noOp"), ASLEEP)))
    die_at(execution, "Wait")
    assert kept(execution) == []


def test_a_workflow_may_ask_for_every_step(keep, start, die_at):
    settings = {"executionOrder": "v1", "saveExecutionProgress": True}
    execution = start(keep(chain("T", node("Pass", "noOp"), ASLEEP, settings=settings)))
    die_at(execution, "Wait")
    assert kept(execution) == ["Start", "Pass"]


def test_a_process_that_lost_its_lease_writes_nothing(keep, start, reach, run):
    (first,) = reach("/a")
    execution = start(keep(chain("T", first, node("End", "noOp"))))

    async def carried():
        lease = await sync_to_async(leases.claim_one)(Execution, execution.pk, "gone:1:1")
        rows = Execution.objects.filter(pk=execution.pk)
        task = asyncio.create_task(services.run_execution(lease))
        await asyncio.sleep(0)
        await sync_to_async(rows.update)(attempt=7)
        await task

    run(carried())
    execution.refresh_from_db()
    assert (execution.state, execution.attempt, kept(execution)) == ("running", 7, [])


def test_a_retry_that_dies_goes_on_with_what_both_gave(
    keep, start, work, reach, site, die_at, people
):
    first, second = reach("/a", "/b")
    failing = code("Bad", "throw new Error('no tide')")
    workflow = keep(chain("T", first, failing, second, ASLEEP))
    failed = work(start(workflow))
    services.save_version(
        workflow, chain("T", first, node("Bad", "noOp"), second, ASLEEP), by=Actor(people.member)
    )
    again = services.retry_execution(failed, by=Actor(people.member), newest=True)
    die_at(again, "Wait")
    assert kept(again) == ["Start", "/a", "Bad", "/b"]
    Execution.objects.filter(pk=again.pk).update(until_node="/b")
    assert work(again).state == "success"
    assert site.asked == ["/a", "/b"]


def test_large_data_lies_in_rows_of_bounded_size(keep, start, work, monkeypatch):
    monkeypatch.setattr(keeping, "LARGEST_ROW", 1000)
    many = "return Array.from({length: 900}, (_, n) => ({json: {n, at: Math.random()}}))"
    done = work(start(keep(chain("T", code("Count", many), node("End", "noOp")))))
    rows = list(done.parts.order_by("number"))
    assert len(rows) > 5
    assert max(len(one.blob) for one in rows) <= 1000
    found = [services.find_step(done, name).outputs[0] for name in ("Count", "End")]
    assert len({str([one["json"] for one in items]) for items in found}) == 1


def test_a_waiting_run_goes_on_once_with_what_came(keep, start, work):
    wait = node("Wait", "wait", resume="webhook")
    execution = start(keep(chain("T", code("Count", NUMBERS), wait, node("End", "noOp"))))
    waiting = work(execution)
    assert (waiting.state, waiting.parked["resume"]) == ("waiting", "webhook")
    given = [[{"json": {"answer": 42}}]]
    assert services.resume_execution(waiting.pk, "approval", given) is None
    assert services.resume_execution(waiting.pk, "webhook", given) is not None
    assert services.resume_execution(waiting.pk, "webhook", given) is None
    done = work(execution)
    assert (done.state, done.parked) == ("success", {})
    assert [one["json"] for one in services.find_step(done, "End").outputs[0]] == [{"answer": 42}]
    assert kept(done) == ["Start", "Count", "Wait", "End"]


def test_a_database_that_is_away_is_waited_for(keep, start, work, reach, site, monkeypatch):
    (first,) = reach("/a")
    left = [OperationalError("database is locked")] * 2
    write = KeptSteps.add

    def add(self, pieces, number):
        if left:
            raise left.pop()
        return write(self, pieces, number)

    monkeypatch.setattr(KeptSteps, "add", add)
    done = work(start(keep(chain("T", first, node("End", "noOp")))))
    assert (done.state, done.attempt, site.asked, left) == ("success", 1, ["/a"], [])
    assert kept(done) == ["Start", "/a", "End"]


def test_a_run_that_got_on_is_not_to_blame_for_earlier_deaths(keep, start, reach, die_at):
    (first,) = reach("/a")
    execution = start(keep(chain("T", first, ASLEEP)))
    Execution.objects.filter(pk=execution.pk).update(deaths=2)
    die_at(execution, "Wait")
    execution.refresh_from_db()
    assert execution.deaths == 0
