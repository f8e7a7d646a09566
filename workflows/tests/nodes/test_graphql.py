"""GraphQL."""

import json

import pytest

from whoosh_site.core.tests.servers import answer
from workflows.engine.errors import NodeError
from workflows.nodes.graphql import GraphQL
from workflows.tests.nodes.services import answers, asked, in_turn

GIVEN = {"endpoint": "https://tides.example/graphql", "query": "{ port { name } }"}
PORT = {"data": {"port": {"name": "Brest"}}}


def test_a_query_with_variables_is_sent_as_json():
    more = {"variables": '{"a": 1}', "operationName": "Ports"}
    done = asked(GraphQL, GIVEN | more, answers(PORT))
    assert done.json == [PORT]
    body = {"query": GIVEN["query"], "variables": {"a": 1}, "operationName": "Ports"}
    assert json.loads(done.body) == body
    assert len(done.sent()["idempotency-key"]) == 32


def test_version_1_sends_the_query_itself_with_headers_and_a_credential():
    headers = {"headerParametersUi": {"parameter": [{"name": "X-A", "value": "b"}]}}
    more = {"authentication": "headerAuth", **headers, "endpoint": "http://127.0.0.1:9/graphql"}
    done = asked(
        GraphQL, GIVEN | more, answers(PORT), "httpHeaderAuth", version=1, name="X-Key",
        value="canary-1",
    )  # fmt: skip
    assert done.body.decode() == GIVEN["query"]
    assert done.sent()["content-type"] == "application/graphql"
    assert (done.sent()["x-a"], done.sent()["x-key"]) == ("b", "canary-1")


def test_a_get_puts_the_query_into_the_address():
    done = asked(GraphQL, GIVEN | {"requestMethod": "GET"}, answers(PORT))
    assert "GET /graphql?query=%7B%20port" in done.head


def test_an_answer_may_stay_text():
    done = asked(GraphQL, GIVEN | {"responseFormat": "string"}, answers(PORT))
    assert json.loads(done.json[0]["data"]) == PORT


def test_errors_inside_an_answer_fail_with_their_words():
    with pytest.raises(NodeError, match="no such port"):
        asked(GraphQL, GIVEN, answers({"errors": [{"message": "no such port"}]}))


def test_what_is_asked_to_come_later_comes_later_with_the_same_key():
    later = answer("429 Too Many Requests", "Retry-After: 2", "Content-Length: 0")
    done = asked(GraphQL, GIVEN, in_turn(later, answers(PORT)))
    assert done.json == [PORT]
    assert done.outside.slept == [2.0]
    assert done.sent(0)["idempotency-key"] == done.sent(1)["idempotency-key"]


def test_who_is_to_wait_for_too_long_fails():
    later = answer("429 Too Many Requests", "Retry-After: 3600", "Content-Length: 0")
    with pytest.raises(NodeError, match="too many requests"):
        asked(GraphQL, GIVEN, later)
