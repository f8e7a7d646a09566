"""What nodes remember from run to run."""

import pytest

from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Remembered
from workflows.services.memories import WorkflowMemory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def memory(people):
    found = services.read_workflows('{"name": "W", "nodes": []}')
    (done,) = services.import_workflows(found, by=SYSTEM, team=people.ours)
    return WorkflowMemory(done.workflow.pk)


def test_what_was_remembered_is_recalled_in_its_scope_only(memory, run):
    async def story():
        await memory.remember("a", ["1", "2", "2"], most=10)
        return await memory.recall("a", ["2", "3"]), await memory.recall("b", ["2"])

    assert run(story()) == ({"2"}, set())


def test_only_the_newest_stay(memory, run):
    async def story():
        await memory.remember("a", ["1", "2"], most=10)
        await memory.remember("a", ["3", "4"], most=3)
        return await memory.newest("a")

    assert run(story()) == "4"
    assert set(Remembered.objects.values_list("value", flat=True)) == {"2", "3", "4"}


def test_a_scope_is_forgotten_whole(memory, run):
    async def story():
        await memory.remember("a", [str(n) for n in range(1200)], most=10_000)
        await memory.forget("a")
        return await memory.recall("a", ["7"])

    assert run(story()) == set()
