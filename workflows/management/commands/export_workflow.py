"""Write a workflow out as n8n's JSON."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from whoosh_site.core.errors import BadInput
from whoosh_site.core.management.base import WhooshCommand
from workflows import services


class Command(WhooshCommand):
    """One workflow, every key, string and number as it came in."""

    help = "Export a workflow as JSON that n8n reads."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which, and where to."""
        parser.add_argument("workflow", metavar="NAME-OR-ID")
        parser.add_argument("--output", default="", metavar="FILE", help="default: stdout")
        parser.add_argument(
            "--number", type=int, metavar="N", help="of the version; default: the current one"
        )
        parser.add_argument("--team", default="", help="whose it is, if several have the name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find it, and write it."""
        team = services.find_team(options["team"])
        workflow = services.find_workflow(options["workflow"], team)
        version = workflow.current
        if options["number"] is not None:
            version = services.find_version(workflow, options["number"])
        text = services.export_text(version)
        if not options["output"]:
            self.stdout.write(text, ending="")
            return
        try:
            Path(options["output"]).write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{options['output']} cannot be written: {error.strerror}") from None
