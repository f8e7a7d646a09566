"""Hosts that join by themselves: tokens, requests, decisions."""

import copy
import html
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents import services
from agents.models import Agent, JoinRequest, JoinToken
from agents.services import joining
from tests.fake_agent import FakeHost, running
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import Conflict, Forbidden
from whoosh_site.core.models import AuditEntry, Notice

DOOR = "/api/v1/agents/join/"
WRONG = "This join token is unknown, expired or revoked."
NEAR, FAR = "127.0.0.1", "192.168.1.27"


@pytest.fixture
def token(people):
    """A token of the team `ours` and its text."""
    return services.make_join_token(by=SYSTEM, team=people.ours, name="rack", most_uses=3)


@pytest.fixture
def ask(token):
    """Ask to join as a host does: `ask(name="elm")`; from another machine unless told."""

    def asked(*, text=token[1], sender=FAR, **said):
        headers = {"authorization": f"Bearer {text}"}
        client = Client(headers=headers, REMOTE_ADDR=sender)
        return client.post(DOOR, {"name": "elm"} | said, content_type="application/json")

    return asked


@pytest.fixture
def waiting(ask, host):
    """The request of a fake host on this machine."""
    assert ask(endpoint=host.url, sender=NEAR).status_code == 202
    return JoinRequest.objects.get()


@pytest.fixture
def api(people, with_key):
    """Send JSON as the administrator: `api("post", "join-tokens/", {...})`."""
    client = with_key(people.admin)

    def sent(method, path, body=None):
        call = getattr(client, method)
        return call(f"/api/v1/{path}", body, content_type="application/json")

    return sent


def message(answer):
    return answer.json()["error"]["message"]


# -- asking ------------------------------------------------------------------------------------


def test_a_host_that_asks_waits_for_an_administrator(ask, people, token):
    said = {"endpoint": "http://elm.lan:8080", "protocol": "openai", "slots": 4}
    answer = ask(**said, capabilities=["law"], tags=["rack 2"])
    row = JoinRequest.objects.get()
    assert (answer.status_code, answer.json()["state"], answer.json()["id"]) == (
        202, "waiting", row.pk,
    )  # fmt: skip
    assert (row.name, row.endpoint, row.protocol, row.slots) == ("elm", *said.values())
    assert (row.team, row.token, row.address) == (people.ours, token[0], FAR)
    assert (row.capabilities, row.tags, row.allow_local) == (["law"], ["rack 2"], False)
    assert not Agent.objects.exists()


def test_asking_stands_in_the_trail_and_wakes_the_pages(ask, people, token):
    ask()
    line = AuditEntry.objects.latest("number")
    assert (line.actor, line.action) == (f"join token {token[0].prefix}", "asked to join")
    assert line.details["from"] == FAR
    assert Notice.objects.filter(topic=f"agents@{people.ours.pk}").exists()


