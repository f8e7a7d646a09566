"""Fixtures every room's tests use: people, teams, clients, agents, and a way to run coroutines."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import Client

from whoosh_site.core import tunables
from whoosh_site.core.numbers import forget_numbers

pytest_plugins = ("tests.fixtures",)


def pytest_configure() -> None:
    """Cheap password hashes and plain static names: what is slow on purpose is not tested here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    # A busy machine is no failure of a property, and no example is kept between runs.
    hypothesis.settings.register_profile("whoosh", deadline=None, database=None)
    hypothesis.settings.load_profile("whoosh")


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    """No test sees what another one left in this process."""
    cache.clear()
    tunables.forget()
    forget_numbers()
    yield
    tunables.forget()


@dataclass
class People:
    """The house's three people, and two more: who they are to the team `ours`."""

    admin: Any
    owner: Any
    member: Any
    viewer: Any
    stranger: Any
    ours: Any
    theirs: Any


@pytest.fixture
def people(db: None) -> People:
    """Admin; owner, member (editor) and viewer of `ours`; stranger, who owns `theirs`."""
    from whoosh_site.core.models import Membership, Role, Team, User

    ours = Team.objects.order_by("pk").first() or Team.objects.create(name="Main")
    theirs = Team.objects.create(name="Others")
    made = {
        name: User.objects.create_user(name, f"{name}@example.org", "pass-word-1")
        for name in ("owner", "member", "viewer", "stranger")
    }
    roles = {"owner": Role.OWNER, "member": Role.EDITOR, "viewer": Role.VIEWER}
    for name, role in roles.items():
        Membership.objects.create(team=ours, user=made[name], role=role)
    Membership.objects.create(team=theirs, user=made["stranger"], role=Role.OWNER)
    admin = User.objects.create_superuser("admin", "admin@example.org", "pass-word-1")
    return People(
        admin, made["owner"], made["member"], made["viewer"], made["stranger"], ours, theirs
    )


@pytest.fixture
def sign_in() -> Callable[[Any], Client]:
    """Return a browser client of a person."""

    def signed_in(user: Any, **options: Any) -> Client:
        client = Client(**options)
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def with_key() -> Callable[..., Client]:
    """Return an API client with a fresh key of a person: `with_key(user, "read", "run")`."""
    from whoosh_site.core import services
    from whoosh_site.core.actor import SYSTEM

    def keyed(user: Any, *scopes: str) -> Client:
        wanted = scopes or (("read", "run", "write") + (("admin",) if user.is_superuser else ()))
        _, text = services.create_api_key(user=user, name="test", scopes=wanted, by=SYSTEM)
        return Client(headers={"authorization": f"Bearer {text}"})

    return keyed


@pytest.fixture
def make_agent(db: None) -> Callable[..., Any]:
    """Register an agent that was seen online: `make_agent("oak", models={"llama3:8b": {...}})`."""
    from django.utils import timezone

    from agents import services
    from agents.models import AgentModel, Health, Model
    from whoosh_site.core.actor import SYSTEM
    from whoosh_site.core.models import Team

    def made(
        name: str = "oak", *, models: dict[str, dict[str, Any]] | None = None, **fields: Any
    ) -> Any:
        fields.setdefault("team", Team.objects.order_by("pk").first())
        fields.setdefault("endpoint", f"http://10.0.0.{sum(map(ord, name)) % 250}:11434")
        agent = services.register_agent(by=SYSTEM, name=name, **fields)
        Health.objects.filter(agent=agent).update(
            status="online", checked_at=timezone.now(), found_protocol="ollama", flavour="ollama"
        )
        for model_name, facts in (models or {}).items():
            model, _ = Model.objects.get_or_create(name=model_name)
            facts = {"capabilities": ["completion"]} | facts
            AgentModel.objects.create(agent=agent, model=model, seen_at=timezone.now(), **facts)
        agent.refresh_from_db()
        return agent

    return made


@pytest.fixture
def run() -> Callable[[Awaitable[Any]], Any]:
    """Run a coroutine to its end; its database thread lets go of the connection."""

    def ran(coroutine: Awaitable[Any]) -> Any:
        async def whole() -> Any:
            try:
                return await coroutine
            finally:
                await sync_to_async(connections.close_all)()

        return asyncio.run(whole())

    return ran


@pytest.fixture
def inside(db: None) -> Callable[[Awaitable[Any]], Any]:
    """Run a coroutine to its end, its database work in this test's own thread and transaction."""

    def ran(coroutine: Awaitable[Any]) -> Any:
        async def whole() -> Any:
            return await coroutine

        return async_to_sync(whole)()

    return ran
