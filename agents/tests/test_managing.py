"""Managing models on hosts: what is refused, and in which words."""

import pytest

from agents import services
from agents.models import Health, ModelJob
from tests.fake_agent import FakeHost, running
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Forbidden


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host)


@pytest.mark.parametrize("who", ["member", "viewer", "stranger"])
def test_only_owners_of_the_hosts_team_manage_its_models(oak, people, started, who):
    services.share_agent(oak, [people.theirs], by=SYSTEM)
    job = started("pull", "newcomer", oak)
    with pytest.raises(Forbidden):
        started("pull", "other", oak, by=getattr(people, who))
    with pytest.raises(Forbidden):
        services.cancel_job(job, by=Actor(getattr(people, who)))
    assert ModelJob.objects.get().state == "queued"


def test_a_host_that_cannot_do_it_is_named_and_nothing_is_started(oak, settle, started):
    with running(FakeHost("vllm", pace=0)) as host:
        birch = settle("birch", host)
        with pytest.raises(BadInput) as refused:
            started("pull", "newcomer", oak, birch)
    assert refused.value.message == (
        "agents: birch speaks OpenAI-compatible, which cannot pull models. Leave it out."
    )
    assert not ModelJob.objects.exists()


def test_a_host_nobody_has_asked_yet_is_refused(make_agent, started):
    agent = make_agent("elm")
    Health.objects.update(found_protocol="")
    agent.refresh_from_db()
    with pytest.raises(BadInput, match="agents: elm has not answered yet"):
        started("pull", "newcomer", agent)


def test_a_host_that_speaks_another_format_by_now_ends_the_job(oak, started, go):
    job = started("pull", "newcomer", oak)
    Health.objects.update(found_protocol="openai")
    assert go(job).error == "oak speaks OpenAI-compatible by now."


def test_a_model_the_host_may_not_use_is_not_pulled(oak, started):
    services.change_agent(oak, by=SYSTEM, models_fixed=["tiny:1b", "newcomer"])
    started("pull", "newcomer", oak)
    with pytest.raises(BadInput, match=r"oak is to use only tiny:1b, newcomer\. Add other:latest"):
        started("pull", "other", oak)


@pytest.mark.parametrize("verb", ["load", "unload", "delete"])
def test_a_model_the_host_does_not_have_is_refused(oak, started, verb):
    with pytest.raises(BadInput, match="agents: oak does not have nosuch"):
        started(verb, "nosuch", oak)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "https://x.y/z",
        "a/b/c/d",
        "../etc",
        "x:y:z",
        "mödel",
        "a\nb",
        "-x",
        "x" * 201,
    ],
)
def test_what_is_no_model_name_is_refused_before_anybody_is_asked(oak, host, started, name):
    with pytest.raises(BadInput, match="model: "):
        started("pull", name, oak)
    assert not any(seen.path == "/api/pull" for seen in host.requests)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("llama3", "llama3:latest"),
        (" Llama3:8b-q4_K_M ", "Llama3:8b-q4_K_M"),
        ("user/model", "user/model:latest"),
        ("hf.co/org/Some-Repo.v2-GGUF:Q4_K_M", "hf.co/org/Some-Repo.v2-GGUF:Q4_K_M"),
        ("registry.lan:5000/team/model", "registry.lan:5000/team/model:latest"),
    ],
)
def test_names_of_every_registry_are_understood(oak, started, name, stored):
    assert started("pull", name, oak).model_name == stored
