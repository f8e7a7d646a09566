"""Registering, changing, draining and removing agents; and what an endpoint says of itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents import services
from agents.models import Agent, Call, Capability, Health
from agents.protocols import base
from tests.fake_agent import FLAVOURS, FakeHost, running
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden
from whoosh_site.core.models import AuditEntry, Notice

URL = "http://10.0.0.1:11434"


@pytest.fixture
def hasty(monkeypatch):
    """Probes lose their patience at once."""
    real = base.quick
    monkeypatch.setattr(base, "quick", lambda seconds: real(min(seconds, 0.4)))


def looked(run, host, **more):
    return run(services.examine(getattr(host, "url", host), allow_local=True, **more))


def trail():
    return list(AuditEntry.objects.order_by("number").values_list("action", flat=True))


def register(people, name="oak", **fields):
    given = {"team": people.ours, "endpoint": URL, "by": SYSTEM} | fields
    return services.register_agent(name=name, **given)


# -- what an endpoint says of itself -----------------------------------------------------------


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
def test_an_endpoint_is_named_with_its_models_before_it_is_saved(flavour, run):
    with running(FakeHost(flavour, pace=0)) as host:
        found = looked(run, host)
        names = [model.name for model in host.catalog]
    assert found.ok
    assert found.protocol == ("ollama" if flavour == "ollama" else "openai")
    assert [model.name for model in found.models] == names
    assert found.message.startswith(f"{found.flavour} {found.version}".strip() + " answers in ")
    assert found.message.endswith(f"Models: {', '.join(names)}.")


def test_many_models_are_counted_and_none_is_said(run):
    names = tuple(f"m{number}:1b" for number in range(8))
    with running(FakeHost("ollama", models=names, pace=0)) as host:
        assert looked(run, host).message.endswith("m4:1b and 3 more.")
        for model in list(host.catalog):
            host.catalog.remove(model)
        assert looked(run, host).message.endswith("Models: none yet.")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "refuse"}, "cannot be reached: connection refused."),
        (
            {"kind": "drop"},
            "cannot be reached: the server closed the connection without an answer.",
        ),
        ({"kind": "delay", "seconds": 1}, "is too slow: no answer within the limit (first byte)."),
        ({"kind": "html"}, "answers, but neither like Ollama nor like an OpenAI-compatible server"),
        ({"kind": "echo"}, "answers, but neither like Ollama nor like an OpenAI-compatible server"),
        ({"kind": "huge", "size": 5_000_000}, "sent more than the allowed size."),
        ({"kind": "status", "status": 401}, "wants another key: HTTP 401"),
        ({"kind": "status", "status": 503, "body": {"error": "later"}}, "is busy: later"),
        ({"kind": "status", "status": 500, "body": {"error": "broken"}}, "failed: broken"),
        (
            {"kind": "status", "status": 200, "body": {"models": 7}, "paths": ("/api/tags",)},
            "lists no models.",
        ),
        (
            {"kind": "status", "status": 200, "body": "<p>", "paths": ("/api/tags",)},
            "/api/tags answers, but not like a model host (text/plain; charset=utf-8). Check the",
        ),
    ],
    ids=lambda value: str(list(value.values())[:2]) if isinstance(value, dict) else "",
)
def test_an_endpoint_that_is_no_good_says_what_is_wrong(fault, message, host, run, hasty):
    host.faults.add(**fault)
    found = looked(run, host)
    assert not found.ok
    assert found.message.startswith(f"{host.url}{message if message[0] == '/' else f' {message}'}")
    assert (found.protocol, found.models, found.latency_ms) == ("", (), None)


def test_an_endpoint_wants_its_key(host, run):
    host.settings.key = "s3cret"
    assert looked(run, host).message.startswith(f"{host.url} wants another key: ")
    assert not looked(run, host, api_key="other").ok
    assert looked(run, host, api_key="s3cret").ok


def test_a_format_that_was_chosen_is_the_only_one_tried(run):
    with running(FakeHost("openai", pace=0)) as host:
        found = looked(run, host, protocol="ollama")
        assert {seen.path for seen in host.requests} == {"/healthz", "/api/version"}
        assert not found.ok
        assert looked(run, host, protocol="openai").ok


def test_looking_loads_no_model_and_asks_for_no_completion(host, run):
    looked(run, host)
    assert {(seen.method, seen.path) for seen in host.requests} == {
        ("GET", "/healthz"),
        ("GET", "/api/version"),
        ("GET", "/api/tags"),
    }
    assert not host.memory.loads


# -- registering -------------------------------------------------------------------------------


def test_a_new_agent_is_looked_at_at_once(people, settle, host):
    agent = register(people, endpoint=f"{URL}/")
    assert (agent.endpoint, agent.status, agent.enabled) == (URL, "unknown", True)
    assert agent.health.due_at <= timezone.now()
    assert trail() == ["registered"]
    assert set(Notice.objects.values_list("topic", flat=True)) == {
        f"agents@{people.ours.pk}",
        f"agent:{agent.pk}",
    }
    assert settle("elm", host).status == "online"


@pytest.mark.parametrize("who", ["owner", "member", "viewer", "stranger"])
def test_only_administrators_register_change_and_delete(people, who):
    by, agent = Actor(getattr(people, who)), register(people)
    for attempt in (
        lambda: register(people, "elm", endpoint="http://10.0.0.2", by=by),
        lambda: services.change_agent(agent, by=by, slots=2),
        lambda: services.share_agent(agent, [people.theirs], by=by),
        lambda: services.delete_agent(agent, by=by),
    ):
        with pytest.raises(Forbidden, match="needs an administrator"):
            attempt()
    assert trail() == ["registered"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "my oak"}, "name: Use letters, digits, '-', '_' and '.' only."),
        ({"name": ""}, "name: This field cannot be blank."),
        ({"slots": 0}, "slots: Ensure this value is greater than or equal to 1."),
        ({"slots": 1001}, "slots: Ensure this value is less than or equal to 1000."),
        ({"protocol": "grpc"}, "protocol: Value 'grpc' is not a valid choice."),
        ({"priority": 6}, "priority: Ensure this value is less than or equal to 5."),
        ({"target_availability": 1.5}, "target_availability: Ensure"),
        ({"endpoint": "http://127.0.0.1:1"}, "endpoint: 127.0.0.1 is this machine"),
        ({"endpoint": "http://10.0.0.1/" + "x" * 300}, "endpoint: Ensure this value has at most"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_kept(people, fields, message):
    with pytest.raises(BadInput) as caught:
        register(people, **fields)
    assert caught.value.message.startswith(message)
    assert not Agent.objects.exists()
    assert not Health.objects.exists()


def test_a_name_or_endpoint_of_another_agent_is_a_conflict(people):
    register(people)
    with pytest.raises(Conflict, match="endpoint: http://10.0.0.1:11434 is registered already as"):
        register(people, "elm")
    with pytest.raises(Conflict, match="name: an agent is called oak already."):
        register(people, endpoint="http://10.0.0.2")
    other = register(people, "elm", endpoint="http://10.0.0.2")
    with pytest.raises(Conflict, match="is registered already as oak"):
        services.change_agent(other, by=SYSTEM, endpoint=URL)
    assert Agent.objects.count() == Health.objects.count() == 2


# -- changing ----------------------------------------------------------------------------------


def test_what_is_the_same_is_no_change(people):
    agent = register(people, title="Oak", api_key="s3cret", slots=2)
    same = {"title": "Oak", "slots": 2, "api_key": "s3cret", "tags": []}
    assert services.change_agent(agent, by=SYSTEM, **same) == []
    assert trail() == ["registered"]


def test_a_change_is_written_down_with_old_and_new(people):
    agent = register(people)
    assert services.change_agent(agent, by=SYSTEM, slots=4, title="Oak") == ["slots", "title"]
    entry = AuditEntry.objects.get(action="changed")
    assert entry.details == {"slots": ["1", "4"], "title": ["", "Oak"]}
    assert Agent.objects.get().slots == 4


def test_a_bad_change_leaves_everything(people):
    agent = register(people)
    with pytest.raises(BadInput, match="slots: "):
        services.change_agent(agent, by=SYSTEM, title="Oak", slots=0)
    kept = Agent.objects.get()
    assert (kept.title, kept.slots, trail()) == ("", 1, ["registered"])


@pytest.mark.parametrize(
    ("fields", "forgets"),
    [
        ({"endpoint": "http://10.0.0.9"}, True),
        ({"protocol": "openai"}, True),
        ({"api_key": "other"}, False),
        ({"models_fixed": ["a:1b"]}, False),
    ],
)
def test_a_host_that_is_entered_differently_is_looked_at_anew(people, fields, forgets):
    agent = register(people)
    later = timezone.now() + timedelta(hours=1)
    Health.objects.update(due_at=later, found_protocol="ollama", models_at=later)
    services.change_agent(agent, by=SYSTEM, **fields)
    health = Health.objects.get()
    assert (health.due_at < later, health.models_at) == (True, None)
    assert health.found_protocol == ("" if forgets else "ollama")


def test_other_changes_wait_for_the_next_look(people):
    agent = register(people)
    later = timezone.now() + timedelta(hours=1)
    Health.objects.update(due_at=later)
    services.change_agent(agent, by=SYSTEM, slots=3, title="Oak")
    assert Health.objects.get().due_at == later


def test_only_the_models_named_are_used(settle, host, check):
    agent = settle("oak", host, models_fixed=["tiny:1b"])
    assert [str(row.model) for row in agent.models.all()] == ["tiny:1b"]
    services.change_agent(agent, by=SYSTEM, models_fixed=[])
    check(agent)
    assert agent.models.count() == 4


# -- sharing, switching, deleting --------------------------------------------------------------


def test_an_agent_is_shared_once(people):
    agent = register(people)
    assert services.share_agent(agent, [people.theirs, people.ours], by=SYSTEM)
    assert agent.team_ids == [people.ours.pk, people.theirs.pk]
    assert not services.share_agent(agent, [people.theirs], by=SYSTEM)
    assert services.share_agent(agent, [], by=SYSTEM)
    assert trail() == ["registered", "shared", "shared"]
    # The team that loses it is told as well.
    assert Notice.objects.filter(topic=f"agents@{people.theirs.pk}").count() == 2


@pytest.mark.parametrize(
    ("service", "shown", "actions"),
    [
        (services.drain, "draining", ["drained", "resumed"]),
        (lambda agent, *, by, on: services.switch(agent, by=by, on=not on), "disabled",
         ["disabled", "enabled"]),
    ],
)  # fmt: skip
def test_a_switch_is_thrown_once_and_back(people, service, shown, actions):
    agent, by = register(people), Actor(people.owner)
    assert service(agent, by=by, on=True)
    assert not service(agent, by=by, on=True)
    assert Agent.objects.get().status == shown
    assert service(agent, by=by, on=False)
    assert trail() == ["registered", *actions]
    with pytest.raises(Forbidden, match="role owner"):
        service(agent, by=Actor(people.member), on=True)


def test_owners_of_a_team_it_is_shared_with_do_not_drain_it(people):
    agent = register(people)
    services.share_agent(agent, [people.theirs], by=SYSTEM)
    with pytest.raises(Forbidden):
        services.drain(agent, by=Actor(people.stranger))
    services.check_now(agent, by=Actor(people.stranger))


def test_a_deleted_agent_leaves_its_calls_with_its_name(people):
    agent = register(people)
    Call.objects.create(team=people.ours, source="api", agent=agent, agent_name="oak")
    services.delete_agent(agent, by=SYSTEM)
    assert Call.objects.values_list("agent", "agent_name").get() == (None, "oak")
    assert not Health.objects.exists()
    assert AuditEntry.objects.get(action="deleted").details["endpoint"] == URL


def test_refreshing_reads_the_list_of_models_anew_and_checking_does_not(settle, host, check):
    agent = settle("oak", host)
    for ask, lists in ((services.check_now, 0), (services.refresh, 1)):
        host.record.requests.clear()
        ask(agent, by=SYSTEM)
        check(agent)
        assert sum(seen.path == "/api/tags" for seen in host.requests) == lists


# -- parts -------------------------------------------------------------------------------------


def test_capabilities_are_set_and_a_plain_list_keeps_what_was_measured(people):
    agent = register(people)
    assert services.set_capabilities(agent, {"law": 0.9, "art": 0.2}, by=SYSTEM)
    assert not services.set_capabilities(agent, {"art": 0.2, "law": 0.9}, by=SYSTEM)
    assert services.set_capabilities(agent, ["law", "tax"], by=SYSTEM)
    assert [str(row) for row in agent.capabilities.all()] == ["law 0.9", "tax 0.5"]
    assert Capability.objects.count() == 3


def test_graphics_cards_are_set_in_order(people):
    agent = register(people)
    cards = [("RTX 3070", 8.0), ("Old one", None)]
    assert services.set_gpus(agent, cards, by=SYSTEM)
    assert not services.set_gpus(agent, cards, by=SYSTEM)
    assert [str(gpu) for gpu in agent.gpus.all()] == ["RTX 3070 (8 GB)", "Old one"]
    assert agent.vram_gb == 8


def test_changed_capabilities_and_cards_leave_a_trace(make_agent, people):
    agent, by = make_agent(), Actor(people.admin)
    services.set_capabilities(agent, {"law": 0.9}, by=by)
    services.set_capabilities(agent, {"law": 0.9}, by=by)
    services.set_gpus(agent, [("RTX 3070", 8.0)], by=by)
    lately = AuditEntry.objects.filter(actor="admin").order_by("number")
    assert [entry.action for entry in lately] == ["set capabilities of", "set GPUs of"]
    assert Notice.objects.filter(topic=f"agent:{agent.pk}").count() >= 2
