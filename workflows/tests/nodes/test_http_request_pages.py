"""HTTP Request: page after page."""

import json

import pytest

from whoosh_site.core.tests.servers import answer, ok
from workflows.engine.bounds import Bounds
from workflows.engine.errors import NodeError
from workflows.engine.parameters import filled, templates
from workflows.nodes.http_request import HttpRequest
from workflows.tests.nodes.web import JSON, called, sending


def paging(**settings):
    return {"options": {"pagination": {"pagination": settings}}}


def page_of(*bodies, status="200 OK"):
    """Reply with one body after the other."""
    left = list(bodies)

    async def reply(writer):
        body = left.pop(0)
        head = answer(status if left else "404 Not Found" if body is None else status, JSON)
        writer.write(head + (b"[]" if body is None else json.dumps(body).encode()))

    return reply


NUMBER = {"type": "qs", "name": "page", "value": "={{ $pageCount + 1 }}"}
COUNTING = {"={{ $pageCount + 1 }}": lambda names: names["$pageCount"] + 1}


def test_a_parameter_changes_until_the_answer_is_empty():
    found = called(
        paging(parameters={"parameters": [NUMBER]}), words=COUNTING,
        reply=page_of([{"a": 1}], [{"a": 2}], []),
    )  # fmt: skip
    assert found.json == [{"a": 1}, {"a": 2}]
    assert [head.split()[1] for head in found.server.heads] == ["/?page=1", "/?page=2", "/?page=3"]
    assert len({found.sent(n)["idempotency-key"] for n in range(3)}) == 3


@pytest.mark.parametrize("place", ["body", "headers"])
def test_the_parameter_may_be_in_the_body_or_a_header(place):
    settings = paging(
        parameters={"parameters": [{**NUMBER, "type": place}]}, limitPagesFetched=True,
        maxRequests=2, requestInterval=100,
    )  # fmt: skip
    found = called(
        {**settings, **sending("json")}, words=COUNTING, reply=page_of([{"a": 1}], [{"a": 2}])
    )
    sent = [
        json.loads(found.server.bodies[n]).get("page") if place == "body" else found.sent(n)["page"]
        for n in range(2)
    ]
    assert [int(number) for number in sent] == [1, 2]
    assert found.outside.slept == [0.1]


def test_the_answer_may_name_the_next_address():
    next_url = "={{ $response.body.next }}"
    last = "={{ !$response.body.next }}"
    found = called(
        paging(
            paginationMode="responseContainsNextURL", nextURL=next_url,
            paginationCompleteWhen="other", completeExpression=last,
        ),
        words={
            next_url: lambda names: f"{names['$request']['url']}more",
            last: lambda names: not names["$response"]["body"]["next"],
        },
        reply=page_of({"next": 1}, {"next": 0}),
    )  # fmt: skip
    assert found.json == [{"next": 1}, {"next": 0}]
    assert [head.split()[1] for head in found.server.heads] == ["/", "/more"]


def test_a_status_can_end_the_pages_without_an_error():
    settings = {
        "paginationCompleteWhen": "receiveSpecificStatusCodes",
        "statusCodesWhenComplete": "404, 410",
    }  # fmt: skip
    found = called(
        paging(parameters={"parameters": [NUMBER]}, **settings), words=COUNTING,
        reply=page_of([{"a": 1}], None),
    )  # fmt: skip
    assert found.json == [{"a": 1}]


def test_another_bad_status_ends_in_an_error():
    with pytest.raises(NodeError, match="could not be found"):
        called(paging(), reply=page_of([{"a": 1}], None))


def test_pages_that_are_all_alike_are_stopped():
    with pytest.raises(NodeError, match="identical 5x, so requests got stopped"):
        called(paging(), reply=ok(b"[1]", JSON))


def test_a_next_address_that_is_none_is_refused():
    settings = {"paginationMode": "responseContainsNextURL", "nextURL": ""}
    with pytest.raises(NodeError, match="'' is not a valid URL") as caught:
        called(paging(**settings), reply=ok(b"[1]", JSON))
    assert "Next URL" in caught.value.description


def test_a_next_address_on_this_machine_is_refused():
    settings = {"paginationMode": "responseContainsNextURL", "nextURL": "http://127.0.0.1:1/"}
    seen = []

    def first_only(host, ip, port):
        seen.append(port)
        return None if len(set(seen)) == 1 else f"{host} leads to a local address"

    with pytest.raises(NodeError, match="leads to a local address"):
        called(paging(**settings), reply=ok(b"[1]", JSON), policy=first_only)


def test_expressions_of_pages_wait_for_the_answers():
    given = {"url": "={{ 1 }}", **paging(nextURL="={{ $response.body.next }}")}
    values = filled(HttpRequest.fields_of(4.2), 4.2, given)
    assert list(templates(HttpRequest.fields_of(4.2), values)) == ["={{ 1 }}"]


def forever():
    """Reply with a page that differs from the one before, and never with the last one."""
    count = iter(range(10_000))

    async def reply(writer):
        body = json.dumps([{"n": next(count), "fill": "x" * 1000}])
        writer.write(ok(body.encode(), JSON))

    return reply


def test_the_pages_of_all_items_together_are_bounded():
    with pytest.raises(NodeError, match="More than 7 pages: no more are allowed in one run"):
        called(paging(), [{}, {}], reply=forever(), bounds=Bounds(pages=7))


def test_the_bytes_of_all_pages_together_are_bounded():
    with pytest.raises(NodeError, match=r"first 4 pages hold more than 4,000 bytes") as caught:
        called(paging(), reply=forever(), bounds=Bounds(page_bytes=4000))
    assert "workflow_page_megabytes" in caught.value.description


def test_pages_are_no_more_than_their_author_wants():
    limited = paging(limitPagesFetched=True, maxRequests=3)
    assert len(called(limited, reply=forever(), bounds=Bounds(pages=3)).items) == 3
