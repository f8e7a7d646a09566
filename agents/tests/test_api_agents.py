"""The API of agents, models and capabilities: who gets what, in which shape."""

import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import services
from agents.models import Agent, Call, Capability, Health
from whoosh_site.core import leases, tunables
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import AuditEntry

NEW = {"name": "elm", "endpoint": "http://10.9.9.9:11434"}
LOOKS = {
    "admin": 200, "owner": 200, "member": 200, "viewer": 200, "stranger": 404, "nobody": 401,
}  # fmt: skip


@pytest.fixture
def oak(make_agent):
    """An agent with a model, a card, a capability and a key."""
    facts = {"resident": True, "tps": 42.0, "size": 5, "context_length": 8192}
    agent = make_agent("oak", models={"tiny:1b": facts}, title="Oak", api_key="s3cret", slots=2)
    services.set_capabilities(agent, {"law": 0.9}, by=SYSTEM)
    services.set_gpus(agent, [("RTX 3070", 8.0)], by=SYSTEM)
    return agent


def names(answer):
    return [row["name"] for row in answer.json()["results"]]


# -- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"gpus": [{}]}, "gpus: This field is required."),
        ({"capabilities": [{}]}, "capabilities: This field is required."),
        ({"tags": 5}, "tags: "), ({"tags": [["x"]]}, "tags: "),
        ({"models_fixed": [None]}, "models_fixed: "),
        ({"api_key": "clé"}, "api_key: "), ({"api_key": "a\nb"}, "api_key: "),
        ({"sluts": 3}, "sluts: No such field. There are: name, title, "),
    ],
)  # fmt: skip
def test_a_change_that_does_not_fit_changes_nothing(oak, api, body, where):
    answer = api("admin", "patch", f"agents/{oak.pk}/", {"slots": 7} | body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(where)
    oak.refresh_from_db()
    assert (oak.slots, oak.api_key.reveal(), oak.gpus.count()) == (2, "s3cret", 1)


@pytest.mark.parametrize("key", ["clé", "a\r\nHost: x"])
def test_a_key_no_header_can_carry_is_not_even_tried(api, key):
    answer = api(
        "admin", "post", "agents/examine/", {"endpoint": "http://10.0.0.1", "api_key": key}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("api_key: use letters, digits and signs")


# -- looking -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "status"), LOOKS.items())
def test_an_agent_is_seen_by_those_of_its_team(oak, api, who, status):
    answer = api(who, "get", f"agents/{oak.pk}/")
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()["error"]) == {"code", "message", "details"}


def test_an_agent_is_told_with_state_hardware_and_models(oak, api, people):
    Call.objects.create(team=people.ours, source="api", state="running", agent=oak)
    found = api("viewer", "get", f"agents/{oak.pk}/").json()
    assert (found["name"], found["title"], found["team"]) == ("oak", "Oak", "Main")
    assert (found["status"], found["status_reason"], found["flavour"]) == ("online", "", "ollama")
    assert (found["slots"], found["in_flight"]) == (2, 1)
    assert found["gpus"] == [{"name": "RTX 3070", "vram_gb": 8.0}]
    assert found["capabilities"] == [{"name": "law", "proficiency": 0.9}]
    (model,) = found["models"]
    assert (model["name"], model["agent"], model["resident"], model["tps"]) == (
        "tiny:1b",
        "oak",
        True,
        42.0,
    )
    assert "api_key" not in found


def test_lists_are_of_what_the_caller_sees(oak, api, make_agent, people):
    make_agent("ash", team=people.theirs)
    assert names(api("viewer", "get", "agents/")) == ["oak"]
    assert names(api("stranger", "get", "agents/")) == ["ash"]
    assert names(api("admin", "get", "agents/")) == ["ash", "oak"]
    services.share_agent(oak, [people.theirs], by=SYSTEM)
    assert sorted(names(api("stranger", "get", "agents/"))) == ["ash", "oak"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=oak", ["oak"]),
        ("name=nobody", []),
        ("enabled=false", ["elm"]),
        ("maintenance=true", ["fir"]),
        ("status=offline", []),
        ("status=disabled", ["elm"]),
        ("status=draining", ["fir"]),
        ("enabled=TRUE&maintenance=0", ["oak"]),
        ("capability=law", ["oak"]),
        ("model=tiny:1b", ["oak"]),
        ("team=Main", ["fir", "elm", "oak"]),
        ("team=Others", []),
        ("status=online&enabled=true", ["oak"]),
    ],
)
def test_lists_are_filtered(oak, api, make_agent, query, found):
    elm = make_agent("elm", enabled=False)
    Health.objects.filter(agent=elm).update(status="offline")
    make_agent("fir", maintenance=True)
    assert names(api("viewer", "get", f"agents/?{query}")) == found


