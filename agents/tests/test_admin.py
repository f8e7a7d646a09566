"""The administration of agents: live state, actions, and a form that tests the endpoint."""

import html
import re

import pytest
from django.utils import timezone

from agents import services
from agents.models import Agent, AgentModel, Call, Capability, Gpu, Health, Model, ModelJob
from whoosh_site.core import leases
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import AuditEntry, Notice, Team

LIST = "/admin/agents/agent/"
ADD = f"{LIST}add/"
JOBS = "/admin/agents/modeljob/"


@pytest.fixture
def admin(people, sign_in):
    """The browser of an administrator."""
    return sign_in(people.admin)


@pytest.fixture
def oak(make_agent):
    """An agent with a model, a card and a capability."""
    agent = make_agent("oak", models={"tiny:1b": {"tps": 42.0}}, title="Old oak", slots=4)
    services.set_capabilities(agent, {"law": 0.9}, by=SYSTEM)
    services.set_gpus(agent, [("RTX 3070", 8.0)], by=SYSTEM)
    return agent


def text(answer):
    """Return what is to be read, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def filled(people, **fields):
    """Return what a browser sends of the form; lists of rows are empty unless given."""
    form = {
        "name": "oak", "team": people.ours.pk, "endpoint": "http://10.0.0.1", "slots": 1,
        "enabled": "on",
    }  # fmt: skip
    for rows in ("gpus", "capabilities", "models"):
        form |= {f"{rows}-TOTAL_FORMS": 0, f"{rows}-INITIAL_FORMS": 0}
    return {name: value for name, value in (form | fields).items() if value is not None}


def problems(answer):
    """Return the form's errors by field."""
    assert answer.status_code == 200
    return {name: list(found) for name, found in answer.context["adminform"].form.errors.items()}


def messages(answer):
    return [str(message) for message in answer.context["messages"]]


# -- the list ----------------------------------------------------------------------------------


def test_the_list_shows_live_state_load_and_models(admin, oak, people):
    Health.objects.update(version="0.24.0", reason="Tired")
    Call.objects.create(team=people.ours, source="api", state="running", agent=oak)
    answer = admin.get(LIST)
    assert "oak – Old oak Online Tired 1/4 ollama 0.24.0 1 Main" in text(answer)
    badge = f'id="badge-{oak.pk}" data-live="agent:{oak.pk}" data-src="/agents/{oak.pk}/"'
    assert badge in answer.content.decode()
    assert "<title>Agents · WHOOSH</title>" in re.sub(r"\s+", " ", answer.content.decode())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("health__status__exact=offline", {"elm"}),
        ("enabled__exact=0", {"elm"}),
        ("maintenance__exact=1", {"fir"}),
        ("protocol__exact=openai", {"fir"}),
        ("capabilities__capability__id__exact={law}", {"oak"}),
        ("team__id__exact={team}", {"oak", "elm", "fir"}),
        ("q=old", {"oak"}),
        ("q=10.0.9.9", {"elm"}),
    ],
)
def test_the_list_is_filtered_and_searched(admin, oak, make_agent, query, found):
    elm = make_agent("elm", enabled=False, endpoint="http://10.0.9.9")
    Health.objects.filter(agent=elm).update(status="offline")
    make_agent("fir", maintenance=True, protocol="openai")
    make_agent("yew", team=type(oak.team).objects.create(name="Yews"), protocol="ollama")
    services.set_capabilities(elm, ["art"], by=SYSTEM)
    ids = {"law": Capability.objects.get(name="law").pk, "team": oak.team_id}
    answer = admin.get(f"{LIST}?{query.format(**ids)}")
    assert {agent.name for agent in answer.context["cl"].result_list} == found


@pytest.mark.parametrize(
    ("action", "before", "shown", "words"),
    [
        ("drain", {}, "draining", "2 agents take no new calls."),
        ("resume", {"maintenance": True}, "online", "2 agents take calls again."),
        ("disable", {}, "disabled", "2 agents are switched off."),
        ("enable", {"enabled": False}, "online", "2 agents are switched on."),
    ],
)
def test_an_action_switches_the_agents_that_were_chosen(
    admin, make_agent, action, before, shown, words
):
    chosen = [make_agent(name, **before).pk for name in ("oak", "elm")]
    other = make_agent("fir", **before)
    form = {"action": action, "_selected_action": chosen}
    answer = admin.post(LIST, form, follow=True)
    assert messages(answer) == [words]
    assert {agent.status for agent in Agent.objects.filter(pk__in=chosen)} == {shown}
    assert Agent.objects.get(pk=other.pk).status == other.status
    assert AuditEntry.objects.exclude(action="registered").count() == 2


