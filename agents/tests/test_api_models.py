"""The API of models and jobs: who finds what, who starts what, and what it answers."""

import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import services
from agents.models import AgentModel, Call, ModelJob
from tests.fake_agent import FakeHost, running
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import AuditEntry, Membership

VERBS = ("pull", "load", "unload", "remove")


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host)


@pytest.fixture
def tiny(oak):
    """The id of its smallest model."""
    return oak.models.get(model__name="tiny:1b").model_id


def names(answer):
    assert answer.status_code == 200, answer.content
    return sorted(row["name"] for row in answer.json()["results"])


def error(answer):
    return answer.status_code, answer.json()["error"]["message"]


def address(verb, model):
    """Return where a verb is asked for, and the body without the agents."""
    return (
        ("models/pull/", {"model": "tiny:1b"})
        if verb == "pull"
        else (f"models/{model}/{verb}/", {})
    )


# -- looking -------------------------------------------------------------------------------------


@pytest.fixture
def fleet(make_agent):
    """Two hosts with some of the same models."""
    make_agent(
        "oak",
        models={
            "llama3:8b": {"digest": "sha256:aaa", "resident": True, "capabilities": ["completion"]},
            "seer:7b": {"capabilities": ["completion", "vision"]},
        },
    )
    make_agent(
        "elm",
        models={
            "llama3:8b": {"digest": "bbb", "capabilities": ["completion", "tools"]},
            "embedder": {"digest": "ccc", "capabilities": ["embedding"], "resident": True},
        },
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["embedder", "llama3:8b", "seer:7b"]),
        ("name=seer:7b", ["seer:7b"]),
        ("capability=vision", ["seer:7b"]),
        ("capability=vis", []),
        ("capability=%25", []),
        ("resident=true", ["embedder", "llama3:8b"]),
        ("resident=false", ["seer:7b"]),
        ("agent=elm", ["embedder", "llama3:8b"]),
        ("agent=elm&resident=true", ["embedder"]),
        ("agent=elm&resident=false", ["llama3:8b"]),
        ("agent=oak&capability=tools", []),
        ("agent=nobody", []),
    ],
)
def test_models_are_found_by_what_one_host_has(fleet, api, asked, found):
    assert names(api("viewer", "get", f"models/?{asked}")) == found
    assert names(api("stranger", "get", f"models/?{asked}")) == []


@pytest.mark.parametrize("asked", ["resident=perhaps", "modle=x"])
def test_a_filter_that_makes_no_sense_is_refused(fleet, api, asked):
    assert api("viewer", "get", f"models/?{asked}").status_code == 400


def test_hosts_with_other_files_under_the_same_name_are_told(fleet, api):
    rows = api("viewer", "get", "models/").json()["results"]
    assert {row["name"]: row["digests_differ"] for row in rows} == {
        "llama3:8b": True, "seer:7b": False, "embedder": False,
    }  # fmt: skip
    AgentModel.objects.filter(agent__name="elm").update(digest="sha256:aaa")
    rows = api("viewer", "get", "models/?name=llama3:8b").json()["results"]
    assert not rows[0]["digests_differ"]


def test_a_model_tells_how_it_is_kept_and_how_long_it_loads(fleet, api):
    rows = AgentModel.objects.filter(agent__name="oak", model__name="llama3:8b")
    rows.update(keep_alive="2h", pinned=True, load_ms=3200.0)
    (found,) = api("viewer", "get", "models/?name=llama3:8b").json()["results"]
    told = {
        row["agent"]: (row["keep_alive"], row["pinned"], row["load_ms"]) for row in found["hosts"]
    }
    assert told == {"oak": ("2h", True, 3200.0), "elm": ("", False, None)}


def test_lists_cost_no_more_for_many_rows(api, make_agent):
    numbers = itertools.count()

    def more(count):
        for number in itertools.islice(numbers, count):
            agent = make_agent(
                f"a{number}", models={f"m{number}": {}}, endpoint=f"http://10.1.1.{number}"
            )
            ModelJob.objects.create(agent=agent, verb="load", model_name=f"m{number}")

    def costs(path):
        tunables.forget()
        with CaptureQueriesContext(connection) as seen:
            assert api("viewer", "get", path).status_code == 200
        return len(seen)

    paths = ("models/", "models/?resident=false", "jobs/")
    more(3)
    few = {path: costs(path) for path in paths}
    more(20)
    assert {path for path in paths if costs(path) > few[path]} == set()


