"""HTTP Request: what is sent and what is made of the answer."""

import gzip
import json

import pytest

from whoosh_site.core.addresses import public_only
from whoosh_site.core.limits import MEGABYTE
from whoosh_site.core.tests.servers import answer, ok, onward
from workflows.engine.document import read_node
from workflows.engine.driver import refuse_unsupported
from workflows.engine.errors import NodeError
from workflows.engine.parameters import filled
from workflows.nodes import http_request
from workflows.nodes.http_request import HttpRequest
from workflows.tests.nodes.web import JSON, called, pairs, sending


def response(**options):
    return {"options": {"response": {"response": options}}}


# -- what is sent --------------------------------------------------------------------------------


def test_query_parameters_are_added_to_those_of_the_address():
    found = called(
        {"url": "{}/a?x=1#top", "sendQuery": True, "queryParameters": pairs(q="a b&c", n=2)},
        reply=ok(),
    )
    assert found.head.startswith("GET /a?x=1&q=a%20b%26c&n=2 HTTP/1.1")


@pytest.mark.parametrize(
    ("arrays", "sent"),
    [
        ("repeat", "a=1&a=2&o%5Bx%5D=3"),
        ("brackets", "a%5B%5D=1&a%5B%5D=2&o%5Bx%5D=3"),
        ("indices", "a%5B0%5D=1&a%5B1%5D=2&o%5Bx%5D=3"),
    ],
)
def test_lists_in_the_query_have_three_forms(arrays, sent):
    parameters = {
        "sendQuery": True, "specifyQuery": "json", "jsonQuery": '{"a": [1, 2], "o": {"x": 3}}',
        "options": {"queryParameterArrays": arrays},
    }  # fmt: skip
    assert f"/?{sent} " in called(parameters, reply=ok()).head


def test_headers_travel_in_lower_case_and_the_run_says_so_where_that_was_turned_off():
    parameters = {"sendHeaders": True, "headerParameters": pairs(**{"X-One": 1})}
    found = called(parameters, reply=ok())
    assert (found.sent()["x-one"], found.warnings) == ("1", [])
    found = called({**parameters, "options": {"lowercaseHeaders": False}}, reply=ok())
    assert found.warnings == [
        "Names of headers travel in lower case here; HTTP makes no difference."
    ]


def test_headers_may_be_json():
    parameters = {"sendHeaders": True, "specifyHeaders": "json", "jsonHeaders": '{"accept": "a/b"}'}
    assert called(parameters, reply=ok()).sent()["accept"] == "a/b"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X\r\nEvil", "1", "is no name of a header"),
        ("X", "1\r\nEvil: 2", "has a line break in it"),
        ("X", "☃", "headers cannot carry"),
    ],
)
def test_headers_that_would_break_out_are_refused(name, value, message):
    with pytest.raises(NodeError, match=message):
        called({"sendHeaders": True, "headerParameters": pairs(**{name: value})}, reply=ok())


@pytest.mark.parametrize(
    ("parameters", "mime", "body"),
    [
        (sending("json", bodyParameters=pairs(a=1, b="é")), "application/json", '{"a":1,"b":"é"}'),
        (sending("json", specifyBody="json", jsonBody="[1]"), "application/json", "[1]"),
        (sending("json", specifyBody="json", jsonBody={"a": 1}), "application/json", '{"a":1}'),
        (
            sending("form-urlencoded", bodyParameters=pairs(a="x y", b="&")),
            "application/x-www-form-urlencoded", "a=x+y&b=%26",
        ),
        (
            sending("form-urlencoded", specifyBody="string", body="a=1&b=2"),
            "application/x-www-form-urlencoded", "a=1&b=2",
        ),
        (sending("raw", rawContentType="text/x", body="<a/>"), "text/x", "<a/>"),
    ],
)  # fmt: skip
def test_bodies_of_each_kind(parameters, mime, body):
    found = called(parameters, reply=ok())
    assert (found.sent()["content-type"], found.body.decode()) == (mime, body)


def test_a_header_of_ones_own_wins_over_the_bodys():
    parameters = sending("json", jsonBody="{}", specifyBody="json", sendHeaders=True)
    parameters["headerParameters"] = pairs(**{"Content-Type": "application/x"})
    assert called(parameters, reply=ok()).sent()["content-type"] == "application/x"


