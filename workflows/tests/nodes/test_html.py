"""HTML and the old HTML Extract."""

import asyncio

import pytest

from workflows.engine.errors import NodeError
from workflows.engine.scripts import Column
from workflows.nodes.html import Html
from workflows.nodes.html_extract import HtmlExtract
from workflows.nodes.markup.tree import parse, select
from workflows.tests.nodes.conftest import make_context

PAGE = """<body><h1>A title</h1><ul><li>one</li><li class=x id=i>two</li><li>both one</li></ul>
<p>See <a href="https://a.example/">this</a><img src=i.png alt=pic></p>
<input value=7><textarea>long</textarea><select><option>a<option selected>b</select></body>"""


def extract(run, node=Html, options=None, version=1.2, **value):
    parameters = {
        "operation": "extractHtmlContent",
        "extractionValues": {"values": [{"key": "k", **value}]},
        "options": options or {},
    }
    version = 1 if node is HtmlExtract else version
    (made,) = run(node, parameters, [{"data": PAGE}], version=version)
    return made[0]["json"].get("k")


@pytest.mark.parametrize(
    ("selector", "more", "value"),
    [
        ("li.x", {}, "two"),
        ("li", {"returnArray": True}, ["one", "two", "both one"]),
        ("#i", {"returnValue": "attribute", "attribute": "class"}, "x"),
        ("#i", {"returnValue": "attribute"}, {"class": "x", "id": "i"}),
        ("ul", {"returnValue": "html"}, PAGE[PAGE.index("<li>"):PAGE.index("</ul>")].replace(
            "class=x id=i", 'class="x" id="i"')),
        ("input", {"returnValue": "value"}, "7"),
        ("textarea", {"returnValue": "value"}, "long"),
        ("select", {"returnValue": "value"}, "b"),
        ("nope", {"returnValue": "html"}, None),
    ],
)  # fmt: skip
def test_values_are_taken_out_by_selectors(run, selector, more, value):
    assert extract(run, cssSelector=selector, **more) == value


def test_text_is_laid_out_by_its_elements(run):
    text = extract(run, cssSelector="body")
    assert text.startswith(
        "A TITLE\n\n * one\n * two\n * both one\n\nSee this [https://a.example/]pic [i.png]"
    )
    without = extract(run, cssSelector="body", skipSelectors="ul, a, img, p")
    assert without.startswith("A TITLE\n\nlong")


def test_the_text_of_a_page_is_that_of_its_body(run):
    parameters = {
        "operation": "extractHtmlContent",
        "extractionValues": {"values": [{"key": "k", "cssSelector": "html"}]},
    }
    (made,) = run(Html, parameters, [{"data": "<title>t</title><h1>a</h1><p>b"}])
    assert made[0]["json"] == {"k": "A\n\nb"}


def test_older_versions_run_the_text_together(run):
    assert extract(run, cssSelector="ul", version=1.1) == "onetwoboth one"
    assert extract(run, HtmlExtract, cssSelector="h1") == "A title"


def test_text_is_cleaned_on_request(run):
    parameters = {
        "operation": "extractHtmlContent", "options": {"cleanUpText": True},
        "extractionValues": {"values": [{"key": "k", "cssSelector": "pre"}]},
    }  # fmt: skip
    (made,) = run(Html, parameters, [{"data": "<pre> a\n b   c </pre>"}])
    assert made[0]["json"] == {"k": "a b c"}


def test_html_in_a_file_is_read(run, outside):
    record = asyncio.run(outside.keep(b"<h1>x</h1>", mime="text/html"))
    parameters = {
        "operation": "extractHtmlContent", "sourceData": "binary",
        "extractionValues": {"values": [{"key": "k", "cssSelector": "h1"}]},
    }  # fmt: skip
    (made,) = run(Html, parameters, [{"json": {}, "binary": {"data": record}}])
    assert made[0]["json"] == {"k": "x"}


def test_a_missing_field_is_an_error_of_its_item(run):
    parameters = {"operation": "extractHtmlContent", "dataPropertyName": "nope"}
    with pytest.raises(NodeError, match='No property named "nope" exists!'):
        run(Html, parameters, [{}])
    (made,) = run(Html, parameters, [{}], onError="continueRegularOutput")
    assert made[0]["json"] == {"error": 'No property named "nope" exists!'}


def test_html_that_is_nested_too_deeply_is_an_error(run):
    parameters = {
        "operation": "extractHtmlContent",
        "extractionValues": {"values": [{"key": "k", "cssSelector": "body"}]},
    }
    with pytest.raises(NodeError, match="nested too deeply"):
        run(Html, parameters, [{"data": "<div>" * 5000 + "x"}])


@pytest.mark.parametrize(
    ("selector", "texts"),
    [
        ("li:first", ["one"]),
        ("li:last", ["both one"]),
        ("li:eq(1)", ["two"]),
        ("li:gt(0)", ["two", "both one"]),
        ("li:contains(one)", ["one", "both one"]),
        ("li:contains('one'):last, h1", ["both one", "A title"]),
        ("li:nth-child(2)", ["two"]),
    ],
)
def test_selectors_know_what_jquery_added(selector, texts):
    assert [one.text() for one in select(parse(PAGE), selector)] == texts


@pytest.mark.parametrize("selector", ["li[", "li:first a"])
def test_a_selector_that_cannot_be_used_is_named(selector):
    with pytest.raises(NodeError, match="The CSS selector"):
        select(parse(PAGE), selector)


class Columns:
    """Scripts that give each expression its own text and the item's number."""

    async def evaluate(self, templates, scope, indexes):
        return [Column({n: f"{one[1:]}{n}" for n in indexes}) for one in templates]


def test_a_template_is_filled_for_each_item(outside):
    context = make_context(Html, {"html": "<b>{{ a }}</b>{{ b }}"}, [[{}, {}]], None, outside)
    context.scripts = Columns()
    (made,) = asyncio.run(Html().run(context))
    assert [one["json"]["html"] for one in made] == [
        "<b>{{ a }}0</b>{{ b }}0",
        "<b>{{ a }}1</b>{{ b }}1",
    ]


def test_items_become_a_table_that_is_safe_to_show(run):
    parameters = {
        "operation": "convertToHtmlTable",
        "options": {"capitalize": True, "caption": "C"},
    }
    (made,) = run(Html, parameters, [{"first_name": "<b>"}, {"age": 3}])
    table = made[0]["json"]["table"]
    assert "<caption>C</caption>" in table
    assert "<th>First Name</th><th>Age</th>" in table
    assert "&lt;b&gt;" in table
    assert made[0]["pairedItem"] == [{"item": 0}, {"item": 1}]
