"""Write the configuration as whoosh.yaml."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from whoosh_site.core import config
from whoosh_site.core.errors import BadInput
from whoosh_site.core.management.base import WhooshCommand


class Command(WhooshCommand):
    """Write what `load_config` reads. Secrets are left out unless they are references."""

    help = "Write the configuration as whoosh.yaml; loading it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument("--output", type=Path, help="file to write (default: print)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Dump."""
        text, file = config.dump(), options["output"]
        if file is None:
            self.stdout.write(text, ending="")
            return
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{file} cannot be written: {error.strerror}") from error
