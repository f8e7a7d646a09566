"""Execute Sub-workflow and its trigger."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.execute_workflow import ExecuteWorkflow
from workflows.nodes.execute_workflow_trigger import ExecuteWorkflowTrigger


@pytest.fixture
def called(outside):
    """Record the calls; each gives what `outside.gives` makes of its items."""
    calls = []
    outside.gives = lambda items: [{"json": {"got": one["json"]}} for one in items]

    async def run_workflow(which, items, *, wait, parent):
        calls.append((which, [one["json"] for one in items], wait))
        return outside.gives(items)

    outside.run_workflow = run_workflow
    return calls


ITEMS = [{"n": 1}, {"n": 2}]


def test_a_workflow_runs_once_with_all_items(run, called):
    (items,) = run(ExecuteWorkflow, {"workflowId": {"__rl": True, "value": "7"}}, ITEMS)
    assert called == [({"id": "7"}, ITEMS, True)]
    assert items[1] == {"json": {"got": {"n": 2}}, "pairedItem": {"item": 1}}


def test_a_workflow_runs_once_for_each_item(run, called, outside):
    outside.gives = lambda items: items * 2
    (items,) = run(ExecuteWorkflow, {"workflowId": "7", "mode": "each"}, ITEMS)
    assert [call[1] for call in called] == [[{"n": 1}], [{"n": 2}]]
    assert [one["pairedItem"]["item"] for one in items] == [0, 0, 1, 1]


def test_what_comes_back_in_another_number_is_paired_with_all(run, called, outside):
    outside.gives = lambda items: items[:1]
    (items,) = run(ExecuteWorkflow, {"workflowId": "7"}, ITEMS)
    assert items[0]["pairedItem"] == [{"item": 0}, {"item": 1}]


def test_without_waiting_the_items_go_on_at_once(run, called, outside):
    outside.gives = lambda items: []
    given = {"workflowId": "7", "options": {"waitForSubWorkflow": False}}
    (items,) = run(ExecuteWorkflow, given, ITEMS)
    assert called[0][2] is False
    assert [one["json"] for one in items] == ITEMS


def test_a_workflow_may_be_given_as_json_or_file(run, called):
    run(ExecuteWorkflow, {"source": "parameter", "workflowJson": '{"nodes": []}'})
    run(ExecuteWorkflow, {"source": "localFile", "workflowPath": "/tmp/w.json"})
    assert [call[0] for call in called] == [{"document": {"nodes": []}}, {"file": "/tmp/w.json"}]


class Page:
    def __init__(self, status, body):
        self.status, self.body = status, body

    async def chunks(self):
        yield self.body


def test_a_workflow_may_come_from_an_address(run, called, outside):
    @asynccontextmanager
    async def http(method, url, **options):
        yield Page(404 if "lost" in url else 200, b'{"nodes": [], "name": "far"}')

    outside.http = http
    given = {"source": "url", "workflowUrl": "https://example.com/w.json"}
    run(ExecuteWorkflow, given)
    assert called[0][0]["document"]["name"] == "far"
    with pytest.raises(NodeError, match="answered 404 instead of a workflow"):
        run(ExecuteWorkflow, given | {"workflowUrl": "https://example.com/lost"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "No workflow was named"),
        ({"source": "parameter", "workflowJson": "{"}, "'Workflow JSON' is not valid JSON"),
        ({"source": "parameter", "workflowJson": "{}"}, "is no workflow: it has no nodes"),
    ],
)
def test_a_workflow_that_is_none_is_told(run, called, given, words):
    with pytest.raises(NodeError, match=words):
        run(ExecuteWorkflow, given)


def mapped(value, **more):
    schema = [{"id": "a", "type": "number"}, {"id": "b", "type": "array"}]
    return {"workflowId": "7", "workflowInputs": {"value": value, "schema": schema, **more}}


def test_mapped_inputs_get_their_types(run, called):
    run(ExecuteWorkflow, mapped({"a": "5"}), ITEMS[:1], version=1.2)
    assert called[0][1] == [{"a": 5, "b": None}]


def test_a_mapped_input_of_the_wrong_type_is_named(run, called):
    with pytest.raises(NodeError, match="Invalid input for 'b'.*expects a array but we got 'x'"):
        run(ExecuteWorkflow, mapped({"b": "x"}), version=1.2)


def test_an_item_whose_call_fails_tells_its_error_where_the_node_goes_on(run, outside):
    async def run_workflow(which, items, *, wait, parent):
        await asyncio.sleep(0)
        if items[0]["json"]["n"] == 1:
            raise NodeError("No workflow 7.")
        return items

    outside.run_workflow = run_workflow
    given = {"workflowId": "7", "mode": "each"}
    (items,) = run(ExecuteWorkflow, given, ITEMS, onError="continueRegularOutput")
    assert [one["json"] for one in items] == [{"error": "No workflow 7."}, {"n": 2}]


def test_the_trigger_passes_on_the_inputs_it_declares(run):
    values = [{"name": "a"}, {"name": "b", "type": "number"}]
    given = {"workflowInputs": {"values": values}}
    assert run(ExecuteWorkflowTrigger, given, [{"b": 1, "c": 2}])[0][0]["json"] == {
        "a": None,
        "b": 1,
    }
    example = {"inputSource": "jsonExample", "jsonExample": '{"c": "x"}'}
    assert run(ExecuteWorkflowTrigger, example, [{"b": 1, "c": 2}])[0][0]["json"] == {"c": 2}


def test_the_trigger_may_pass_on_everything(run):
    (items,) = run(ExecuteWorkflowTrigger, {"inputSource": "passthrough"}, ITEMS)
    assert [one["json"] for one in items] == ITEMS
    assert run(ExecuteWorkflowTrigger, {}, ITEMS, version=1) == [items]
