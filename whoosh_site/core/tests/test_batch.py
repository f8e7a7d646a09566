"""Writing together: what gathers is written at once, and an item that fails spoils no other."""

import asyncio

import pytest

from whoosh_site.core.batch import Batch


class Ledger:
    """Remembers what was written together."""

    def __init__(self, *bad):
        self.bad = bad
        self.pages = []

    def write(self, items):
        if set(items) & set(self.bad):
            raise ValueError(f"cannot write {items}")
        self.pages.append(list(items))
        return [item * 2 for item in items]


@pytest.fixture
def ledger():
    return Ledger(3)


def test_what_comes_alone_is_written_at_once(run, ledger):
    assert run(Batch(ledger.write, pause=60).put(1)) == 2


def test_what_comes_together_is_written_together(run, ledger):
    async def all_of_them():
        batch = Batch(ledger.write, pause=0)
        return await asyncio.gather(*map(batch.put, (1, 2, 4)))

    assert run(all_of_them()) == [2, 4, 8]
    assert ledger.pages == [[1, 2, 4]]


def test_what_comes_while_others_are_written_gathers(run, ledger):
    async def one_after_the_other():
        batch = Batch(ledger.write, pause=0.05)
        first = asyncio.create_task(batch.put(1))
        await first
        return await asyncio.gather(*map(batch.put, (2, 4)))

    assert run(one_after_the_other()) == [4, 8]
    assert ledger.pages == [[1], [2, 4]]


def test_an_item_that_cannot_be_written_spoils_none_beside_it(run, ledger):
    async def all_of_them():
        batch = Batch(ledger.write, pause=0)
        return await asyncio.gather(*map(batch.put, (1, 3, 4)), return_exceptions=True)

    good, bad, other = run(all_of_them())
    assert (good, other, ledger.pages) == (2, 8, [[1], [4]])
    assert str(bad) == "cannot write [3]"


def test_who_is_canceled_meanwhile_still_waits_for_the_writing(run, ledger):
    async def canceled():
        task = asyncio.create_task(Batch(ledger.write, pause=0).put(1))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(canceled())
    assert ledger.pages == [[1]]


def test_each_event_loop_writes_its_own(run, ledger):
    batch = Batch(ledger.write, pause=60)
    assert (run(batch.put(1)), run(batch.put(2))) == (2, 4)
