"""What may be handed in as a workflow, and what is found in it."""

import json

import pytest

from whoosh_site.core.errors import BadInput
from workflows.n8n.reading import decoded, read_all, read_one

START = {"id": "1", "name": "Start", "type": "n8n-nodes-base.manualTrigger", "position": [0, 0]}
PLAIN = '{"name": "Tides", "nodes": [], "connections": {}}'


def found(*nodes, **more):
    document = {"nodes": list(nodes), "connections": {}, "settings": {"executionOrder": "v1"}}
    return [
        (one.severity, one.node, one.message)
        for one in read_one(json.dumps(document | more)).findings
    ]


def said(*nodes, **more):
    return " ".join(message for _, _, message in found(*nodes, **more))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        f"[{PLAIN}]",
        f'{{"workflow": {PLAIN}, "trigger": 1}}',
        f'{{"document": {PLAIN}}}',
        f'{{"data": [{PLAIN}], "nextCursor": null}}',
        f'{{"workflow": {{"id": 7, "name": "Tides", "workflow": {PLAIN}}}}}',
        json.dumps(PLAIN),
        json.dumps({"workflow": PLAIN}),
    ],
)
def test_a_workflow_is_found_in_what_is_around_it_and_keeps_its_text(text):
    given = read_one(text)
    assert (given.name, given.text) == ("Tides", PLAIN)


def test_a_wrapper_lends_its_name():
    assert read_one('{"name": "Around", "workflow": {"nodes": []}}').name == "Around"


def test_a_list_gives_all_its_workflows():
    assert len(read_all(f"[{PLAIN}, {PLAIN}]")) == 2
    with pytest.raises(BadInput, match="holds 2 workflows; give one"):
        read_one(f"[{PLAIN}, {PLAIN}]")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "no workflow in this list: it is empty"),
        ("7", "This is no workflow: it is a number"),
        ("null", "it is null"),
        ('"hello"', "it is a text, 'hello'"),
        ('{"agents": {}, "b": 1}', "'nodes' is missing. Its keys: 'agents', 'b'"),
        ('{\n"name": "x",\n"nodes": 7}', r"nodes \(line 3\) has to be a list, but is a number"),
        (f'[{PLAIN}, {{"a": 1}}]', "item 2 is no n8n workflow"),
        ('[{"name": "A", "type": "b.set"}]', "list of nodes or credentials"),
        ('{"data": {"data": {"data": {"data": {"data": {"nodes": []}}}}}}', "wrapped too often"),
    ],
)
def test_what_is_no_workflow_is_refused_with_the_reason(text, words):
    with pytest.raises(BadInput, match=words):
        read_all(text)


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"\xef\xbb\xbfa", "a"), ("ä".encode("utf-16"), "ä"), ("ä".encode(), "ä")],
)
def test_a_byte_order_mark_says_how_a_file_is_written(content, text):
    assert decoded(content) == text


def test_what_is_no_text_or_too_large_is_refused():
    with pytest.raises(BadInput, match="no text in UTF-8 .line 2."):
        decoded(b"a\n\xff")
    with pytest.raises(BadInput, match="larger than 16 MB"):
        decoded(b" " * (16 * 2**20 + 1))


def test_a_clean_document_has_no_findings():
    assert found(START) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"settings": '{"executionOrder": "v1"}'}, "settings is a text that holds JSON"),
        ({"settings": "{"}, "settings is a text, not an object"),
        ({"settings": {}, "nodes": [START, START | {"name": "B"}]}, "executionOrder is missing"),
        ({"nodes": {"Start": START}}, "nodes is an object, not a list"),
        ({"nodes": []}, "nodes is empty"),
        ({"nodes": [7]}, "Node 1 is no object"),
        ({"nodes": [{"name": "A"}]}, "Node 1 has no type"),
        ({"nodes": [START, START]}, "2 nodes have this name"),
        ({"nodes": [{**START, "id": ""}]}, "1 node has no id"),
        ({"nodes": [{**START, "name": ""}]}, "The node has no name"),
        ({"nodes": [{**START, "typeVersion": "2"}]}, "typeVersion is a text"),
        ({"nodes": [{**START, "continueOnFail": True}]}, "old form of onError"),
        ({"nodes": [{**START, "credentials": {"api": "mine"}}]}, "a bare name, 'mine'"),
        ({"nodes": [{**START, "credentials": "mine"}]}, "credentials is no object"),
        ({"connections": []}, ""),
        ({"connections": 7}, "connections is no object"),
        ({"connections": {"Gone": {"main": []}}}, "lead from 'Gone', which does not exist"),
        ({"connections": {"Start": 7}}, "Its connections are no object"),
        ({"connections": {"Start": {"main": 7}}}, "main connections are no list"),
        ({"connections": {"Start": {"main": [[{"node": "B"}]]}}}, "leads to 'B', which does not"),
        ({"connections": {"Start": {"main": [[{}]]}}}, "A connection names no node"),
        (
            {"connections": {"Start": {"main": [[{"node": "Start", "index": 10**12}]]}}},
            "no usable index (1000000000000)",
        ),
        ({"pinData": {"Gone": []}}, "kept for 'Gone'"),
        ({"pinData": {"Start": [7]}}, "pinned data is no list of items"),
    ],
)
def test_what_is_odd_is_told(more, words):
    assert words in said(START, **more)


def test_a_doubled_key_is_told_with_its_place():
    text = '{"nodes": [], "connections": {}, "meta": {"a": {"b": 1, "b": 2}}}'
    assert "The key 'b' stands twice in meta.a; the last one counts." in [
        one.message for one in read_one(text).findings
    ]


def test_broken_documents_are_mended_for_the_engine():
    set_node = {"id": "2", "name": "Set", "type": "n8n-nodes-base.set"}
    by_id = {"1": {"main": [{"node": "2", "type": "main", "index": 0}]}}
    document = read_one(
        json.dumps({"nodes": {"a": START, "b": set_node}, "connections": by_id})
    ).document
    assert [node["name"] for node in document["nodes"]] == ["Start", "Set"]
    assert document["connections"] == {
        "Start": {"main": [[{"node": "Set", "type": "main", "index": 0}]]}
    }


def test_connections_by_name_count_before_those_by_id():
    b = {"id": "2", "name": "B", "type": "x.b"}
    links = {"Start": {"main": [[{"node": "B"}]]}, "1": {"main": [[]], "ai_tool": [[]]}}
    document = read_one(json.dumps({"nodes": [START, b], "connections": links})).document
    assert document["connections"]["Start"]["main"][0][0]["node"] == "B"
    assert "ai_tool" in document["connections"]["Start"]


def test_a_long_name_is_cut_here_and_kept_in_the_text():
    given = read_one(PLAIN.replace("Tides", "x" * 300))
    assert (len(given.name), "x" * 300 in given.text) == (255, True)
    assert any("longer than 255 characters" in one.message for one in given.findings)
