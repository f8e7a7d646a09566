"""RSS Read."""

from contextlib import asynccontextmanager

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.rss_feed_read import RssFeedRead

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>F</title><item>
<title>One</title><link>https://a.example/1</link><guid isPermaLink="false">g1</guid>
<pubDate>Tue, 05 Mar 2024 10:00:00 GMT</pubDate><dc:creator>Ann</dc:creator>
<description>&lt;p&gt;Hello&lt;/p&gt;&lt;p&gt;you &amp;amp; me&lt;/p&gt;</description>
<category>news</category><enclosure url="https://a.example/a.mp3" type="audio/mpeg"/>
<media>m</media></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><title type="html">Two</title>
<link rel="self" href="https://a.example/self"/>
<link rel="alternate" href="https://a.example/2"/>
<id>i2</id><published>2024-03-05T10:00:00+02:00</published><author><name>Bo</name></author>
<content type="html">&lt;b&gt;x&lt;/b&gt;</content></entry></feed>"""


class Feed:
    """An answer with a feed."""

    def __init__(self, body, status=200, kind="application/xml"):
        self.body, self.status, self.headers, self.url = body, status, {"Content-Type": kind}, ""

    async def read(self):
        return self.body if isinstance(self.body, bytes) else self.body.encode()


@pytest.fixture
def serve(outside, run):
    """`serve(answer, parameters)`: the items for a feed."""

    def server(answer, parameters=None, items=({},), version=1.2, **flags):
        @asynccontextmanager
        async def http(method, url, **options):
            yield answer

        outside.http = http
        given = {"url": "https://a.example/feed", **(parameters or {})}
        (made,) = run(RssFeedRead, given, items, version=version, **flags)
        return made

    return server


def test_an_entry_of_rss_has_the_fields_of_the_usual_reader(serve):
    (one,) = serve(Feed(RSS))
    assert one["json"] == {
        "creator": "Ann", "dc:creator": "Ann", "title": "One", "link": "https://a.example/1",
        "pubDate": "Tue, 05 Mar 2024 10:00:00 GMT", "guid": "g1", "categories": ["news"],
        "enclosure": {"url": "https://a.example/a.mp3", "type": "audio/mpeg"},
        "content": "<p>Hello</p><p>you &amp; me</p>", "contentSnippet": "Hello\nyou & me",
        "isoDate": "2024-03-05T10:00:00.000Z",
    }  # fmt: skip


def test_an_entry_of_atom_has_its_fields(serve):
    (one,) = serve(Feed(ATOM))
    assert one["json"] == {
        "title": "Two", "link": "https://a.example/2", "id": "i2", "author": "Bo",
        "pubDate": "2024-03-05T08:00:00.000Z", "isoDate": "2024-03-05T08:00:00.000Z",
        "content": "<b>x</b>", "contentSnippet": "x",
    }  # fmt: skip


def test_further_elements_are_taken_over_on_request(serve):
    (one,) = serve(Feed(RSS), {"options": {"customFields": "media, nope"}})
    assert one["json"]["media"] == "m"


def test_later_versions_read_for_each_item(serve):
    assert len(serve(Feed(RSS), items=[{}, {}])) == 2
    assert len(serve(Feed(RSS), items=[{}, {}], version=1)) == 1


def test_a_feed_in_another_encoding_is_read(serve):
    body = RSS.replace("One", "Ä").encode("latin-1")
    (one,) = serve(Feed(body, kind="text/xml; charset=ISO-8859-1"))
    assert one["json"]["title"] == "Ä"


@pytest.mark.parametrize(
    ("answer", "parameters", "message"),
    [
        (Feed(RSS), {"url": ""}, 'The parameter "URL" has to be set!'),
        (Feed(RSS), {"url": "ftp://a"}, 'The provided "URL" is not valid!'),
        (Feed(RSS, 404), {}, "status code 404"),
        (Feed("<html><body/></html>"), {}, "Feed not recognized"),
        (Feed("no xml"), {}, "cannot be read"),
    ],
)
def test_what_is_no_feed_is_an_error_or_an_item_with_the_error(serve, answer, parameters, message):
    with pytest.raises(NodeError, match=message):
        serve(answer, parameters)
    (one,) = serve(answer, parameters, onError="continueRegularOutput")
    assert message in one["json"]["error"]
