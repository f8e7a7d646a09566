"""Fixtures of the security tests."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.security.world import World, build


@pytest.fixture
def world(people: Any, make_agent: Any) -> World:
    """One object of every kind, owned by the team `ours`."""
    return build(people, make_agent)


@pytest.fixture
def anonymous() -> Client:
    """Return a browser nobody signed in with."""
    return Client(raise_request_exception=False)


class Clock:
    """Time that stands still until a test moves it on."""

    def __init__(self) -> None:
        self.moment = timezone.now()

    def pass_by(self, seconds: float) -> None:
        """Let this much time pass."""
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop Django's clock, so that no wait ends because the machine is slow."""
    clock = Clock()
    monkeypatch.setattr(timezone, "now", lambda: clock.moment)
    return clock
