"""What is found in a document before it is run."""

from typing import ClassVar

import pytest

from workflows.engine.document import Document
from workflows.engine.node import Node, Unsupported
from workflows.engine.parameters import choice
from workflows.n8n.lint import lint


class Any1(Node):
    key = "x.any"
    label = "Any"
    versions = (1, 2)
    credentials: ClassVar = ("someApi",)
    fields = (choice("authentication", "Authentication", {"some": "Some"}, "some"),)
    unsupported = (
        Unsupported("mode", ("sql",)),
        Unsupported("options.deep", why="waits for its time"),
        Unsupported("rules.values.kind", ("odd",)),
    )


class Chooses(Node):
    key = "n8n-nodes-base.merge"
    label = "Merge"
    input_names = ("Input 1", "Input 2")

    @classmethod
    def needed_inputs(cls, parameters, version):
        return [0, 1] if parameters.get("mode") == "chooseBranch" else 1


class Plain(Node):
    label = "Plain"
    versions = (1, 2, 3)


TYPES = ["manualTrigger", "noOp", "set", "if", "code", "splitInBatches", "agent", "model"]
KINDS = {f"n8n-nodes-base.{name}": Plain for name in TYPES} | {k.key: k for k in (Any1, Chooses)}


def node(name, kind="noOp", **more):
    return {"name": name, "type": f"n8n-nodes-base.{kind}"} | more


START = node("Start", "manualTrigger")


def wired(*links):
    """`wired("Start>A", "If:1>B", "Model~ai_model>Agent", "A>Merge:1")`."""
    made = {}
    for link in links:
        source, _, target = link.partition(">")
        source, _, kind = source.partition("~")
        source, _, output = source.partition(":")
        target, _, index = target.partition(":")
        outputs = made.setdefault(source, {}).setdefault(kind or "main", [])
        while len(outputs) <= int(output or 0):
            outputs.append([])
        end = {"node": target, "type": kind or "main", "index": int(index or 0)}
        outputs[int(output or 0)].append(end)
    return made


def found(nodes, *links, check=None):
    document = Document({"nodes": nodes, "connections": wired(*links)})
    return [(one.node, one.message) for one in lint(document, KINDS, check)]


def told(nodes, *links, check=None):
    return " | ".join(f"{name}: {said}" for name, said in found(nodes, *links, check=check))


def test_a_sound_workflow_has_no_findings():
    assert found([START, node("A")], "Start>A") == []


def test_nodes_no_trigger_leads_to_are_named():
    assert told([START, node("A"), node("B")], "A>B") == (
        "A: No trigger leads here, so it is never run. | "
        "B: No trigger leads here, so it is never run."
    )


def test_nodes_that_serve_a_reached_node_are_reached():
    nodes = [START, node("Agent", "agent"), node("Model", "model"), node("Inner", "model")]
    links = ("Start>Agent", "Model~ai_languageModel>Agent", "Inner~ai_memory>Model")
    assert found(nodes, *links) == []


def test_sticky_notes_are_no_nodes_to_reach():
    assert found([START, node("Note", "stickyNote")]) == []


def test_without_a_trigger_the_whole_is_told_once():
    assert told([node("A"), node("B")], "A>B").startswith(": There is no trigger")


def test_a_disabled_trigger_starts_nothing():
    said = told([START | {"disabled": True}, node("A")], "Start>A")
    assert "Every trigger is disabled" in said
    assert "Start: The trigger is disabled" in said


def test_unknown_types_and_newer_versions_are_told():
    said = told([START, node("A", "unheardOf"), {"name": "B", "type": "x.any", "typeVersion": 3}])
    assert "A: The node type n8n-nodes-base.unheardOf is not here: running it fails." in said
    assert "B: Version 3 is newer than what is known here (2)." in said


def test_a_missing_credential_is_told_unless_none_is_needed():
    some = {"name": "A", "type": "x.any"}
    assert "A: It has no credential: choose one (someApi)." in told([START, some], "Start>A")
    free = some | {"parameters": {"authentication": "none"}}
    given = some | {"credentials": {"someApi": {"id": "1"}}}
    assert "credential" not in told([START, free], "Start>A") + told([START, given], "Start>A")


@pytest.mark.parametrize(
    ("nodes", "links", "ends"),
    [
        ([node("A"), node("B")], ["Start>A", "A>B", "B>A"], False),
        ([node("A")], ["Start>A", "A>A"], False),
        ([node("A"), node("If", "if")], ["Start>A", "A>If", "If:0>A"], True),
        ([node("A"), node("If", "if")], ["Start>A", "A>If", "If:0>A", "If:1>A"], False),
        ([node("A"), node("C", "code")], ["Start>A", "A>C", "C>A"], True),
        ([node("A"), node("If", "if", disabled=True)], ["Start>A", "A>If", "If>A"], False),
    ],
)
def test_loops_that_cannot_end_are_told(nodes, links, ends):
    assert ("A: This loop never ends" in told([START, *nodes], *links)) is not ends


