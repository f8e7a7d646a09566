"""Model hosts of this machine at the first start, and the small model where there is none."""

import io
import sys

import pytest
from django.core.management.base import OutputWrapper

from agents import builtin, builtin_server, services
from agents.builtin import BuiltinModel
from agents.models import Agent
from tests.fake_agent import FakeHost, running
from whoosh_site.core.actor import SYSTEM


@pytest.fixture
def start(people, monkeypatch):
    """Look around as `up` does: `start(found=host)` returns the child and what was said."""

    def started(*, found=None, installed=True, port=1, **options):
        ports = [int(found.url.rpartition(":")[2])] if found else []
        monkeypatch.setattr(builtin, "USUAL_PORTS", ports)
        monkeypatch.setattr(builtin_server, "installed", lambda: installed)
        out = OutputWrapper(io.StringIO())
        child = BuiltinModel().child({"port": port, "no_builtin_model": False} | options, out)
        return child, out.getvalue()

    return started


def test_a_host_of_this_machine_is_registered_and_no_model_served(start, host, check):
    child, said = start(found=host)
    agent = Agent.objects.get()
    assert child is None
    assert f"Found a model host and registered it: {host.url}." in said
    assert (agent.name, agent.endpoint, agent.builtin) == ("ollama", host.url, False)
    assert check(agent).status == "online"


def test_a_host_is_registered_at_the_first_start_only(start, host, make_agent):
    make_agent("oak")
    child, said = start(found=host)
    assert (child, Agent.objects.get().name) == (None, "oak")
    assert said == f"Model hosts on this machine: {host.url}.\n"


def test_what_listens_there_but_is_no_model_host_is_left_alone(start, host):
    host.faults.add("html")
    child, _ = start(found=host)
    assert child is not None
    assert Agent.objects.get().builtin


def test_our_own_port_is_not_asked(start, host):
    start(found=host, port=int(host.url.rpartition(":")[2]))
    assert host.requests == []


def test_without_a_host_the_small_model_is_served_with_a_key_of_its_own(start):
    child, said = start()
    agent = Agent.objects.get()
    port = child.environment["WHOOSH_BUILTIN_PORT"]
    assert child.command == [sys.executable, "-m", "agents.builtin_server"]
    assert said == f"Built-in model: {builtin_server.NAME} on 127.0.0.1:{port}.\n"
    assert (agent.name, agent.builtin, agent.slots) == ("builtin", True, builtin_server.SLOTS)
    assert agent.endpoint == f"http://127.0.0.1:{port}"
    assert agent.api_key.reveal() == child.environment["WHOOSH_BUILTIN_KEY"]


def test_every_start_makes_a_new_key_and_no_second_agent(start):
    keys = {start()[0].environment["WHOOSH_BUILTIN_KEY"] for _ in range(2)}
    assert len(keys) == 2
    assert Agent.objects.get().api_key.reveal() in keys


def test_without_its_wheels_it_says_what_to_do(start):
    child, said = start(installed=False)
    assert child is None
    assert said == "Built-in model: its wheels are not installed; add an agent in the admin.\n"
    assert not Agent.objects.exists()


def test_a_small_model_that_was_switched_off_stays_off(start):
    start()
    services.switch(Agent.objects.get(), by=SYSTEM, on=False)
    assert start() == (None, "Built-in model: switched off in the admin.\n")


@pytest.mark.parametrize("why", ["asked", "found"])
def test_the_small_models_agent_goes_when_it_is_not_served(start, why):
    start()
    with running(FakeHost("ollama", pace=0)) as host:
        child, _ = start(no_builtin_model=True) if why == "asked" else start(found=host)
    assert child is None
    assert not Agent.objects.filter(builtin=True).exists()


@pytest.mark.parametrize(
    ("flavour", "name", "slots"),
    [("ollama", "ollama", 1), ("llamacpp", "llama-cpp", 4), ("vllm", "vllm", 1),
     ("lmstudio", "lm-studio", 1)],
)  # fmt: skip
def test_a_host_is_named_after_what_it_is_not_after_its_port(flavour, name, slots, start):
    with running(FakeHost(flavour, pace=0)) as host:
        start(found=host)
    assert [(a.name, a.slots, a.endpoint) for a in Agent.objects.all()] == [(name, slots, host.url)]


def test_a_whoosh_on_one_of_these_ports_is_not_taken_for_a_host(start, host):
    alive = {"status": "ok", "service": "whoosh"}
    host.faults.add("status", status=200, body=alive, paths=("/healthz",))
    child, _ = start(found=host)
    assert child is not None
    assert Agent.objects.get().builtin


def test_a_host_that_wants_a_key_is_told_of_until_it_is_an_agent(start, host, make_agent):
    host.settings.key = "s3cret"
    child, said = start(found=host)
    assert child is not None
    assert f"A model host wants a key; add it in the admin: {host.url}.\n" in said
    assert Agent.objects.get().builtin
    make_agent("oak", endpoint=host.url, allow_local=True)
    assert "wants a key" not in start(found=host)[1]


def test_the_ports_looked_at_are_those_of_the_usual_software():
    assert builtin.USUAL_PORTS == (11434, 8080, 1234, 8000)