@pytest.mark.parametrize(
    ("action", "words", "asks"),
    [
        ("check_now", "Old oak is being checked.", False),
        ("refresh_models", "Old oak is asked for its models.", True),
    ],
)
def test_an_action_has_hosts_looked_at(admin, oak, action, words, asks):
    later = timezone.now() + leases.LEASE
    Health.objects.update(due_at=later, models_at=later)
    answer = admin.post(LIST, {"action": action, "_selected_action": [oak.pk]}, follow=True)
    health = Health.objects.get()
    assert messages(answer) == [words]
    assert (health.due_at < later, health.models_at is None) == (True, asks)


def test_deleting_leaves_the_calls_and_a_line_in_the_trail(admin, oak, make_agent, people):
    Call.objects.create(team=people.ours, source="api", agent=oak, agent_name="oak")
    elm = make_agent("elm")
    assert admin.post(f"{LIST}{oak.pk}/delete/", {"post": "yes"}).status_code == 302
    chosen = {"action": "delete_selected", "_selected_action": [elm.pk], "post": "yes"}
    assert admin.post(LIST, chosen).status_code == 302
    assert not Agent.objects.exists()
    assert Call.objects.get().agent_name == "oak"
    deleted = AuditEntry.objects.filter(action="deleted").order_by("number")
    assert [entry.details["name"] for entry in deleted] == ["oak", "elm"]


# -- the form ----------------------------------------------------------------------------------


def test_a_new_agent_belongs_to_ones_own_team_and_is_empty_otherwise(admin, people):
    form = admin.get(ADD).context["adminform"].form
    assert form.initial["team"] == people.ours
    assert 'hx-post="/admin/agents/agent/examine/"' in admin.get(ADD).content.decode()


def test_an_agent_is_tested_before_it_is_saved_and_the_form_tells_what_it_found(
    admin, people, host
):
    host.settings.key = "s3cret"
    form = filled(people, endpoint=host.url, allow_local="on", api_key="s3cret", tags="big, attic,")
    answer = admin.post(ADD, form, follow=True)
    found = next(m for m in messages(answer) if "answers in" in m)
    assert found.startswith("ollama 0.24.0 answers in ")
    assert "Models: tiny:1b, thinker:8b, seer:7b, embedder:latest." in found
    agent = Agent.objects.get()
    assert (agent.api_key.reveal(), agent.tags, agent.status) == (
        "s3cret",
        ["big", "attic"],
        "unknown",
    )
    assert AuditEntry.objects.get().action == "registered"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({}, "endpoint", "wants another key: unauthorized Or save it anyway, below."),
        ({"allow_local": None}, "endpoint", "; tick 'Allow this machine' below"),
        ({"endpoint": "http://10.0.0.1/?a"}, "endpoint", "leave out user, password"),
        ({"slots": 0}, "slots", "greater than or equal to 1"),
        ({"name": "my oak"}, "name", "Use letters, digits"),
        ({"endpoint": "ftp://10.0.0.1"}, "endpoint", "is not like http://192.168.1.27:11434"),
    ],
)
def test_an_agent_that_does_not_fit_is_not_saved(admin, people, host, change, field, words):
    host.settings.key = "s3cret"
    form = filled(people, **({"endpoint": host.url, "allow_local": "on"} | change))
    found = problems(admin.post(ADD, form))
    assert words in found[field][0]
    assert not Agent.objects.exists()


def test_a_host_that_is_off_is_saved_when_one_insists(admin, people, host):
    host.down()
    form = filled(people, endpoint=host.url, allow_local="on")
    assert "cannot be reached" in problems(admin.post(ADD, form))["endpoint"][0]
    answer = admin.post(ADD, form | {"save_anyway": "on"}, follow=True)
    assert f"{host.url} cannot be reached: connection refused." in messages(answer)
    assert Agent.objects.get().endpoint == host.url