def test_a_body_that_does_not_lead_back_is_told():
    nodes = [START, node("Loop", "splitInBatches", typeVersion=3), node("A")]
    assert "Loop: Its loop does not lead back" in told(nodes, "Start>Loop", "Loop:1>A")
    assert found(nodes, "Start>Loop", "Loop:1>A", "A>Loop") == []
    nodes[1] = node("Loop", "splitInBatches", typeVersion=2)
    assert found(nodes, "Start>Loop", "Loop:0>A", "A>Loop") == []


NESTED = ("Start>Outer", "Outer:1>Inner", "Inner:1>A", "A>Inner", "Inner:0>Outer")


def test_a_loop_in_a_loop_needs_its_reset():
    def both(**parameters):
        kind = {"kind": "splitInBatches", "typeVersion": 3}
        return [
            START,
            node("Outer", **kind),
            node("Inner", parameters=parameters, **kind),
            node("A"),
        ]

    assert "Inner: A loop inside the loop 'Outer'" in told(both(), *NESTED)
    assert found(both(options={"reset": "={{ $json.first }}"}), *NESTED) == []


def test_a_merge_that_is_skipped_is_told():
    merge = node("Merge", "merge", parameters={"mode": "chooseBranch"})
    said = told([START, merge], "Start>Merge")
    assert "Merge: Nothing leads to input 2, which it needs: it is skipped, silently." in said
    assert found([START, merge], "Start>Merge", "Start>Merge:1") == []


def test_a_merge_behind_a_decision_may_be_skipped():
    merge = node("Merge", "merge", parameters={"mode": "chooseBranch"})
    links = ("Start>If", "If:0>Merge", "If:1>Merge:1")
    assert "Merge: If 'If' sends no items this way" in told(
        [START, node("If", "if"), merge], *links
    )


def test_a_merge_with_one_input_joins_nothing():
    said = told([START, node("Merge", "merge")], "Start>Merge")
    assert said == "Merge: Only one of its 2 inputs is connected: there is nothing to join."


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"mode": "sql"}, "The parameter mode = 'sql' is not supported."),
        ({"options": {"deep": True}}, "The parameter options.deep waits for its time."),
        (
            {"rules": {"values": [{}, {"kind": "odd"}]}},
            "rules.values.kind = 'odd' is not supported",
        ),
        ({"mode": "plain", "options": {"deep": False}}, ""),
    ],
)
def test_parameters_that_do_nothing_here_are_told(parameters, said):
    it = {"name": "A", "type": "x.any", "parameters": {"authentication": "none"} | parameters}
    messages = found([START, it], "Start>A")
    assert (said in messages[0][1]) if said else (messages == [])


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("={{ $('Gone').item.json.a }}", "Gone"),
        ('={{ $node["It\'s"].json.a }}', "It's"),
        ("={{ $items(`Gone`) }}", "Gone"),
        ("={{ $('Start').first() }}", ""),
        ("={{ $(`St${1}`).first() }}", ""),
        ("$('Gone') in plain text", ""),
    ],
)
def test_expressions_that_ask_for_nodes_that_are_not_there_are_told(text, lost):
    said = told([START, node("A", parameters={"list": [{"x": text}]})], "Start>A")
    assert said == (
        f"A: list[0].x asks for the node {lost!r}, which does not exist." if lost else ""
    )


def test_code_is_looked_into_as_well():
    code = node("A", "code", parameters={"jsCode": "return $('Gone').all()"})
    assert "jsCode asks for the node 'Gone'" in told([START, code], "Start>A")


def test_an_expression_that_is_never_closed_is_told():
    said = told([START, node("A", parameters={"x": "=Hello {{ $json.a }"})], "Start>A")
    assert said == "A: x: a {{ is never closed, so it stays plain text."


def test_expressions_that_cannot_be_read_are_told_and_asked_for_once():
    asked = []

    def check(templates):
        asked.append(list(templates))
        return ["Unexpected token" if "+*" in one else "" for one in templates]

    nodes = [START, node("A", parameters={"x": "={{ 1 +* 2 }}", "y": "={{ 1 }}", "z": "={{ 1 }}"})]
    said = told(nodes, "Start>A", check=check)
    assert said == "A: x: the expression cannot be read: Unexpected token"
    assert asked == [["={{ 1 +* 2 }}", "={{ 1 }}"]]
