"""Discoveries: what is found, how one is watched, stopped, survived, and turned into agents."""

import asyncio
import functools
import json

import pytest
from django.utils import timezone

from agents import services
from agents.kinds import Discoveries
from agents.models import Agent, Discovery
from agents.services import discovery as module
from agents.targets import places
from tests.fake_agent import FakeHost, running
from whoosh_site.core import leases
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden
from whoosh_site.core.leases import Lease
from whoosh_site.core.models import AuditEntry, Notice, Team

SILENT = "127.0.0.1:9"


def place(host):
    """Return a host as a person names it."""
    return host.url.removeprefix("http://")


@pytest.fixture
def discovered(carry):
    """Look at places as the runner does; returns the row: `discovered(host, "127.0.0.1:9")`."""

    def looked(*targets, **more):
        named = [getattr(target, "url", target).removeprefix("http://") for target in targets]
        row = services.start_discovery(named, by=SYSTEM, **more)
        assert carry("discovery") == 1
        row.refresh_from_db()
        return row

    return looked


# -- what is found -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flavour", "software", "slots", "models"),
    [
        ("ollama", "ollama", None, 4),
        ("llamacpp", "llama.cpp", 4, 1),
        ("vllm", "vLLM", None, 1),
        ("lmstudio", "LM Studio", None, 4),
        ("openai", "OpenAI-compatible", None, 4),
    ],
)
def test_a_host_is_found_with_what_it_tells(flavour, software, slots, models, discovered):
    with running(FakeHost(flavour, pace=0)) as host:
        row = discovered(host)
    (find,) = row.found
    assert (row.state, row.asked, row.total, row.trouble) == ("success", 1, 1, "")
    assert (find["ok"], find["needs_key"], find["endpoint"]) == (True, False, host.url)
    assert (find["flavour"], find["slots"], find["models"]) == (software, slots, models)
    assert row.finished_at is not None


def test_a_host_that_wants_a_key_is_found_as_one(discovered, host):
    host.settings.key = "s3cret"
    (find,) = discovered(host).found
    assert (find["ok"], find["needs_key"]) == (False, True)
    assert "wants another key" in find["message"]


def test_a_place_that_was_named_says_why_nothing_is_there(discovered, host):
    host.faults.add("html")
    nobody, other = discovered(SILENT, host).found
    assert (nobody["ok"], other["ok"]) == (False, False)
    assert "connection refused" in nobody["message"]
    assert "neither like Ollama nor like" in other["message"]


def test_of_a_network_only_what_answers_is_told(monkeypatch, run):
    async def nobody(url, **_):
        return services.Examination(ok=False, message=f"{url} cannot be reached.")

    monkeypatch.setattr(module, "examine", nobody)
    survey = services.Survey(places(["10.0.0.0/28"], [80]))
    run(survey.run())
    assert (survey.asked, survey.found) == (14, [])


def test_a_whoosh_is_no_host_whatever_it_answers(discovered, host):
    alive = {"status": "ok", "service": "whoosh"}
    host.faults.add("status", status=200, body=alive, paths=("/healthz",))
    (find,) = discovered(host).found
    assert find["ok"] is False
    assert find["message"] == f"{host.url} is a WHOOSH itself, not a model host."


def test_what_says_it_is_alive_in_its_own_way_is_no_whoosh(discovered, host):
    for body in ([1], "ok", {"service": None}, "[" * 100_000):
        host.faults.clear()
        host.faults.add("status", status=200, body=body, paths=("/healthz",))
        assert discovered(host).found[0]["ok"] is True


def test_our_own_answer_is_the_one_by_which_another_whoosh_is_known(client):
    assert client.get("/healthz").json()["service"] == "whoosh"


def test_a_name_that_leads_to_this_machine_is_asked_only_when_it_says_so(
    discovered, host, monkeypatch
):
    port = int(host.url.rpartition(":")[2])
    monkeypatch.setattr(module, "places", lambda *_: [named_elsewhere(port)])
    (find,) = discovered("elsewhere.lan").found
    assert "is this machine or its link" in find["message"]
    assert host.requests == []


