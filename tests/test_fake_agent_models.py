"""Managing a host's models: our wire format does there what the official client does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import ollama
import pytest

from agents.errors import AgentBusy, AgentFailed, AgentSlow, ModelMissing, RequestRefused
from agents.protocols import Endpoint, HostProtocol, Progress, protocols
from agents.protocols import ollama as wire
from tests.fake_agent import FLAVOURS, FakeHost, FakeModel, running
from whoosh_site.core.addresses import registered_hosts
from whoosh_site.core.http import Door
from whoosh_site.core.limits import quick

SIZE = 1_800_000_000


@pytest.fixture
def host() -> Iterator[FakeHost]:
    """An Ollama host that waits for nothing."""
    with running(FakeHost("ollama", pace=0)) as found:
        yield found


@pytest.fixture
def client(host: FakeHost) -> Iterator[ollama.Client]:
    """The official client of that host."""
    with ollama.Client(host.url, timeout=10, verify=False) as found:
        yield found


@contextlib.asynccontextmanager
async def ours(host: FakeHost, key: str = "ollama") -> AsyncIterator[HostProtocol]:
    """Open one of our wire formats to a host."""
    door = Door(registered_hosts(allow_local=True))
    try:
        yield protocols[key](Endpoint(host.url, door))
    finally:
        await door.close()


def do(host: FakeHost, work: Callable[[HostProtocol], Awaitable[Any]]) -> Any:
    """Do something with our Ollama format."""

    async def scene() -> Any:
        async with ours(host) as protocol:
            return await work(protocol)

    return asyncio.run(scene())


def pull(host: FakeHost, model: str) -> list[Progress]:
    """Pull a model to the end."""

    async def steps(protocol: HostProtocol) -> list[Progress]:
        return [step async for step in protocol.pull(model)]

    return do(host, steps)


def names(host: FakeHost) -> list[str]:
    return [model.name for model in host.catalog]


def test_a_pull_tells_what_the_official_client_hears(host, client):
    steps = pull(host, "newcomer:3b")
    host.catalog.remove(host.model("newcomer:3b"))
    host.downloads.forget(FakeModel("newcomer:3b", billions=3.0))
    heard = list(client.pull("newcomer:3b", stream=True))
    told = [(s.status, s.digest or None, s.total, s.completed) for s in steps]
    assert told == [(s.status, s.digest, s.total, s.completed) for s in heard]
    assert steps[-1] == Progress("success")
    assert "newcomer:3b" in names(host)


def test_leaving_a_pull_stops_it_at_the_host_and_the_next_one_goes_on(host):
    host.clock.pace = 0.2

    async def leave(protocol: HostProtocol) -> int:
        async with contextlib.aclosing(protocol.pull("newcomer:3b")) as steps:
            async for step in steps:
                if step.completed:
                    return step.completed
        raise AssertionError("it ended before")

    reached = do(host, leave)
    host.clock.pace = 0
    first = next(step for step in pull(host, "newcomer:3b") if step.digest)
    assert first.completed is not None
    assert first.completed >= reached
    assert host.downloads.fetched == {"newcomer:3b": SIZE}
    assert host.canceled == 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("pull model manifest: file does not exist", ModelMissing),
        ("pull model manifest: 401: unauthorized", RequestRefused),
        ("max retries exceeded: unexpected EOF", AgentFailed),
        (None, AgentFailed),
        ({"no": "text"}, AgentFailed),
    ],
)
def test_an_error_inside_the_stream_is_told_by_what_can_be_done_about_it(host, text, error):
    host.faults.add("error", paths=("/api/pull",), after=2, text=text or " ")
    with pytest.raises(error) as raised:
        pull(host, "newcomer:3b")
    assert type(raised.value) is error


def test_a_pull_that_ends_without_a_word_of_success_has_failed(host):
    host.faults.add("cut", paths=("/api/pull",), after=3)
    with pytest.raises(AgentFailed, match="broke off"):
        pull(host, "newcomer:3b")


def test_a_host_that_falls_silent_in_a_pull_is_too_slow(host, monkeypatch):
    monkeypatch.setattr(wire, "PULLING", quick(0.3))
    host.faults.add("stall", paths=("/api/pull",), after=2, seconds=30)
    with pytest.raises(AgentSlow):
        pull(host, "newcomer:3b")


@pytest.mark.parametrize(("kept", "seconds"), [(None, 300), ("2h", 7200), (90, 90), (-1, -1)])
@pytest.mark.parametrize("model", ["tiny:1b", "embedder:latest"])
def test_loading_keeps_a_model_as_long_as_was_said(host, client, model, kept, seconds):
    do(host, lambda protocol: protocol.load(model, kept))
    assert [row.model for row in client.ps().models] == [model]
    (runner,) = host.memory.loaded()
    assert runner.keep_alive == seconds


def test_loading_a_model_that_is_there_only_changes_how_long_it_stays(host):
    for kept in ("5m", -1):
        do(host, lambda protocol, kept=kept: protocol.load("tiny:1b", kept))
    (runner,) = host.memory.loaded()
    assert (runner.keep_alive, host.memory.loads) == (-1, {"tiny:1b": 1})


def test_unloading_does_what_the_official_client_does(host, client):
    for model in ("tiny:1b", "embedder:latest"):
        do(host, lambda protocol, model=model: protocol.load(model))
    client.generate("tiny:1b", keep_alive=0)
    do(host, lambda protocol: protocol.unload("embedder:latest"))
    assert client.ps().models == []


def test_deleting_does_what_the_official_client_does(host, client):
    client.delete("tiny:1b")
    do(host, lambda protocol: protocol.delete("seer:7b"))
    assert {"tiny:1b", "seer:7b"} & set(names(host)) == set()


@pytest.mark.parametrize("verb", ["load", "unload", "delete"])
def test_a_model_the_host_does_not_have_is_missing(host, verb):
    with pytest.raises(ModelMissing):
        do(host, lambda protocol: getattr(protocol, verb)("nosuch:1b"))


def test_a_host_whose_queue_is_full_is_busy(host):
    host.faults.add("status", paths=("/api/generate",), status=503, body={"error": "full"})
    with pytest.raises(AgentBusy):
        do(host, lambda protocol: protocol.load("tiny:1b"))


@pytest.mark.parametrize("key", sorted(protocols.keys()))
def test_every_format_says_which_verbs_it_has(key):
    assert protocols[key].verbs == (
        {"pull", "load", "unload", "delete"} if key == "ollama" else set()
    )


def test_the_fake_host_has_them_where_it_plays_ollama():
    assert [key for key, flavour in FLAVOURS.items() if flavour.native] == ["ollama"]
