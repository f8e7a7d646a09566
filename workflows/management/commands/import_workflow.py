"""Bring n8n workflows in from files."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import BadInput
from whoosh_site.core.management.base import WhooshCommand
from whoosh_site.core.templatetags.ui import counted
from workflows import services
from workflows.n8n.reading import Given, decoded


class Command(WhooshCommand):
    """All files or none; what is odd in them is told, and imported all the same."""

    help = "Import n8n workflows (JSON); a name that exists gets a new version."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which files, whose."""
        parser.add_argument(
            "files", nargs="+", metavar="FILE", help="a workflow, or a list of some"
        )
        parser.add_argument("--activate", action="store_true", help="make what came in active")
        parser.add_argument("--team", default="", help="whose workflows they are")
        parser.add_argument(
            "--keep-both",
            action="store_true",
            help="a name that exists makes another workflow, with a number behind its name",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Read everything first, then keep it."""
        found = [given for file in options["files"] for given in _read(file)]
        done = services.import_workflows(
            found,
            by=SYSTEM,
            team=services.find_team(options["team"]),
            same_name=services.COPY if options["keep_both"] else services.VERSION,
            activate=options["activate"],
        )
        for one in done:
            version = one.workflow.current
            self.stdout.write(
                f"{one.workflow.name}: {one.outcome}, id {one.workflow.pk}, {version}, "
                f"{counted(version.node_count, 'node')}"
            )
            for finding in version.findings:
                at = f"{finding['node']}: " if finding["node"] else ""
                self.stdout.write(f"  {finding['severity']}: {at}{finding['message']}")


def _read(file: str) -> list[Given]:
    path = Path(file)
    try:
        return services.read_workflows(decoded(path.read_bytes()), path.stem)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    except BadInput as error:
        raise BadInput(f"{file}: {error.message}") from None