@pytest.mark.parametrize(
    ("sender", "said", "endpoint"),
    [
        (FAR, {}, "http://192.168.1.27:11434"),
        (FAR, {"port": 8080}, "http://192.168.1.27:8080"),
        ("fd12::1", {}, "http://[fd12::1]:11434"),
        ("::ffff:192.168.1.27", {}, "http://192.168.1.27:11434"),
        (NEAR, {"port": 1234}, "http://127.0.0.1:1234"),
    ],
)
def test_without_an_endpoint_the_senders_address_is_meant(sender, said, endpoint, ask):
    assert ask(sender=sender, **said).json()["endpoint"] == endpoint


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"name": "no name"}, "name: Use letters"),
        ({"name": ""}, "name: "),
        ({"name": "x" * 81}, "name: "),
        ({"endpoint": "elm.lan:80"}, "endpoint: 'elm.lan:80' is not like"),
        ({"endpoint": "ftp://elm.lan"}, "endpoint: "),
        ({"endpoint": "http://ada:pw@elm.lan"}, "endpoint: leave out user"),
        ({"endpoint": "http://elm.lan/?x=1"}, "endpoint: leave out"),
        ({"endpoint": "http://" + "x" * 400}, "endpoint: "),
        ({"endpoint": "http://[::1"}, "endpoint: "),
        ({"endpoint": "http://169.254.169.254"}, "endpoint: give the address under which"),
        ({"endpoint": "http://169.254.7.7"}, "endpoint: give the address under which"),
        ({"endpoint": "http://127.0.0.1:5432"}, "endpoint: give the address under which"),
        ({"endpoint": "http://localhost:5432"}, "endpoint: give the address under which"),
        ({"endpoint": "http://[::ffff:127.0.0.1]:1"}, "endpoint: give the address under which"),
        ({"endpoint": "http://elm.lan", "port": 80}, "port: write it into the endpoint"),
        ({"port": 0}, "port: "),
        ({"port": 70000}, "port: "),
        ({"slots": 0}, "slots: "),
        ({"slots": 1001}, "slots: "),
        ({"protocol": "smtp"}, "protocol: "),
        ({"capabilities": ["no name"]}, "capabilities: "),
        ({"capabilities": ["x"] * 51}, "capabilities: "),
        ({"tags": ["x" * 201]}, "tags: "),
        ({"team": "Others"}, "team: No such field"),
        ({"allow_local": True}, "allow_local: No such field"),
        ({"api_key": "s3cret"}, "api_key: No such field"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_field_named(said, why, ask, token):
    answer = ask(**said)
    assert answer.status_code == 400
    assert message(answer).startswith(why)
    assert not JoinRequest.objects.exists()
    token[0].refresh_from_db()
    assert token[0].uses == 0


def test_who_asks_from_elsewhere_does_not_mean_this_machine(ask):
    assert ask(endpoint="http://127.0.0.1:80").status_code == 400
    assert ask(endpoint="http://127.0.0.1:80", sender=NEAR).status_code == 202
    assert JoinRequest.objects.get().allow_local


def test_asking_again_is_the_same_request_and_costs_no_use(ask, token):
    first, second = ask(), ask(slots=9, tags=["new"])
    assert (first.json(), first.status_code) == (second.json(), second.status_code)
    row = JoinRequest.objects.get()
    assert (row.slots, row.tags) == (None, [])  # what an administrator looks at stays
    token[0].refresh_from_db()
    assert token[0].uses == 1


def test_the_same_asked_at_the_same_time_is_one_request(ask, token, monkeypatch):
    monkeypatch.setattr(joining, "_validated", lambda row: copy.copy(row).save())
    assert ask().status_code == 202
    token[0].refresh_from_db()
    assert (JoinRequest.objects.count(), token[0].uses) == (1, 0)


def test_a_host_that_asks_all_the_time_is_slowed_down(ask, token):
    tunables.change("api_rate_limit", 2, by=SYSTEM)
    assert [ask().status_code for _ in range(3)] == [202, 202, 429]


def test_a_token_lets_as_many_hosts_ask_as_it_says(ask):
    for number in range(3):
        assert ask(name=f"elm-{number}").status_code == 202
    answer = ask(name="one-too-many")
    assert (answer.status_code, "used up" in message(answer)) == (403, True)
    assert ask(name="elm-0").status_code == 202
    assert JoinRequest.objects.count() == 3


def test_a_wrong_an_expired_and_a_revoked_token_are_told_alike(ask, token):
    row, text = token
    mark, prefix, secret = text.split("_", 2)
    answers = [ask(text=wrong) for wrong in ("x", f"{mark}_{prefix}_x", f"{mark}_0_{secret}", "")]
    JoinToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answers.append(ask())
    services.revoke_join_token(row, by=SYSTEM)
    answers.append(ask())
    assert {(a.status_code, message(a)) for a in answers} == {(401, WRONG)}
    assert {a["WWW-Authenticate"] for a in answers} == {"Bearer"}
    assert not JoinRequest.objects.exists()


def test_without_a_token_nobody_asks(db, client):
    for headers in ({}, {"authorization": "Basic eDp5"}, {"x-api-key": "x"}):
        answer = client.post(DOOR, {"name": "elm"}, "application/json", headers=headers)
        assert answer.status_code == 401


# -- deciding ----------------------------------------------------------------------------------


def test_nothing_is_sent_to_a_host_before_it_is_approved(waiting, host):
    assert host.requests == []


def test_an_approved_host_becomes_an_agent_with_what_it_said(ask, people, check):
    with running(FakeHost("llamacpp", pace=0)) as host:
        ask(endpoint=host.url, sender=NEAR, capabilities=["law"], tags=["rack 2"])
        row = JoinRequest.objects.get()
        agent = services.approve_join(row, by=Actor(people.admin))
        assert check(agent).status == "online"
    row.refresh_from_db()
    assert (row.state, row.agent, row.decided_by) == ("approved", agent, people.admin)
    assert (agent.name, agent.team, agent.slots, agent.tags) == ("elm", people.ours, 4, ["rack 2"])
    assert [c.capability.name for c in agent.capabilities.all()] == ["law"]
    assert ask(endpoint=host.url, sender=NEAR).json()["state"] == "approved"
    actions = AuditEntry.objects.order_by("number").values_list("action", flat=True)
    assert list(actions)[-3:] == ["registered", "set capabilities of", "approved"]


def test_what_a_host_says_of_its_slots_counts_more_than_what_it_tells(ask, people):
    with running(FakeHost("llamacpp", pace=0)) as host:
        ask(endpoint=host.url, sender=NEAR, slots=2)
        agent = services.approve_join(JoinRequest.objects.get(), by=Actor(people.admin))
    assert agent.slots == 2


def test_what_keeps_a_host_out_is_told_on_its_row_and_it_goes_on_waiting(api, waiting, host):
    host.down()
    answer = api("post", f"join-requests/{waiting.pk}/approve/")
    assert answer.status_code == 400
    assert message(answer).startswith("endpoint: ")
    row = api("get", f"join-requests/{waiting.pk}/").json()
    assert (row["state"], "connection refused" in row["trouble"]) == ("waiting", True)
    host.up()
    assert api("post", f"join-requests/{waiting.pk}/approve/").json()["trouble"] == ""


def test_a_name_that_is_taken_approves_nothing(api, waiting, make_agent):
    make_agent("elm")
    answer = api("post", f"join-requests/{waiting.pk}/approve/")
    assert (answer.status_code, "called elm already" in message(answer)) == (409, True)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.decided_by) == ("waiting", None)
    assert "called elm already" in waiting.trouble


