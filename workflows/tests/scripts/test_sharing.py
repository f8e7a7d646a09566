"""The script processes between teams, and contexts between a run and those inside it."""

import asyncio
import contextlib
import json

import pytest

from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.engine.document import Document
from workflows.engine.errors import NodeError
from workflows.engine.values import UNDEFINED
from workflows.scripts import pool as module
from workflows.scripts.pool import Pool
from workflows.scripts.session import Session
from workflows.scripts.turns import Turn, Turns
from workflows.tests.conftest import chain, code, node
from workflows.tests.scripts.scripting import scope, value


@pytest.fixture
def pool(monkeypatch):
    """One worker in quiet times, the pool of this process."""
    made = Pool(1)
    monkeypatch.setattr(module, "_shared", made)
    yield made
    made.close()


# -- teams ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_one_teams_endless_scripts_do_not_keep_anothers_waiting(pool, keep, people, run):
    endless = [keep(chain(f"E {n}", code("Loop", "for (;;) {}"))) for n in range(6)]
    theirs = keep(chain("Short", code("One", "return [{json: {a: 1}}]")), team=people.theirs)

    async def both():
        ours = [
            asyncio.create_task(services.run_here(one, services.Given(), by=SYSTEM))
            for one in endless
        ]
        while pool._turns.held[f"team-{people.ours.pk}"] < pool.most_of_one:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        outcome = await services.run_here(theirs, services.Given(), by=SYSTEM)
        held = pool._turns.held[f"team-{people.ours.pk}"]
        still = [one for one in ours if not one.done()]
        for one in ours:
            one.cancel()
        await asyncio.gather(*ours, return_exceptions=True)
        return outcome, held, len(still)

    outcome, held, still = run(both())
    assert outcome.last_items[0]["json"] == {"a": 1}
    assert (held, still) == (pool.most_of_one, 6)
    assert not pool._turns.held


def in_turn(asked, room):
    """The owners in the order they are served, when only `room` may be held at once."""

    async def served():
        turns, order = Turns(), []
        for owner in asked:
            turns.add(Turn(owner, None))
        while (turn := turns.next(lambda one: sum(turns.held.values()) < room)) is not None:
            order.append(turn.owner)
            if len(order) % room == 0:
                for owner in order[-room:]:
                    turns.back(owner)
        return "".join(order)

    return asyncio.run(served())


def test_owners_that_wait_are_served_in_turn():
    assert in_turn("aaaabbc", 1) == "abcabaa"


def test_who_holds_fewest_is_next():
    async def served():
        turns = Turns()
        turns.held.update({"a": 3, "b": 1})
        for owner in "aabbb":
            turns.add(Turn(owner, None))
        return "".join(turns.next(lambda turn: True).owner for _ in range(5))

    assert asyncio.run(served()) == "bbaba"


def test_a_worker_that_comes_back_goes_straight_to_who_waits(pool):
    async def shared():
        worker = await pool.take("a")
        waiting = asyncio.create_task(pool.take("b"))
        await asyncio.sleep(0)
        pool.give(worker)
        assert pool._idle == []
        assert await waiting is worker
        pool.give(worker)
        return worker in pool._idle

    assert asyncio.run(shared())


