"""Two documents compared."""

import json

from workflows.n8n.differing import Change, difference
from workflows.n8n.reading import read_one

A = {"id": "1", "name": "A", "type": "x.a", "position": [0, 0], "parameters": {"n": 1}}
B = {"id": "2", "name": "B", "type": "x.b", "position": [9, 0]}
LINKS = {"A": {"main": [[{"node": "B", "type": "main", "index": 0}]]}}


def compared(old, new):
    return difference(read_one(json.dumps(old)), read_one(json.dumps(new)))


def document(*nodes, **more):
    return {"name": "D", "nodes": list(nodes), "connections": LINKS} | more


def test_the_same_in_another_layout_differs_in_nothing():
    old = read_one(
        '{"nodes": [{"name": "A", "type": "x.a", "typeVersion": 1.0}], "connections":{}}'
    )
    new = read_one('{"connections": {}, "nodes": [{"type": "x.a", "name": "A", "typeVersion": 1}]}')
    assert difference(old, new).nothing


def test_nodes_come_and_go_with_their_connections():
    found = compared(document(A, B), document(A))
    assert (found.removed, found.disconnected) == (["B"], ["A → B"])
    found = compared(document(A), document(A, B))
    assert (found.added, found.connected) == (["B"], ["A → B"])


def test_changed_parameters_are_told_by_path_with_old_and_new():
    deep = A | {"parameters": {"n": 2, "list": [{"x": True}]}}
    (node,) = compared(document(A, B), document(deep, B)).changed
    assert node.name == "A"
    assert node.changes == [
        Change("parameters.n", "1", "2"), Change("parameters.list", "", '[{"x": true}]'),
    ]  # fmt: skip


def test_code_is_told_by_lines():
    old = document(A | {"parameters": {"jsCode": "one\ntwo\nthree"}})
    new = document(A | {"parameters": {"jsCode": "one\n2\nthree"}})
    (change,) = compared(old, new).changed[0].changes
    assert change.lines == ["@@ -1,3 +1,3 @@", " one", "-two", "+2", " three"]


def test_a_moved_node_is_no_changed_one():
    found = compared(document(A, B), document(A, B | {"position": [9, 9]}))
    assert (found.moved, found.changed) == (["B"], [])


def test_a_renamed_node_is_known_by_its_id_and_keeps_its_connections():
    links = {"A": {"main": [[{"node": "C", "type": "main", "index": 0}]]}}
    found = compared(document(A, B), document(A, B | {"name": "C"}, connections=links))
    assert [(one.name, one.was, one.changes) for one in found.changed] == [("C", "B", [])]
    assert (found.added, found.removed, found.connected) == ([], [], [])


def test_a_node_with_another_id_is_known_by_its_name():
    found = compared(document(A, B), document(A, B | {"id": "9"}))
    assert [change.path for change in found.changed[0].changes] == ["id"]
    assert not found.added


def test_settings_and_the_rest_are_told_apart():
    found = compared(document(A), document(A, settings={"timezone": "UTC"}, meta={"a": 1}))
    assert found.settings == [Change("timezone", "", '"UTC"')]
    assert found.rest == [Change("meta", "", '{"a": 1}')]


def test_outputs_inputs_and_kinds_of_links_are_named():
    links = {"A": {"main": [[], [{"node": "B", "index": 2}]], "ai_tool": [[{"node": "B"}]]}}
    found = compared(document(A, B, connections={}), document(A, B, connections=links))
    assert found.connected == ["A (output 1) → B (input 2)", "A → B as ai_tool"]
