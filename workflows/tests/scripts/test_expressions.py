"""Expressions through the session: our recorded probes, names, pairs, and what differs by mode."""

import asyncio
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from workflows.engine.errors import ExpressionError
from workflows.engine.items import Source
from workflows.engine.values import UNDEFINED, DateText, DateTimeText
from workflows.scripts import paths
from workflows.scripts.session import Session
from workflows.tests.scripts.scripting import Past, code, columns, scope, value

PROBES = Path(__file__).resolve().parents[3] / "tests" / "n8n" / "expressions.jsonl"


def evaluated(*lines):
    """What the command answers to these lines."""
    out = StringIO()
    path = Path(evaluated.folder) / "lines.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    call_command("evaluate_expressions", str(path), stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def folder(tmp_path):
    evaluated.folder = tmp_path


# -- the command ----------------------------------------------------------------------------------


def test_all_recorded_probes_give_n8ns_answers():
    rows = [json.loads(line) for line in PROBES.read_text().splitlines()]
    assert len(rows) == 200
    wrong = []
    for row, found in zip(rows, evaluated(*rows), strict=True):
        want = {"error"} if "error" in row else {"type": row["type"], "value": row["value"]}
        if (want != {"error"} or "error" not in found) and found != want:
            wrong.append((row["expr"], found, want))
    assert wrong == []


def test_the_command_takes_items_and_an_index():
    line = {"expr": "={{ $json.a }}", "items": [{"json": {"a": 1}}, {"json": {"a": 2}}]}
    assert evaluated(line | {"itemIndex": 1}) == [{"type": "number", "value": 2}]


def test_the_command_marks_values_json_has_no_word_for():
    found = evaluated({"expr": "={{ [1/0, undefined, new Date(0)] }}"}, {"expr": "={{ -1/0 }}"})
    assert found[0]["value"] == [None, None, "1970-01-01T00:00:00.000Z"]
    assert found[1] == {"type": "number", "value": {"__num": "-Infinity"}}


@pytest.mark.parametrize("line", ["{", "[]", '{"json": {}}', '{"expr": "=1", "items": [1]}'])
def test_the_command_refuses_a_bad_line_by_its_number(tmp_path, line):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"expr": "=1"}\n' + line + "\n")
    with pytest.raises(CommandError, match="Line 2") as refused:
        call_command("evaluate_expressions", str(path), stdout=StringIO())
    assert refused.value.returncode == 2


# -- columns --------------------------------------------------------------------------------------


def test_a_batch_gives_a_column_for_each_template():
    found = columns(["={{ $json.a * 2 }}", "=<{{ $itemIndex }}>"], scope({"a": 1}, {"a": 2}))
    assert [column.values for column in found] == [{0: 2, 1: 4}, {0: "<0>", 1: "<1>"}]


def test_an_error_is_told_for_its_item_only():
    column = columns(["={{ $json.a.toInt() }}"], scope({"a": "7"}, {"a": "x"}))[0]
    assert column.values == {0: 7}
    assert isinstance(column.errors[1], ExpressionError)


def test_what_fails_is_undefined_and_reported():
    column = columns(["={{ $json.a.b.c() }}"], scope({}))[0]
    assert column.values == {0: UNDEFINED}
    assert "undefined" in column.swallowed[0]


def test_strict_mode_tells_errors():
    with pytest.raises(ExpressionError, match="Cannot read properties"):
        value("={{ $json.a.b }}", scope({}, strict=True))


def test_only_the_items_asked_for_are_evaluated():
    async def ask():
        session = Session()
        where = scope({"a": 1}, {"a": 2}, {"a": 3})
        found = await session.evaluate(["={{ $json.a + $input.all().length }}"], where, [2])
        again = await session.evaluate(["={{ [$json.a] }}"], where, [1])
        await session.close()
        return found[0].values, again[0].values

    assert asyncio.run(ask()) == ({2: 6}, {1: [2]})


def test_a_template_that_changes_its_item_leaves_no_trace():
    found = columns(
        ["={{ $json.a.reverse()[0] }}", "={{ $json.a.concat() }}"], scope({"a": [1, 2]})
    )
    assert [column.values[0] for column in found] == [2, [1, 2]]


# -- paths: the same with and without V8 ----------------------------------------------------------