def test_who_is_canceled_while_waiting_holds_nothing(pool):
    async def canceled():
        worker = await pool.take("a")
        waiting = [asyncio.create_task(pool.take("b")) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        pool.give(worker)  # to the other one, which is canceled as it is served
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return dict(pool._turns.held), len(pool._idle)

    assert asyncio.run(canceled()) == ({}, 1)


def test_who_waited_in_a_loop_that_ended_gets_nothing(pool):
    async def held():
        return await pool.take("a")

    worker = asyncio.run(held())
    loop = asyncio.new_event_loop()
    lost = loop.create_task(pool.take("b"))
    loop.run_until_complete(asyncio.sleep(0))
    loop._scheduled.clear()
    loop.close()  # without canceling its tasks, as a thread that dies
    pool.give(worker)
    assert value("={{ 1 + 1 }}", pool=pool) == 2
    lost.get_coro().close()
    assert not pool._turns.held


# -- runs inside a run ----------------------------------------------------------------------------


def inside(pool, *templates, close=True):
    """Evaluate each in a session of its own inside one; their values and contexts."""

    async def asked():
        outer, found = Session(pool), []
        for template in templates:
            inner = outer.inner()
            if template.startswith("="):
                column = (await inner.evaluate([template], scope(), [0]))[0]
                made = column.values.get(0, column.errors.get(0))
            else:
                with contextlib.suppress(NodeError):
                    made = (await inner.run_code(template, scope(), each=False)).value
            found.append((made, inner._context))
            await inner.close()
        await outer.close()
        return found, [dict(worker.contexts) for worker in pool._workers]

    found, left = asyncio.run(asked())
    assert left == [{}]
    return found


QUIET = ["={{ 1 + 1 }}", "={{ $now.plus({days: 1}).isValid }}", "={{ [3, 1].sort().map(x => x) }}"]


def test_runs_inside_share_a_context_that_is_as_new(pool):
    found = inside(pool, *QUIET, *QUIET)
    assert [made for made, _ in found] == [2, True, [1, 3]] * 2
    assert len({context for _, context in found}) == 1


TRACES = {
    "of a name": ("Math.left = 1", "Math.left"),
    "of Object": ("Object.left = 1", "typeof Object.left"),
    "on the denied": ("globalThis.left = 1", "globalThis.left"),
    "on this": ("this.left = 1", "this.left"),
    "of a method": ("[].__proto__", "1"),
    "of a prototype": ("$input['__pro' + 'to__'].left = 1", "$input.left"),
    "of an iterator": ("[].values()['__pro' + 'to__'].left = 1", "[].values().left"),
    "of a date's class": ("DateTime.left = 1", "DateTime.left"),
    "of a date's method": ("DateTime['proto' + 'type'].left = 1", "$now.left"),
    "of a zone": ("$now.setZone('utc').zone.left = 1", "$now.setZone('utc').zone.left"),
    "of a named zone": ("$now.zone.left = 1", "$now.zone.left"),
    "of a search": ("/s(e)c/.test('sec')", "RegExp.$1"),
    "of a symbol": ("JSON[Symbol.for('x')] = 1", "JSON[Symbol.for('x')]"),
    "frozen": ("Object.freeze(Math)", "Object.isFrozen(Math)"),
    "helper": ("Array.from = () => [1]", "Array.from('ab').length"),
}


@pytest.mark.parametrize(("leave", "look"), TRACES.values(), ids=TRACES)
def test_a_run_inside_finds_no_trace_of_the_one_before(pool, leave, look):
    before, _, after = inside(
        pool, f"={{{{ {look} }}}}", f"={{{{ (() => {{ {leave} }}).call(this) }}}}",
        f"={{{{ {look} }}}}",
    )  # fmt: skip
    assert after[0] == before[0] or after[0] is before[0] is UNDEFINED


@pytest.mark.parametrize(
    ("leave", "look"),
    [
        ("globalThis.left = 1; return 1", "return typeof left"),
        ("luxon.Settings.defaultLocale = 'de'; return 1", "return luxon.Settings.defaultLocale"),
        ("luxon.Settings.now = () => 0; return 1", "return $now.year > 2000"),
        ("Object.prototype.left = 1; Map.prototype.get = 1; return 1", "return ({}).left"),
    ],
)
def test_nor_of_code(pool, leave, look):
    before, _, after = inside(pool, look, leave, look)
    assert after[0] == before[0] or after[0] is before[0] is UNDEFINED
    assert before[1] != after[1] or before[0] == after[0]


def test_data_of_one_run_is_not_at_hand_in_the_next(pool):
    looks = "={{ [$json.secret, $input.all().length, $('D').all()[0].json.secret] }}"

    async def asked():
        outer = Session(pool)
        found = []
        for where in (scope({"secret": 1}, {"secret": 2}), scope({"a": 1})):
            inner = outer.inner()
            found.append((await inner.evaluate([looks], where, [0]))[0].values[0])
            await inner.close()
        await outer.close()
        return found

    assert asyncio.run(asked()) == [[1, 2, 1], [None, 1, None]]


@pytest.mark.django_db(transaction=True)
def test_a_workflow_run_for_each_item_needs_few_contexts(pool, run, monkeypatch):
    row = {"id": "1", "name": "b", "value": "={{ $json.n * 2 }}", "type": "number"}
    sub = json.loads(
        chain("Sub", node("Set", "set", assignments={"assignments": [row]}))
        .replace("manualTrigger", "executeWorkflowTrigger")
    )  # fmt: skip
    call = node("Call", "executeWorkflow", source="parameter", mode="each",
                workflowJson=json.dumps(sub))  # fmt: skip
    document = json.loads(chain("Outer", call))
    items = [{"json": {"n": n}} for n in range(40)]
    asked = set()
    ask = module.Worker.ask

    async def noting(self, context, body, limit):
        asked.add(context)
        return await ask(self, context, body, limit)

    monkeypatch.setattr(module.Worker, "ask", noting)
    outcome = run(services.run_document(Document(document), services.Given(items=items)))
    assert [one["json"]["b"] for one in outcome.last_items] == [2 * n for n in range(40)]
    outcome.close()
    assert len(asked) == 1
