"""Answers of models as HTML: the useful survives, nothing dangerous does."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.markdown import render_markdown

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title", "rel"}, "code": {"class"}, "ol": {"start"}}


class Page(HTMLParser):
    """What a browser would see of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words = ""
        self.other: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.words += data

    def handle_comment(self, data):
        self.other.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def seen(text):
    return Page(render_markdown(text))


def links(text):
    return [value for _, name, value in seen(text).attributes if name == "href"]


def scheme(address):
    """Return what a browser takes for the scheme: it drops control characters first."""
    found = re.match(r"([a-z][a-z0-9+.-]*):", re.sub(r"[\x00-\x20]", "", address.lower()))
    return found[1] if found else ""


# -- what is shown -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "<p>plain</p>"),
        ("# Top", "<h1>Top</h1>"),
        ("*a* **b** ~~c~~", "<p><em>a</em> <strong>b</strong> <s>c</s></p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>'),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("a  \nb", "<p>a<br>\nb</p>"),
        ("`x < y`", "<p><code>x &lt; y</code></p>"),
        ("```python\nx = 1\n```", '<pre><code class="language-python">x = 1\n</code></pre>'),
        ("---", "<hr>"),
        ("", ""),
    ],
)
def test_markdown_becomes_html(text, html):
    assert render_markdown(text).strip() == html


def test_a_table_becomes_one():
    assert seen("|a|b|\n|-|-|\n|1|2|").tags == [
        "table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "address", ["https://example.org/a?b=c", "http://example.org", "mailto:a@example.org", "/docs"]
)
def test_a_link_leads_there_and_gives_nothing_away(address):
    assert seen(f"[here]({address})").attributes == [
        ("a", "href", address),
        ("a", "rel", "noopener noreferrer nofollow"),
    ]


def test_a_bare_address_stays_text():
    assert links("see https://example.org") == []


# -- what is not -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "&#x6A;avascript:alert(1)",
        "\x01javascript:alert(1)",
        "vbscript:msgbox(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "file:///etc/passwd",
        "blob:https://example.org/1",
        "x-custom:do",
    ],
)
@pytest.mark.parametrize("form", ["[a]({})", "[a](<{}>)", "<{}>", "[a]\n\n[a]: {}", "[a]({} 't')"])
def test_a_link_of_another_scheme_leads_nowhere(address, form):
    assert [found for found in links(form.format(address)) if scheme(found)] == []


@pytest.mark.parametrize(
    "text",
    [
        "![spy](https://example.org/spy.png)",
        "![spy][x]\n\n[x]: https://example.org/spy.png",
        "[![spy](https://example.org/spy.png)](https://example.org)",
    ],
)
def test_an_image_is_not_fetched(text):
    page = seen(text)
    assert "img" not in page.tags
    assert not [value for _, _, value in page.attributes if "spy.png" in value]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<iframe src=//example.org></iframe>",
        "<form action=/calls/1/cancel/ method=post><button>go</button></form>",
        "<div hx-get=/ hx-trigger=load data-live=agents></div>",
        "<style>body{display:none}</style>",
        "<a href='javascript:alert(1)' onclick=alert(1)>go</a>",
        "<base href=//example.org>",
        "<!-- <script> -->",
        "<?php echo 1 ?>",
        "<![CDATA[x]]>",
        "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    ],
)
@pytest.mark.parametrize("around", ["{}", "a {} b", "> {}", "- {}", "# {}", "|a|\n|-|\n|{}|"])
def test_html_is_shown_as_the_text_it_is(text, around):
    page = seen(around.format(text))
    assert set(page.tags) <= TAGS - {"a"}
    assert page.other == []
    assert text.partition(">")[0].strip("<")[:5] in page.words


def test_a_code_block_takes_no_attributes_from_its_language():
    page = seen('```" onmouseover="alert(1)\nx\n```')
    assert [(tag, name) for tag, name, _ in page.attributes] in ([], [("code", "class")])


# -- for every text ----------------------------------------------------------------------------

PIECES = [
    "<", ">", "</", "/>", "<script", "<img src=", "<a href=", "onerror=", "javascript:", "data:",
    "[", "]", "(", ")", "](", "![", "`", "```", "~~", "*", "_", "|", "|-|", "#", "\n", "\n\n",
    "> ", "- ", "1. ", "&#106;", "&lt;", "&quot;", '"', "'", "\\", "=", " ", "https://a.b", "//a.b",
    "style=", "x", "hx-get", "<!--", "-->", "<![CDATA[", "\t", "\x00", "\x0b", "é", "𝔘",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=30).map("".join)


@given(texts)
def test_only_what_is_allowed_comes_out(text):
    page = seen(text)
    assert set(page.tags) <= TAGS
    assert page.other == []
    for tag, name, value in page.attributes:
        assert name in ATTRIBUTES.get(tag, ())
        assert name != "href" or scheme(value) in ("", "http", "https", "mailto")


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_words_are_never_lost(words):
    assert seen(words).words.strip() == words.strip()
