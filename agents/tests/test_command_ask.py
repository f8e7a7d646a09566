"""`manage.py ask`: an answer, or one clear line and the right exit code."""

import asyncio
import functools
import json
from types import SimpleNamespace

import pytest

from agents import services
from agents.management.commands import ask
from agents.models import Call, Health
from tests.samples import eventually
from whoosh_site.core import leases
from whoosh_site.core.actor import SYSTEM


@pytest.fixture
def command(people, inside, monkeypatch, shell):
    """Run the command: `command("hello")` returns exit code, stdout, stderr."""
    monkeypatch.setattr(ask, "asyncio", SimpleNamespace(run=inside))  # in this test's own thread
    return functools.partial(shell, "ask")


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host, slots=2)


def test_the_answer_is_all_that_is_printed(oak, command, people):
    assert command("how are you") == (0, "You said: how are you\n", "")
    call = Call.objects.get()
    assert (call.source, call.created_by, call.team) == ("command", None, people.ours)
    assert (call.state, call.attempt, call.owner) == ("success", 1, "")


def test_agent_model_and_capability_are_chosen_by_name(oak, command, settle, host):
    settle("elm", f"{host.url}/v1")
    services.set_capabilities(oak, ["law"], by=SYSTEM)
    wishes = ["--agent", "oak", "--model", "tiny:1b", "--capability", "law"]
    assert command("hello", *wishes)[0] == 0
    call = Call.objects.get()
    assert (call.agent_name, call.model_name, call.wanted_capability) == ("oak", "tiny:1b", "law")


def test_json_tells_the_length_of_context_that_was_sent(oak, command):
    found = json.loads(command("w" * 20_000, "--json", "--model", "tiny:1b")[1])
    assert found["context_length"] == 8192
    assert ["gets 8192 tokens of context", 0.0] in found["decision"][0]["parts"]


def test_json_adds_who_why_and_the_figures(oak, command):
    code, out, _ = command("ü a b", "--json", "--model", "tiny:1b")
    found = json.loads(out)
    assert code == 0
    assert "ü" in out
    assert (found["answer"], found["agent"], found["model"]) == (
        "You said: ü a b",
        "oak",
        "tiny:1b",
    )
    assert found["reason"].startswith("oak: the only one that fits")
    assert (found["state"], found["error"], found["done_reason"]) == ("success", None, "stop")
    assert (found["prompt_tokens"], found["answer_tokens"]) == (3, 5)
    assert found["tps"] == pytest.approx(50)
    assert found["decision"][0]["agent"] == "oak"
    assert {"wait_ms", "load_ms", "first_token_ms", "total_ms", "prompt_tps"} < set(found)


def test_stream_prints_the_answer_as_it_comes(oak, command, monkeypatch):
    pieces, real = [], ask.Command._print
    monkeypatch.setattr(
        ask.Command, "_print", lambda self, piece: (pieces.append(piece.text), real(self, piece))
    )
    assert command("how are you", "--stream") == (0, "You said: how are you\n", "")
    assert "".join(pieces) == "You said: how are you"
    assert len(pieces) > 3
    assert not Call.objects.get().streams


def test_stream_with_json_is_json(oak, command):
    assert json.loads(command("hello", "--stream", "--json")[1])["answer"] == "You said: hello"


def test_a_host_nobody_has_looked_at_is_looked_at_first(command, host, people):
    fields = {"team": people.ours, "allow_local": True, "endpoint": host.url}
    services.register_agent(by=SYSTEM, name="oak", **fields)
    assert command("hello", "--patience", "0") == (0, "You said: hello\n", "")
    assert Health.objects.get().status == "online"


# -- exit 2: nothing was changed ---------------------------------------------------------------


def refused(found, words):
    code, out, error = found
    assert (code, out) == (2, "")
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not Call.objects.exists()


