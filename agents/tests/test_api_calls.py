"""The API of calls: ask, wait, stream, look, stop."""

import itertools
import json
from types import SimpleNamespace

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.utils import timezone

from agents.api.calls import _may_still_read
from agents.models import Call
from agents.services import calls, carrying
from tests.samples import TOOL
from whoosh_site.core.models import Membership


@pytest.fixture
def api(people, with_key, client):
    """Send a request as somebody: `api("member", "post", "calls/", {"prompt": "hello"})`."""
    clients = {"nobody": client}

    def sent(who, method, path="calls/", body=None, **more):
        if who not in clients:
            clients[who] = with_key(getattr(people, who))
        given = {} if method == "get" else {"content_type": "application/json"}
        return getattr(clients[who], method)(f"/api/v1/{path}", body, **given, **more)

    return sent


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host)


@pytest.fixture
def working(carry, monkeypatch):
    """While somebody waits for a call, the runner works, and that takes a second."""
    moments = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(moments), sleep=lambda seconds: carry("call"))
    monkeypatch.setattr(calls, "time", clock)


def titles(answer):
    return [row["title"] for row in answer.json()["results"]]


def test_a_field_that_does_not_exist_is_an_error_that_names_those_that_do(oak, api):
    for body, name in (({"modle": "x"}, "modle"), ({"messages": [{"rolle": "user"}]}, "messages")):
        answer = api("member", "post", body={"prompt": "hello"} | body)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert list(error["details"]) == [name]
        assert "No such field. There are: " in json.dumps(error)
    assert not Call.objects.exists()


@pytest.mark.parametrize("options", [{"tools": 5}, {"tools": [5]}, {"think": "much"}, {"think": 1}])
def test_options_that_make_no_sense_are_refused(oak, api, options):
    answer = api("member", "post", body={"prompt": "hello", "options": options})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(f"options.{next(iter(options))}: must be ")


def test_a_conversation_with_tools_reaches_the_host_whole(oak, host, api, carry):
    call = {"id": "c1", "name": "weather", "arguments": {"city": "Ulm"}}
    messages = [
        {"role": "user", "content": "use a tool"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "sun", "tool_name": "weather", "tool_call_id": "c1"},
    ]
    body = {"messages": messages, "options": {"tools": [TOOL]}, "agent": "oak"}
    number = api("member", "post", body=body).json()["id"]
    carry()
    found = api("member", "get", f"calls/{number}/").json()
    assert (found["answer"], found["state"]) == ("The tool said: sun", "success")


# -- asking ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [("admin", 202), ("owner", 202), ("member", 202), ("viewer", 403), ("nobody", 401)],
)
def test_editors_ask(oak, api, who, status):
    assert api(who, "post", body={"prompt": "hello"}).status_code == status
    assert Call.objects.count() == (status == 202)


def test_a_call_is_accepted_with_the_place_to_look_at_it(oak, api, people):
    answer = api("member", "post", body={"prompt": "hello"})
    found = answer.json()
    assert (found["state"], found["source"], found["created_by"]) == ("queued", "api", "member")
    assert answer.headers["Location"] == f"/api/v1/calls/{found['id']}/"
    assert api("viewer", "get", f"calls/{found['id']}/").json() == found
    call = Call.objects.get()
    assert (call.team, call.streams, call.api_key.user) == (people.ours, False, people.member)


def test_who_waits_gets_the_answer_and_all_figures(oak, api, working):
    answer = api("member", "post", body={"prompt": "how are you", "wait": 30, "model": "tiny:1b"})
    found = answer.json()
    assert (answer.status_code, found["state"]) == (200, "success")
    assert (found["answer"], found["agent"], found["model"]) == (
        "You said: how are you",
        "oak",
        "tiny:1b",
    )
    assert found["reason"].startswith("oak: the only one that fits")
    assert found["decision"][0]["parts"]
    assert (found["prompt_tokens"], found["answer_tokens"], found["attempt"]) == (3, 5, 1)
    assert found["messages"] == [{"role": "user", "content": "how are you"}]
    assert None not in [found[name] for name in ("tps", "wait_ms", "load_ms", "total_ms")]


def test_who_waits_in_vain_gets_the_call_as_it_is(api, working, people):
    answer = api("member", "post", body={"prompt": "hello", "wait": 3})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert answer.json()["trouble"] == "waits for an agent: none is registered"