# -- starting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_a_job_for_each_agent(oak, tiny, api, go, verb):
    path, body = address(verb, tiny)
    answer = api("owner", "post", path, body | {"agents": ["oak"]})
    assert answer.status_code == 202, answer.content
    (job,) = answer.json()["results"]
    assert (job["agent"], job["model"], job["state"], job["created_by"]) == (
        "oak", "tiny:1b", "queued", "owner",
    )  # fmt: skip
    assert job["verb"] == ("delete" if verb == "remove" else verb)
    assert go(ModelJob.objects.get(pk=job["id"])).state == "success"
    found = api("viewer", "get", f"jobs/{job['id']}/").json()
    assert (found["state"], found["trouble"], bool(found["finished_at"])) == ("success", "", True)


def test_a_pull_tells_how_far_it_is(oak, api, go):
    (job,) = api(
        "owner", "post", "models/pull/", {"model": "newcomer:3b", "agents": ["oak"]}
    ).json()["results"]
    assert (job["total"], job["completed"], job["rate"]) == (0, 0, None)
    go(ModelJob.objects.get())
    found = api("viewer", "get", f"jobs/{job['id']}/").json()
    assert found["completed"] == found["total"] == 1_800_000_000
    assert [sum(column) for column in zip(*found["layers"].values(), strict=True)] == [
        1_800_000_000, 1_800_000_000,
    ]  # fmt: skip


def test_one_pull_goes_to_many_agents_in_one_request(oak, settle, api):
    with running(FakeHost("ollama", pace=0)) as other:
        settle("elm", other)
        body = {"model": "newcomer", "agents": ["elm", "oak", "elm"]}
        jobs = api("owner", "post", "models/pull/", body).json()["results"]
        assert [job["agent"] for job in jobs] == ["elm", "oak"]
    found = api("viewer", "get", "jobs/?agent=elm").json()["results"]
    assert [job["id"] for job in found] == [jobs[0]["id"]]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("who", "status"),
    [("admin", 202), ("owner", 202), ("member", 403), ("viewer", 403), ("nobody", 401)],
)
def test_owners_of_the_hosts_team_start_jobs(oak, tiny, api, verb, who, status):
    path, body = address(verb, tiny)
    assert api(who, "post", path, body | {"agents": ["oak"]}).status_code == status
    assert ModelJob.objects.exists() == (status == 202)


@pytest.mark.parametrize("verb", VERBS)
def test_who_only_shares_a_host_looks_and_does_not_manage(oak, tiny, api, people, verb):
    services.share_agent(oak, [people.theirs], by=SYSTEM)
    path, body = address(verb, tiny)
    assert api("stranger", "post", path, body | {"agents": ["oak"]}).status_code == 403
    api("owner", "post", path, body | {"agents": ["oak"]})
    (job,) = api("stranger", "get", "jobs/").json()["results"]
    assert job["created_by"] is None
    assert api("stranger", "post", f"jobs/{job['id']}/cancel/").status_code == 403
    assert ModelJob.objects.get().state == "queued"


def test_an_agent_of_another_team_is_as_unknown_as_none(oak, api, make_agent, people):
    make_agent("ash", team=people.theirs)
    for name in ("ash", "nobody"):
        answer = api("owner", "post", "models/pull/", {"model": "x", "agents": ["oak", name]})
        assert error(answer) == (404, f"agents: no agent is called {name!r}. There are: oak.")
    assert not ModelJob.objects.exists()


def test_a_key_needs_the_scope_to_write(oak, people, with_key):
    body = {"model": "newcomer", "agents": ["oak"]}
    answer = with_key(people.owner, "read", "run").post(
        "/api/v1/models/pull/", body, content_type="application/json"
    )
    assert answer.status_code == 403
    assert "'write'" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "agents: This field is required."),
        ({"agents": ["oak"]}, "model: This field is required."),
        ({"agents": [], "model": "x"}, "agents: "),
        ({"agents": "oak", "model": "x"}, "agents: "),
        ({"agents": ["oak"], "model": "a b"}, "model: 'a b' is no model name. Use one like"),
        ({"agents": ["oak"], "model": "x", "insecure": True}, "insecure: No such field."),
    ],
)
def test_a_pull_that_does_not_fit_names_the_field(oak, api, body, where):
    status, message = error(api("owner", "post", "models/pull/", body))
    assert (status, message.startswith(where)) == (400, True), message
    assert not ModelJob.objects.exists()


def test_a_format_without_the_verb_is_refused_by_the_agents_name(oak, settle, api):
    with running(FakeHost("vllm", pace=0)) as host:
        birch = settle("birch", host)
        model = birch.models.get().model_id
        status, message = error(
            api("owner", "post", f"models/{model}/unload/", {"agents": ["birch"]})
        )
    assert (status, message) == (
        400,
        "agents: birch speaks OpenAI-compatible, which cannot unload models. Leave it out.",
    )