def test_an_agent_that_is_switched_off_is_not_asked(admin, people, host):
    admin.post(ADD, filled(people, endpoint=host.url, allow_local="on", enabled=None))
    assert (Agent.objects.get().enabled, host.requests) == (False, [])


def test_a_name_that_is_taken_is_said_in_the_form(admin, people, oak):
    found = problems(admin.post(ADD, filled(people, endpoint="http://10.0.3.3", enabled=None)))
    assert found == {"name": ["Agent with this Name already exists."]}


@pytest.fixture
def change(admin, people, settle, host):
    """Change an agent that answers: `change(title="Oak")` returns the page after it."""
    agent = settle("oak", host, api_key="s3cret", tags=["big"])
    host.record.requests.clear()

    def changed(**fields):
        given = {"endpoint": host.url, "allow_local": "on", "tags": "big"} | fields
        return admin.post(f"{LIST}{agent.pk}/change/", filled(people, **given), follow=True)

    return changed


def test_a_change_that_concerns_no_endpoint_asks_nobody(change, host, people):
    change(title="Oak", shared_with=[people.theirs.pk])
    agent = Agent.objects.get()
    assert (agent.title, list(agent.shared_with.all())) == ("Oak", [people.theirs])
    assert (agent.api_key.reveal(), host.requests) == ("s3cret", [])
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {
        "registered",
        "changed",
        "shared",
    }


def test_another_key_is_tried_and_forgetting_it_too(change, host):
    change(api_key="other")
    assert Agent.objects.get().api_key.reveal() == "other"
    assert {seen.headers["Authorization"] for seen in host.requests} == {"Bearer other"}
    host.record.requests.clear()
    change(forget_key="on")
    assert not Agent.objects.get().api_key
    assert host.requests
    assert all("Authorization" not in seen.headers for seen in host.requests)


def test_the_rows_below_are_saved_with_the_form(change, people):
    law = Capability.objects.create(name="law")
    change(**{
        "gpus-TOTAL_FORMS": 1, "gpus-0-name": "RTX 3070", "gpus-0-vram_gb": "8",
        "capabilities-TOTAL_FORMS": 1, "capabilities-0-capability": law.pk,
        "capabilities-0-proficiency": "0.9",
    })  # fmt: skip
    agent = Agent.objects.get()
    assert [str(gpu) for gpu in agent.gpus.all()] == ["RTX 3070 (8 GB)"]
    assert [str(row) for row in agent.capabilities.all()] == ["law 0.9"]


def test_changed_rows_below_stand_in_the_trail_and_reach_open_pages(change, people):
    law, agent = Capability.objects.create(name="law"), Agent.objects.get()
    card = Gpu.objects.create(agent=agent, name="GTX", vram_gb=4)
    Notice.objects.all().delete()
    change(**{
        "gpus-TOTAL_FORMS": 1, "gpus-INITIAL_FORMS": 1, "gpus-0-id": card.pk,
        "gpus-0-agent": agent.pk, "gpus-0-name": "GTX", "gpus-0-vram_gb": "4",
        "gpus-0-DELETE": "on",
        "capabilities-TOTAL_FORMS": 1, "capabilities-0-capability": law.pk,
        "capabilities-0-proficiency": "0.9",
    })  # fmt: skip
    entry = AuditEntry.objects.order_by("-number").first()
    assert (entry.action, entry.target, entry.actor) == ("changed", "oak", "admin")
    assert entry.details == {
        "gpus": {"removed": ["GTX (4 GB)"]},
        "capabilities": {"added": ["law 0.9"]},
    }
    assert Notice.objects.filter(topic=f"agent:{agent.pk}").exists()