def test_a_conversation_is_asked_whole(oak, api, working, host):
    messages = [
        {"role": "system", "content": " be kind "},
        {"role": "user", "content": "look", "images": ["iVBORw0KGgo="]},
    ]
    body = {"messages": messages, "options": {"seed": 7}, "schema": {"type": "object"}, "wait": 9}
    assert api("member", "post", body=body).json()["state"] == "success"
    sent = json.loads(next(s.body for s in host.requests if s.path == "/api/chat"))
    assert sent["messages"] == messages
    assert (sent["options"], sent["format"]) == ({"seed": 7}, {"type": "object"})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "Give either prompt or messages."),
        ({"prompt": "a", "messages": []}, "Give either prompt or messages."),
        ({"messages": []}, "prompt: "),
        ({"prompt": ""}, "prompt: This field may not be blank."),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages: "),
        ({"messages": [{"role": "user", "content": "a", "images": ["x"] * 17}]}, "messages: "),
        ({"prompt": "a", "wait": 301}, "wait: "),
        ({"prompt": "a", "wait": -1}, "wait: "),
        ({"prompt": "a", "options": []}, "options: "),
        ({"prompt": "a", "schema": "json"}, "schema: "),
        ({"prompt": "a", "team": "Others"}, "team: "),
        ({"prompt": "a", "team": "Nobody"}, "team: "),
    ],
)
def test_what_does_not_fit_is_named(api, people, body, words):
    answer = api("member", "post", body=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_input")
    assert words in answer.json()["error"]["message"]
    assert not Call.objects.exists()


def test_an_unknown_name_is_answered_with_those_that_exist(oak, api):
    answer = api("member", "post", body={"prompt": "hello", "agent": "ash"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "unknown_name")
    assert error["message"] == "agent: no agent is called 'ash'. There are: oak."
    assert error["details"] == {"existing": ["oak"]}


def test_the_team_is_the_first_of_ones_own_unless_named(oak, api, people):
    Membership.objects.create(team=people.theirs, user=people.member, role="editor")
    api("member", "post", body={"prompt": "a"})
    api("member", "post", body={"prompt": "b", "team": "Others"})
    assert dict(Call.objects.values_list("title", "team__name")) == {"a": "Main", "b": "Others"}


def test_the_same_idempotency_key_asks_once(oak, api, working):
    headers = {"Idempotency-Key": "once"}
    first = api("member", "post", body={"prompt": "hello"}, headers=headers)
    again = api("member", "post", body={"prompt": "hello"}, headers=headers)
    assert (first.json()["id"], again.json()["id"]) == (Call.objects.get().pk,) * 2
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    other = api("member", "post", body={"prompt": "other"}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")
    # Another person's key of the same name is another key.
    assert api("owner", "post", body={"prompt": "other"}, headers=headers).status_code == 202


def test_a_refused_question_leaves_its_idempotency_key_free(oak, api):
    headers = {"Idempotency-Key": "once"}
    assert api("member", "post", body={"prompt": ""}, headers=headers).status_code == 400
    bad = api("member", "post", body={"prompt": "a", "model": "big"}, headers=headers)
    assert bad.status_code == 404
    assert api("member", "post", body={"prompt": "a"}, headers=headers).status_code == 202
    long = {"Idempotency-Key": "x" * 201}
    assert api("member", "post", body={"prompt": "a"}, headers=long).status_code == 400


def test_a_call_without_an_answer_is_told_as_an_event_to_who_reads_events_only(oak, api):
    events = {"headers": {"Accept": "text/event-stream"}}
    accepted = api("member", "post", body={"prompt": "hello"}, **events)
    assert accepted.status_code == 202
    assert accepted.content.decode().startswith('event: call\ndata: {"id": ')
    refused = api("member", "post", body={"prompt": "hello", "agent": "ash"}, **events)
    assert (refused.status_code, refused["Content-Type"]) == (
        404,
        "text/event-stream; charset=utf-8",
    )
    assert refused.content.decode().startswith('event: error\ndata: {"error": ')


def test_a_call_whose_process_died_thrice_says_so_and_when_it_ended(oak, api, carry, monkeypatch):
    def broken(*_):
        raise RuntimeError("what a surprise")

    monkeypatch.setattr(carrying, "Answer", broken)
    number = api("member", "post", body={"prompt": "hello"}).json()["id"]
    for _ in range(3):
        Call.objects.update(due_at=timezone.now())
        carry()
    found = api("member", "get", f"calls/{number}/").json()
    assert (found["state"], found["error_code"]) == ("quarantined", "quarantined")
    assert found["error"] == "RuntimeError: what a surprise"
    assert found["finished_at"]


@pytest.mark.parametrize("how", ["key", "session", "role", "switch"])
def test_who_lost_the_right_to_read_is_found_out(oak, api, people, with_key, rf, how):
    number = api("member", "post", body={"prompt": "hello"}).json()["id"]
    request = rf.get("/")
    SessionMiddleware(lambda _: None).process_request(request)
    request.session.save()
    request.user, request.auth = people.member, None
    if how == "key":
        with_key(people.member)
        request.auth = people.member.api_keys.latest("pk")
    assert _may_still_read(request, number)
    losses = {
        "key": lambda: people.member.api_keys.all().delete(),
        "session": request.session.flush,
        "role": lambda: Membership.objects.filter(user=people.member).delete(),
        "switch": lambda: type(people.member).objects.update(is_active=False),
    }
    losses[how]()
    assert not _may_still_read(request, number)


# -- streaming ---------------------------------------------------------------------------------


def test_a_stream_brings_the_pieces_and_then_the_whole_call(oak, api, carry, inside, hub):
    asking = {"body": {"prompt": "one two", "stream": True}, "headers": {"Idempotency-Key": "a"}}
    api("member", "post", **asking)
    assert Call.objects.get().streams
    carry("call")
    # Who comes back with the same key hears the same call from its beginning.
    answer = api("member", "post", **asking)
    assert answer.headers["Content-Type"] == "text/event-stream"

    async def listen():
        return [part.decode().split("\n") async for part in answer.streaming_content]

    events = inside(listen())
    names = [event[0].removeprefix("event: ") for event in events]
    data = [json.loads(event[1].removeprefix("data: ")) for event in events]
    assert (names[0], set(names[1:-1]), names[-1]) == ("call", {"piece"}, "end")
    assert "".join(piece["text"] for piece in data[1:-1]) == "You said: one two"
    assert (data[-1]["state"], data[-1]["answer"]) == ("success", "You said: one two")
    assert data[-1]["id"] == data[0]["id"] == Call.objects.get().pk


# -- looking -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [("admin", 200), ("owner", 200), ("member", 200), ("viewer", 200), ("stranger", 404),
     ("nobody", 401)],
)  # fmt: skip
def test_a_call_is_seen_by_those_of_its_team(api, record, who, status):
    (call,) = record()
    assert api(who, "get", f"calls/{call.pk}/").status_code == status
    listed = api(who, "get")
    if status == 401:
        assert listed.status_code == 401
    else:
        assert titles(listed) == (["Why?"] if status == 200 else [])


def test_lists_leave_the_texts_out(api, record):
    record()
    (row,) = api("viewer", "get").json()["results"]
    assert set(Call.TEXTS) & set(row) == set()
    assert {"id", "state", "agent", "model", "tps", "title", "error"} < set(row)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=error", {"bad"}),
        ("source=page", {"page"}),
        ("agent=oak", {"bad"}),
        ("model=tiny:1b", {"page"}),
        ("created_by=owner", {"page"}),
        ("since=2026-01-02T00:00:00Z", {"bad", "page"}),
        ("since=2026-01-02T00:00:00Z&state=error", {"bad"}),
        ("agent=nobody", set()),
    ],
)
def test_lists_are_filtered(api, record, people, query, found):
    record(created_at=timezone.datetime(2026, 1, 1, tzinfo=timezone.get_default_timezone()))
    bad = record(state="error", agent_name="oak")[0]
    page = record(source="page", model_name="tiny:1b", created_by=people.owner)[0]
    Call.objects.filter(pk=bad.pk).update(title="bad")
    Call.objects.filter(pk=page.pk).update(title="page")
    assert set(titles(api("viewer", "get", f"calls/?{query}"))) == found