def test_a_form_carries_files_and_its_names_cannot_break_out():
    parts = [
        {"name": 'a"\r\nb', "value": {"x": 1}},
        {"parameterType": "formBinaryData", "name": "f", "inputDataFieldName": "data"},
    ]
    found = called(
        sending("multipart-form-data", bodyParameters={"parameters": parts}),
        files={"data": ('n"ame.txt', "text/plain", b"\x00bytes")},
        reply=ok(),
    )
    boundary = found.sent()["content-type"].partition("boundary=")[2]
    assert found.body.decode("latin-1") == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="a%22%0D%0Ab"\r\n\r\n{{"x":1}}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="n%22ame.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\n\x00bytes\r\n--{boundary}--\r\n"
    )


def test_a_file_is_the_body():
    found = called(
        sending("binaryData", inputDataFieldName="data"),
        files={"data": ("a.png", "image/png", b"\x89")},
        reply=ok(),
    )
    assert (found.sent()["content-type"], found.body) == ("image/png", b"\x89")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"url": "ftp://x/"}, 'must start with "http" or "https"'),
        ({"url": "file:///etc/passwd"}, 'must start with "http" or "https"'),
        (sending("json", specifyBody="json", jsonBody="{"), "needs to be valid JSON: JSON Body"),
        ({"sendQuery": True, "specifyQuery": "json", "jsonQuery": "[1]"}, "must be a JSON object"),
        (sending("binaryData", inputDataFieldName="x"), "binary file 'x'"),
        (sending("xml"), "'xml' is not there"),
        ({"options": {"timeout": "soon"}}, "Timeout is 'soon', which is no number"),
        (response(responseFormat="pdf"), "'pdf' is not there"),
    ],
)
def test_what_cannot_be_sent_is_named(parameters, message):
    with pytest.raises(NodeError, match=message) as caught:
        called(parameters, reply=ok())
    assert caught.value.item == 0


@pytest.mark.parametrize(
    ("version", "parameters", "named"),
    [
        (1, {"authentication": "oAuth1"}, "authentication"),
        (4.2, {"options": {"proxy": "http://x"}}, "options.proxy"),
        (4.2, {"options": {"allowUnauthorizedCerts": True}}, "options.allowUnauthorizedCerts"),
        (1, {"allowUnauthorizedCerts": True}, "allowUnauthorizedCerts"),
        (4.2, {"provideSslCertificates": True}, "provideSslCertificates"),
    ],
)
def test_what_is_not_supported_fails_by_name(version, parameters, named):
    spec = read_node({"type": HttpRequest.key, "typeVersion": version})
    values = filled(HttpRequest.fields_of(version), version, parameters)
    with pytest.raises(NodeError, match=f"HTTP Request: {named}"):
        refuse_unsupported(HttpRequest, spec, values)


def test_nothing_unsupported_is_used_by_default():
    for version in HttpRequest.versions:
        spec = read_node({"type": HttpRequest.key, "typeVersion": version})
        values = filled(HttpRequest.fields_of(version), version, {"options": {}})
        refuse_unsupported(HttpRequest, spec, values)


# -- the key of a step ---------------------------------------------------------------------------


def keys(count=1, **more):
    found = called({}, [{}] * count, reply=ok(), **more)
    return sorted(found.sent(n).get("idempotency-key", "") for n in range(count))


def test_a_repeated_step_has_the_same_key_and_every_other_its_own():
    first = keys(2)
    assert first == keys(2)
    assert len(set(first)) == 2
    assert not set(first) & set(keys(2, run_key="run 8"))
    assert not set(first) & set(keys(2, name="Another"))


def test_the_key_can_be_turned_off_or_given():
    found = called({"options": {"idempotencyKey": False}}, reply=ok())
    assert "idempotency-key" not in found.sent()
    own = {"sendHeaders": True, "headerParameters": pairs(**{"Idempotency-Key": "mine"})}
    assert called(own, reply=ok()).sent()["idempotency-key"] == "mine"


