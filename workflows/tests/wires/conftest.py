"""Runs of one node with a credential, against servers of this machine."""

import os
import shutil
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.addresses import allowed
from workflows import services
from workflows.models import Execution
from workflows.tests.conftest import chain, code


def data(script: str) -> dict[str, Any]:
    """Return a Code node that gives the items the node under test gets."""
    return code("Items", script)


class Done:
    """How a run ended."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.state = execution.state
        self.error = execution.error
        self.items = [
            one["json"] for one in (list(execution.steps())[-1].outputs[0] or [])
        ] if execution.state == "success" else []  # fmt: skip


@pytest.fixture
def ask(people: Any, keep: Any, start: Any, work: Any, settings: Any) -> Callable[..., Done]:
    """Run one node with a credential of the type: `ask("redis", "redis", values, {...})`."""
    count = iter(range(100))

    def asked(
        node: str, kind: str, values: dict[str, Any], parameters: dict[str, Any],
        *, version: float = 1, script: str = "return [{json: {}}]", open_to: bool = True,
        hosts: list[str] | None = None, **flags: Any,
    ) -> Done:  # fmt: skip
        name = f"{kind} {next(count)}"
        settings.HTTP_ALLOW = [allowed(values["host"])] if open_to else []
        services.create_credential(
            kind, name, values, by=SYSTEM, team=people.ours, **({"hosts": hosts} if hosts else {})
        )
        one = {
            "name": "It", "type": f"n8n-nodes-base.{node}", "typeVersion": version,
            "position": [0, 0], "parameters": parameters, "credentials": {kind: {"name": name}},
        } | flags  # fmt: skip
        return Done(work(start(keep(chain(name, data(script), one)))))

    return asked


@pytest.fixture
def postgres() -> dict[str, Any]:
    """The values of a credential for the PostgreSQL the tests run on."""
    url = urlsplit(os.environ.get("DATABASE_URL", ""))
    if not url.scheme.startswith("postgres"):
        pytest.skip("the tests run without PostgreSQL")
    return {
        "host": url.hostname, "port": url.port or 5432, "user": url.username,
        "password": url.password or "", "database": "postgres", "ssl": "disable",
    }  # fmt: skip


@pytest.fixture
def redis() -> dict[str, Any]:
    """The values of a credential for the Redis the tests run with."""
    url = urlsplit(os.environ.get("REDIS_URL", ""))
    if url.scheme != "redis":
        pytest.skip("the tests run without Redis")
    number = int(url.path.strip("/") or 0)
    return {"host": url.hostname, "port": url.port or 6379, "database": number}


def found(program: str) -> str:
    """Return the path of a program, or skip."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    return path or pytest.skip(f"there is no {program} on this machine")
