"""Say what is wrong."""

import json
import sys
from typing import Any

from django.core.management.base import CommandParser
from django.db import DatabaseError

from whoosh_site.core import health
from whoosh_site.core.management.base import FAILED, WhooshCommand


class Command(WhooshCommand):
    """Database, workers, agents, calls, disk; exit 1 when something is wrong."""

    help = "Check database, workers, agents and disk; exit 1 when something is wrong."
    migrates = False

    def add_arguments(self, parser: CommandParser) -> None:
        """For people or for programs."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask every question."""
        try:
            found = health.findings()
        except DatabaseError as error:
            text = f"The database does not answer: {error}".strip()
            found = {"database": [health.Finding(health.ERROR, text)]}
        status = health.worst(found)
        if options["json"]:
            parts = {key: [vars(finding) for finding in group] for key, group in found.items()}
            self.stdout.write(json.dumps({"status": status, "findings": parts}))
        else:
            for key, group in found.items():
                for finding in group:
                    line = f"{finding.level:8} {key}: {finding.text} {finding.advice}"
                    self.stdout.write(line.rstrip())
        if status == health.ERROR:
            sys.exit(FAILED)
