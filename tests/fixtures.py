"""Fixtures of every room that works: a host that answers, and a runner that does what is due."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import base, get_commands, load_command_class
from django.utils import timezone

from tests.fake_agent import FakeHost, running


@pytest.fixture
def host() -> Iterator[FakeHost]:
    """An Ollama host that answers at once."""
    with running(FakeHost("ollama", pace=0)) as made:
        yield made


@pytest.fixture
def carry(inside: Any) -> Callable[..., int]:
    """Run every due row of a kind as the runner does; returns how many: `carry("call")`."""
    from agents import services
    from whoosh_site.core.runner import Runner

    def carried(kind: str = "call") -> int:
        async def once() -> int:
            runner = Runner()
            runner.kinds = [one for one in runner.kinds if one.key == kind]
            try:
                return await runner.once()
            finally:
                await services.close_doors()

        return inside(once())

    return carried


@pytest.fixture
def check(carry: Any) -> Callable[[Any], Any]:
    """Look at one agent now, and return what was seen."""
    from agents import services
    from agents.models import Health

    def checked(agent: Any) -> Any:
        later = timezone.now() + timedelta(hours=1)
        Health.objects.exclude(agent=agent).update(due_at=later)
        services.check_soon(agent)
        assert carry("health") == 1
        agent.refresh_from_db()
        return agent.health

    return checked


@pytest.fixture
def settle(people: Any, check: Any) -> Callable[..., Any]:
    """Register an agent behind a host and look at it: `settle("oak", host, slots=2)`."""
    from agents import services
    from whoosh_site.core.actor import SYSTEM

    def settled(name: str, host: Any, **fields: Any) -> Any:
        fields = {"team": people.ours, "allow_local": True} | fields
        url = getattr(host, "url", host)
        agent = services.register_agent(by=SYSTEM, name=name, endpoint=url, **fields)
        check(agent)
        return agent

    return settled


@pytest.fixture
def page(people: Any, sign_in: Any) -> Callable[..., str]:
    """Return the text of a page as somebody sees it: `page("viewer", "/agents/")`."""
    browsers: dict[str, Any] = {}

    def seen(who: str, path: str, status: int = 200) -> str:
        if who not in browsers:
            browsers[who] = sign_in(getattr(people, who))
        answer = browsers[who].get(path)
        assert answer.status_code == status
        return str(answer.content.decode())

    return seen


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[..., tuple[int, str, str]]:
    """Run a command as a shell does: `shell("ask", "hello")` returns exit code, stdout, stderr."""
    # In this test's own transaction, which the command must not close.
    monkeypatch.setattr(base, "connections", SimpleNamespace(close_all=lambda: None))

    def ran(name: str, *words: str) -> tuple[int, str, str]:
        code = 0
        try:
            command = load_command_class(get_commands()[name], name)
            command.run_from_argv(["manage.py", name, *words])
        except SystemExit as left:
            code = int(left.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return ran


@pytest.fixture
def costs_the_same(django_assert_max_num_queries: Any) -> Callable[..., Any]:
    """Ask, add rows, ask again with no more queries: `costs_the_same(ask, add, most=8)`.

    Returns the last answer. Both times the tunables are read anew, so that it does not depend on
    how long adding takes.
    """
    from whoosh_site.core import tunables

    def compared(ask: Callable[[], Any], add: Callable[[], Any], *, most: int) -> Any:
        ask()
        tunables.forget()
        with django_assert_max_num_queries(most) as few:
            ask()
        add()
        tunables.forget()
        with django_assert_max_num_queries(len(few)):
            return ask()

    return compared
