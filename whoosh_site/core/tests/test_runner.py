"""The resident runner, with a planted kind of work."""

import asyncio
import logging
from datetime import timedelta

import pytest
from django.apps import apps
from django.utils import timezone

from whoosh_site.core import leases, owner, runner
from whoosh_site.core.leases import QUARANTINED, QUEUED, RUNNING
from whoosh_site.core.models import Process, Team
from whoosh_site.core.runner import Kind, Runner, kinds

GONE = f"{owner.host()}:1:1.00"


@pytest.fixture
def Work(db):
    """The model of the rows: calls, which here stand for any work."""
    return apps.get_model("agents", "Call")


@pytest.fixture
def plant(Work, monkeypatch):
    """Make one kind the only one: `plant(do)` runs `await do(lease)` for each row."""

    def planted(do, **attributes):
        class Planted(Kind):
            key = "planted"
            model = Work
            told: list[leases.Returned] = []

            async def run(self, lease):
                await do(lease)

            def canceled(self, lease):
                lease.finish("canceled")

            def returned(self, found):
                self.told.append(found)

        for name, value in attributes.items():
            setattr(Planted, name, value)
        monkeypatch.setattr(kinds, "_items", {"planted": Planted})
        return Planted

    return planted


@pytest.fixture
def quick(monkeypatch):
    """A runner that looks around often."""
    for name, seconds in {"TICK": 0.02, "BEAT": 0.02}.items():
        monkeypatch.setattr(runner, name, seconds)


@pytest.fixture
def expected_log(caplog):
    """Crashes are logged; this test means them."""
    caplog.set_level(logging.CRITICAL, logger="whoosh_site.core.runner")


def queued(Work, count=1, **fields):
    team = Team.objects.first()
    rows = Work.objects.bulk_create(Work(team=team, source="api", **fields) for _ in range(count))
    return [row.pk for row in rows]


async def database(function, *args, **named):
    return await runner._database(function, *args, **named)


async def done(lease):
    await database(lease.finish, "success")


async def crash(lease):
    raise KeyError("planted")


async def sleep(lease):
    await asyncio.sleep(60)


def states(Work):
    return list(Work.objects.order_by("pk").values_list("state", flat=True))


async def until(true, seconds=5.0):
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not await database(true):  # noqa: ASYNC110  (the database rings no bell)
            await asyncio.sleep(0.01)


# -- once --------------------------------------------------------------------------------------


def test_once_runs_everything_that_is_due(Work, plant, inside):
    plant(done)
    queued(Work, 3)
    assert inside(Runner().once()) == 3
    assert states(Work) == ["success"] * 3


def test_rows_are_started_most_urgent_first(Work, plant, inside):
    started = []

    async def note(lease):
        started.append(lease.pk)
        await done(lease)

    plant(note)
    low, high = queued(Work, priority=5)[0], queued(Work, priority=1)[0]
    inside(Runner().once())
    assert started == [high, low]


def test_rows_run_side_by_side(Work, plant, inside):
    everybody = asyncio.Barrier(5)

    async def meet(lease):
        async with asyncio.timeout(5):
            await everybody.wait()
        await done(lease)

    plant(meet)
    queued(Work, 5)
    inside(Runner().once())
    assert states(Work) == ["success"] * 5


def test_a_kind_has_no_more_in_hand_than_its_limit(Work, plant, inside):
    now, most = 0, 0

    async def count(lease):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        await done(lease)

    plant(count, limit=2)
    queued(Work, 5)
    assert inside(Runner().once()) == 5
    assert most == 2


def test_a_row_put_back_for_later_is_left(Work, plant, inside):
    async def later(lease):
        await database(lease.put_back, timezone.now() + timedelta(minutes=1))

    plant(later)
    queued(Work)
    assert inside(Runner().once()) == 1
    assert states(Work) == [QUEUED]


def test_a_crash_is_counted_and_told(Work, plant, inside, expected_log):
    plant(crash)
    pk = queued(Work)[0]
    inside(Runner().once())
    row = Work.objects.get(pk=pk)
    assert (row.state, row.deaths, row.trouble) == (QUEUED, 1, "KeyError: 'planted'")
    assert row.due_at > timezone.now()


def test_the_third_crash_quarantines_the_row(Work, plant, inside, expected_log):
    plant(crash)
    pk = queued(Work)[0]
    for _ in range(3):
        Work.objects.update(due_at=timezone.now())
        inside(Runner().once())
    row = Work.objects.get(pk=pk)
    assert (row.state, row.deaths) == (QUARANTINED, 3)
    assert row.trouble == "KeyError: 'planted'"


def test_a_crash_takes_no_other_row_with_it(Work, plant, inside, expected_log):
    bad = queued(Work, title="bad")[0]

    async def maybe(lease):
        await (crash if lease.pk == bad else done)(lease)

    plant(maybe)
    queued(Work, 2)
    inside(Runner().once())
    assert states(Work) == [QUEUED, "success", "success"]