def named_elsewhere(port):
    """Return loopback as it looks when a name that is not localhost leads to it."""
    (found,) = places([f"127.0.0.1:{port}"])
    return type(found)(found.host, found.port, named=True, local=False)


def test_no_more_than_64_places_are_asked_at_once(monkeypatch, run):
    at_once, most = 0, 0

    async def slow(url, **_):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return services.Examination(ok=False, message="nobody")

    monkeypatch.setattr(module, "examine", slow)
    survey = services.Survey(places(["10.0.0.0/22"], [80]))
    run(survey.run())
    assert (survey.asked, most) == (1022, 64)


def test_a_run_that_takes_too_long_ends_with_what_it_has(monkeypatch, run):
    async def stuck(url, **_):
        if url.endswith(".1:80"):
            return services.Examination(ok=True, message="here", protocol="ollama")
        return await asyncio.Event().wait()

    monkeypatch.setattr(module, "examine", stuck)
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.05)
    survey = services.Survey(places(["10.0.0.0/24"], [80]))
    run(survey.run())
    assert [find["endpoint"] for find in survey.found] == ["http://10.0.0.1:80"]
    assert "1 of 254 places" in survey.trouble


# -- as work -----------------------------------------------------------------------------------


def test_progress_is_told_to_the_page_that_watches(discovered, host):
    row = discovered(host)
    assert Notice.objects.filter(topic=f"discovery:{row.pk}").count() >= 2


def test_starting_and_stopping_stand_in_the_trail(people):
    row = services.start_discovery(["10.0.0.1"], [80], by=Actor(people.admin))
    services.cancel_discovery(row, by=Actor(people.admin))
    lines = AuditEntry.objects.filter(target_type="agents.Discovery").order_by("number")
    assert [line.action for line in lines] == ["started", "canceled"]
    assert lines[0].details == {"targets": ["10.0.0.1"], "ports": [80]}


@pytest.mark.parametrize("who", ["owner", "member", "viewer", "stranger"])
def test_only_administrators_look_for_hosts(who, people):
    with pytest.raises(Forbidden):
        services.start_discovery(["10.0.0.1"], by=Actor(getattr(people, who)))
    assert not Discovery.objects.exists()


def test_a_waiting_discovery_that_is_stopped_asks_nobody(people, host, carry):
    row = services.start_discovery([place(host)], by=SYSTEM)
    assert services.cancel_discovery(row, by=Actor(people.admin))
    assert carry("discovery") == 0
    row.refresh_from_db()
    assert (row.state, row.ended) == ("canceled", True)
    assert host.requests == []
    assert not services.cancel_discovery(row, by=Actor(people.admin))


def test_a_running_discovery_that_is_stopped_keeps_what_it_found(db):
    row = services.start_discovery(["10.0.0.1"], by=SYSTEM)
    lease = leases.claim_one(Discovery, row.pk, "me:1:1")
    lease.write(asked=3, found=[{"endpoint": "http://10.0.0.1:80"}])
    Discoveries().canceled(lease)
    row.refresh_from_db()
    assert (row.state, row.asked, len(row.found)) == ("canceled", 3, 1)


def test_a_discovery_whose_process_died_begins_anew(people, host, carry):
    row = services.start_discovery([place(host)], by=SYSTEM)
    lease = leases.claim_one(Discovery, row.pk, "gone:1:1")
    lease.write(asked=1, found=[{"endpoint": "http://10.0.0.1:80"}])
    Discovery.objects.update(lease_until=timezone.now() - leases.LEASE)
    Discoveries().returned(leases.give_back(Discovery))
    assert carry("discovery") == 1
    row.refresh_from_db()
    assert [find["endpoint"] for find in row.found] == [host.url]
    assert not lease.finish("success", found=[])  # the dead one changes nothing