DATA = {
    "a": {"b": [{"c d": 1}, None], "n": None, "t": "text", "length": 5, "link": "x"},
    "list": [1, [2, 3]], "f": 1.5, "ok": False, "x.y": 4, "ü": 5, "0": "zero",
}  # fmt: skip
PATHS = """
.a.b[0]["c d"] | .a.b[1].x | .a.n | .a.n.m | .a.t.length | .list.length | .list[1][0] | .list[9]
.list[9].x | ["x.y"] | ['0'] | [0] | .nope | .nope.deep | .nope?.deep | .a?.["t"] | .a.t[0]
.a.length | .a.b.map | .toString | .f | .ok.x | .a | .a.link | .list.link | .constructor
.a.b["0"] | . a . t
"""
PATHS = [
    "$json",
    *(f"$json{one.strip()}" for one in PATHS.replace("\n", "|").strip("|").split("|")),
]


@pytest.mark.parametrize("frame", ["={{ %s }}", "={{%s}}", "=<{{ %s }}>", "={{ %s }}{{ %s }}"])
def test_paths_give_what_v8_gives(frame):
    templates = [frame.replace("%s", path) for path in PATHS]
    scripted = [template.replace("$json", "(0,$json)") for template in templates]
    for template, other in zip(templates, scripted, strict=True):
        assert paths.parse(other) is None
        fast, slow = columns([template, other], scope(DATA))
        if "constructor" not in template:
            assert (template, fast.values, set(fast.errors)) == (
                template, slow.values, set(slow.errors)
            )  # fmt: skip
            assert set(fast.swallowed) == set(slow.swallowed)


def test_plain_paths_start_no_process(monkeypatch):
    from workflows.scripts import pool

    monkeypatch.setattr(pool, "Worker", None)
    assert value("=a {{ $json.a }} b", scope({"a": 1}), pool.Pool(1)) == "a 1 b"


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("={{ $input.all().map(i => i.json.n) }}", [1, 2]),
        ("={{ [$input.first().json.n, $input.last().json.n, $input.item.json.n] }}", [1, 2, 1]),
        ("={{ $('D').all().length + $items('D').length + $node.D.json.n }}", 5),
        ("={{ [$prevNode.name, $prevNode.outputIndex, $runIndex] }}", ["D", 0, 0]),
        ("={{ [$workflow.id, $workflow.name, $execution.mode] }}", ["7", "W", "test"]),
        ("={{ [$nodeVersion, $nodeId, $vars.k] }}", [3.4, "n-1", "v"]),
        ("={{ $parameter.b + $parameter.c.d }}", 12),
        ("={{ $rawParameter.b }}", "={{ 10 }}"),
        ("={{ $('D').params.p }}", 9),
        ("={{ [$('D').context.done, $node['D'].context.done] }}", [True, True]),
        ("={{ $item(1).$json.n }}", 2),
        ("={{ $jmespath($json, 'list[?x > `1`].x') }}", [2]),
        ("={{ $fromAI('key', '', 'string', 'd') }}", "d"),
        ("={{ $response.body.x }}", "r"),
        ("={{ $binary.file.mimeType }}", "text/plain"),
        ("={{ [$now.zoneName, $today.hour, DateTime.local().zoneName] }}",
         ["Europe/Berlin", 0, "Europe/Berlin"]),
        ("={{ [$if(true, 1), $ifEmpty('', 2), $min(3, 1), $max(3, 1), $average(1, 3), $not(0)] }}",
         [1, 2, 1, 3, 2, True]),
    ],
)  # fmt: skip
def test_names_of_expressions(template, wanted):
    where = scope(
        {"n": 1, "list": [{"x": 1}, {"x": 2}]}, {"n": 2},
        vars={"k": "v"}, extra={"$response": {"body": {"x": "r"}}},
        parameters={"b": "={{ 10 }}", "c": {"d": "={{ $json.n + 1 }}"}},
        nodes={"D": {"parents": [], "parameters": {"p": 9}}, "N": {"parents": ["D"]}},
        states={"D": {"done": True, "items": [1, 2]}},
    )  # fmt: skip
    where.items[0]["binary"] = {"file": {"mimeType": "text/plain"}}
    assert value(template, where) == wanted


def test_secrets_are_not_there():
    assert value("={{ $secrets.vault.key }}") is UNDEFINED


