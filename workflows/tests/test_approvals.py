"""Approvals: a run waits for a person, and goes on by exactly one decision."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import Conflict, Forbidden
from whoosh_site.core.models import AuditEntry
from workflows import services
from workflows.models import Approval, Execution
from workflows.tasks import expire_approvals
from workflows.tests.conftest import code, node, written

HERE = "/api/v1/approvals/"
ITEMS = "return [{json: {bed: 'north'}}, {json: {bed: 'south'}}]"


@pytest.fixture
def asked(keep, start, work, people):
    """Start a run that asks: `asked(deciders="owners")` gives the open question."""

    def waits(*, by=None, **parameters):
        parameters.setdefault("question", "={{ 'Water ' + $json.bed + '?' }}")
        every = [
            node("Start", "manualTrigger"),
            code("Beds", ITEMS),
            {**node("Ask", "x", **parameters), "type": "whoosh.waitForApproval"},
            node("Yes", "noOp"),
            node("No", "noOp"),
        ]

        def to(name):
            return [{"node": name, "type": "main", "index": 0}]

        links = {
            "Start": {"main": [to("Beds")]},
            "Beds": {"main": [to("Ask")]},
            "Ask": {"main": [to("Yes"), to("No")]},
        }
        workflow = keep(written("Garden", *every, connections=links))
        done = work(start(workflow, by=by or people.owner))
        assert done.state == "waiting", done.error
        return Approval.objects.get(execution=done)

    return waits


def decide(approval, who, approve=True, **more):
    more.setdefault("digest", approval.digest)
    return services.decide_approval(approval, approve, by=Actor(who), **more)


def ran(work, approval):
    done = work(Execution.objects.get(pk=approval.execution_id))
    return done, [one["name"] for one in done.nodes]


def test_a_run_goes_on_by_the_decision_with_who_and_why(asked, people, work):
    approval = asked()
    assert (approval.question, approval.requester, approval.is_open) == (
        "Water north?", people.owner, True,
    )  # fmt: skip
    assert json.loads(approval.data) == [{"bed": "north"}, {"bed": "south"}]
    decide(approval, people.member, comment="It rains.", approve=False)
    done, names = ran(work, approval)
    assert (done.state, names) == ("success", ["Start", "Beds", "Ask", "No"])
    (first, _) = services.find_step(done, "No").outputs[0]
    told = first["json"]["approval"]
    assert (told["decision"], told["by"], told["comment"]) == ("rejected", "member", "It rains.")
    assert AuditEntry.objects.filter(action="rejected").count() == 1


def test_approved_items_go_on_by_the_first_output(asked, people, work):
    approval = asked()
    decide(approval, people.member)
    assert ran(work, approval)[1] == ["Start", "Beds", "Ask", "Yes"]


def test_it_is_decided_once(asked, people, work):
    approval = asked()
    decide(approval, people.member)
    with pytest.raises(Conflict, match="member has approved this already"):
        decide(approval, people.member, approve=False)
    assert ran(work, approval)[1][-1] == "Yes"


@pytest.mark.parametrize(
    ("who", "parameters", "said"),
    [
        ("viewer", {}, "Only editors of the team may decide"),
        ("member", {"deciders": "owners"}, "Only owners of the team may decide"),
        ("member", {"deciders": "users", "users": "owner, viewer"}, "Only owner, viewer may"),
        ("owner", {}, "You started this run: somebody else has to decide"),
        ("stranger", {}, "approval.decide needs"),
    ],
)
def test_who_may_not_decide_is_told_why(asked, people, who, parameters, said):
    approval = asked(**parameters)
    with pytest.raises(Forbidden, match=said):
        decide(approval, getattr(people, who))
    approval.refresh_from_db()
    assert approval.is_open


@pytest.mark.parametrize(
    ("who", "parameters"),
    [
        ("viewer", {"deciders": "users", "users": "owner, viewer"}),
        ("owner", {"requesterMay": True}),
        ("admin", {"deciders": "owners"}),
    ],
)
def test_who_may_decide(asked, people, who, parameters):
    assert decide(asked(**parameters), getattr(people, who)).state == "approved"


def test_the_system_and_what_was_not_seen_decide_nothing(asked, people):
    approval = asked()
    with pytest.raises(Forbidden, match="Only a person decides"):
        services.decide_approval(approval, True, digest=approval.digest, by=SYSTEM)
    with pytest.raises(Conflict, match="something else than you saw"):
        decide(approval, people.member, digest="0" * 64)


def test_a_question_nobody_answers_is_rejected_when_its_time_is_over(asked, people, work):
    approval = asked(limitWaitTime=True, resumeAmount=1, resumeUnit="hours")
    past = timezone.now() - timedelta(seconds=1)
    Approval.objects.update(expires_at=past)
    Execution.objects.update(due_at=past)
    approval.refresh_from_db()
    assert approval.shown_state == "expired"
    with pytest.raises(Conflict, match="it is expired"):
        decide(approval, people.member)
    done, names = ran(work, approval)
    assert names[-1] == "No"
    first = services.find_step(done, "No").outputs[0][0]
    assert first["json"]["approval"]["decision"] == "expired"
    expire_approvals()
    approval.refresh_from_db()
    assert approval.state == "expired"


def test_a_canceled_run_asks_no_longer(asked, people):
    approval = asked()
    services.cancel_execution(approval.execution, by=Actor(people.member))
    with pytest.raises(Conflict, match="it is withdrawn"):
        decide(approval, people.member)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"question": " "}, "Question is empty"),
        ({"deciders": "dogs"}, "Who May Decide is 'dogs'"),
        ({"deciders": "users", "users": " , "}, "People is empty"),
    ],
)
def test_a_question_that_cannot_be_asked_ends_the_run(keep, start, work, parameters, said):
    ask = {**node("Ask", "x", **{"question": "?", **parameters}), "type": "whoosh.waitForApproval"}
    links = {"Start": {"main": [[{"node": "Ask", "type": "main", "index": 0}]]}}
    text = written("T", node("Start", "manualTrigger"), ask, connections=links)
    done = work(start(keep(text)))
    assert (done.state, done.error_node) == ("error", "Ask")
    assert said in done.error
    assert not Approval.objects.exists()


def test_the_api_decides_and_answers_a_second_decision_with_409(asked, api, work):
    approval = asked()
    path = f"{HERE}{approval.pk}/"
    seen = api("member", "get", path)[1]
    assert (seen["status"], seen["question"]) == ("pending", "Water north?")
    assert api("stranger", "get", path)[0] == 404
    assert api("viewer", "post", f"{path}approve/", {"digest": seen["digest"]})[0] == 403
    assert api("member", "post", f"{path}approve/", {})[0] == 400
    status, answer = api("member", "post", f"{path}approve/", {"digest": seen["digest"]})
    assert (status, answer["status"], answer["decided_by"]) == (200, "approved", "member")
    assert api("member", "post", f"{path}reject/", {"digest": seen["digest"]})[0] == 409
    listed = api("member", "get", HERE, {"state": "approved"})[1]["results"]
    assert [one["id"] for one in listed] == [approval.pk]


def test_the_page_shows_the_question_and_takes_the_decision(asked, people, client, work):
    approval = asked(text="See <script>alert(1)</script> **this**")
    client.force_login(people.member)
    assert "Water north?" in client.get("/approvals/").content.decode()
    body = client.get(f"/approvals/{approval.pk}/").content.decode()
    assert "<strong>this</strong>" in body
    assert "<script>alert" not in body
    digest = re.findall(r'name="digest" value="(\w+)"', body)[0]
    wish = {"decision": "approve", "digest": digest, "comment": "Yes"}
    client.post(f"/approvals/{approval.pk}/", wish)
    assert "Approved by member" in client.get(f"/approvals/{approval.pk}/").content.decode()
    assert "Water north?" not in client.get("/approvals/").content.decode()
    assert "Water north?" in client.get("/approvals/?state=ended").content.decode()
    assert ran(work, approval)[1][-1] == "Yes"


@pytest.mark.django_db(transaction=True)
def test_of_many_decisions_at_once_one_counts(asked, people, work):
    approval = asked()

    def one(number):
        try:
            decide(approval, people.member, approve=number % 2 == 0)
        except Conflict:
            return 0
        finally:
            connections.close_all()
        return 1

    count = 50 if connection.vendor == "postgresql" else 20
    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(one, range(count))) == 1
    approval.refresh_from_db()
    ends = {"approved": "Yes", "rejected": "No"}
    assert ran(work, approval)[1][-1] == ends[approval.state]
    assert AuditEntry.objects.filter(action__in=ends).count() == 1
