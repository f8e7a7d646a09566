"""HTTP Request with credentials: what is sent, where to, and what nobody sees of it."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from whoosh_site.core.tests.servers import answer, ok, onward, serving
from workflows.credentials import shelf
from workflows.credentials.base import secret_texts
from workflows.engine.credentials import MASK, Credential
from workflows.engine.errors import NodeError
from workflows.nodes.http_request import HttpRequest
from workflows.tests.nodes.conftest import make_context
from workflows.tests.nodes.web import Called, Spoken, WebMemory

CANARY = "canary-77c2e9"
BASIC = "Basic YW5hOng6eQ=="


def made(kind: str, hosts: Any = ("127.0.0.1",), **values: Any) -> Credential:
    """Return a credential as a run gets it."""
    return Credential(kind, "Mine", values, hosts, secret_texts(shelf[kind], values))


def chosen(kind: str, **parameters: Any) -> dict[str, Any]:
    """Return the parameters that choose a credential."""
    generic = kind.startswith(("http", "oAuth"))
    how = "genericCredentialType" if generic else "predefinedCredentialType"
    name = "genericAuthType" if generic else "nodeCredentialType"
    return {"authentication": how, name: kind, **parameters}


def sent(
    credential: Credential,
    reply: Any,
    parameters: Any = None,
    version: float = 4.2,
    words: Any = None,
) -> Called:
    """Run the node with a credential against a local server."""

    async def run() -> Called:
        outside = WebMemory(lambda host, ip, port: None)
        outside.credentials["Mine"] = credential
        async with serving(reply) as server:
            known = {"url": "{}/a", **(parameters or chosen(credential.type))}
            known["url"] = known["url"].replace("{}", server.url)
            node = {"credentials": {credential.type: {"id": "1", "name": "Mine"}}}
            context = make_context(HttpRequest, known, [[{}]], version, outside, flags=node)
            context.scripts = Spoken(words or {})
            try:
                outputs = await HttpRequest().run(context)
            finally:
                await outside.door.close()
        return Called(outputs[0] or [], server, outside, context.warnings)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("kind", "values", "header", "value"),
    [
        ("httpBasicAuth", {"user": "ana", "password": "x:y"}, "authorization", BASIC),
        ("httpHeaderAuth", {"name": "X-Key", "value": CANARY}, "x-key", CANARY),
        ("httpBearerAuth", {"token": CANARY}, "authorization", f"Bearer {CANARY}"),
        ("oAuth2Api", {"accessToken": CANARY}, "authorization", f"Bearer {CANARY}"),
        ("openAiApi", {"apiKey": CANARY}, "authorization", f"Bearer {CANARY}"),
        ("openAiApi", {"apiKey": CANARY, "organizationId": "us"}, "openai-organization", "us"),
        ("anthropicApi", {"apiKey": CANARY}, "x-api-key", CANARY),
        ("githubApi", {"accessToken": CANARY}, "authorization", f"token {CANARY}"),
        ("slackApi", {"accessToken": CANARY}, "authorization", f"Bearer {CANARY}"),
        ("discordBotApi", {"botToken": CANARY}, "authorization", f"Bot {CANARY}"),
        ("n8nApi", {"apiKey": CANARY}, "x-n8n-api-key", CANARY),
        ("ollamaApi", {"apiKey": CANARY}, "authorization", f"Bearer {CANARY}"),
    ],
)  # fmt: skip
def test_each_type_signs_in_its_own_way(kind, values, header, value):
    assert sent(made(kind, **values), ok()).sent()[header] == value


def test_a_parameter_of_the_address_replaces_one_of_its_name():
    credential = made("httpQueryAuth", name="key", value=CANARY)
    asked = chosen("httpQueryAuth", url="{}/a?key=other&x=1")
    assert sent(credential, ok(), asked).head.startswith(f"GET /a?x=1&key={CANARY} HTTP")


def test_custom_auth_adds_headers_parameters_and_fields():
    given = {"headers": {"X-A": CANARY}, "qs": {"app": 7}, "body": {"pin": CANARY}}
    credential = made("httpCustomAuth", json=json.dumps(given))
    asked = chosen("httpCustomAuth", method="POST", sendBody=True, contentType="json")
    asked |= {"specifyBody": "json", "jsonBody": '{"a": 1}'}
    found = sent(credential, ok(), asked)
    assert (found.sent()["x-a"], "?app=7 " in found.head) == (CANARY, True)
    assert json.loads(found.body) == {"a": 1, "pin": CANARY}


@pytest.mark.parametrize("version", [1, 2])
def test_the_first_versions_sign_too(version):
    asked = chosen("httpBasicAuth") if version == 2 else {"authentication": "basicAuth"}
    credential = made("httpBasicAuth", user="ana", password="x:y")
    found = sent(credential, ok(b"{}"), asked, version)
    assert found.sent()["authorization"] == "Basic YW5hOng6eQ=="


def test_digest_answers_what_the_server_asks_and_the_password_never_leaves():
    replies = iter([
        answer(
            "401 Unauthorized", "Content-Length: 0",
            'WWW-Authenticate: Digest realm="r", nonce="n1", qop="auth", algorithm=SHA-256',
        ),
        ok(b'{"in": true}', "Content-Type: application/json"),
    ])  # fmt: skip

    async def reply(writer: Any) -> None:
        writer.write(next(replies))

    found = sent(made("httpDigestAuth", user="ana", password=CANARY), reply)
    assert found.json == [{"in": True}]
    assert 'username="ana"' in found.sent(1)["authorization"]
    assert CANARY not in "".join(found.server.heads)


# -- where to ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (("api.example",), "{}/a"),
        (("127.0.0.1:1",), "{}/a"),
        (("127.0.0.1",), "http://127.0.0.2:9/"),
        (("127.0.0.1",), "http://evil.example\\@127.0.0.1/"),
        (("127.0.0.1",), "http://evil.example#@127.0.0.1/"),
        (("127.0.0.1",), "http://127.0.0.1.evil.example/"),
        ((), "{}/a"),
    ],
)
def test_c12_it_is_sent_to_no_other_host(hosts, url):
    credential = made("httpHeaderAuth", hosts, name="x-key", value=CANARY)
    outside = WebMemory(lambda host, ip, port: None)
    outside.credentials["Mine"] = credential
    node = {"credentials": {"httpHeaderAuth": {"id": "1", "name": "Mine"}}}
    asked = chosen("httpHeaderAuth", url=url.replace("{}", "http://127.0.0.1:9"))
    context = make_context(HttpRequest, asked, [[{}]], 4.2, outside, flags=node)
    with pytest.raises(NodeError, match=r"may not be sent to|is not a URL|leave user"):
        asyncio.run(HttpRequest().run(context))
    assert outside.asked == []


def test_c12_the_next_page_is_on_an_allowed_host_too():
    credential = made("httpHeaderAuth", name="x-key", value=CANARY)
    pages = {"paginationMode": "responseContainsNextURL", "nextURL": "=next"}
    asked = chosen("httpHeaderAuth", options={"pagination": {"pagination": pages}})
    words = {"=next": lambda names: "http://127.0.0.2:9/"}
    with pytest.raises(NodeError, match=r"may not be sent to 127\.0\.0\.2:9"):
        sent(credential, ok(b'{"a": 1}', "Content-Type: application/json"), asked, words=words)


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect"])
def test_c12_a_redirect_to_another_host_does_not_carry_it(status):
    async def run() -> list[str]:
        async with serving(ok(), "127.0.0.2") as thief:
            reply = onward(f"http://127.0.0.2:{thief.port}/", status)
            await asyncio.to_thread(sent, made("httpHeaderAuth", name="x-key", value=CANARY), reply)
            return thief.heads

    heads = asyncio.run(run())
    assert len(heads) == 1
    assert CANARY not in heads[0]


def test_c12_a_body_with_a_secret_follows_no_redirect():
    credential = made("httpCustomAuth", json=json.dumps({"body": {"pin": CANARY}}))
    asked = chosen("httpCustomAuth", method="POST")
    with pytest.raises(NodeError, match="307"):
        sent(credential, onward("http://127.0.0.2:9/", "307 Temporary Redirect"), asked)


def test_a_type_that_signs_nothing_is_refused_by_name():
    with pytest.raises(NodeError, match="of the type totpApi"):
        sent(made("totpApi", secret=CANARY), ok(), chosen("totpApi"))


# -- what nobody sees ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["autodetect", "text", "file"])
def test_f06_what_a_server_echoes_is_masked(form):
    pair = base64.b64encode(f"ana:{CANARY}".encode()).decode()
    echo = json.dumps({"headers": {"authorization": f"Basic {pair}"}, "form": f"p={CANARY}"})
    reply = ok(echo.encode(), "Content-Type: application/json", f"X-Echo: {CANARY}")
    response = {"responseFormat": form, "fullResponse": True}
    asked = chosen("httpBasicAuth", options={"response": {"response": response}})
    found = sent(made("httpBasicAuth", user="ana", password=CANARY), reply, asked)
    kept = json.dumps(found.items) + repr(found.outside.blobs)
    assert CANARY not in kept
    assert pair not in kept
    assert MASK in json.dumps(found.items, ensure_ascii=False)


def test_f06_an_expression_of_the_node_sees_neither_the_request_nor_its_echo():
    seen: list[str] = []
    pages = {
        "paginationMode": "updateAParameterInEachRequest", "paginationCompleteWhen": "other",
        "completeExpression": "=done",
    }  # fmt: skip
    asked = chosen("httpBearerAuth", options={"pagination": {"pagination": pages}})
    words = {"=done": lambda names: seen.append(repr(names)) or True}
    reply = ok(json.dumps({"you": CANARY}).encode(), "Content-Type: application/json")
    sent(made("httpBearerAuth", token=CANARY), reply, asked, words=words)
    assert len(seen) == 1
    assert CANARY not in seen[0]


def test_a_token_that_is_refused_is_renewed_once():
    tried: list[int] = []

    async def reply(writer: Any) -> None:
        tried.append(1)
        writer.write(ok(b"in") if len(tried) == 2 else answer("401 No", "Content-Length: 0"))

    async def renew() -> Credential:
        return replace(old, values={"accessToken": "second"}, renew=None)

    old = replace(made("oAuth2Api", accessToken="first"), renew=renew)
    found = sent(old, reply)
    assert [found.sent(n)["authorization"] for n in (0, 1)] == ["Bearer first", "Bearer second"]
    tried[:] = [1, 1]
    with pytest.raises(NodeError):
        sent(old, reply)
    assert len(tried) == 4