def test_without_an_agent_it_says_how_to_get_one(command):
    refused(command("hello"), "No agent is registered. Load a whoosh.yaml or start 'manage.py up'.")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (["--agent", "ash"], "no agent is called 'ash'. There are: oak."),
        (["--model", "big"], "no model is called 'big'. There are: embedder:latest, seer:7b, "),
        (["--capability", "law"], "no capability is called 'law'. There is none yet."),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_exist(oak, command, wish, words):
    refused(command("hello", *wish), words)


@pytest.mark.parametrize("prompt", ["", "  \n "])
def test_an_empty_prompt_is_refused(oak, command, prompt):
    refused(command(prompt), "prompt: ")


@pytest.mark.parametrize("words", [[], ["a", "b"], ["a", "--nonsense"], ["a", "--patience", "x"]])
def test_bad_arguments_are_refused(command, words):
    code, out, error = command(*words)
    assert (code, out) == (2, "")
    assert "error: " in error


# -- exit 1: it ran and failed -----------------------------------------------------------------


def test_a_host_that_fails_is_told_in_one_line(oak, host, command):
    host.faults.add("status", status=500, body={"error": "no memory"}, paths=("/api/chat",))
    assert command("hello") == (1, "", f"CommandError: {host.url} failed: no memory\n")


def test_a_failure_with_json_is_json_and_a_line(oak, host, command):
    host.faults.add("error", after=1, text="llama died")
    code, out, error = command("how are you", "--json")
    found = json.loads(out)
    assert code == 1
    assert (found["state"], found["answer"]) == ("error", "You")
    assert found["error"] == error.removeprefix("CommandError: ").strip()


def test_nobody_free_within_the_patience_is_said_and_the_call_is_canceled(oak, command):
    services.drain(oak, by=SYSTEM)
    code, out, error = command("hello", "--patience", "0")
    assert (code, out) == (1, "")
    assert error == (
        "CommandError: waits for an agent for any model: oak draining: Takes no new calls.\n"
    )
    call = Call.objects.get()
    assert (call.state, call.owner, call.lease_until) == ("canceled", "", None)
    assert call.finished_at


def test_patience_waits_for_a_slot(oak, command, asked, monkeypatch):
    asked("before")
    Call.objects.update(state="running", owner="there:1:1.00", agent=oak)
    services.change_agent(oak, by=SYSTEM, slots=1)
    claim = leases.claim_one

    def free(model, pk, me):
        Call.objects.filter(title="before").update(state="success", owner="")
        return claim(model, pk, me)

    monkeypatch.setattr(leases, "claim_one", free)
    assert command("hello")[:2] == (0, "You said: hello\n")
    assert Call.objects.get(title="hello").attempt == 1


def test_a_runner_that_is_first_answers_for_the_command(oak, command, monkeypatch):
    Health.objects.update(status="offline")

    def lost(model, pk, me):
        Call.objects.filter(pk=pk).update(state="success", answer="by the runner")

    monkeypatch.setattr(leases, "claim_one", lost)
    assert command("hello") == (0, "by the runner\n", "")


def test_an_interrupted_command_leaves_no_call_behind(oak, host, people, inside):
    host.faults.add("stall", after=1, seconds=60, paths=("/api/chat",))
    wish = services.Wish([{"role": "user", "content": "how are you"}])
    call = services.ask(wish, by=SYSTEM, source="command", holder="here:1:1.00")
    heard = []

    async def interrupted():
        task = asyncio.create_task(services.ask_here(call, patience=30, tell=heard.append))
        await asyncio.to_thread(eventually, lambda: heard)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    inside(interrupted())
    call.refresh_from_db()
    assert (call.state, call.owner, call.answer) == ("canceled", "", "You")
    assert call.total_ms > 0


def test_a_listener_that_goes_away_cancels_the_call(oak, host, inside):
    wish = services.Wish([{"role": "user", "content": "how are you"}])
    call = services.ask(wish, by=SYSTEM, source="command", holder="here:1:1.00")

    def deaf(piece):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        inside(services.ask_here(call, patience=30, tell=deaf))
    call.refresh_from_db()
    assert (call.state, call.owner) == ("canceled", "")
