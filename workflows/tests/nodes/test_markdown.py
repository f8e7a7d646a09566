"""Markdown."""

import pytest

from workflows.nodes.markdown import Markdown


def to_markdown(run, html, **options):
    (made,) = run(Markdown, {"html": html, "options": options}, [{"a": 1}])
    assert made[0]["json"]["a"] == 1
    return made[0]["json"]["data"]


def to_html(run, text, **options):
    (made,) = run(Markdown, {"mode": "markdownToHtml", "markdown": text, "options": options})
    return made[0]["json"]["data"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h2>T *x*</h2><p>a <b>b</b> <i>c</i> <s>d</s></p>", "## T \\*x\\*\n\na **b** _c_ ~~d~~"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "* a  \n   * b\n* c"),
        ("<ol><li>a</li><li> </li><li>b</li></ol>", "1. a\n2. b"),
        ('<pre><code class="language-py">x = 1\n</code></pre>', "```py\nx = 1\n\n```"),
        ("<p>see <code>a`b</code></p>", "see `` a`b ``"),
        ('<a href="http://a/(b)" title="t">x</a>', '[x](http://a/%28b%29 "t")'),
        ('<a href="http://a/">http://a/</a>', "<http://a/>"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n> \n> b"),
        ("a<br>b<hr>c", "a  \nb\n\n---\n\nc"),
        ("<p>- a</p><p>1. b</p>", "\\- a\n\n1\\. b"),
        ("<img src='i.png' alt='x'><img src='data:x'>", "![x](i.png)"),
        ("<head><title>t</title></head><script>s</script><p>a</p>", "a"),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>1 <b>2</b></td></tr></table>",
            "| a       | b |\n| ------- | - |\n| 1 **2** |   |",
        ),
    ],
)
def test_html_becomes_markdown(run, html, text):
    assert to_markdown(run, html) == text


@pytest.mark.parametrize(
    ("options", "html", "text"),
    [
        ({"bulletMarker": "-"}, "<ul><li>a</li></ul>", "- a"),
        ({"emDelimiter": "*", "strongDelimiter": "__"}, "<i>a</i> <b>b</b>", "*a* __b__"),
        ({"codeBlockStyle": "indented"}, "<pre><code>a\nb</code></pre>", "    a\n    b"),
        ({"ignore": "span,h1"}, "<h1>a</h1><span>b</span>", "# a"),
        ({"maxConsecutiveNewlines": 1}, "<p>a</p><p>b</p>", "a\nb"),
        ({"keepDataImages": True}, "<img src='data:x'>", "![](data:x)"),
        ({"textReplace": {"values": [{"pattern": "a", "replacement": "b"}]}}, "<p>a a</p>", "b a"),
        ({"globalEscape": {"value": {"pattern": "!", "replacement": "?"}}}, "<p>!_</p>", "?_"),
        (
            {"useLinkReferenceDefinitions": True},
            "<a href=x>a</a> <a href=y>b</a> <a href=x>c</a>",
            "[a][1] [b][2] [c][1]\n\n[1]: x\n[2]: y",
        ),
    ],
)
def test_markdown_is_written_as_wanted(run, options, html, text):
    assert to_markdown(run, html, **options) == text


@pytest.mark.parametrize(
    ("options", "text", "html"),
    [
        ({}, "# Hi you!", '<h1 id="hiyou">Hi you!</h1>'),
        ({}, "#Hi\n\n# Hi", '<h1 id="hi">Hi</h1>\n<h1 id="hi-1">Hi</h1>'),
        ({"requireSpaceBeforeHeadingText": True}, "#Hi", "<p>#Hi</p>"),
        ({"noHeaderId": True, "headerLevelStart": 2}, "# a", "<h2>a</h2>"),
        ({"ghCompatibleHeaderId": True}, "# a b!", '<h1 id="a-b">a b!</h1>'),
        ({"prefixHeaderId": "s-"}, "# a", '<h1 id="s-a">a</h1>'),
        ({}, 'a "b" <i>c</i> ...', '<p>a "b" <i>c</i> …</p>'),
        ({}, "~~a~~", "<p>~~a~~</p>"),
        ({"strikethrough": True}, "~~a~~", "<p><del>a</del></p>"),
        ({}, "```js\na<b\n```", '<pre><code class="js language-js">a&lt;b\n</code></pre>'),
        ({"simpleLineBreaks": True}, "a\nb", "<p>a<br />\nb</p>"),
        ({"simplifiedAutoLink": True}, "http://a.b", '<p><a href="http://a.b">http://a.b</a></p>'),
        ({}, "    #a", "<pre><code>#a\n</code></pre>"),
        ({}, "***a*** & &copy; < b", "<p><strong><em>a</em></strong> &amp; &copy; < b</p>"),
        ({}, "> a\n>\n> > b", "<blockquote>\n  <p>a</p>\n  <blockquote>\n    <p>b</p>\n  "
            "</blockquote>\n</blockquote>"),
        ({}, "- a\n    - b\n\n\n1) c", "<ul>\n<li>a<ul>\n<li>b</li></ul></li>\n</ul>\n<p>1) c</p>"),
        ({}, "* a\n\n* b", "<ul>\n<li><p>a</p></li>\n<li><p>b</p></li>\n</ul>"),
    ],
)  # fmt: skip
def test_markdown_becomes_html(run, options, text, html):
    assert to_html(run, text, **options) == html


def test_links_open_in_a_new_window_on_request(run):
    html = to_html(run, "[a](b)", openLinksInNewWindow=True)
    assert html == '<p><a href="b" rel="noopener noreferrer" target="_blank">a</a></p>'


def test_tables_and_task_lists_are_understood_on_request(run):
    table = "| a |\n|---|\n| 1 |"
    assert "<table>" not in to_html(run, table)
    assert "<td>1</td>" in to_html(run, table, tables=True)
    done = to_html(run, "- [x] a", tasklists=True)
    assert 'class="task-list-item"' in done
    assert 'vertical-align: middle;" checked>' in done


def test_a_whole_document_is_written_on_request(run):
    html = to_html(run, "a", completeHTMLDocument=True)
    assert html.startswith("<!DOCTYPE HTML>\n<html>")
    assert html.endswith("<body>\n<p>a</p>\n</body>\n</html>")


def test_the_result_can_go_to_a_nested_field(run):
    item = {"a": {"b": 1}}
    (made,) = run(Markdown, {"html": "<b>x</b>", "destinationKey": "a.c"}, [item])
    assert made[0]["json"] == {"a": {"b": 1, "c": "**x**"}}
    assert item == {"a": {"b": 1}}
