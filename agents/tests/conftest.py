"""Fixtures of the agents room: a host that answers, and a runner that does what is due."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.utils import timezone
from whitenoise.middleware import WhiteNoiseMiddleware

from agents import services
from agents.models import Call
from whoosh_site.core.actor import Actor
from whoosh_site.core.live import hub as hubs
from whoosh_site.core.live.hub import Hub


@pytest.fixture(autouse=True, scope="package")
def _nothing_is_read_again_and_again() -> Iterator[None]:
    """Every door reads all certificates, every client all static files (40 ms each)."""
    context = httpx.create_ssl_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", lambda **options: context)
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", lambda self: None)
        yield


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A live hub that looks only when it is told to: `await hub._tell()`."""
    fresh = Hub()
    monkeypatch.setattr(fresh, "_run", lambda: asyncio.sleep(0))
    monkeypatch.setattr(hubs, "hub", fresh)
    return fresh


@pytest.fixture
def asked(people: Any) -> Callable[..., Call]:
    """Record a call of the member: `asked("hello", model="tiny:1b")`."""

    def recorded(prompt: str = "how are you", *, by: Any = None, **wish: Any) -> Call:
        team = wish.pop("team", None)
        messages = wish.pop("messages", [{"role": "user", "content": prompt}])
        actor, source = Actor(by or people.member), wish.pop("source", "api")
        return services.ask(services.Wish(messages, **wish), by=actor, source=source, team=team)

    return recorded


@pytest.fixture
def answered(asked: Any, carry: Any) -> Callable[..., Call]:
    """Record a call, let the runner do what is due, and return what became of it."""

    def ended(*args: Any, **wish: Any) -> Call:
        call = asked(*args, **wish)
        carry("call")
        call.refresh_from_db()
        return call

    return ended


@pytest.fixture
def finish(carry: Any) -> Callable[[], None]:
    """Run calls until none waits any more, as a runner does in the course of some seconds."""

    def finished() -> None:
        for _ in range(20):
            if not Call.objects.filter(state="queued").update(due_at=timezone.now()):
                return
            carry("call")
        raise AssertionError("some call waits for ever")

    return finished


@pytest.fixture
def record(people: Any) -> Callable[..., list[Call]]:
    """Write ended calls down: `record(3, state="error")`."""

    def recorded(count: int = 1, **fields: Any) -> list[Call]:
        fields = {"team": people.ours, "created_by": people.member, "source": "api"} | fields
        fields = {"state": "success", "finished_at": timezone.now(), "title": "Why?"} | fields
        return Call.objects.bulk_create(Call(**fields) for _ in range(count))

    return recorded
