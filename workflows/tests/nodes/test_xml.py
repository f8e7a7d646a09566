"""XML."""

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.xml import Xml


def read(run, xml, **options):
    (made,) = run(Xml, {"options": options}, [{"data": xml}])
    return made[0]["json"]


def write(run, json, **options):
    (made,) = run(Xml, {"mode": "jsonToxml", "options": {"headless": True, **options}}, [json])
    return made[0]["json"]["data"]


@pytest.mark.parametrize(
    ("options", "json"),
    [
        ({}, {"r": {"a": "1", "i": [" x ", {"_": "y", "b": "2"}], "e": ""}}),
        ({"explicitRoot": False}, {"a": "1", "i": [" x ", {"_": "y", "b": "2"}], "e": ""}),
        (
            {"mergeAttrs": False, "attrkey": "@"},
            {"r": {"@": {"a": "1"}, "i": [" x ", {"_": "y", "@": {"b": "2"}}], "e": ""}},
        ),
        ({"ignoreAttrs": True, "trim": True}, {"r": {"i": ["x", "y"], "e": ""}}),
        (
            {"explicitArray": True, "charkey": "t"},
            {"r": {"a": ["1"], "i": [" x ", {"t": "y", "b": ["2"]}], "e": [""]}},
        ),
    ],
)  # fmt: skip
def test_xml_becomes_fields(run, options, json):
    assert read(run, '<r a="1"><i> x </i><i b="2">y</i><e/></r>', **options) == json


def test_names_and_space_are_made_even_on_request(run):
    assert read(run, "<R><A> x   y </A></R>", normalizeTags=True, normalize=True) == {
        "r": {"a": "x y"}
    }


def test_characters_keep_their_meaning(run):
    xml = '<?xml version="1.0" encoding="ISO-8859-1"?><a>&lt;ü&#228;<![CDATA[<b>]]></a>'
    assert read(run, xml) == {"a": "<üä<b>"}


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<a><b></a>", "cannot be read: mismatched tag"),
        ("plain", "cannot be read: syntax error"),
        (" ", "holds no XML text"),
        ("<a>" * 300 + "</a>" * 300, "nested more than 200 levels"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares an entity of its own"),
        (
            '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
            "an entity of its own",
        ),
    ],
)
def test_what_cannot_be_read_is_told(run, xml, message):
    with pytest.raises(NodeError, match=message):
        read(run, xml)


def test_an_item_without_the_field_is_named(run):
    with pytest.raises(NodeError, match='Item has no JSON property called "data"') as failure:
        run(Xml, {}, [{"data": "<a/>"}, {}])
    assert failure.value.item == 1


def test_fields_become_xml(run):
    json = {"r": {"$": {"a": 1}, "i": ["x", 2, None], "o": {"_": "<&", "$": {"q": '"'}}, "e": ""}}
    assert write(run, json) == (
        '<r a="1">\n  <i>x</i>\n  <i>2</i>\n  <i/>\n  <o q="&quot;">&lt;&amp;</o>\n  <e/>\n</r>'
    )


def test_several_fields_stand_below_a_root(run):
    assert write(run, {"a": 1, "b": True}) == "<root>\n  <a>1</a>\n  <b>true</b>\n</root>"
    assert write(run, {"a": 1}, rootName="x") == "<x>\n  <a>1</a>\n</x>"


def test_texts_with_markup_can_stand_in_cdata(run):
    assert write(run, {"a": {"b": "<i>"}}, cdata=True) == "<a>\n  <b><![CDATA[<i>]]></b>\n</a>"


@pytest.mark.parametrize(
    ("json", "message"), [({"a b": 1}, "name: a b"), ({"a": "\x01"}, "U.0001")]
)
def test_what_xml_cannot_hold_is_told(run, json, message):
    with pytest.raises(NodeError, match=message):
        write(run, json)


def test_emojis_are_written_where_they_are_allowed(run):
    assert write(run, {"a": "😀"}, allowSurrogateChars=True) == "<a>😀</a>"
    with pytest.raises(NodeError, match="Invalid character"):
        write(run, {"a": "😀"})