def test_of_rows_that_may_be_deadly_one_is_carried_at_a_time(Work, plant, inside):
    beside = []

    async def look(lease):
        beside.append(await database(Work.objects.filter(state=RUNNING, deaths=2).count))
        await done(lease)

    plant(look)
    queued(Work, 3, deaths=2)
    queued(Work, 2, deaths=1)
    assert inside(Runner().once()) == 3
    assert set(beside) == {1}
    rest = Work.objects.filter(state=QUEUED)
    assert [(row.attempt, row.trouble) for row in rest] == [(0, runner.APART)] * 2
    rest.update(due_at=timezone.now())
    assert inside(Runner().once()) == 1


def test_what_may_be_deadly_waits_until_the_one_in_hand_has_ended(Work, plant, inside):
    plant(done)
    first, _ = queued(Work, 2, deaths=2)
    busy = Runner()
    busy.hands["other", 1] = (leases.Lease(Work, first, GONE, 1, 2), None)
    assert busy._claim() == []
    assert Work.objects.filter(state=QUEUED, due_at__gt=timezone.now()).count() == 2


def test_a_row_that_went_to_another_is_not_stumbled_over(Work, plant, inside, expected_log):
    async def lost(lease):
        await database(Work.objects.filter(pk=lease.pk).update, owner="there:1:1.00")
        raise KeyError

    plant(lost)
    pk = queued(Work)[0]
    inside(Runner().once())
    assert Work.objects.values_list("state", "deaths").get(pk=pk) == (RUNNING, 0)


# -- resident ----------------------------------------------------------------------------------


def resident(inside, body, **options):
    """Run a runner beside a coroutine, and stop it when that has ended."""

    async def together():
        serving = Runner(**options)
        task = asyncio.create_task(serving.run())
        try:
            return await body(serving)
        finally:
            serving.stopping = True
            serving.woken.set()
            async with asyncio.timeout(10):
                await task

    return inside(together())


def test_a_resident_runner_takes_what_comes(Work, plant, inside, quick):
    plant(done)

    async def body(serving):
        await database(queued, Work, 2)
        await until(lambda: states(Work) == ["success"] * 2)

    resident(inside, body)


def test_cancellation_reaches_the_coroutine_and_its_kind_writes_the_end(Work, plant, inside, quick):
    plant(sleep)
    pk, other = queued(Work, 2)

    async def body(serving):
        await until(lambda: states(Work) == [RUNNING] * 2)
        await database(leases.cancel, Work, pk, state="canceled")
        await until(lambda: states(Work) == ["canceled", RUNNING])
        assert [key for _, key in serving.hands] == [other]

    resident(inside, body)


def test_a_coroutine_may_write_the_end_of_its_cancellation_itself(Work, plant, inside, quick):
    async def tidy(lease):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await database(lease.finish, "canceled", answer="as far as it got")
            raise

    plant(tidy)
    pk = queued(Work)[0]

    async def body(serving):
        await until(lambda: states(Work) == [RUNNING])
        await database(leases.cancel, Work, pk, state="canceled")
        await until(lambda: not serving.hands)

    resident(inside, body)
    assert Work.objects.values_list("state", "answer").get() == ("canceled", "as far as it got")


def test_a_row_canceled_before_its_first_step_still_ends(Work, plant, inside, monkeypatch):
    plant(sleep)
    pk = queued(Work, cancel_asked=True)[0]
    real = runner._database

    async def at_the_same_moment():
        serving = Runner()

        async def asked_at_once(function, *args):
            return [pk] if function == serving._asked else await real(function, *args)

        found = await database(serving._claim)
        monkeypatch.setattr(runner, "_database", asked_at_once)
        serving._start(found)
        await serving._ask_for_news()
        tasks = [task for _, task in serving.hands.values()]
        await asyncio.gather(*tasks, return_exceptions=True)
        return serving.hands

    assert inside(at_the_same_moment()) == {}
    assert Work.objects.get(pk=pk).state == "canceled"


def test_a_clean_stop_puts_rows_back_and_that_is_no_death(Work, plant, inside, quick):
    plant(sleep)
    queued(Work, 3)

    async def body(serving):
        await until(lambda: states(Work) == [RUNNING] * 3)

    resident(inside, body)
    rows = Work.objects.values_list("state", "owner", "deaths", "trouble")
    assert set(rows) == {(QUEUED, "", 0, "")}


def test_a_runner_signs_its_life_and_signs_off(Work, plant, inside, quick):
    plant(sleep)
    queued(Work, 2)

    async def body(serving):
        await until(lambda: Process.objects.filter(job="runner", carrying=2).exists())
        return await database(Process.objects.get)

    row = resident(inside, body)
    assert (row.owner, row.host) == (owner.me(), owner.host())
    assert not Process.objects.exists()