def test_a_discovery_that_kills_its_process_again_and_again_ends(db):
    row = services.start_discovery(["10.0.0.1"], by=SYSTEM)
    for _ in range(leases.DEATHS_ALLOWED):
        leases.claim_one(Discovery, row.pk, "gone:1:1")
        Discovery.objects.update(lease_until=timezone.now() - leases.LEASE)
        Discoveries().returned(leases.give_back(Discovery))
    row.refresh_from_db()
    assert (row.state, row.ended) == ("quarantined", True)
    assert row.finished_at is not None


def test_a_late_process_overwrites_nothing(host, run, people, inside):
    row = services.start_discovery([place(host)], by=SYSTEM)
    late = Lease(Discovery, row.pk, "late:1:1", 1)
    inside(services.discover(late))
    row.refresh_from_db()
    assert (row.state, row.found) == ("queued", [])


def test_only_the_newest_discoveries_are_kept(db, monkeypatch):
    monkeypatch.setattr(Discovery, "KEPT", 2)
    for _ in range(4):
        row = services.start_discovery(["10.0.0.1"], by=SYSTEM)
        services.cancel_discovery(row, by=SYSTEM)
    assert Discovery.objects.count() == 3


# -- from finds to agents ----------------------------------------------------------------------


def find(endpoint="http://10.0.0.1:11434", **more):
    """Return something found."""
    plain = {"endpoint": endpoint, "ok": True, "needs_key": False, "allow_local": False}
    return plain | {"flavour": "ollama", "slots": None} | more


@pytest.mark.parametrize(
    ("endpoint", "flavour", "name"),
    [
        ("http://oak.lan:11434", "ollama", "oak"),
        ("http://10.0.0.7:8080", "llama.cpp", "llama-cpp-10-0-0-7"),
        ("http://[fd12::1]:8000", "vLLM", "vllm-fd12-1"),
        ("http://127.0.0.1:1234", "LM Studio", "lm-studio"),
        ("http://localhost:11434", "ollama", "ollama"),
        ("http://10.0.0.7:80", "", "host-10-0-0-7"),
        (f"http://{'o' * 63}.{'p' * 63}.lan:80", "x" * 40, "o" * 63),
    ],
)
def test_a_name_is_suggested_that_an_agent_may_have(endpoint, flavour, name, db):
    local = "127." in endpoint or "localhost" in endpoint
    (row,) = services.with_names([find(endpoint, flavour=flavour, allow_local=local)])
    assert row["name"] == name
    services.register_found([row], [services.Chosen(endpoint)], by=SYSTEM)


def test_suggested_names_are_free_and_differ(make_agent):
    make_agent("oak", endpoint="http://10.9.9.9:1")
    finds = [find(f"http://oak.lan:{port}", flavour="vLLM") for port in (1, 2, 3)]
    names = [row["name"] for row in services.with_names(finds)]
    assert names == ["oak-vllm", "oak-vllm-2", "oak-vllm-3"]


@pytest.mark.parametrize(
    ("registered", "found"),
    [
        ("http://10.0.0.1:11434", "http://10.0.0.1:11434"),
        ("http://10.0.0.1:11434/v1", "http://10.0.0.1:11434"),
        ("http://OAK.lan:80", "http://oak.lan:80"),
        ("http://127.0.0.1:80", "http://localhost:80"),
        ("http://10.0.0.1", "http://10.0.0.1:80"),
    ],
)
def test_what_is_an_agent_already_says_which(registered, found, make_agent):
    make_agent("oak", endpoint=registered, allow_local=True)
    (row,) = services.with_names([find(found)])
    assert row["agent"] == "oak"
    with pytest.raises(Conflict, match="registered already as oak"):
        services.register_found([row], [services.Chosen(found)], by=SYSTEM)


def test_a_find_becomes_an_agent_with_the_slots_the_host_tells(people, discovered, check):
    with running(FakeHost("llamacpp", pace=0)) as host:
        row = discovered(host)
        chosen = [services.Chosen(host.url, "elm")]
        (agent,) = services.register_found(
            row.found, chosen, by=Actor(people.admin), team=people.theirs
        )
        assert check(agent).status == "online"
    assert (agent.name, agent.slots, agent.team) == ("elm", 4, people.theirs)
    assert AuditEntry.objects.filter(action="registered", target_id=str(agent.pk)).exists()