# -- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "header", "expected"),
    [
        (b'{"a": 1}', JSON, [{"a": 1}]),
        (b'[{"a": 1}, {"a": 2}]', "Content-Type: application/problem+json", [{"a": 1}, {"a": 2}]),
        (b"[1, null]", JSON, [{"data": 1}, {"data": None}]),
        (b"", JSON, [{}]),
        (b"<p>", "Content-Type: text/html", [{"data": "<p>"}]),
        (b"stra\xdfe", "Content-Type: text/plain; charset=latin1", [{"data": "straße"}]),
        (b'{"a": 1}', "X: no type", [{"data": '{"a": 1}'}]),
    ],
)  # fmt: skip
def test_the_form_of_an_answer_is_found(body, header, expected):
    assert called({}, reply=ok(body, header)).json == expected


def test_a_file_is_found_and_named():
    found = called({"url": "{}/pic.png?x"}, reply=ok(b"\x89PNG", "Content-Type: image/png"))
    record = found.items[0]["binary"]["data"]
    assert (found.json, record["fileName"], record["mimeType"]) == ([{}], "pic.png", "image/png")
    assert found.bytes_of() == b"\x89PNG"


def test_the_server_may_name_the_file_but_no_folder():
    header = 'Content-Disposition: attachment; filename="../../etc/pass wd.txt"'
    found = called(response(responseFormat="file", outputPropertyName="f"), reply=ok(b"x", header))
    record = found.items[0]["binary"]["f"]
    assert record["fileName"].rpartition("/")[2] == "pass wd.txt"
    assert record["mimeType"] == "text/plain"


def test_the_form_can_be_chosen():
    reply = ok(b'{"a": 1}', JSON)
    text = response(responseFormat="text", outputPropertyName="words")
    assert called(text, reply=reply).json == [{"words": '{"a": 1}'}]
    with pytest.raises(NodeError, match="Response body is not valid JSON"):
        called(response(responseFormat="json"), reply=ok(b"<p>"))


def test_a_full_response_tells_headers_and_status():
    reply = answer("201 Created", JSON, "Set-Cookie: a=1", "Set-Cookie: b=2", "X-A: 1") + b"[1]"
    (found,) = called(response(fullResponse=True), reply=reply).json
    assert (found["body"], found["statusCode"], found["statusMessage"]) == ([1], 201, "Created")
    assert (found["headers"]["set-cookie"], found["headers"]["x-a"]) == (["a=1", "b=2"], "1")


def no(status="404 Not Found", body=b'{"error": {"message": "no such pet"}}'):
    return answer(status, JSON, f"Content-Length: {len(body)}") + body


def test_an_answer_that_says_no_is_an_error_with_its_words():
    with pytest.raises(NodeError, match="could not be found") as caught:
        called({}, reply=no())
    assert (caught.value.description, caught.value.item) == ("no such pet", 0)


def test_where_the_node_goes_on_each_item_tells_its_error():
    found = called({}, [{}, {}], reply=no(), onError="continueRegularOutput")
    told = {
        "message": "The resource you are requesting could not be found", "name": "NodeApiError",
        "httpCode": "404", "description": "no such pet",
    }  # fmt: skip
    assert found.json == [{"error": told}] * 2
    assert [one["pairedItem"] for one in found.items] == [{"item": 0}, {"item": 1}]


def test_never_error_takes_any_answer():
    assert called(response(neverError=True), reply=no(body=b'{"a":1}')).json == [{"a": 1}]


def test_items_keep_their_order_and_come_in_batches():
    replies = iter(range(9))

    async def counting(writer):
        writer.write(ok(json.dumps({"n": next(replies)}).encode(), JSON))

    batching = {"batching": {"batch": {"batchSize": 2, "batchInterval": 500}}}
    found = called({"options": batching}, [{}] * 5, reply=counting)
    assert sorted(one["n"] for one in found.json) == [0, 1, 2, 3, 4]
    assert [one["pairedItem"]["item"] for one in found.items] == [0, 1, 2, 3, 4]
    assert found.outside.slept == [0.5, 0.5]


def test_the_timeout_is_handed_to_the_door():
    (asked,) = called({"options": {"timeout": 1500}}, reply=ok()).outside.asked
    assert (asked["limits"].first_byte, asked["limits"].total) == (1.5, 300.0)


# -- safety --------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_this_machine_is_refused(host):
    with pytest.raises(NodeError, match="Refused|local"):
        called({"url": f"http://{host}:1/"}, policy=public_only([]))


def test_a_redirect_to_this_machine_is_refused_at_the_hop():
    seen = []

    def once(host, ip, port):
        seen.append(port)
        return None if len(set(seen)) == 1 else f"{host} leads to a local address"

    with pytest.raises(NodeError, match="leads to a local address"):
        called({}, reply=onward("http://127.0.0.1:1/admin/"), policy=once)