def test_calls_at_work_are_named_and_force_goes_on(oak, tiny, api, people):
    call = Call.objects.create(
        team=people.ours, source="api", state="running", agent=oak, model_name="tiny:1b"
    )
    answer = api("owner", "post", f"models/{tiny}/remove/", {"agents": ["oak"]})
    assert answer.status_code == 409
    assert answer.json()["error"]["details"] == {"calls": [call.pk]}
    body = {"agents": ["oak"], "force": True}
    (job,) = api("owner", "post", f"models/{tiny}/remove/", body).json()["results"]
    assert job["force"]


def test_the_same_idempotency_key_starts_one_job_and_tells_how_it_is_now(oak, api, go):
    body, once = {"model": "newcomer", "agents": ["oak"]}, {"headers": {"idempotency-key": "k1"}}
    first = api("owner", "post", "models/pull/", body, **once)
    go(ModelJob.objects.get())
    again = api("owner", "post", "models/pull/", body, **once)
    assert again.headers["Idempotent-Replay"] == "true"
    (one,), (other,) = first.json()["results"], again.json()["results"]
    assert (one["id"], one["state"], other["state"]) == (other["id"], "queued", "success")
    assert ModelJob.objects.count() == 1
    other = body | {"model": "else"}
    assert api("owner", "post", "models/pull/", other, **once).status_code == 409


def test_a_kept_answer_shows_nothing_of_a_team_one_has_left(oak, api, people, with_key):
    body, once = {"model": "newcomer", "agents": ["oak"]}, {"headers": {"idempotency-key": "k1"}}
    api("owner", "post", "models/pull/", body, **once)
    Membership.objects.filter(user=people.owner).update(team=people.theirs)
    assert api("owner", "post", "models/pull/", body, **once).status_code == 404


# -- jobs ----------------------------------------------------------------------------------------


def test_jobs_are_found_by_what_they_do(oak, api, started):
    started("pull", "newcomer", oak)
    started("load", "tiny:1b", oak)
    for asked, count in {
        "verb=pull": 1,
        "state=queued": 2,
        "state=error": 0,
        "name=tiny:1b": 1,
    }.items():
        assert len(api("viewer", "get", f"jobs/?{asked}").json()["results"]) == count, asked
    assert api("viewer", "get", "jobs/?verb=dance").status_code == 400
    assert api("stranger", "get", "jobs/").json()["results"] == []


def test_a_job_is_canceled_and_that_is_in_the_trail(oak, api, started):
    job = started("pull", "newcomer", oak)
    assert api("member", "post", f"jobs/{job.pk}/cancel/").status_code == 403
    assert api("stranger", "post", f"jobs/{job.pk}/cancel/").status_code == 404
    found = api("owner", "post", f"jobs/{job.pk}/cancel/").json()
    assert (found["state"], found["cancel_asked"]) == ("canceled", True)
    line = AuditEntry.objects.get(action="canceled")
    assert (line.target, line.team_id) == ("Pull newcomer:latest on oak", oak.team_id)


# -- keeping -------------------------------------------------------------------------------------


def test_how_long_a_model_is_kept_is_set_for_named_agents(oak, tiny, api):
    answer = api("owner", "post", f"models/{tiny}/keep/", {"agents": ["oak"], "keep_alive": "2h"})
    assert answer.status_code == 200, answer.content
    (row,) = answer.json()["hosts"]
    assert (row["keep_alive"], row["pinned"]) == ("2h", False)
    body = {"agents": ["oak"], "pinned": True, "keep_alive": ""}
    (row,) = api("owner", "post", f"models/{tiny}/keep/", body).json()["hosts"]
    assert (row["keep_alive"], row["pinned"]) == ("", True)
    assert AuditEntry.objects.filter(action="changed keeping on").count() == 2


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "agents: "),
        ({"agents": ["oak"]}, "keep_alive: Give keep_alive or pinned, or both."),
        ({"agents": ["oak"], "keep_alive": "soon"}, "keep_alive: Use a time such as 30m"),
        ({"agents": ["oak"], "pinned": "often"}, "pinned: "),
    ],
)
def test_a_change_of_keeping_that_does_not_fit_names_the_field(oak, tiny, api, body, where):
    status, message = error(api("owner", "post", f"models/{tiny}/keep/", body))
    assert (status, message.startswith(where)) == (400, True), message


def test_keeping_is_changed_on_all_the_agents_or_on_none(oak, tiny, api, make_agent):
    make_agent("elm")
    body = {"agents": ["oak", "elm"], "pinned": True}
    status, message = error(api("owner", "post", f"models/{tiny}/keep/", body))
    assert (status, message) == (400, "agents: elm does not have tiny:1b.")
    assert not AgentModel.objects.filter(pinned=True).exists()


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("stranger", 404)])
def test_only_owners_change_keeping(oak, tiny, api, who, status):
    body = {"agents": ["oak"], "pinned": True}
    assert api(who, "post", f"models/{tiny}/keep/", body).status_code == status
    assert not AgentModel.objects.filter(pinned=True).exists()
