"""Apply a whoosh.yaml."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from whoosh_site.core import config, yamlfile
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput
from whoosh_site.core.management.base import WhooshCommand


class Command(WhooshCommand):
    """Apply a configuration file: everything or nothing, again and again."""

    help = "Apply a whoosh.yaml (also hive.yaml and agents.yaml); a second time changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, and how far to go."""
        parser.add_argument("file", type=Path, help="the YAML file")
        parser.add_argument("--dry-run", action="store_true", help="show what would change")
        parser.add_argument("--prune", action="store_true", help="remove agents it does not name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, and print what was added, changed and left."""
        by = Actor(name="load_config")
        with transaction.atomic():
            try:
                text = yamlfile.small_text(options["file"], yamlfile.LARGEST)
                done = config.load(text, by=by, prune=options["prune"], resolve=True)
            except BadInput as error:
                raise BadInput(f"{options['file']}: {error.message}", error.details) from error
            transaction.set_rollback(options["dry_run"])
        for change in done.changes:
            details = f" ({change.details})" if change.details else ""
            self.stdout.write(f"{change.kind:8} {change.what}{details}")
        kinds = (config.ADDED, config.CHANGED, config.LEFT, config.REMOVED, config.KEPT)
        counts = [f"{done.count(kind)} {kind}" for kind in kinds if done.count(kind)]
        dry = " (dry run: nothing was changed)" if options["dry_run"] else ""
        self.stdout.write(f"{', '.join(counts) or 'nothing to do'}{dry}")