@pytest.mark.parametrize("goal", ["file:///etc/passwd", "gopher://127.0.0.1/"])
def test_a_redirect_to_another_scheme_is_refused(goal):
    with pytest.raises(NodeError, match="redirected to"):
        called({}, reply=onward(goal))


@pytest.mark.parametrize(
    ("version", "options", "redirects"),
    [
        (4, {}, 21),
        (4, {"redirect": {"redirect": {"followRedirects": False}}}, 0),
        (4, {"redirect": {"redirect": {"maxRedirects": 3}}}, 3),
        (3, {}, 0),
        (3, {"redirect": {"redirect": {"followRedirects": True}}}, 21),
        (2, {}, 21),
        (2, {"followRedirect": False}, 0),
    ],
)
def test_redirects_are_followed_as_the_version_has_it(version, options, redirects):
    found = called({"options": options}, version=version, reply=ok(b"{}", JSON))
    assert found.outside.asked[0]["limits"].redirects == redirects


@pytest.mark.parametrize(
    "reply",
    [
        ok(bytes(3 * MEGABYTE)),
        ok(gzip.compress(bytes(3 * MEGABYTE)), "Content-Encoding: gzip"),
    ],
)
def test_an_answer_that_is_too_large_is_cut(monkeypatch, reply):
    monkeypatch.setattr(http_request, "LARGEST", MEGABYTE)
    with pytest.raises(NodeError, match="more than 1 MB"):
        called({}, reply=reply)


def test_large_answers_come_one_after_the_other_and_all_arrive():
    data = {"a": "x" * (2 * MEGABYTE)}
    found = called({}, [{}] * 4, reply=ok(json.dumps(data).encode(), JSON))
    assert [len(one["a"]) for one in found.json] == [2 * MEGABYTE] * 4


def test_an_answer_may_have_64_megabytes_and_take_five_minutes():
    (asked,) = called({}, reply=ok()).outside.asked
    assert (asked["limits"].size, asked["limits"].total) == (64 * MEGABYTE, 300.0)


# -- versions 1 and 2 ----------------------------------------------------------------------------


def old_pairs(**values):
    return {"parameter": [{"name": name, "value": value} for name, value in values.items()]}


def test_old_fields_are_sent():
    found = called(
        {
            "requestMethod": "POST", "bodyParametersUi": old_pairs(a=1),
            "headerParametersUi": old_pairs(H=2), "queryParametersUi": old_pairs(q=3),
        },
        version=1, reply=ok(b"{}", JSON),
    )  # fmt: skip
    assert found.head.startswith("POST /?q=3 ")
    assert (found.sent()["h"], found.body) == ("2", b'{"a":1}')


@pytest.mark.parametrize(
    ("more", "body"),
    [
        ({"bodyParametersJson": '{"a": 1}'}, b'{"a":1}'),
        ({"bodyParametersJson": "raw", "options": {"bodyContentType": "raw"}}, b"raw"),
        ({"sendBinaryData": True, "binaryPropertyName": "data"}, b"bytes"),
    ],
)
def test_old_json_parameters_are_sent(more, body):
    found = called(
        {
            "requestMethod": "PUT", "jsonParameters": True, "headerParametersJson": '{"H": 2}',
            **more,
        },
        version=2, files={"data": ("a", "x/y", b"bytes")}, reply=ok(b"{}", JSON),
    )  # fmt: skip
    assert (found.sent()["h"], found.body) == ("2", body)


def test_old_answers_are_split_only_on_demand():
    reply = ok(b'[{"a": 1}, {"a": 2}]', JSON)
    assert called({}, version=1, reply=reply).json == [{"data": [{"a": 1}, {"a": 2}]}]
    split = {"options": {"splitIntoItems": True}}
    assert called(split, version=1, reply=reply).json == [{"a": 1}, {"a": 2}]


def test_old_answers_may_be_text_or_a_file():
    text = {"responseFormat": "string", "dataPropertyName": "words"}
    assert called(text, version=2, reply=ok(b"hi")).json == [{"words": "hi"}]
    file = {"responseFormat": "file"}
    assert called(file, version=2, reply=ok(b"hi")).bytes_of() == b"hi"
