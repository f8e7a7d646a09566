"""Look for model hosts from the command line."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from agents import services
from agents.targets import USUAL_PORTS, places
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, NotFound
from whoosh_site.core.management.base import WhooshCommand
from whoosh_site.core.models import Team
from whoosh_site.core.templatetags.ui import counted


class Command(WhooshCommand):
    """One look at the places named, in this process; no server need be running."""

    help = "Look for model hosts at the places named; print them, and register them if wanted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where, and what to do with what is found."""
        parser.add_argument(
            "targets", nargs="+", metavar="TARGET", help="host, host:port or 192.168.1.0/24"
        )
        parser.add_argument(
            "--port",
            type=int,
            action="append",
            default=[],
            metavar="N",
            help=f"may be repeated (default: {', '.join(map(str, USUAL_PORTS))})",
        )
        parser.add_argument(
            "--register", action="store_true", help="make agents of the hosts that want no key"
        )
        parser.add_argument("--team", default="", metavar="NAME", help="whose agents they become")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, register, print."""
        if options["team"] and not options["register"]:
            raise BadInput("--team: use it with --register; nothing is registered without that.")
        team = _team(options["team"])
        survey = services.Survey(places(options["targets"], options["port"]))
        asyncio.run(survey.run_alone())
        made: list[str] = []
        if options["register"]:
            by = Actor(name="discover_agents")
            made = [a.name for a in services.register_found(survey.found, by=by, team=team)]
        found = services.with_names(survey.found)
        if options["json"]:
            told = {"asked": survey.asked, "found": found, "registered": made}
            self.stdout.write(json.dumps(told | {"trouble": survey.trouble}, ensure_ascii=False))
        else:
            self._print(found, made, survey)

    def _print(
        self, found: Sequence[services.Find], made: list[str], survey: services.Survey
    ) -> None:
        hosts = [one for one in found if one["ok"] or one["needs_key"]]
        for one in found:
            agent = one["agent"]
            state = "registered now" if agent in made else f"registered as {agent}" if agent else ""
            self.stdout.write(" ".join(filter(None, [one["message"], state and f"[{state}]"])))
        self.stdout.write(
            f"{counted(survey.asked, 'place')} asked, {counted(len(hosts), 'model host')} found."
        )
        if survey.trouble:
            self.stderr.write(survey.trouble)


def _team(name: str) -> Team | None:
    """Return the team of this name; None for none given."""
    if not name:
        return None
    team = Team.objects.filter(name=name).first()
    if team is None:
        known = ", ".join(Team.objects.values_list("name", flat=True))
        raise NotFound(f"--team: no team is called {name!r}. There are: {known}.")
    return team
