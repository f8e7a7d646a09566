"""The pages of agents, models and capabilities; what every page of the room has in common."""

import itertools
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import services
from agents.models import Agent, AgentModel, Health
from whoosh_site.core import leases, tunables
from whoosh_site.core.actor import SYSTEM


@pytest.fixture
def oak(make_agent):
    """An agent with everything a page can show."""
    facts = {
        "resident": True, "tps": 42.0, "size": 4_200_000_000, "quantization": "Q4_K_M",
        "context_length": 8192, "digest": "sha256:0123456789abcdef",
    }  # fmt: skip
    agent = make_agent(
        "oak", models={"tiny:1b": facts, "big:70b": {}}, title="Old oak", slots=4, tags=["attic"],
        specialization="Law", preferred_model="tiny:1b", min_tps=10, cpu_cores=16, ram_gb=64,
    )  # fmt: skip
    services.set_capabilities(agent, {"law": 0.9}, by=SYSTEM)
    services.set_gpus(agent, [("RTX 3070", 8.0)], by=SYSTEM)
    return agent


PATHS = ["/agents/", "/agents/matrix/", "/models/", "/calls/", "/ask/"]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_for_people_who_signed_in(path, client, db):
    assert client.get(path).headers["Location"] == f"/login/?next={path}"


@pytest.mark.parametrize(
    ("path", "who", "words"),
    [
        ("/agents/", "admin", "Add a host that runs Ollama"),
        ("/agents/", "viewer", "An administrator adds hosts and gives your team access."),
        ("/agents/matrix/", "viewer", "No capability yet"),
        ("/models/", "viewer", "No model known"),
        ("/calls/", "viewer", "Nothing asked yet"),
        ("/calls/?state=error", "viewer", "No call fits this filter."),
        ("/ask/", "member", "No agent can answer yet"),
    ],
)
def test_an_empty_page_says_what_to_do(page, path, who, words):
    assert words in page(who, path)


# -- agents ------------------------------------------------------------------------------------


def test_the_list_of_agents_shows_each_with_state_load_and_what_it_has(page, oak, record):
    record(3, state="running", agent=oak)
    Health.objects.update(status="degraded", reason="One silence")
    text = page("viewer", "/agents/")
    for words in ("Old oak", "oak · http://10.0.0.", "Degraded", "One silence", "3/4", "tiny:1b",
                  "RTX 3070 (8 GB)", ">law<"):  # fmt: skip
        assert words in text
    assert "Add agent" not in text
    assert "Add agent" in page("admin", "/agents/")
    assert "Old oak" not in page("stranger", "/agents/")


def test_an_agents_page_tells_everything_of_it(page, oak, record, people):
    record(title="Slow one", agent=oak, tps=10.0, model_name="tiny:1b")
    record(title="Fast one", agent=oak, tps=30.0)
    text = page("viewer", f"/agents/{oak.pk}/")
    for words in ("Old oak", "Law", "Online", "ollama", "0 of 4 busy", "RTX 3070", "16 cores",
                  "64 GB RAM", "at least 10 tokens/s", "law 0.9", "attic", "preferred", "4.2 GB",
                  "Q4_K_M", "8192", "42.0", "big:70b", "Slow one", "Fast one"):  # fmt: skip
        assert words in text
    assert "Tokens per second of the last 2 calls, now 30.0" in text


@pytest.mark.parametrize(
    ("who", "offered"),
    [
        ("viewer", []),
        ("member", ["check"]),
        ("owner", ["check", "drain", "disable"]),
        ("admin", ["check", "drain", "disable"]),
    ],
)
def test_an_agents_page_offers_what_one_may_do(page, oak, who, offered):
    text = page(who, f"/agents/{oak.pk}/")
    assert re.findall(rf'action="/agents/{oak.pk}/(\w+)/"', text) == offered
    assert ("/admin/agents/agent/" in text) == (who == "admin")


@pytest.mark.parametrize(
    ("action", "shown"),
    [("drain", "draining"), ("resume", "online"), ("disable", "disabled"), ("enable", "online")],
)
def test_owners_switch_by_a_button_and_come_back(sign_in, people, oak, action, shown):
    Agent.objects.update(maintenance=action == "resume", enabled=action != "enable")
    path = f"/agents/{oak.pk}/{action}/"
    answer = sign_in(people.owner).post(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/agents/{oak.pk}/")
    assert Agent.objects.get().status == shown
    assert sign_in(people.owner).get(path).status_code == 405
    assert sign_in(people.member).post(path).status_code == 403
    assert sign_in(people.stranger).post(path).status_code == 404


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("check", "Old oak is being checked"),
        ("drain", "Old oak takes no new calls"),
        ("resume", "Old oak takes calls again."),
        ("disable", "Old oak is switched off"),
        ("enable", "Old oak is switched on"),
    ],
)
def test_a_button_says_what_it_did(sign_in, people, oak, action, words):
    answer = sign_in(people.owner).post(f"/agents/{oak.pk}/{action}/", follow=True)
    assert words in answer.content.decode()


def test_those_who_may_not_ask_are_offered_no_way_to(page, oak, record):
    (call,) = record(agent=oak)
    model = AgentModel.objects.first().model_id
    paths = (f"/agents/{oak.pk}/", f"/models/{model}/", f"/calls/{call.pk}/", "/agents/matrix/")
    for path in paths:
        assert 'href="/ask/?' not in page("viewer", path)
        assert 'href="/ask/?' in page("member", path)


def test_a_model_that_runs_elsewhere_is_marked(page, oak):
    AgentModel.objects.filter(model__name="big:70b").update(remote_host="https://ollama.com:443")
    model = AgentModel.objects.get(model__name="big:70b").model_id
    for path in (f"/agents/{oak.pk}/", f"/models/{model}/"):
        assert page("viewer", path).count(">cloud</span>") == 1
    assert "oak, cloud" in page("viewer", "/models/")