def test_how_many_calls_a_model_takes_is_typed_below_the_agent(change, admin):
    agent = Agent.objects.get()
    model = Model.objects.create(name="a:1b")
    held = AgentModel.objects.create(agent=agent, model=model, seen_at=timezone.now())
    rows = {"models-TOTAL_FORMS": 1, "models-INITIAL_FORMS": 1, "models-0-id": held.pk}
    rows |= {"models-0-agent": agent.pk}
    change(**rows, **{"models-0-slots": "2"})
    entry = AuditEntry.objects.order_by("-number").first()
    assert entry.details == {"models": {"changed": ["a:1b on oak"]}}
    held.refresh_from_db()
    assert held.slots == 2
    assert 'value="2"' in admin.get(f"{LIST}{agent.pk}/change/").content.decode()
    answer = change(**rows, **{"models-0-slots": "0"})
    assert "greater than or equal to 1" in answer.content.decode()


def test_a_form_whose_rows_did_not_change_adds_no_line(change):
    before = AuditEntry.objects.count()
    change()
    assert AuditEntry.objects.count() == before


def test_the_endpoint_comes_first_and_a_new_agent_has_no_key_to_forget(admin, people, oak):
    new, old = (admin.get(path).content.decode() for path in (ADD, f"{LIST}{oak.pk}/change/"))
    for page in (new, old):
        assert page.index('name="endpoint"') < page.index('name="team"')
    assert ("Forget the stored key" in new, "Forget the stored key" in old) == (False, True)


def test_an_agent_is_shared_with_other_teams_than_its_own(admin, people, oak):
    for path in (ADD, f"{LIST}{oak.pk}/change/"):
        offered = admin.get(path).context["adminform"].form.fields["shared_with"].queryset
        assert list(offered) == [people.theirs]
    Team.objects.filter(pk=people.theirs.pk).delete()
    assert 'name="shared_with"' not in admin.get(ADD).content.decode()


def test_the_page_of_an_agent_shows_what_its_host_holds_but_no_key(admin, oak):
    services.change_agent(oak, by=SYSTEM, api_key="s3cret")
    Health.objects.update(status="degraded", reason="One silence")
    answer = admin.get(f"{LIST}{oak.pk}/change/")
    for words in ("tiny:1b", "42.0", "One silence", "Degraded"):
        assert words in text(answer)
    assert "s3cret" not in answer.content.decode()
    assert 'name="models-0-tps"' not in answer.content.decode()


# -- the test button ---------------------------------------------------------------------------


def test_the_button_tells_what_answers_there(admin, people, host):
    form = {"endpoint": host.url, "allow_local": "on"}
    assert "ollama 0.24.0 answers in" in text(admin.post(f"{LIST}examine/", form))
    host.down()
    assert "connection refused." in text(admin.post(f"{LIST}examine/", form))
    refused = html.unescape(text(admin.post(f"{LIST}examine/", {"endpoint": host.url})))
    assert "is this machine or its link (127.0.0.1); tick 'Allow this machine' below" in refused
    assert not Agent.objects.exists()


def test_the_button_names_a_format_that_does_not_exist(admin, people, host):
    form = {"endpoint": host.url, "allow_local": "on", "protocol": "grpc"}
    answer = admin.post(f"{LIST}examine/", form)
    assert "protocol: there is no 'grpc'. There are: ollama, openai." in html.unescape(text(answer))
    assert host.requests == []


def test_the_button_is_for_administrators(sign_in, people, host):
    people.owner.is_staff = True
    people.owner.save(update_fields=["is_staff"])
    form = {"endpoint": host.url, "allow_local": "on"}
    answer = sign_in(people.owner).post(f"{LIST}examine/", form)
    assert "Only administrators test endpoints." in text(answer)
    assert host.requests == []


# -- models, capabilities, calls ---------------------------------------------------------------


def test_capabilities_are_listed_with_their_agents(admin, oak, make_agent):
    services.set_capabilities(make_agent("elm"), ["law"], by=SYSTEM)
    assert "law - 2" in text(admin.get("/admin/agents/capability/"))


def test_models_are_listed_with_their_hosts_and_not_changed(admin, oak):
    assert "tiny:1b - - 1" in text(admin.get("/admin/agents/model/"))
    pk = Model.objects.get().pk
    assert admin.post(f"/admin/agents/model/{pk}/change/", {"name": "x"}).status_code == 403
    assert AgentModel.objects.get().model.name == "tiny:1b"