@pytest.mark.parametrize(
    ("query", "name"),
    [("enabled=maybe", "enabled"), ("status=asleep", "status"), ("limit=0", "limit"),
     ("limit=-1", "limit"), ("limit=many", "limit")],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_an_error_that_names_it(oak, api, query, name):
    answer = api("viewer", "get", f"agents/?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(f"{name}: ")


@pytest.mark.parametrize("path", ["agents", "models", "capabilities", "calls"])
def test_an_unknown_filter_is_an_error_that_names_the_known(api, path):
    answer = api("viewer", "get", f"{path}/?nonsense=1")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Unknown parameter 'nonsense'. There are: ")


def test_pages_lead_from_the_newest_to_the_oldest(api, make_agent):
    for number in range(5):
        make_agent(f"a{number}", endpoint=f"http://10.0.1.{number}")
    pages, path = [], "agents/?limit=2"
    while path:
        answer = api("viewer", "get", path).json()
        pages.append([row["name"] for row in answer["results"]])
        path = answer["next"] and answer["next"].partition("/api/v1/")[2]
    assert pages == [["a4", "a3"], ["a2", "a1"], ["a0"]]


def test_no_list_costs_more_for_thirty_than_for_three(api, make_agent):
    numbers = itertools.count()

    def more(count):
        for number in itertools.islice(numbers, count):
            models = {f"m{number}": {}, "all": {}}
            agent = make_agent(f"a{number}", models=models, endpoint=f"http://10.1.1.{number}")
            services.set_capabilities(agent, [f"c{number}", "all"], by=SYSTEM)

    def costs(path):
        tunables.forget()  # they are read again after two seconds, or now
        with CaptureQueriesContext(connection) as seen:
            assert api("viewer", "get", path).status_code == 200
        return len(seen)

    more(3)
    api("viewer", "get", "agents/")
    few = {path: costs(path) for path in ("agents/", "models/", "capabilities/")}
    assert max(few.values()) <= 12
    more(27)
    assert {path for path, count in few.items() if costs(path) > count} == set()


# -- changing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [("admin", 201), ("owner", 403), ("member", 403), ("viewer", 403), ("nobody", 401)],
)
def test_administrators_register_agents(api, people, who, status):
    answer = api(who, "post", "agents/", NEW)
    assert answer.status_code == status
    assert Agent.objects.count() == (status == 201)


def test_an_agent_is_registered_whole(api, people):
    body = NEW | {
        "api_key": "s3cret",
        "slots": 3,
        "tags": ["big"],
        "gpus": [{"name": "RTX 3070", "vram_gb": 8}, {"name": "Old one"}],
        "capabilities": [{"name": "law", "proficiency": 0.9}, {"name": "art"}],
        "shared_with": ["Others"],
    }
    found = api("admin", "post", "agents/", body).json()
    agent = Agent.objects.get(pk=found["id"])
    assert (found["status"], found["team"], found["shared_with"]) == ("unknown", "Main", ["Others"])
    assert (agent.slots, agent.tags, agent.api_key.reveal()) == (3, ["big"], "s3cret")
    assert found["gpus"] == [
        {"name": "RTX 3070", "vram_gb": 8},
        {"name": "Old one", "vram_gb": None},
    ]
    assert found["capabilities"] == [
        {"name": "art", "proficiency": 0.5},
        {"name": "law", "proficiency": 0.9},
    ]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"name": "oak"}, 409, "an agent is called oak already"),
        ({"name": "my elm"}, 400, "Use letters, digits"),
        ({"endpoint": "10.0.0.1"}, 400, "is not like http://"),
        ({"endpoint": "http://127.0.0.1:1"}, 400, "is this machine"),
        ({"slots": 0}, 400, "slots: "),
        ({"team": "Nobody"}, 400, "team: "),
        ({"protocol": "grpc"}, 400, "protocol: "),
        ({"capabilities": [{"name": "not good", "proficiency": 1}]}, 400, "capabilities: "),
        ({"capabilities": [{"name": "law", "proficiency": 2}]}, 400, "capabilities: "),
    ],
)
def test_what_does_not_fit_is_named(oak, api, change, status, words):
    answer = api("admin", "post", "agents/", NEW | change)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]
    assert Agent.objects.count() == 1


def test_an_agent_is_changed_in_part(oak, api):
    answer = api("admin", "patch", f"agents/{oak.pk}/", {"title": "Old oak", "capabilities": []})
    assert answer.status_code == 200
    assert (answer.json()["title"], answer.json()["capabilities"]) == ("Old oak", [])
    assert answer.json()["gpus"] == [{"name": "RTX 3070", "vram_gb": 8.0}]
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "s3cret"
    for who, status in {"owner": 403, "stranger": 404}.items():
        assert api(who, "patch", f"agents/{oak.pk}/", {"title": "x"}).status_code == status
    assert api("admin", "put", f"agents/{oak.pk}/", NEW).status_code == 405


