"""RSS and Atom feeds as lists of entries, with the fields the rss-parser library gives."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from html import unescape
from typing import Any

from workflows.engine.errors import NodeError
from workflows.nodes.dates.reading import from_text
from workflows.nodes.dates.words import iso
from workflows.nodes.markup import xml_reading

FIELDS = (
    ("author", "creator"),
    ("dc:creator", "creator"),
    ("dc:date", "date"),
    ("dc:language", "language"),
    ("dc:rights", "rights"),
    ("dc:source", "source"),
    ("dc:title", "title"),
    ("title", "title"),
    ("link", "link"),
    ("pubDate", "pubDate"),
    ("author", "author"),
    ("summary", "summary"),
    ("content:encoded", "content:encoded"),
    ("enclosure", "enclosure"),
    ("dc:creator", "dc:creator"),
    ("dc:date", "dc:date"),
    ("comments", "comments"),
)
"""Elements of an RSS entry and the fields they become; a later one wins."""
ITUNES = ("author", "subtitle", "summary", "explicit", "duration", "image", "episode", "image",
          "season", "keywords", "episodeType")  # fmt: skip
Element = Mapping[str, Any]


def entries(xml: str, custom: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the entries of a feed; `custom` are further elements to take over.

    Raises:
        NodeError: it is no XML, or neither RSS nor Atom.
    """
    found = xml_reading.read(xml, xml_reading.Shape())
    if isinstance(feed := found.get("feed"), dict):
        return [_atom(one, custom) for one in _elements(feed.get("entry"))]
    root = found.get("rss") or found.get("rdf:RDF")
    if not isinstance(root, dict):
        raise NodeError("Feed not recognized as RSS 1 or 2.", description="It is no Atom either.")
    channel = next(_elements(root.get("channel")), {})
    items = root.get("item") if "rdf:RDF" in found else channel.get("item")
    return [_rss(one, custom) for one in _elements(items)]


def _elements(found: Any) -> Iterator[Element]:
    return (one if isinstance(one, dict) else {} for one in found or ())


# -- RSS -----------------------------------------------------------------------------------------


def _rss(one: Element, custom: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    _take(one, made, [*FIELDS, *((name, name) for name in custom)])
    if "enclosure" in made and isinstance(one["enclosure"][0], dict):
        made["enclosure"] = one["enclosure"][0].get("$", {})
    if description := one.get("description"):
        made["content"] = _text(description[0])
        made["contentSnippet"] = snippet(made["content"])
    if "content:encoded" in made:
        made["content:encodedSnippet"] = snippet(str(made["content:encoded"]))
    if guid := one.get("guid"):
        made["guid"] = _text(guid[0])
    if about := one.get("$", {}).get("rdf:about"):
        made["rdf:about"] = about
    if "category" in one:
        made["categories"] = one["category"]
    _date(made, made.get("pubDate") or made.get("date"))
    _itunes(one, made)
    return made


def _take(one: Element, made: dict[str, Any], fields: Sequence[tuple[str, str]]) -> None:
    for source, target in fields:
        if one.get(source):
            value = one[source][0]
            made[target] = value["_"] if isinstance(value, dict) and "_" in value else value


def _itunes(one: Element, made: dict[str, Any]) -> None:
    found: dict[str, Any] = {}
    for name in ITUNES:
        if one.get(f"itunes:{name}"):
            value = one[f"itunes:{name}"][0]
            found[name] = value.get("$", {}).get("href") if isinstance(value, dict) else value
    if found:
        made["itunes"] = found


# -- Atom ----------------------------------------------------------------------------------------


def _atom(one: Element, custom: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    _take(one, made, [(name, name) for name in custom])
    if title := one.get("title"):
        made["title"] = _text(title[0])
    if link := _link(one.get("link") or []):
        made["link"] = link
    if published := one.get("published"):
        made["pubDate"] = _standard(_text(published[0]))
    elif updated := one.get("updated"):
        made["pubDate"] = _standard(_text(updated[0]))
    if (author := next(_elements(one.get("author")), None)) and author.get("name"):
        made["author"] = _text(author["name"][0])
    if content := one.get("content"):
        made["content"] = _text(content[0])
        made["contentSnippet"] = snippet(made["content"])
    if summary := one.get("summary"):
        made["summary"] = _text(summary[0])
    if found := one.get("id"):
        made["id"] = _text(found[0])
    _date(made, made.get("pubDate"))
    return made


def _link(links: Sequence[Any]) -> str:
    attributes = [one.get("$", {}) for one in links if isinstance(one, dict)]
    chosen = [one for one in attributes if one.get("rel") == "alternate"]
    first = next(iter(chosen or attributes), {})
    return str(first.get("href", ""))


def _standard(text: str) -> str:
    found = from_text(text)
    return text if found is None else iso(found.astimezone(UTC), utc=True)


# -- texts and dates -----------------------------------------------------------------------------


def _date(made: dict[str, Any], text: Any) -> None:
    found = from_text(text) if isinstance(text, str) else None
    if found is not None:
        made["isoDate"] = iso(found.astimezone(UTC), utc=True)


def _text(value: Any) -> str:
    """Return the text of an element; markup inside it as it reads."""
    if isinstance(value, str):
        return value
    own = value.get("_", "") if isinstance(value, dict) else ""
    inside = [
        _text(each)
        for key, found in (value.items() if isinstance(value, dict) else ())
        if key not in ("_", "$")
        for each in found
    ]
    return " ".join(filter(None, [str(own), *inside]))


BLOCK_TAG = re.compile(
    r"([^\n])</?(?:h|br|p|ul|ol|li|blockquote|section|table|tr|div)[^<>]*>([^\n])", re.IGNORECASE
)


def snippet(html: str) -> str:
    """Return HTML as plain text: its tags left out, a line for each block."""
    return unescape(re.sub(r"<[^<>]*>", "", BLOCK_TAG.sub(r"\1\n\2", html))).strip()