def test_nodes_named_by_an_expression_are_found():
    assert value("={{ $($json.name).first().json.n }}", scope({"name": "D", "n": 4})) == 4


# -- earlier nodes and pairs ----------------------------------------------------------------------


def world(pair, **more):
    """D gave two items, M made one of them with this pair, N comes after M; Off never ran."""
    given = [{"json": {"n": n}, "pairedItem": {"item": 0}} for n in (1, 2)]
    made = [{"json": {"m": 1}} | ({} if pair is None else {"pairedItem": pair})]
    past = {
        "Start": [Past([[{"json": {}, "pairedItem": {"item": 0}}]], [])],
        "D": [Past([given], [Source("Start")])],
        "M": [Past([None, made], [Source("D")])],
        "Side": [Past([[{"json": {"s": 1}}]], [Source("Start")])],
    }
    nodes = {
        "Start": {"parents": []}, "D": {"parents": ["Start"]}, "M": {"parents": ["D", "Start"]},
        "Side": {"parents": ["Start"]}, "Off": {"parents": []},
        "N": {"parents": ["M", "D", "Start"]},
    }  # fmt: skip
    return scope({"m": 1}, past=past, nodes=nodes, sources=[Source("M", 1)], **more)


@pytest.mark.parametrize("pair", [{"item": 1}, 1, [{"item": 1}], [{"item": 1}, {"item": 1}]])
def test_an_item_is_followed_back_by_its_pairs(pair):
    assert value("={{ $('D').item.json.n }}", world(pair)) == 2
    assert value("={{ $('D').itemMatching(0).json.n }}", world(pair)) == 2
    assert value("={{ $('Start').item.json }}", world(pair)) == {}


def test_a_loop_can_say_where_its_items_come_from():
    pair = {"item": 1, "sourceOverwrite": {"previousNode": "D", "previousNodeOutput": 0}}
    assert value("={{ $('D').item.json.n }}", world(pair)) == 2


@pytest.mark.parametrize(
    ("pair", "template", "message"),
    [
        (None, "$('D').item", "Paired item data for item from node 'M' is unavailable"),
        ([{"item": 0}, {"item": 1}], "$('D').item.json", "Multiple matches found"),
        ({"item": 7}, "$('D').item.json.n", "Paired item data for item from node 'D'"),
        ({"item": 0}, "$('Side').item.json.s", "Invalid expression"),
        ({"item": 0}, "$('Off').first().json", "Node 'Off' hasn't been executed"),
        ({"item": 0}, "$('Nobody').first().json", "Referenced node doesn't exist"),
        ({"item": 0}, "$node['D'].json && $('D').all(0, 5)", "Run 5 of node 'D' not found"),
    ],
)
def test_what_cannot_be_followed_back_is_an_error(pair, template, message):
    with pytest.raises(ExpressionError, match=message.replace("'", ".")):
        value("={{ " + template + " }}", world(pair))


def test_long_loops_are_followed_back():
    rounds = 20000
    loop = [Past([[{"json": {"n": 1}}]], [])]
    loop += [Past([[{"json": {}, "pairedItem": {"item": 0}}]], [Source("L", 0, n)])
             for n in range(rounds)]  # fmt: skip
    nodes = {"L": {"parents": ["D", "L"]}, "D": {"parents": []}, "N": {"parents": ["L", "D"]}}
    loop[0] = Past([[{"json": {}, "pairedItem": {"item": 0}}]], [Source("D")])
    past = {"L": loop, "D": [Past([[{"json": {"n": 7}}]], [])]}
    where = scope({}, past=past, nodes=nodes, sources=[Source("L", 0, rounds)])
    assert value("={{ $('D').item.json.n }}", where) == 7


def test_an_ancestor_the_item_did_not_come_through_has_no_item_for_it():
    past = {
        "A": [Past([[{"json": {}}]], [])], "B": [Past([[{"json": {}, "pairedItem": 0}]], [])],
        "M": [Past([[{"json": {}, "pairedItem": {"item": 0, "input": 1}}]],
                   [Source("A"), Source("B")])],
    }  # fmt: skip
    nodes = {"A": {}, "B": {}, "M": {"parents": ["A", "B"]}, "N": {"parents": ["M", "A", "B"]}}
    where = scope({}, past=past, nodes=nodes, sources=[Source("M")])
    assert value("={{ $('A').item === undefined }}", where) is True
    assert value("={{ [$('A').item?.json.x, $('B').item.json] }}", where) == [None, {}]


