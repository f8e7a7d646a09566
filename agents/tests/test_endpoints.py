"""Addresses of hosts: which are taken, which are reached, and what goes along."""

import pytest

from agents import services
from agents.errors import UnusableEndpoint
from agents.models import Agent
from agents.services.endpoints import close_doors, door, endpoint_of, host_of
from tests.fake_agent import FakeHost, running
from whoosh_site.core.secrets import Secret


def vetted(url, allow_local=False):
    return services.vet_endpoint(url, allow_local=allow_local)


# -- which are taken ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("http://192.168.1.27:11434", "http://192.168.1.27:11434"),
        (" https://models.example.org/ ", "https://models.example.org"),
        ("http://oak.lan:8080/v1/", "http://oak.lan:8080/v1"),
        ("http://[fd12::1]:11434", "http://[fd12::1]:11434"),
        ("http://100.64.0.7", "http://100.64.0.7"),
        ("http://8.8.8.8", "http://8.8.8.8"),
    ],
)
def test_an_address_is_stored_without_ends(url, stored):
    assert vetted(url) == stored


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "'' is not like http://192.168.1.27:11434"),
        ("10.0.0.1:11434", "is not like"),
        ("ftp://10.0.0.1", "is not like"),
        ("http://", "is not like"),
        ("http:///path", "is not like"),
        ("javascript:alert(1)", "is not like"),
        ("http://10.0.0.1:99999", "is not an address"),
        ("http://10.0.0.1:x", "is not an address"),
        ("http://[::1", "is not an address"),
        ("http://ada@10.0.0.1", "leave out user, password and everything after '?'"),
        ("http://ada:pw@10.0.0.1", "leave out user"),
        ("http://10.0.0.1/?key=secret", "leave out user"),
        ("http://10.0.0.1/#top", "leave out user"),
    ],
)
def test_an_address_that_is_none_says_why(url, why):
    with pytest.raises(UnusableEndpoint, match="endpoint: ") as caught:
        vetted(url, allow_local=True)
    assert why in caught.value.message


LOCAL = [
    "http://127.0.0.1:11434", "http://localhost:11434", "http://LocalHost", "http://ai.localhost",
    "http://[::1]:11434", "http://[::ffff:127.0.0.1]", "http://0.0.0.0:11434", "http://169.254.7.7",
]  # fmt: skip


@pytest.mark.parametrize("url", LOCAL)
def test_this_machine_is_reached_only_when_that_is_intended(url):
    with pytest.raises(UnusableEndpoint, match="is this machine or its link") as caught:
        vetted(url)
    assert caught.value.details == {"set": "allow_local"}
    assert vetted(url, allow_local=True) == url


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://169.254.169.254", "metadata"),
        ("http://[::ffff:169.254.169.254]", "metadata"),
        ("http://100.100.100.200:80", "metadata"),
        ("http://224.0.0.1", "unusable"),
        ("http://255.255.255.255", "unusable"),
    ],
)
def test_some_addresses_are_reached_never(url, kind):
    with pytest.raises(UnusableEndpoint, match=f"leads to a {kind} address"):
        vetted(url, allow_local=True)


@pytest.mark.parametrize("name", ["127.1", "2130706433", "0x7f000001"])
def test_a_spelling_of_this_machine_is_found_out_when_it_is_connected_to(name, host, run):
    url = vetted(host.url.replace("127.0.0.1", name))
    assert not run(services.examine(url)).ok
    assert host.requests == []


def test_a_host_of_this_machine_is_not_asked_unless_that_is_intended(host, run):
    found = run(services.examine(host.url))
    assert not found.ok
    assert "127.0.0.1 is this machine or its link" in found.message
    assert host.requests == []
    assert run(services.examine(host.url, allow_local=True)).ok


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a:1", "http://a:1/v1", True),
        ("http://a:1", "http://a:2", False),
        ("http://a:1", "https://a:1", False),
        ("http://a:1", "http://b:1", False),
        ("http://a:1", "http://[::1", False),
    ],
)
def test_a_place_is_scheme_host_and_port(one, other, same):
    assert services.same_place(one, other) is same
    assert services.same_place(other, one) is same


# -- from a row to a host ----------------------------------------------------------------------


async def closing(work):
    """Return what `work` returns, doors closed."""
    try:
        return work()
    finally:
        await close_doors()


@pytest.mark.parametrize(
    ("chosen", "found", "key"),
    [
        ("", "", None),
        ("", "ollama", "ollama"),
        ("openai", "", "openai"),
        ("openai", "ollama", "openai"),
    ],
)
def test_the_chosen_format_comes_before_the_one_found(chosen, found, key, run):
    agent = Agent(endpoint="http://10.0.0.1", protocol=chosen, api_key=Secret(""))
    host = run(closing(lambda: host_of(agent, found)))
    assert (host and host.key) == key


def test_the_key_of_an_agent_is_sent_to_it_and_no_other_header(run, host):
    host.settings.key = "s3cret"
    found = run(services.examine(host.url, api_key="s3cret", allow_local=True))
    assert found.ok
    assert {seen.headers["Authorization"] for seen in host.requests} == {"Bearer s3cret"}
    assert "Cookie" not in host.requests[0].headers


def test_without_a_key_none_is_sent(run, host):
    run(services.examine(host.url, allow_local=True))
    assert all("Authorization" not in seen.headers for seen in host.requests)


@pytest.mark.parametrize("ending", ["", "/v1"])
def test_an_address_may_end_in_v1(ending, run):
    with running(FakeHost("openai", pace=0)) as host:
        found = run(services.examine(host.url + ending, allow_local=True))
    assert (found.ok, found.protocol) == (True, "openai")


def test_agents_share_a_pool_unless_one_may_be_local(run):
    async def doors():
        found = [door(allow_local=local) for local in (False, True, False, True)]
        await close_doors()
        return [*found, door(allow_local=False)]

    far, near, far_again, near_again, fresh = run(doors())
    assert far is far_again
    assert near is near_again
    assert len({id(far), id(near), id(fresh)}) == 3


def test_an_agent_is_entered_with_its_own_key(run):
    agent = Agent(endpoint="http://10.0.0.1/v1", api_key=Secret.of("s3cret"))
    endpoint = run(closing(lambda: endpoint_of(agent)))
    assert (endpoint.base, endpoint.headers) == (
        "http://10.0.0.1",
        {"Authorization": "Bearer s3cret"},
    )
    assert endpoint.hide("you sent s3cret") == "you sent •••"


@pytest.mark.parametrize(
    "url", ["http://xn--a", "http://0177.0.0.1", f"http://{'x' * 70}.lan", "http://[v1.x]"]
)
def test_an_address_nobody_can_connect_to_is_refused_at_once(url):
    with pytest.raises(UnusableEndpoint, match="^endpoint: .* is not a"):
        vetted(url)


def test_of_a_very_long_address_only_the_beginning_is_repeated():
    with pytest.raises(UnusableEndpoint) as caught:
        vetted("http://oak.lan:99999999/" + "x" * 100_000)
    assert len(caught.value.message) < 400
