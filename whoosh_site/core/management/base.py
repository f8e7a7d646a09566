"""Base of WHOOSH's commands: exit codes, errors in one line, missing migrations."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from whoosh_site.core import startup
from whoosh_site.core.errors import BadInput, Conflict, Forbidden, NotFound, WhooshError

FAILED, BAD_INPUT = 1, 2


class WhooshCommand(BaseCommand):
    """Exit 0 = done, 1 = it ran and the thing failed, 2 = bad arguments or input."""

    requires_system_checks: list[str] = []
    migrates = True

    def execute(self, *args: Any, **options: Any) -> Any:
        """Apply missing migrations on SQLite, then run; our errors become one line."""
        try:
            if self.migrates and connection.vendor == "sqlite":
                startup.migrate()
            return super().execute(*args, **options)
        except WhooshError as error:
            bad = isinstance(error, BadInput | NotFound | Conflict | Forbidden)
            code = BAD_INPUT if bad else FAILED
            raise CommandError(error.message, returncode=code) from error
        except KeyboardInterrupt:
            sys.exit(130)