def test_a_piece_of_the_input_knows_its_place():
    where = scope({"n": 3}, first_index=2, all_items=[{"json": {"n": n}} for n in (1, 2, 3)])
    template = "={{ [$itemIndex, $json.n, $input.all().length, $item(0).$json.n] }}"
    assert value(template, where) == [2, 3, 3, 1]


def test_any_executed_node_can_be_read_without_pairs():
    assert value("={{ $('Side').first().json.s + $('Off').isExecuted }}", world(None)) == 1


def test_the_output_a_node_is_wired_to_is_its_usual_one():
    where = world(None, wired=lambda name: 1 if name == "M" else None)
    assert value("={{ $('M').all().length }}", where) == 1
    assert value("={{ $('M').all(0).length }}", where) == 0


def test_later_runs_are_handed_over_as_they_come():
    async def ask():
        session, runs = Session(), []
        found = []
        for n in range(3):
            runs.append(Past([[{"json": {"n": n}}]], []))
            where = scope({}, past={"D": runs})
            template = ["={{ [$('D').first().json.n, $('D').first(0, 0).json.n] }}"]
            found += (await session.evaluate(template, where, [0]))[0].values.values()
        await session.close()
        return found

    assert asyncio.run(ask()) == [[0, 0], [1, 0], [2, 0]]


def test_a_session_that_lost_its_process_hands_everything_over_again():
    async def ask():
        session, where = Session(), world({"item": 1})
        await session.evaluate(["={{ $('D').item.json.n + 1 }}"], where, [0])
        session._worker.process.kill()
        session._worker.process.wait()
        found = await session.evaluate(["={{ $('D').item.json.n + 1 }}"], where, [0])
        await session.close()
        return found[0].values

    assert asyncio.run(ask()) == {0: 3}


# -- dates ----------------------------------------------------------------------------------------


def test_dates_keep_their_kind_from_node_to_node():
    made = value("={{ ({d: new Date(0), t: [DateTime.fromISO('2024-05-01T10:00:00Z')]}) }}")
    assert type(made["d"]) is DateText
    assert type(made["t"][0]) is DateTimeText
    assert made["t"][0].iso == "2024-05-01T12:00:00.000+02:00"
    template = (
        "={{ [$json.d.getTime(), $json.t[0].plus(1, 'day').toISODate(), $json.t[0].zoneName] }}"
    )
    assert value(template, scope(made)) == [0, "2024-05-02", "Europe/Berlin"]


def test_user_text_sees_plain_json():
    assert value("={{ JSON.stringify([new Date(0)]) }}") == '["1970-01-01T00:00:00.000Z"]'


def test_zones_change_their_offset_in_time():
    made = value(
        "={{ ['2024-03-31T00:59:59Z', '2024-03-31T01:00:00Z', '1970-01-01T00:00:00Z']"
        ".map(t => DateTime.fromISO(t).toFormat('HH:mm')) }}"
    )
    assert made == ["01:59", "03:00", "01:00"]


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("$json.nope.isEmpty() ? 'a' : 'b'", "a"),
        ("!$json.nope.isEmpty() && 1", False),
        ("$json.text.isNotEmpty()", True),
        ("'x'.concat($json.nope?.isEmpty())", "xundefined"),
        ("$json.list.first().n.round(1)", 1.5),
        ("Object.keys($json).last()", "values"),
        ("$json.values.first()", 1),
        ("$json.list.map(x => x.n.ceil()).sum()", 5),
        ("`${$json.list.last().n.floor()}`.isEmpty()", False),
        ("/a'b/.test(\"a'b\") && [1, 1].unique().length", 1),
        ("new Map([[1, 2]]).keys().next().value", 1),
        ("$json.keys ?? 'none'", "none"),
        ("[{a: 1}, {a: null}].compact()", [{"a": 1}, {}]),
        ("'Ärger für Łukasz'.replaceSpecialChars()", "Arger fur Lukasz"),
        ("'naïve – ✓'.base64Encode().base64Decode()", "naïve – ✓"),
        ("[{n: 1, m: 2}].renameKeys('n', 'k')", [{"k": 1, "m": 2}]),
        ("'# Hi **you**, see [x](http://a.b)'.removeMarkdown()", "Hi you, see x"),
        ("(45366).toDateTime('excel').toISODate()", "2024-03-15"),
        ("'a b&c'.urlEncode()", "a%20b%26c"),
        ("$today.plus(1, 'days').minus({days: 1}).equals($today)", True),
        ("$json.text.toUpperCase().hash('sha1').length", 40),
    ],
)
def test_extension_methods(template, wanted):
    where = scope({"text": "hi", "list": [{"n": 1.46}, {"n": 2.5}], "values": [1]})
    assert value("={{ " + template + " }}", where) == wanted


