"""The small nodes of the flow: triggers, Stop and Error, Execution Data, Debug Helper, notes."""

import asyncio

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.debug_helper import DATA, DebugHelper
from workflows.nodes.error_trigger import ErrorTrigger
from workflows.nodes.execution_data import ExecutionData
from workflows.nodes.manual_trigger import ManualTrigger
from workflows.nodes.start import Start
from workflows.nodes.sticky_note import StickyNote
from workflows.nodes.stop_and_error import StopAndError
from workflows.tests.nodes.conftest import make_context


@pytest.mark.parametrize("node", [ManualTrigger, Start, ErrorTrigger])
def test_a_trigger_passes_on_what_the_run_was_started_with(run, node):
    assert [one["json"] for one in run(node, {}, [{"a": 1}])[0]] == [{"a": 1}]


def test_the_error_trigger_gives_an_example_by_hand(run):
    ((example,),) = run(ErrorTrigger, {}, [{}])
    assert set(example["json"]) == {"execution", "workflow"}


def test_a_note_gives_nothing(run):
    assert run(StickyNote, {}) == []
    assert StickyNote.output_names == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"errorMessage": "Enough"}, "^Enough$"),
        ({"errorType": "errorObject", "errorObject": '{"code": 7, "message": "boo"}'}, "^boo$"),
        ({"errorType": "errorObject", "errorObject": {"n": 7}}, '^Error: {"n":7}$'),
        ({"errorType": "errorObject", "errorObject": "{"}, "not valid JSON"),
    ],
)
def test_the_run_stops_with_the_words_given(run, given, words):
    with pytest.raises(NodeError, match=words):
        run(StopAndError, given)


def test_values_are_saved_with_the_run(outside):
    rows = [{"key": "id", "value": 7}, {"key": "k" * 60, "value": {"a": 1}}]
    context = make_context(ExecutionData, {"dataToSave": {"values": rows}}, [[{}]], 1.1, outside)
    assert asyncio.run(ExecutionData().run(context)) == [context.items]
    assert context.custom == {"id": "7", "k" * 50: '{"a":1}'}
    assert len(context.warnings) == 1


def test_a_value_to_save_needs_a_key(run):
    with pytest.raises(NodeError, match="no key"):
        run(ExecutionData, {"dataToSave": {"values": [{"value": 1}]}})


@pytest.mark.parametrize("kind", list(DATA))
def test_made_up_data_is_the_same_for_the_same_seed(run, kind):
    given = {"category": "randomData", "randomDataType": kind, "randomDataSeed": "s"}
    (items,) = run(DebugHelper, given | {"randomDataCount": 3})
    assert len({str(one["json"]) for one in items}) > 1
    assert run(DebugHelper, given | {"randomDataCount": 3}) == [items]


def test_made_up_data_may_be_one_list(run):
    given = {"category": "randomData", "randomDataCount": 2, "randomDataSingleArray": True}
    ((one,),) = run(DebugHelper, given)
    assert len(one["json"]["generatedItems"]) == 2


def test_an_error_is_made_on_purpose(run):
    with pytest.raises(NodeError, match="Node has thrown an error"):
        run(DebugHelper, {})
    (items,) = run(DebugHelper, {}, onError="continueRegularOutput")
    assert items[0]["json"] == {"error": "Node has thrown an error"}


def test_nothing_is_done_where_that_is_asked(run):
    assert run(DebugHelper, {"category": "doNothing"}, [{"a": 1}])[0][0]["json"] == {"a": 1}
