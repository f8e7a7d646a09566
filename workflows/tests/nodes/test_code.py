"""Code, and the old Function and Function Item."""

import asyncio

import pytest

from workflows.engine.errors import NodeError
from workflows.engine.scripts import CodeResult
from workflows.engine.values import UNDEFINED
from workflows.nodes.code import Code
from workflows.nodes.function import Function
from workflows.nodes.function_item import FunctionItem
from workflows.nodes.scripted import files
from workflows.tests.nodes.conftest import make_context

EACH = {"mode": "runOnceForEachItem"}


class Scripted:
    """Scripts that answer what they are told, and keep what they were asked."""

    def __init__(self, result):
        self.result = result
        self.asked = []

    async def run_code(self, source, scope, *, each, style="code", limit=60.0):
        self.asked.append((source, scope, each, style))
        return self.result if isinstance(self.result, CodeResult) else CodeResult(self.result)


@pytest.fixture
def give(outside):
    """`give(Code, value)`: the items a node makes when its code gives this value."""

    def giver(node, value, parameters=None, items=({}, {}), **flags):
        context = make_context(node, parameters or {}, [items], None, outside, flags=flags)
        context.scripts = Scripted(value)
        (made,) = asyncio.run(node().run(context))
        giver.context, giver.scripts = context, context.scripts
        return made

    return giver


# -- once for all items --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ([{"json": {"a": 1}}], [{"json": {"a": 1}}]),
        ([{"a": 1}, {"b": 2}], [{"json": {"a": 1}}, {"json": {"b": 2}}]),
        ({"a": 1}, [{"json": {"a": 1}}]),
        ({"json": {"a": 1}, "more": 2}, [{"json": {"a": 1}}]),
        ({"json": {}, "pairedItem": {"item": 1}}, [{"json": {}, "pairedItem": {"item": 1}}]),
        ([{"binary": {"f": {"id": "1"}}}], [{"json": {}, "binary": {"f": {"id": "1"}}}]),
        (None, []),
        ([], []),
    ],
)  # fmt: skip
def test_what_code_returns_becomes_items(give, value, made):
    assert give(Code, value) == made


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "Code doesn't return items properly"),
        (UNDEFINED, "Code doesn't return items properly"),
        ([1, 2], "Code doesn't return items properly"),
        ([{"json": {}}, None], "Code doesn't return items properly"),
        ([{"json": 5}], "A 'json' property isn't an object"),
        ([{"json": {}, "binary": 5}], "A 'binary' property isn't an object"),
        ([{"json": {}, "foo": 1}], "Invalid output format"),
        ([{"json": {}}, {"b": 1}], "Unknown top-level item key: b"),
    ],
)
def test_what_is_no_list_of_items_is_an_error(give, value, message):
    with pytest.raises(NodeError, match=message):
        give(Code, value)


def test_an_error_of_all_becomes_one_item_where_the_run_goes_on(give):
    made = give(Code, CodeResult(None, {0: NodeError("boom")}), onError="continueRegularOutput")
    assert made == [{"json": {"error": "boom"}}]


# -- once for each item --------------------------------------------------------------------------


def test_each_item_gives_its_own_and_null_gives_none(give):
    made = give(Code, [{"a": 1}, None], EACH)
    assert made == [{"json": {"a": 1}, "pairedItem": {"item": 0}}]
    assert give.scripts.asked[0][2] is True


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{"a": 1}], "Code doesn't return a single object"),
        (UNDEFINED, "Code doesn't return an object"),
        ("text", "Code doesn't return an object"),
        ({"json": {}, "foo": 1}, "Invalid output format"),
    ],
)
def test_what_is_no_object_is_an_error_of_its_item(give, value, message):
    with pytest.raises(NodeError, match=message) as failure:
        give(Code, [{}, value], EACH)
    assert failure.value.item == 1


def test_an_error_of_one_item_leaves_the_others(give):
    result = CodeResult([{"a": 1}, UNDEFINED], {1: NodeError("boom")})
    made = give(Code, result, EACH, onError="continueErrorOutput")
    assert [one["json"] for one in made] == [{"a": 1}, {"error": "boom"}]