def test_a_whoosh_is_not_let_in(api, waiting, host):
    alive = {"status": "ok", "service": "whoosh"}
    host.faults.add("status", status=200, body=alive, paths=("/healthz",))
    assert "is a WHOOSH itself" in message(api("post", f"join-requests/{waiting.pk}/approve/"))


def test_a_host_that_wants_a_key_is_approved_with_it(api, waiting, host):
    host.settings.key = "s3cret"
    url = f"join-requests/{waiting.pk}/approve/"
    assert "wants another key" in message(api("post", url))
    assert api("post", url, {"api_key": "s3cret"}).json()["agent"] == "elm"
    assert Agent.objects.get().api_key.reveal() == "s3cret"


def test_a_rejected_host_stays_out_and_is_told_when_it_asks_again(api, waiting, ask, host):
    answer = api("post", f"join-requests/{waiting.pk}/reject/")
    assert (answer.json()["state"], answer.json()["decided_by"]) == ("rejected", "admin")
    again = ask(endpoint=host.url, sender=NEAR)
    assert (again.status_code, again.json()["state"]) == (200, "rejected")
    assert (JoinRequest.objects.count(), host.requests) == (1, [])


def test_what_was_decided_is_not_decided_again(waiting, people, host):
    services.reject_join(waiting, by=Actor(people.admin))
    stale = JoinRequest(**{f.attname: getattr(waiting, f.attname) for f in waiting._meta.fields})
    for decide in (services.approve_join, services.reject_join):
        with pytest.raises(Conflict, match="was decided already"):
            decide(stale, by=Actor(people.admin))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.trouble) == ("rejected", "")
    assert not Agent.objects.exists()


@pytest.mark.parametrize("who", ["owner", "member", "viewer", "stranger"])
def test_only_administrators_decide(who, waiting, people, host):
    for decide in (services.approve_join, services.reject_join):
        with pytest.raises(Forbidden):
            decide(waiting, by=Actor(getattr(people, who)))
    assert host.requests == []


# -- tokens ------------------------------------------------------------------------------------


def test_a_tokens_text_is_in_the_answer_that_made_it_only(api, people):
    made = api("post", "join-tokens/", {"name": "rack", "most_uses": 5, "expires_in_days": 2})
    token = made.json()
    assert (made.status_code, token["team"], token["uses"]) == (201, people.ours.name, 0)
    assert token["token"].startswith(f"whooshjoin_{token['prefix']}_")
    later = api("get", f"join-tokens/{token['id']}/")
    assert later.json()["token"] is None
    assert token["token"] not in api("get", "join-tokens/").content.decode()
    assert AuditEntry.objects.latest("number").details == {"days": 2, "most_uses": 5}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x", "most_uses": 0}, "most_uses"),
        ({"name": "x", "most_uses": 1001}, "most_uses"),
        ({"name": "x", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "expires_in_days": 366}, "expires_in_days"),
        ({"name": "x", "team": "Nobody"}, "team"),
        ({"name": "x", "digest": "0"}, "digest"),
    ],
)
def test_a_token_that_cannot_be_made_names_the_field(body, field, api):
    answer = api("post", "join-tokens/", body)
    assert (answer.status_code, message(answer).split(":")[0]) == (400, field)
    assert not JoinToken.objects.exists()