def test_when_one_of_several_is_refused_none_is_registered(db):
    finds = [find("http://10.0.0.1:80"), find("http://10.0.0.2:80")]
    chosen = [services.Chosen(row["endpoint"], "twin") for row in finds]
    with pytest.raises(Conflict, match="name: an agent is called twin already"):
        services.register_found(finds, chosen, by=SYSTEM)
    assert not Agent.objects.exists()


def test_without_a_choice_what_is_new_and_open_is_registered_once(make_agent):
    make_agent("oak", endpoint="http://10.0.0.1:80")
    finds = [
        find("http://10.0.0.1:80"),
        find("http://10.0.0.2:80", ok=False, needs_key=True),
        find("http://127.0.0.1:80", allow_local=True),
        find("http://localhost:80", allow_local=True),
        find("http://10.0.0.3:80", flavour="vLLM"),
    ]
    made = services.register_found(finds, by=SYSTEM)
    assert [agent.endpoint for agent in made] == ["http://127.0.0.1:80", "http://10.0.0.3:80"]


def test_what_was_not_found_cannot_be_registered(db):
    silent = find("http://10.0.0.2:80", ok=False)
    for endpoint in ("http://10.0.0.1:80", "http://10.0.0.2:80"):
        with pytest.raises(BadInput, match="^hosts: no model host was found"):
            services.register_found([silent], [services.Chosen(endpoint)], by=SYSTEM)


def test_a_host_that_wants_a_key_is_registered_with_one(db):
    row = find(ok=False, needs_key=True)
    with pytest.raises(BadInput, match="^api_key: .* wants a key"):
        services.register_found([row], [services.Chosen(row["endpoint"])], by=SYSTEM)
    chosen = [services.Chosen(row["endpoint"], api_key="s3cret")]
    (agent,) = services.register_found([row], chosen, by=SYSTEM)
    assert agent.api_key.reveal() == "s3cret"


# -- the API -----------------------------------------------------------------------------------


@pytest.fixture
def api(people, with_key):
    """Send JSON as the administrator: `api("post", "", {...})`."""
    client = with_key(people.admin)

    def sent(method, path="", body=None, **more):
        call = getattr(client, method)
        return call(f"/api/v1/discoveries/{path}", body, content_type="application/json", **more)

    return sent


def test_a_program_starts_watches_and_registers(api, host, carry, people):
    started = api("post", body={"targets": [place(host), SILENT]})
    url = f"{started.json()['id']}/"
    assert (started.status_code, started.json()["state"]) == (202, "queued")
    assert started["Location"] == f"/api/v1/discoveries/{url}"
    carry("discovery")
    seen = api("get", url).json()
    assert (seen["state"], seen["asked"], seen["total"]) == ("success", 2, 2)
    assert [(row["ok"], row["agent"], row["name"]) for row in seen["found"]] == [
        (True, "", "ollama"), (False, "", "host"),
    ]  # fmt: skip
    body = {"hosts": [{"endpoint": host.url}], "team": people.theirs.name}
    made = api("post", f"{url}register/", body)
    assert made.status_code == 201
    assert [(row["name"], row["team"]) for row in made.json()] == [("ollama", "Others")]
    assert api("get", url).json()["found"][0]["agent"] == "ollama"
    assert api("post", f"{url}register/", body).status_code == 409


def test_a_program_stops_one(api):
    pk = api("post", body={"targets": ["10.0.0.1"], "ports": [80]}).json()["id"]
    answer = api("post", f"{pk}/cancel/")
    assert (answer.status_code, answer.json()["state"]) == (202, "canceled")