@pytest.mark.parametrize("template", ["[1].isEven()", "'x'.sum()", "({a: 1}).merge({b: 2})"])
def test_an_extension_method_of_another_type_is_an_error(template):
    with pytest.raises(ExpressionError, match="is only callable on type"):
        value("={{ " + template + " }}")


# -- code -----------------------------------------------------------------------------------------


def test_code_runs_once_for_all_items():
    found = code("return items.map(i => ({json: {n: i.json.n + 1}}))", scope({"n": 1}, {"n": 2}))
    assert found.value == [{"json": {"n": 2}}, {"json": {"n": 3}}]


def test_code_runs_once_for_each_item():
    found = code("if ($json.n > 1) return item", scope({"n": 1}, {"n": 2}), each=True)
    assert found.value[0] is UNDEFINED
    assert found.value[1]["json"] == {"n": 2}


def test_an_error_names_its_line_and_item():
    found = code("\n\nthrow new Error('no')", scope({}, {}), each=True)
    assert [e.message for e in found.errors.values()] == [
        "no [line 3, for item 0]", "no [line 3, for item 1]"
    ]  # fmt: skip
    assert code("\nnope()").errors[0].message == "nope is not defined [line 2]"


def test_code_that_cannot_be_read_is_an_error():
    assert "Unexpected" in code("retur n 1").errors[0].message


def test_the_console_is_kept():
    found = code("console.log('a', {b: 1}); console.error([2])")
    assert found.logs == ['a {"b":1}', "[2]"]


def test_code_may_wait():
    source = """const t = Date.now(); await new Promise(r => setTimeout(r, 60000));
        const x = await Promise.all([1, Promise.resolve(2)]); return [{json: {x}}]"""
    assert code(source).value == [{"json": {"x": [1, 2]}}]
    assert "never resolved" in code("await new Promise(() => {})").errors[0].message


def test_static_data_comes_back_when_it_changed():
    source = "const s = $getWorkflowStaticData('node'); s.n = (s.n ?? 0) + 1"
    assert code(source, scope(static={"node": {"n": 4}})).static["node"] == {"n": 5}
    assert code("$getWorkflowStaticData('global')").static is None


def test_custom_data_comes_back_when_it_changed():
    assert code("$execution.customData.set('k', 'v')").custom == {"k": "v"}
    assert code("return $execution.customData.get('k')").custom is None


def test_code_may_evaluate_expressions():
    source = "return [0, 1].map(i => $evaluateExpression('{{ $json.n + 1 }}', i))"
    assert code(source, scope({"n": 1}, {"n": 5})).value == [2, 6]


def test_changing_input_leaves_earlier_nodes_alone():
    source = "for (const i of $input.all()) i.json.n = 99; $('D').first().json.n += 1;"
    where = scope({"n": 1})

    async def twice():
        session = Session()
        await session.run_code(source, where, each=False)
        found = await session.run_code("return [$('D').first().json.n, $json.n]", where, each=False)
        await session.close()
        return found.value

    assert asyncio.run(twice()) == [1, 1]


def test_the_old_function_nodes_find_their_names():
    where = scope({"n": 1}, parameters={"a": {"b": ["x", "={{ $json.n + 1 }}"]}})
    source = "items[0].json.p = this.getNodeParameter('a.b[1]', 0); return items"
    assert code(source, where, style="function").value[0]["json"] == {"n": 1, "p": 2}
    found = code("item.q = getNodeParameter('a.b', 0)[0]; return item", where, each=True,
                 style="functionItem")  # fmt: skip
    assert found.value == [{"n": 1, "q": "x"}]


def test_helpers_that_reach_outside_say_what_to_do():
    error = code("return await this.helpers.httpRequest({url: 'http://x'})").errors[0]
    assert "HTTP Request" in error.description
