"""Fixtures of the agents room: a host that answers, and a runner that does what is due."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from whitenoise.middleware import WhiteNoiseMiddleware

from agents import services
from agents.models import Agent, Call, ModelJob
from whoosh_site.core import runner
from whoosh_site.core.actor import Actor
from whoosh_site.core.live import hub as hubs
from whoosh_site.core.live.hub import Hub
from whoosh_site.core.runner import Runner, _database


@pytest.fixture(autouse=True, scope="package")
def _nothing_is_read_again_and_again() -> Iterator[None]:
    """Every client reads all static files (40 ms)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", lambda self: None)
        yield


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A live hub that looks only when it is told to: `await hub._tell()`."""
    fresh = Hub()
    monkeypatch.setattr(fresh, "_run", lambda: asyncio.sleep(0))
    monkeypatch.setattr(hubs, "hub", fresh)
    return fresh


async def until(true: Callable[[], Any]) -> None:
    """Wait until something holds."""
    while not await _database(true):  # noqa: ASYNC110  (the database rings no bell)
        await asyncio.sleep(0.01)


@pytest.fixture
def resident(inside: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a coroutine beside a runner of one kind that looks around often: `resident(scene)`."""
    monkeypatch.setattr(runner, "TICK", 0.02)

    def beside(scene: Callable[[], Awaitable[Any]], kind: str = "call") -> Any:
        async def together() -> Any:
            serving = Runner()
            serving.kinds = [one for one in serving.kinds if one.key == kind]
            task = asyncio.create_task(serving.run())
            try:
                async with asyncio.timeout(10):
                    return await scene()
            finally:
                serving.stopping = True
                serving.woken.set()
                await task
                await services.close_doors()

        return inside(together())

    return beside


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
def api(people: Any, with_key: Any, client: Any) -> Callable[..., Any]:
    """Send a request as somebody: `api("owner", "get", "agents/")`."""
    clients: dict[str, Any] = {"nobody": client}

    def sent(who: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        if who not in clients:
            clients[who] = with_key(getattr(people, who))
        call = getattr(clients[who], method)
        given = {} if method in ("get", "delete") else {"content_type": "application/json"}
        return call(f"/api/v1/{path}", body, **given, **more)

    return sent


@pytest.fixture
def started(people: Any) -> Callable[..., ModelJob]:
    """Start jobs as the owner: `started("pull", "newcomer:3b", oak)`; returns the first."""

    def start(verb: str, model: str, *agents: Agent, by: Any = None, **more: Any) -> ModelJob:
        actor = Actor(by or people.owner)
        return services.start_jobs(verb, model, agents, by=actor, **more)[0]

    return start


@pytest.fixture
def go(carry: Any) -> Callable[..., ModelJob]:
    """Run jobs as a runner does in the course of some time; returns the job as it is then."""

    def gone(job: ModelJob, most: int = 40) -> ModelJob:
        for _ in range(most):
            ModelJob.objects.filter(state="queued").update(due_at=timezone.now())
            carry("job")
            job.refresh_from_db()
            if job.ended:
                return job
        return job

    return gone


@pytest.fixture
def record(people: Any) -> Callable[..., list[Call]]:
    """Write ended calls down: `record(3, state="error")`."""

    def recorded(count: int = 1, **fields: Any) -> list[Call]:
        fields = {"team": people.ours, "created_by": people.member, "source": "api"} | fields
        fields = {"state": "success", "finished_at": timezone.now(), "title": "Why?"} | fields
        return Call.objects.bulk_create(Call(**fields) for _ in range(count))

    return recorded