def test_one_idempotency_key_starts_one_discovery(api):
    body, headers = {"targets": ["10.0.0.1"]}, {"idempotency-key": "once"}
    first, second = (api("post", body=body, headers=headers) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert Discovery.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "targets"),
        ({"targets": []}, "targets"),
        ({"targets": ["0.0.0.0/0"]}, "targets"),
        ({"targets": ["::/0"]}, "targets"),
        ({"targets": ["10.0.0.0/8"]}, "targets"),
        ({"targets": ["bücher.lan"]}, "targets"),
        ({"targets": ["169.254.169.254"]}, "targets"),
        ({"targets": "10.0.0.1"}, "targets"),
        ({"targets": ["oak"] * 2000}, "targets"),
        ({"targets": ["o" * 400]}, "targets"),
        ({"targets": ["oak"], "ports": [0]}, "ports"),
        ({"targets": ["oak"], "ports": [70000]}, "ports"),
        ({"targets": ["oak"], "ports": [10**30]}, "ports"),
        ({"targets": ["oak"], "ports": list(range(1, 12))}, "ports"),
        ({"targets": ["oak"], "ports": ["x"]}, "ports"),
        ({"targets": ["oak"], "port": 80}, "port"),
    ],
)
def test_odd_input_is_refused_with_the_field_named(body, field, api):
    answer = api("post", body=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(f"{field}: ")
    assert not Discovery.objects.exists()


@pytest.mark.parametrize(
    "hosts",
    [
        [], [{}], [{"endpoint": "http://10.0.0.9:1"}], ["http://10.0.0.1:1"],
        [{"endpoint": "http://10.0.0.1:80", "name": "no name"}],
        [{"endpoint": "http://10.0.0.1:80", "slots": 3}],
    ],
)  # fmt: skip
def test_what_cannot_be_registered_is_refused(hosts, api, db):
    row = services.start_discovery(["10.0.0.1"], by=SYSTEM)
    Discovery.objects.update(found=[find("http://10.0.0.1:80")])
    assert api("post", f"{row.pk}/register/", {"hosts": hosts}).status_code == 400
    assert not Agent.objects.exists()


# -- the command -------------------------------------------------------------------------------


@pytest.fixture
def command(people, shell):
    """Run the command: `command("10.0.0.1")` returns exit code, stdout, stderr."""
    return functools.partial(shell, "discover_agents")


def test_the_command_prints_what_is_there_and_registers_nothing(command, host):
    code, out, _ = command(place(host), SILENT)
    assert code == 0
    assert f"ollama {host.settings.version} answers in" in out
    assert "connection refused" in out
    assert out.endswith("2 places asked, 1 model host found.\n")
    assert not Agent.objects.exists()


def test_the_command_registers_what_it_found_for_a_team(command, host, people):
    with running(FakeHost("vllm", pace=0, key="s3cret")) as guarded:
        words = [place(host), place(guarded), "--register", "--team", "Others"]
        assert "[registered now]" in command(*words)[1]
    assert [(a.name, a.team) for a in Agent.objects.all()] == [("ollama", people.theirs)]
    code, out, _ = command(place(host), "--register")
    assert (code, "[registered as ollama]" in out) == (0, True)


def test_the_command_tells_programs_in_json(command, host):
    told = json.loads(command(place(host), "--json", "--register")[1])
    assert (told["asked"], told["registered"], told["trouble"]) == (1, ["ollama"], "")
    assert [(row["endpoint"], row["agent"]) for row in told["found"]] == [(host.url, "ollama")]


def test_the_command_asks_the_ports_it_is_given(command, host):
    port = host.url.rpartition(":")[2]
    assert "2 places asked, 1 model host" in command("127.0.0.1", "--port", port, "--port", "9")[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "the following arguments are required: TARGET"),
        (["10.0.0.0/8"], "targets: these are 16,777,216 addresses"),
        (["10.0.0.1", "--port", "0"], "ports: 0 is no port"),
        (["10.0.0.1", "--port", "x"], "invalid int value"),
        (["10.0.0.1", "--register", "--team", "None"], "There are: Main, Others."),
        (["10.0.0.1", "--team", "Others"], "--team: use it with --register"),
    ],
)
def test_bad_words_are_one_line_and_exit_2(words, why, command):
    Team.objects.filter(pk=Team.first_made().pk).update(name="Main")
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert why in err
