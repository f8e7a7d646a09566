"""Model hosts of this machine at the first start, and the built-in model where there is none."""

import asyncio
import contextlib
import secrets
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from agents import builtin_server, services
from agents.models import Agent
from agents.services import Find, Survey
from agents.targets import USUAL_PORTS, places
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import Conflict
from whoosh_site.core.models.people import Team
from whoosh_site.core.startup import Extra, extras
from whoosh_site.core.supervisor import Child

NAME = "builtin"
FAVOURITE_PORT = 18434


@extras.add
class BuiltinModel(Extra):
    """A small real model, so that a fresh machine answers; plainly labelled."""

    key = "model"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How to do without."""
        parser.add_argument(
            "--no-builtin-model", action="store_true", help="do not serve the small built-in model"
        )

    def child(self, options: Mapping[str, Any], out: TextIO) -> Child | None:
        """Return the model's process when no other host is found on this machine."""
        found = _look_around(options["port"], out)
        if not Agent.objects.filter(builtin=False).exists():
            _register(found, out)
        if options["no_builtin_model"] or found:
            return self._without(found, out)
        if not builtin_server.installed():
            out.write("Built-in model: its wheels are not installed; add an agent in the admin.")
            return None
        row = Agent.objects.filter(builtin=True).first()
        if row is not None and not row.enabled:
            out.write("Built-in model: switched off in the admin.")
            return None
        return self._with(row, out)

    def _without(self, found: Sequence[Find], out: TextIO) -> None:
        """Without its process the built-in agent would only look broken."""
        row = Agent.objects.filter(builtin=True).first()
        if row is not None:
            services.delete_agent(row, by=SYSTEM)
        if found:
            out.write(f"Model hosts on this machine: {', '.join(f['endpoint'] for f in found)}.")

    def _with(self, row: Agent | None, out: TextIO) -> Child:
        port, key = _free_port(), secrets.token_urlsafe(24)
        where = {"endpoint": f"http://127.0.0.1:{port}", "api_key": key}
        if row is None:
            services.register_agent(
                by=SYSTEM,
                team=Team.objects.order_by("pk")[0],
                name=NAME,
                title="Built-in small model",
                specialization="A tiny model to try things out; add a real host for real work",
                protocol="openai",
                slots=builtin_server.SLOTS,
                allow_local=True,
                builtin=True,
                **where,
            )
        else:
            services.change_agent(row, by=SYSTEM, **where)
        out.write(f"Built-in model: {builtin_server.NAME} on 127.0.0.1:{port}.")
        return Child(
            "model",
            [sys.executable, "-m", "agents.builtin_server"],
            grace=3.0,
            environment={"WHOOSH_BUILTIN_PORT": str(port), "WHOOSH_BUILTIN_KEY": key},
        )


def _look_around(own_port: int, out: TextIO) -> list[Find]:
    """Return the model hosts that answer on the usual ports of this machine; tell of others.

    Ports are knocked at first: where nobody listens, no HTTP library is loaded.
    """
    ports = [port for port in USUAL_PORTS if port != own_port and _listens(port)]
    survey = Survey(places([f"127.0.0.1:{port}" for port in ports]) if ports else [])
    asyncio.run(survey.run_alone())
    for find in services.with_names(survey.found):
        if find["needs_key"] and not find["agent"]:
            out.write(f"A model host wants a key; add it in the admin: {find['endpoint']}.")
    return [find for find in survey.found if find["ok"]]


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.3):
        return True
    return False


def _register(found: Sequence[Find], out: TextIO) -> None:
    for agent in services.register_found(found, by=SYSTEM):
        out.write(f"Found a model host and registered it: {agent.endpoint}.")


def _free_port() -> int:
    """Return the favourite port when it is free, else any."""
    for wanted in (FAVOURITE_PORT, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", wanted))
            return int(probe.getsockname()[1])
    raise Conflict("no port is free on 127.0.0.1")