def test_a_state_that_is_none_is_an_error(api, people):
    answer = api("viewer", "get", "calls/?state=lost")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_input")


def test_pages_lead_from_the_newest_to_the_oldest_and_back(api, record):
    for number in range(5):
        record(title=f"q{number}")
    first = api("viewer", "get", "calls/?limit=2").json()
    second = api("viewer", "get", first["next"].partition("/api/v1/")[2]).json()
    assert [row["title"] for row in first["results"]] == ["q4", "q3"]
    record(3)  # what is new moves nothing
    assert [row["title"] for row in second["results"]] == ["q2", "q1"]
    back = api("viewer", "get", second["previous"].partition("/api/v1/")[2]).json()
    assert [row["title"] for row in back["results"]] == ["q4", "q3"]


def test_a_list_costs_the_same_for_three_as_for_thirty(api, record, costs_the_same):
    record(3)
    answer = costs_the_same(lambda: api("viewer", "get"), lambda: record(27), most=8)
    assert len(titles(answer)) == 30


# -- stopping ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"), [("member", 200), ("viewer", 403), ("stranger", 404), ("nobody", 401)]
)
def test_editors_stop_a_call(api, record, who, status):
    (call,) = record(state="queued")
    answer = api(who, "post", f"calls/{call.pk}/cancel/")
    call.refresh_from_db()
    assert answer.status_code == status
    assert call.state == ("canceled" if status == 200 else "queued")
    assert status != 200 or answer.json()["state"] == "canceled"


def test_stopping_what_has_ended_changes_nothing(api, record):
    (call,) = record(state="success")
    answer = api("member", "post", f"calls/{call.pk}/cancel/")
    assert (answer.status_code, answer.json()["state"]) == (200, "success")


def test_calls_are_neither_changed_nor_deleted(api, record):
    (call,) = record()
    for method in ("put", "patch", "delete"):
        assert api("admin", method, f"calls/{call.pk}/", {}).status_code == 405