def test_a_revoked_token_leaves_what_was_asked_with_it(api, waiting, token):
    assert api("delete", f"join-tokens/{token[0].pk}/").status_code == 204
    row = api("get", f"join-requests/{waiting.pk}/").json()
    assert (row["state"], row["token"]) == ("waiting", None)


# -- the administration ------------------------------------------------------------------------


@pytest.fixture
def admin(people, sign_in):
    """The browser of an administrator."""
    return sign_in(people.admin)


def read(answer):
    return html.unescape(answer.content.decode())


def test_the_administration_makes_a_token_and_shows_it_once(admin, people):
    url = "/admin/agents/jointoken/"
    assert admin.get(f"{url}add/").context["adminform"].form["days"].value() == 7
    body = {"name": "rack", "team": people.theirs.pk, "most_uses": 4, "days": 3}
    shown = read(admin.post(f"{url}add/", body, follow=True))
    token = JoinToken.objects.get()
    assert (token.name, token.team, token.most_uses) == ("rack", people.theirs, 4)
    text = shown.partition("<code>")[2].partition("</code>")[0]
    assert JoinToken.find(text) == token
    for page in (admin.get(url), admin.get(f"{url}{token.pk}/change/")):
        assert page.status_code == 200
        assert text not in read(page)
    assert AuditEntry.objects.filter(target_type="agents.JoinToken").count() == 1


def test_a_form_for_a_token_says_what_does_not_fit(admin, people):
    body = {"name": "rack", "team": people.ours.pk, "most_uses": 1001, "days": 0}
    errors = admin.post("/admin/agents/jointoken/add/", body).context["adminform"].form.errors
    assert set(errors) == {"most_uses", "days"}


def test_deleting_a_token_in_the_administration_revokes_it(admin, token):
    admin.post(f"/admin/agents/jointoken/{token[0].pk}/delete/", {"post": "yes"})
    assert JoinToken.find(token[1]) is None
    line = AuditEntry.objects.latest("number")
    assert (line.action, line.target) == ("revoked", str(token[0]))


def test_the_administration_approves_and_rejects(admin, waiting, ask, host):
    ask(name="ash")
    url, rows = (
        "/admin/agents/joinrequest/",
        {row.name: row.pk for row in JoinRequest.objects.all()},
    )
    assert f"{host.url} (this machine)" in read(admin.get(f"{url}?state__exact=waiting"))
    for action, name, said in (("reject", "ash", "was turned away"), ("approve", "elm", "is an")):
        body = {"action": action, "_selected_action": rows[name], "index": 0}
        assert f"{name} {said}" in read(admin.post(url, body, follow=True))
    assert Agent.objects.get().name == "elm"
    assert {row.name: row.state for row in JoinRequest.objects.all()} == {
        "ash": "rejected", "elm": "approved",
    }  # fmt: skip


def test_the_administration_shows_why_a_host_cannot_be_approved(admin, waiting, host):
    host.down()
    url, body = "/admin/agents/joinrequest/", {"action": "approve", "index": 0}
    answer = admin.post(url, body | {"_selected_action": waiting.pk}, follow=True)
    assert read(answer).count("connection refused") == 2  # the message, and the row
    assert admin.get(f"{url}{waiting.pk}/change/").status_code == 200


def test_a_deleted_record_lets_a_host_ask_anew(admin, waiting, ask, people, host):
    services.reject_join(waiting, by=Actor(people.admin))
    admin.post(f"/admin/agents/joinrequest/{waiting.pk}/delete/", {"post": "yes"})
    assert ask(endpoint=host.url, sender=NEAR).status_code == 202


def test_administrators_are_told_on_the_dashboard(page, waiting, people):
    assert "1 host waits for your approval." in page("admin", "/panels/problems/")
    assert "approval" not in page("owner", "/panels/problems/")
    services.reject_join(waiting, by=Actor(people.admin))
    assert "approval" not in page("admin", "/panels/problems/")
