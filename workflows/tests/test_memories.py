"""What nodes remember from run to run."""

import json

import pytest

from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Remembered
from workflows.services.memories import WorkflowMemory
from workflows.tests.conftest import chain, node

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


def remembering(name, trigger):
    """Return a document that lets through what it has not seen in earlier runs."""
    given = {"operation": "removeItemsSeenInPreviousExecutions", "dedupeValue": "={{ $json.n }}"}
    seen = node("Seen", "removeDuplicates", **given) | {"typeVersion": 2}
    return chain(name, seen).replace("manualTrigger", trigger)


def test_a_workflow_inside_another_remembers_for_itself(keep, start, work):
    inner = keep(remembering("Inner", "executeWorkflowTrigger"))
    seven = [{"json": {"n": 7}}]
    first, second = (
        keep(chain(name, node("Call", "executeWorkflow", workflowId=str(inner.pk))))
        for name in ("One", "Two")
    )
    passed = [len(services.find_step(work(start(one, items=seven)), "Call").outputs[0] or ())
              for one in (first, second)]  # fmt: skip
    assert passed == [1, 0]  # whoever calls it: it is the same workflow
    own = keep(remembering("Own", "manualTrigger"))
    assert len(services.find_step(work(start(own, items=seven)), "Seen").outputs[0]) == 1
    assert set(Remembered.objects.values_list("workflow__name", flat=True)) == {"Inner", "Own"}


def test_a_workflow_given_as_json_remembers_apart_from_who_holds_it(keep, start, work):
    text = remembering("Anything", "executeWorkflowTrigger")
    call = node("Call", "executeWorkflow", source="parameter", workflowJson=text)
    both = json.loads(chain("Outer", call))
    seen = json.loads(text)["nodes"][1]
    both["nodes"].append(seen | {"position": [900, 0]})
    both["connections"]["Call"] = {"main": [[{"node": "Seen", "type": "main", "index": 0}]]}
    done = work(start(keep(json.dumps(both)), items=[{"json": {"n": 7}}]))
    assert done.error == ""
    assert len(services.find_step(done, "Seen").outputs[0]) == 1