def test_calls_are_listed_without_their_texts_and_not_changed(admin, record, oak):
    (call,) = record(agent=oak, agent_name="oak", model_name="tiny:1b", tps=12.5, answer="long")
    answer = admin.get("/admin/agents/call/")
    assert "Why? Done oak tiny:1b member 12.5" in text(answer)
    shown = answer.context["cl"].result_list[0]
    assert {"answer", "messages"} <= shown.get_deferred_fields()
    assert admin.get(f"/admin/agents/call/{call.pk}/change/").status_code == 200
    assert admin.post(f"/admin/agents/call/{call.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_call_a_runner_looks_through_is_listed_as_waiting(admin, record, oak):
    record(title="Taken up", state="running", finished_at=None)
    record(title="At work", state="running", agent=oak, finished_at=None)
    shown = {
        state: [call.title for call in admin.get(f"/admin/agents/call/?state={state}").context["cl"]
                .result_list]
        for state in ("queued", "running")
    }  # fmt: skip
    assert shown == {"queued": ["Taken up"], "running": ["At work"]}
    assert "Taken up Waiting" in text(admin.get("/admin/agents/call/"))


def test_figures_and_times_of_a_call_are_told_as_on_its_page(admin, record):
    (call,) = record(tps=19.992968284320785, total_ms=65_000.4, wait_ms=12.345)
    page = admin.get(f"/admin/agents/call/{call.pk}/change/").content.decode()
    for words in ("20.0", "1 min 5 s", "12 ms", "data-clock", "UTC</time>"):
        assert words in page
    assert "19.99" not in page


def test_jobs_at_hosts_are_listed_and_canceled(admin, oak, people, sign_in):
    layers = {"a": [4_000_000_000, 1_000_000_000]}
    job = ModelJob.objects.create(agent=oak, verb="pull", model_name="m:1b", layers=layers)
    assert "Pull m:1b Old oak Waiting 1.0 GB of 4.0 GB" in text(admin.get(JOBS))
    assert admin.get(f"{JOBS}{job.pk}/change/").status_code == 200
    chosen = {"action": "cancel", "_selected_action": [job.pk], "index": 0}
    people.member.is_staff = True
    people.member.save(update_fields=["is_staff"])
    answer = sign_in(people.member).post(JOBS, chosen, follow=True)
    assert "model.manage needs a team member with role owner" in text(answer)
    assert "is being canceled" in text(admin.post(JOBS, chosen, follow=True))
    assert ModelJob.objects.get().state == "canceled"


def test_an_agents_form_tells_how_its_models_are_kept(admin, oak):
    path = f"{LIST}{oak.pk}/change/"
    assert "as the host does" in text(admin.get(path))
    AgentModel.objects.update(keep_alive="2h")
    assert "2h" in text(admin.get(path))
    AgentModel.objects.update(pinned=True)
    assert "pinned" in text(admin.get(path))


@pytest.mark.parametrize("chosen", ["abc", "9" * 40, "999999"])
def test_a_capability_that_does_not_exist_is_an_error_of_the_form(people, sign_in, chosen):
    forms = {
        f"{kind}-{name}_FORMS": 0
        for kind in ("gpus", "capabilities")
        for name in ("TOTAL", "INITIAL")
    }
    row = {"capabilities-TOTAL_FORMS": 1, "capabilities-0-capability": chosen}
    form = {"name": "elm", "endpoint": "http://0177.0.0.1", "team": people.ours.pk, "slots": 1}
    answer = sign_in(people.admin).post(ADD, forms | row | form)
    assert answer.status_code == 200
    assert "not one of the available choices" in answer.content.decode()
    assert "is not a URL" in answer.content.decode()
    assert not Agent.objects.exists()


def test_a_key_no_header_can_carry_is_an_error_of_its_field(people, sign_in):
    forms = {
        f"{kind}-{name}_FORMS": 0
        for kind in ("gpus", "capabilities")
        for name in ("TOTAL", "INITIAL")
    }
    form = {"name": "elm", "endpoint": "http://10.0.0.9", "team": people.ours.pk, "slots": 1}
    answer = sign_in(people.admin).post(ADD, forms | form | {"api_key": "clé", "enabled": "on"})
    assert answer.context["adminform"].form.errors["api_key"] == [
        "use letters, digits and signs of ASCII on one line only."
    ]