def test_a_model_in_memory_says_for_how_long(page, oak):
    AgentModel.objects.filter(resident=True).update(resident_until=timezone.now() + leases.LEASE)
    assert "data-left>until 20" in page("viewer", f"/agents/{oak.pk}/")


def test_a_name_stands_under_the_title_only_if_they_differ(page, make_agent):
    make_agent("elm", endpoint="http://10.9.9.9:1")
    assert "elm · http://10.9.9.9:1" not in page("viewer", "/agents/")


def test_editors_have_a_host_looked_at_by_a_button(sign_in, people, oak):
    Health.objects.update(due_at=timezone.now() + leases.LEASE)
    assert sign_in(people.member).post(f"/agents/{oak.pk}/check/").status_code == 302
    assert Health.objects.get().due_at <= timezone.now()


def test_the_matrix_shows_proficiency_as_it_is_written(page, oak, make_agent):
    services.set_capabilities(make_agent("elm"), {"art": 0.25, "law": 0}, by=SYSTEM)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page("viewer", "/agents/matrix/")))
    assert "Agent art law elm 0.25 0 oak · 0.9 " in text


# -- models ------------------------------------------------------------------------------------


def test_models_are_shown_with_the_hosts_one_may_see(page, oak, make_agent, people):
    make_agent("ash", team=people.theirs, models={"tiny:1b": {}, "their:1b": {}})
    text = page("viewer", "/models/")
    assert "oak, in memory" in text
    assert "big:70b" in text
    assert ">ash" not in text
    assert "their:1b" not in text


def test_a_models_page_compares_its_hosts(page, oak, people):
    model = AgentModel.objects.get(model__name="tiny:1b").model
    text = page("viewer", f"/models/{model.pk}/")
    for words in ("Old oak", "yes", "4.2 GB", "Q4_K_M", "8192", "42.0", "0123456789ab<"):
        assert words in text
    page("stranger", f"/models/{model.pk}/", 404)


# -- fragments ---------------------------------------------------------------------------------


def test_a_fragment_is_a_part_of_its_page(page, oak, record, people):
    (call,) = record(answer="Because", agent=oak)
    model = AgentModel.objects.first().model
    parts = {
        "/agents/": ["rows"],
        f"/agents/{oak.pk}/": ["badge", "state", "models", "calls"],
        "/agents/matrix/": ["matrix"],
        "/models/": ["rows", "jobs"],
        f"/models/{model.pk}/": ["rows", "jobs"],
        "/calls/": ["rows"],
        f"/calls/{call.pk}/": ["who", "facts", "answer"],
    }
    for path, names in parts.items():
        whole = page("viewer", path)
        for name in names:
            part = page("viewer", f"{path}?fragment={name}").strip()
            assert part.startswith("<")
            assert "<html" not in part
            assert "csrfmiddlewaretoken" not in part
            assert part in whole or name == "badge"


# -- what a page costs -------------------------------------------------------------------------

CEILINGS = {
    "/agents/": 12, "/agents/{agent}/": 14, "/agents/matrix/": 9, "/models/": 11,
    "/models/{model}/": 9, "/calls/": 8, "/ask/": 12, "/": 36,
}  # fmt: skip


def test_no_page_costs_more_for_thirty_rows_than_for_three(page, make_agent, record):
    numbers = itertools.count()

    def more(count):
        for number in itertools.islice(numbers, count):
            models = {f"m{number}:1b": {"resident": True}, "all:1b": {}}
            agent = make_agent(f"a{number}", models=models, endpoint=f"http://10.1.1.{number}")
            services.set_capabilities(agent, [f"c{number}", "all"], by=SYSTEM)
            services.set_gpus(agent, [("card", 8.0)], by=SYSTEM)
            record(agent=agent, agent_name=agent.name, tps=1.0)
            record(agent=Agent.objects.first(), state="queued", finished_at=None)

    def costs(path):
        ids = {"agent": Agent.objects.first().pk, "model": AgentModel.objects.first().model_id}
        tunables.forget()  # they are read again after two seconds, or now
        with CaptureQueriesContext(connection) as seen:
            page("viewer", path.format(**ids))
        return len(seen)

    more(3)
    page("viewer", "/agents/")
    few = {path: costs(path) for path in CEILINGS}
    assert {path for path, count in few.items() if count > CEILINGS[path]} == set()
    more(27)
    assert {path for path, count in few.items() if costs(path) > count} == set()


# -- found -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("OAK", {"/agents/{oak}/"}),
        ("10.0.0.", {"/agents/{oak}/"}),
        ("tiny", {"/models/{tiny}/"}),
        ("sky blue", {"/calls/{call}/"}),
        ("scattering", {"/calls/{call}/"}),
        ("{call}000", set()),
    ],
)
def test_the_search_finds_agents_models_and_calls_of_ones_own(page, oak, record, words, found):
    (call,) = record(title="Why is the sky blue?", answer="Rayleigh scattering")
    tiny = AgentModel.objects.get(model__name="tiny:1b").model_id
    ids = {"oak": oak.pk, "tiny": tiny, "call": call.pk}
    hits = re.compile(r'href="(/(?:agents|models|calls)/\d+/)"')
    path = f"/search/?q={words.format(**ids)}"
    assert set(hits.findall(page("viewer", path))) == {link.format(**ids) for link in found}
    assert hits.findall(page("stranger", path)) == []


def test_a_call_is_found_by_its_number(page, record):
    (call,) = record()
    assert f'href="/calls/{call.pk}/"' in page("viewer", f"/search/?q={call.pk}")
