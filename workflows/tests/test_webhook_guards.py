"""Who may call a webhook, what may be sent, and what is never taken for more than it is."""

import base64
import json
import time

import jwt
import pytest

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import Conflict
from workflows import services
from workflows.models import Execution
from workflows.tests.calls import hook, line, newest, node, sets

LAST = {"responseMode": "lastNode"}
HOSTS = {"jwtAuth": []}
NO_RUN = "a call that was turned away started a run"


@pytest.fixture
def guarded(active, people):
    """Activate a webhook that checks its callers: `guarded("basicAuth", user=..., ...)`."""
    types = {"basicAuth": "httpBasicAuth", "headerAuth": "httpHeaderAuth", "jwtAuth": "jwtAuth"}

    def made(kind, **values):
        row = services.create_credential(
            types[kind], "Door", values, by=SYSTEM, team=people.ours, hosts=HOSTS.get(kind, ["*"])
        )
        reference = {types[kind]: {"id": row.ref, "name": "Door"}}
        code = node("Code", "code", jsCode="return [{json: $json}]")
        return active(line("Tides", hook(**LAST, authentication=kind, credentials=reference), code))

    return made


def basic(user, password):
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


# -- D04: who may call -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("ada", "wrong"),
        basic("eve", "tide-tables"),
        basic("", ""),
        {"authorization": "Basic !!!"},
        {"authorization": "Bearer tide-tables"},
        {"authorization": "Basic"},
    ],
)
def test_basic_auth_refuses_all_but_the_pair(headers, guarded, call):
    """D04."""
    guarded("basicAuth", user="ada", password="tide-tables")
    answer = call("POST", "/webhook/tides", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert not Execution.objects.exists(), NO_RUN


def test_basic_auth_lets_the_pair_in_and_shows_it_to_no_node(guarded, call):
    """D04."""
    guarded("basicAuth", user="ada", password="tide-tables")
    answer = call("POST", "/webhook/tides", headers=basic("ada", "tide-tables"))
    assert answer.status_code == 200
    assert answer.json()["headers"]["authorization"] == "Basic ••••••••"
    run = newest()
    assert base64.b64encode(b"ada:tide-tables").decode() not in run.input_text


@pytest.mark.parametrize("headers", [{}, {"x-tide": "no"}, {"x-tide": ""}, {"x-tid": "high"}])
def test_header_auth_refuses_all_but_the_value(headers, guarded, call):
    """D04."""
    guarded("headerAuth", name="X-Tide", value="high-water")
    assert call("POST", "/webhook/tides", headers=headers).status_code == 401
    assert not Execution.objects.exists(), NO_RUN


def test_header_auth_lets_the_value_in(guarded, call):
    """D04."""
    guarded("headerAuth", name="X-Tide", value="high-water")
    answer = call("POST", "/webhook/tides", headers={"x-tide": "high-water"})
    assert answer.json()["headers"]["x-tide"] == "••••••••"


SECRET = "a-passphrase-that-is-long-enough-for-it" * 2
CLAIMS = {"sub": "ada"}


def unsigned():
    return jwt.encode(CLAIMS, None, "none")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "no.token.at-all",
        jwt.encode(CLAIMS, SECRET + "x", "HS256"),
        jwt.encode(CLAIMS, SECRET, "HS512"),
        unsigned(),
        jwt.encode({"exp": 1}, SECRET, "HS256"),
        jwt.encode({"nbf": 9999999999}, SECRET, "HS256"),
    ],
)
def test_tokens_that_do_not_hold(token, guarded, call):
    """D04: unsigned, of another algorithm or key, expired, not valid yet."""
    guarded("jwtAuth", keyType="passphrase", secret=SECRET, algorithm="HS256")
    answer = call("POST", "/webhook/tides", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert not Execution.objects.exists(), NO_RUN


def test_a_public_key_is_no_passphrase(guarded, call):
    """D04: RS256 to HS256."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    guarded("jwtAuth", keyType="pemKey", publicKey=public.decode(), algorithm="RS256")

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    import hashlib
    import hmac

    text = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(CLAIMS)
    forged = (
        text
        + b"."
        + base64.urlsafe_b64encode(hmac.new(public, text, hashlib.sha256).digest()).rstrip(b"=")
    )
    head = {"authorization": f"Bearer {forged.decode()}"}
    assert call("POST", "/webhook/tides", headers=head).status_code == 401
    good = jwt.encode(CLAIMS, private, "RS256")
    answer = call("POST", "/webhook/tides", headers={"authorization": f"Bearer {good}"})
    assert answer.json()["jwtPayload"] == CLAIMS


def test_a_token_that_holds_gives_its_payload(guarded, call):
    """D04."""
    guarded("jwtAuth", keyType="passphrase", secret=SECRET, algorithm="HS256")
    token = jwt.encode(CLAIMS | {"exp": int(time.time()) + 60}, SECRET, "HS256")
    answer = call("POST", "/webhook/tides", headers={"authorization": f"Bearer {token}"})
    assert answer.json()["jwtPayload"]["sub"] == "ada"
    assert token not in newest().input_text


def test_a_webhook_without_its_credential_is_not_activated(keep):
    reference = {"httpBasicAuth": {"id": "gone", "name": "Gone"}}
    for credentials in ({}, reference):
        more = {"credentials": credentials} if credentials else {}
        workflow = keep(line(f"T{len(more)}", hook(authentication="basicAuth", **more)))
        with pytest.raises(Conflict, match="credential"):
            services.activate_workflow(workflow, by=SYSTEM)


def test_a_credential_that_was_deleted_lets_nobody_in(guarded, call):
    from workflows.models import Credential

    guarded("headerAuth", name="X-Tide", value="high-water")
    Credential.objects.all().delete()
    answer = call("POST", "/webhook/tides", headers={"x-tide": "high-water"})
    assert answer.status_code == 503


def test_addresses_that_are_listed(active, call):
    active(line("One", hook("one", options={"ipWhitelist": "203.0.113.0/24"})))
    active(line("Two", hook("two", options={"ipWhitelist": "10.0.0.1, 192.168.0.0/16"})))
    assert call("POST", "/webhook/one").status_code == 200
    assert call("POST", "/webhook/two", headers={"x-forwarded-for": "10.0.0.1"}).status_code == 403


def test_bots_are_turned_away_where_that_is_wished(active, call):
    active(line("Tides", hook(httpMethod="GET", options={"ignoreBots": True})))
    assert call("GET", "/webhook/tides", headers={"user-agent": "Slackbot 1.0"}).status_code == 403
    assert call("GET", "/webhook/tides", headers={"user-agent": "curl/8"}).status_code == 200


# -- pages of other sites --------------------------------------------------------------------------


def test_other_sites_may_ask_first(active, call):
    active(line("Tides", hook()))
    head = {"origin": "https://a.example", "access-control-request-headers": "x-tide"}
    answer = call("OPTIONS", "/webhook/tides", headers=head)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert answer.headers["access-control-allow-headers"] == "x-tide"
    assert "access-control-allow-credentials" not in answer.headers
    assert not Execution.objects.exists()


def test_only_the_sites_that_are_listed_may_read(active, call):
    active(line("Tides", hook(options={"allowedOrigins": "https://a.example, https://b.example"})))
    allowed = call("POST", "/webhook/tides", headers={"origin": "https://b.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://b.example"
    other = call("POST", "/webhook/tides", headers={"origin": "https://c.example"})
    assert "access-control-allow-origin" not in other.headers


# -- what may be sent ------------------------------------------------------------------------------


def echo(active, **options):
    code = node("Code", "code", jsCode="return $input.all()")
    active(line("Tides", hook(**LAST, options=options), code))


def test_what_looks_like_a_file_in_json_stays_data(active, call):
    """D01."""
    echo(active)
    body = {"files": {"f": {"filepath": "/etc/passwd", "originalFilename": "x", "id": "1.aa"}},
            "binary": {"data": {"id": "1." + "a" * 32, "mimeType": "text/plain"}}}  # fmt: skip
    assert call("POST", "/webhook/tides", json=body).json()["body"] == body
    for step in newest().steps():
        assert all("binary" not in item for item in step.outputs[0])


def test_a_run_cannot_be_given_another_graph(active, call):
    """D12: what is sent is data."""
    active(line("Tides", hook(**LAST), sets(a="stored")))
    body = {"nodes": [], "connections": {}, "data": {}, "start": "x", "pinData": {"Set": []}}
    assert call("POST", "/webhook/tides", json=body).json() == {"a": "stored"}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 200 + b"]" * 200, "application/json", 400),
        (b'{"a": 1e999}', "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (rb'{"\u0000": "Undefined"}', "application/json", 400),
        (rb'{"a": "\ud800"}', "application/json", 400),
        (b"\xff\xfe", "text/plain", 400),
        (b"a=%00", "application/x-www-form-urlencoded", 400),
        (b"a=1", "application/x-www-form-urlencoded; charset=utf-16", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=" + "a" * 300, 400),
    ],
)
def test_bodies_that_are_not_what_they_say(body, kind, status, active, call):
    active(line("Tides", hook()))
    answer = call("POST", "/webhook/tides", content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert not Execution.objects.exists(), NO_RUN


def test_a_long_number_is_taken_as_javascript_does(active, call):
    echo(active)
    head = {"content-type": "application/json"}
    body = b'{"a": ' + b"9" * 40 + b"}"
    answer = call("POST", "/webhook/tides", content=body, headers=head)
    assert answer.json()["body"]["a"] == float("9" * 40)


def test_bodies_that_are_too_large(active, call):
    tunables.change("webhook_body_limit", 1, by=SYSTEM)
    active(line("Tides", hook()))
    answer = call("POST", "/webhook/tides", content=b"x" * ((1 << 20) + 1))
    assert answer.status_code == 413
    assert "1 MB" in answer.json()["message"]


def test_too_many_headers(active, call):
    active(line("Tides", hook()))
    many = {f"x-{n}": "x" for n in range(120)}
    assert call("POST", "/webhook/tides", headers=many).status_code == 431


def test_null_characters_in_an_address(active, call):
    active(line("Tides", hook()))
    assert call("POST", "/webhook/ti%00des").status_code == 404
    assert call("POST", "/webhook/tides?a=%00").status_code == 400


def test_forms_and_text(active, call):
    echo(active)
    answer = call("POST", "/webhook/tides", data={"a": ["1", "2"], "b": "3"})
    assert answer.json()["body"] == {"a": ["1", "2"], "b": "3"}
    text = call("POST", "/webhook/tides", content="hello", headers={"content-type": "text/plain"})
    assert text.json()["body"] == "hello"


def test_who_is_signed_in_here_is_not_told(active, call):
    """The cookies of the pages go to no workflow."""
    echo(active)
    head = {"cookie": "sessionid=abc; theme=dark; csrftoken=def"}
    answer = call("POST", "/webhook/tides", headers=head)
    assert answer.json()["headers"]["cookie"] == "theme=dark"
    assert "set-cookie" not in answer.headers


# -- D06: files ------------------------------------------------------------------------------------

NAMES = ["../../x", "..\\..\\x", "/etc/cron.d/x", "x" * 900 + ".txt", "CON", ".hidden", ""]


@pytest.mark.parametrize("name", NAMES)
def test_files_lie_under_names_of_our_own(name, active, call, work, settings, tmp_path):
    """D06: whatever they are called."""
    settings.VAR = tmp_path
    active(line("Tides", hook()))
    files = {"file": (name or "-", b"some bytes", "text/plain")}
    assert call("POST", "/webhook/tides", files=files, data={"note": "n"}).status_code == 200
    done = work(newest())
    (first,) = done.steps()
    item = first.outputs[0][0]
    assert item["json"]["body"] == {"note": "n"}
    record = item["binary"]["file"]
    assert len(record.get("fileName", "")) <= 200
    assert "/" not in record.get("fileName", "")
    assert "\\" not in record.get("fileName", "")
    title, file = services.open_file(done, "Webhook", run=0, output=0, item=0, name="file")
    with file:
        assert file.read() == b"some bytes"
    folder = settings.VAR / "binary" / f"team-{done.team_id}"
    assert {one.name for one in folder.iterdir()} == {str(done.pk)}
    (kept,) = (folder / str(done.pk)).iterdir()
    assert len(kept.name) == 32


def test_a_name_without_end_is_refused(active, call):
    """D06."""
    active(line("Tides", hook()))
    files = {"file": ("x" * 5000, b"some bytes", "text/plain")}
    assert call("POST", "/webhook/tides", files=files).status_code == 400
    assert not Execution.objects.exists(), NO_RUN


def test_several_files_and_names_of_files(active, call, work):
    active(line("Tides", hook(options={"binaryPropertyName": "upload"})))
    files = [("a", ("1.txt", b"1", "text/plain")), ("b", ("2.txt", b"2", "text/plain"))]
    call("POST", "/webhook/tides", files=files)
    (first,) = work(newest()).steps()
    assert list(first.outputs[0][0]["binary"]) == ["upload0", "upload1"]


def test_a_body_that_is_no_text_is_a_file(active, call, work):
    active(line("Tides", hook()))
    head = {"content-type": "image/png"}
    call("POST", "/webhook/tides", content=b"\x89PNG", headers=head)
    (first,) = work(newest()).steps()
    assert first.outputs[0][0]["binary"]["data"]["mimeType"] == "image/png"
    assert first.outputs[0][0]["json"]["body"] == {}


def test_the_body_as_it_came(active, call, work):
    active(line("Tides", hook(options={"rawBody": True})))
    raw = b'{ "a" :  1 }'
    head = {"content-type": "application/json"}
    call("POST", "/webhook/tides", content=raw, headers=head)
    done = work(newest())
    _, file = services.open_file(done, "Webhook", run=0, output=0, item=0, name="data")
    with file:
        assert file.read() == raw


# -- D09: what is served ---------------------------------------------------------------------------


def served(answer):
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/xhtml+xml"])
def test_files_that_could_be_pages_are_downloaded(kind, active, calls):
    """D09."""
    answering = node("Respond", "respondToWebhook", respondWith="binary")
    active(line("Tides", hook(responseMode="responseNode"), answering))
    files = {"file": ("evil.html", b"<script>alert(1)</script>", kind)}
    (answer,) = calls([("POST", "/webhook/tides", {"files": files})])
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-disposition"] == "attachment"
    served(answer)


def test_pages_of_workflows_are_shut_in(active, call):
    """D09: neither headers of the workflow nor its words lead out of the sandbox."""
    evil = [
        ("Content-Security-Policy", "default-src *"), ("Set-Cookie", "sessionid=x"),
        ("X-Content-Type-Options", "none"), ("Clear-Site-Data", "*"), ("X-Fine", "yes"),
    ]  # fmt: skip
    headers = {"entries": [{"name": name, "value": value} for name, value in evil]}
    page = {"respondWith": "text", "responseBody": "<script>1</script>"}
    respond = node("Respond", "respondToWebhook", **page, options={"responseHeaders": headers})
    active(line("Tides", hook(responseMode="responseNode"), respond))
    answer = call("POST", "/webhook/tides")
    served(answer)
    assert answer.headers["x-fine"] == "yes"
    assert "set-cookie" not in answer.headers
    assert "clear-site-data" not in answer.headers


def test_no_answer_is_split(active, call):
    """D09: a header cannot bring another one along."""
    bad = {"entries": [{"name": "X-Tide", "value": "={{ 'a\\r\\nSet-Cookie: b=c' }}"}]}
    respond = node("Respond", "respondToWebhook", respondWith="noData",
                   options={"responseHeaders": bad})  # fmt: skip
    active(line("Tides", hook(responseMode="responseNode"), respond))
    assert call("POST", "/webhook/tides").status_code == 500
    assert "X-Tide" in newest().error


def test_refusals_are_shut_in_too(call, db):
    served(call("POST", "/webhook/<script>alert(1)</script>"))