def test_a_runner_renews_its_leases(Work, plant, inside, quick, monkeypatch):
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=0.3))
    plant(sleep)
    queued(Work)

    async def body(serving):
        await until(lambda: states(Work) == [RUNNING])
        first = (await database(Work.objects.get)).lease_until
        await until(lambda: Work.objects.filter(lease_until__gt=first).exists())

    resident(inside, body)


def test_rows_of_the_dead_come_back_and_pages_are_told(Work, plant, inside, quick, expected_log):
    told = plant(done).told
    pk = queued(Work, state=RUNNING, owner=GONE, attempt=1)[0]

    async def body(serving):
        await until(lambda: states(Work) == ["success"])

    resident(inside, body)
    assert told == [leases.Returned([pk], [])]


def test_an_old_runner_ends_when_nothing_is_in_hand(Work, plant, inside, quick):
    plant(done)
    queued(Work)

    async def whole_life():
        async with asyncio.timeout(5):
            await Runner(life=0.1).run()

    inside(whole_life())
    assert states(Work) == ["success"]


def test_an_old_runner_serves_on_until_nothing_is_in_hand(Work, plant, inside, quick):
    free = asyncio.Event()

    async def held(lease):
        if lease.pk == first:
            await free.wait()
        await done(lease)

    plant(held)
    first = queued(Work)[0]

    async def whole_life():
        serving = Runner(life=0.1)
        task = asyncio.create_task(serving.run())
        await until(lambda: states(Work) == [RUNNING])
        await asyncio.sleep(0.15)
        await database(queued, Work)
        await until(lambda: states(Work) == [RUNNING, "success"])
        free.set()
        async with asyncio.timeout(5):
            await task

    inside(whole_life())
    assert states(Work) == ["success"] * 2


def test_a_row_whose_work_was_lost_in_its_runner_comes_back(
    Work, plant, inside, quick, expected_log, monkeypatch
):
    """Its failure could not be written down, so nobody works on it; the runner lives on."""
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=0.4))
    failures = [KeyError("planted")]

    async def fail_once(lease):
        if failures:
            raise failures.pop()
        await done(lease)

    def away(*_, **__):
        raise OSError("away")

    plant(fail_once)
    monkeypatch.setattr(leases.Lease, "stumble", away)
    [lost] = queued(Work)

    async def body(serving):
        await until(lambda: states(Work) == ["success"])

    resident(inside, body)
    assert failures == []


def test_a_runner_whose_machine_slept_keeps_what_is_in_hand(
    Work, plant, inside, quick, monkeypatch
):
    planted = plant(sleep)
    queued(Work)

    async def body(serving):
        await until(lambda: states(Work) == [RUNNING])
        asleep = timezone.now() - timedelta(hours=1)
        serving.renewed_at = asleep
        await database(Work.objects.update, lease_until=asleep)
        await until(lambda: Work.objects.filter(lease_until__gt=timezone.now()).exists())
        await asyncio.sleep(0.1)
        assert len(serving.hands) == 1

    resident(inside, body)
    assert planted.told == []
    assert list(Work.objects.values_list("deaths", "attempt")) == [(0, 1)]


def test_a_failure_is_told_to_the_pages(Work, plant, inside, expected_log):
    planted = plant(crash)
    [pk] = queued(Work)
    inside(Runner().once())
    assert planted.told == [leases.Returned([pk], [])]


def test_a_database_that_is_away_for_a_moment_stops_nobody(
    Work, plant, inside, quick, expected_log, monkeypatch
):
    plant(done)
    queued(Work)
    real, failures = leases.due, [OSError("away")]

    def away_once(model):
        if failures:
            raise failures.pop()
        return real(model)

    monkeypatch.setattr(leases, "due", away_once)

    async def body(serving):
        await until(lambda: states(Work) == ["success"])

    resident(inside, body)
    assert failures == []


def test_a_host_with_a_living_runner_needs_no_second(db, monkeypatch):
    served = []
    monkeypatch.setattr(runner, "_serve_until_stopped", lambda life: served.append(life))
    monkeypatch.setattr(runner.asyncio, "run", lambda _: None)
    monkeypatch.setattr(owner, "me", lambda: f"{owner.host()}:0:0.00")
    living = Process.objects.create(
        job="runner", host=owner.host(), owner=f"{owner.host()}:1:9.00", pid=1
    )
    monkeypatch.setattr(owner, "is_dead", lambda name: name != living.owner)
    runner.serve(5)
    assert served == []
    living.delete()
    runner.serve(5)
    assert served == [5]


def test_a_kind_that_does_nothing_says_so(inside):
    with pytest.raises(NotImplementedError):
        inside(Kind().run(None))