def test_an_agent_is_deleted(oak, api):
    assert api("owner", "delete", f"agents/{oak.pk}/").status_code == 403
    assert api("admin", "delete", f"agents/{oak.pk}/").status_code == 204
    assert api("admin", "get", f"agents/{oak.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("action", "shown", "audit"),
    [
        ("drain", "draining", "drained"),
        ("resume", "online", "resumed"),
        ("disable", "disabled", "disabled"),
        ("enable", "online", "enabled"),
    ],
)
def test_owners_drain_and_switch(oak, api, action, shown, audit):
    Agent.objects.update(maintenance=action == "resume", enabled=action != "enable")
    for who, status in {"member": 403, "stranger": 404, "nobody": 401}.items():
        assert api(who, "post", f"agents/{oak.pk}/{action}/").status_code == status
    answer = api("owner", "post", f"agents/{oak.pk}/{action}/")
    assert (answer.status_code, answer.json()["status"]) == (200, shown)
    assert api("owner", "post", f"agents/{oak.pk}/{action}/").status_code == 200
    assert AuditEntry.objects.filter(action=audit).count() == 1


def test_editors_have_a_host_looked_at(oak, api):
    Health.objects.update(due_at=timezone.now() + leases.LEASE, models_at=timezone.now())
    assert api("viewer", "post", f"agents/{oak.pk}/check/").status_code == 403
    answer = api("member", "post", f"agents/{oak.pk}/check/")
    assert (answer.status_code, answer.json()["name"]) == (202, "oak")
    health = Health.objects.get()
    assert (health.due_at <= timezone.now(), health.models_at) == (True, None)


def test_an_endpoint_is_examined_without_being_saved(api, host):
    body = {"endpoint": host.url, "allow_local": True}
    found = api("admin", "post", "agents/examine/", body).json()
    assert (found["ok"], found["protocol"], found["flavour"]) == (True, "ollama", "ollama")
    assert "tiny:1b" in found["message"]
    host.down()
    found = api("admin", "post", "agents/examine/", body).json()
    assert (found["ok"], found["latency_ms"]) == (False, None)
    assert found["message"] == f"{host.url} cannot be reached: connection refused."
    assert not Agent.objects.exists()


def test_an_endpoint_that_cannot_be_examined_is_refused(api, host):
    answer = api("admin", "post", "agents/examine/", {"endpoint": host.url})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unusable_endpoint")
    assert answer.json()["error"]["details"] == {"set": "allow_local"}
    for body in ({}, {"endpoint": host.url, "protocol": "grpc"}):
        assert api("admin", "post", "agents/examine/", body).status_code == 400
    assert api("owner", "post", "agents/examine/", {"endpoint": host.url}).status_code == 403
    assert host.requests == []


# -- models and capabilities -------------------------------------------------------------------


def test_models_are_told_with_the_hosts_the_caller_sees(oak, api, make_agent, people):
    make_agent("ash", team=people.theirs, models={"tiny:1b": {}, "their:1b": {}})
    (found,) = api("viewer", "get", "models/").json()["results"]
    assert (found["name"], [host["agent"] for host in found["hosts"]]) == ("tiny:1b", ["oak"])
    assert names(api("stranger", "get", "models/?name=their:1b")) == ["their:1b"]
    detail = api("admin", "get", f"models/{found['id']}/").json()
    assert sorted(host["agent"] for host in detail["hosts"]) == ["ash", "oak"]
    assert api("nobody", "get", "models/").status_code == 401
    assert api("admin", "post", "models/", {"name": "x"}).status_code == 405


@pytest.mark.parametrize(("who", "status"), [("admin", 201), ("owner", 403), ("nobody", 401)])
def test_administrators_make_the_words_for_capabilities(api, people, who, status):
    answer = api(who, "post", "capabilities/", {"name": "law", "description": "Of the land"})
    assert answer.status_code == status


def test_a_capability_is_changed_and_deleted_with_a_line_in_the_trail(oak, api):
    pk = Capability.objects.get().pk
    answer = api("admin", "patch", f"capabilities/{pk}/", {"description": "Of the land"})
    assert answer.json() == {"id": pk, "name": "law", "description": "Of the land"}
    assert api("owner", "delete", f"capabilities/{pk}/").status_code == 403
    assert api("stranger", "get", f"capabilities/{pk}/").status_code == 404
    assert api("admin", "delete", f"capabilities/{pk}/").status_code == 204
    assert not oak.capabilities.exists()
    made = AuditEntry.objects.filter(target_type__icontains="capability")
    assert sorted(made.values_list("action", flat=True)) == ["changed", "deleted"]


@pytest.mark.parametrize("name", ["law", "not good", "", "x" * 81])
def test_a_word_that_is_none_or_taken_is_refused(oak, api, name):
    assert api("admin", "post", "capabilities/", {"name": name}).status_code == 400
    assert Capability.objects.count() == 1