# -- around the code -----------------------------------------------------------------------------


def test_the_console_and_changed_static_data_are_kept(give):
    result = CodeResult([], logs=["hello"], static={"global": {"n": 1}, "node": {}})
    context_static = {"global": {"old": 1}, "node": {}}
    give(Code, [])
    context = give.context
    context.scope.static.update(context_static)
    context.scripts = Scripted(result)
    asyncio.run(Code().run(context))
    assert context.logs == ["hello"]
    assert context.scope.static["global"] == {"n": 1}


def test_python_is_refused_where_it_is_off(give):
    with pytest.raises(NodeError, match="Python is disabled"):
        give(Code, [], {"language": "python", "pythonCode": "return []"})


def test_code_that_speaks_of_files_sees_their_content(give, outside):
    record = asyncio.run(outside.keep(b"hello", mime="text/plain"))
    item = {"json": {}, "binary": {"f": record}}
    returned = {"json": {}, "binary": {"f": {**record, "data": "aGVsbG8="}}}
    made = give(Code, [returned], {"jsCode": "return items[0].binary.f.data"}, [item])
    assert give.scripts.asked[0][1].items[0]["binary"]["f"]["data"] == "aGVsbG8="
    assert made[0]["binary"]["f"] == record


def test_a_file_that_code_changed_stands_by_itself(give, outside):
    record = asyncio.run(outside.keep(b"hello", mime="text/plain"))
    item = {"json": {}, "binary": {"f": record}}
    returned = {"json": {}, "binary": {"f": {**record, "data": "eA=="}}}
    made = give(Code, [returned], {"jsCode": "items[0].binary"}, [item])
    assert made[0]["binary"]["f"]["data"] == "eA=="
    assert "id" not in made[0]["binary"]["f"]


def test_files_that_are_too_large_for_code_are_not_even_read(outside, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 2000)
    small, large = (
        asyncio.run(outside.keep(b"x" * size, mime="text/plain", name=f"{size}.txt"))
        for size in (1500, 1200)
    )
    large["bytes"] = 1  # as code may write it
    read, bytes_of = [], outside.bytes_of

    async def noted(record):
        read.append(record["id"])
        return await bytes_of(record)

    monkeypatch.setattr(outside, "bytes_of", noted)
    items = [{"json": {}, "binary": {"a": small, "b": large}}]
    context = make_context(Code, {}, [items], version=2, outside=outside)
    scope, known = asyncio.run(files.scope_for(context, "items[0].binary"))
    assert read == list(known) == [small["id"]]
    assert "data" not in scope.items[0]["binary"]["b"]
    assert context.warnings == [
        "1200.txt is too large for code to see its content: 1,200 bytes, with 1,500 of the files "
        "before it; at most 2,000 are handed over. Read it with Extract From File."
    ]


# -- the old nodes -------------------------------------------------------------------------------


def test_function_gives_the_items_it_returns(give):
    made = give(Function, [{"json": {"a": 1}}], {"functionCode": "return items;"})
    assert made == [{"json": {"a": 1}}]
    assert give.scripts.asked[0][3] == "function"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "No data got returned"),
        (5, "Always an Array"),
        ([5], "objects"),
        ([{"json": 5}], "json-property"),
    ],
)
def test_function_must_return_items(give, value, message):
    with pytest.raises(NodeError, match=message):
        give(Function, value)


def test_function_item_gives_fields_and_files(give):
    made = give(FunctionItem, [{"json": {"a": 1}, "binary": {"f": {"data": "eA=="}}}], items=[{}])
    assert made == [
        {"json": {"a": 1}, "binary": {"f": {"data": "eA=="}}, "pairedItem": {"item": 0}}
    ]


@pytest.mark.parametrize(("value", "message"), [({}, "No data"), ({"json": 5}, "Always an object")])
def test_function_item_must_return_fields(give, value, message):
    with pytest.raises(NodeError, match=message):
        give(FunctionItem, [value], items=[{}])
