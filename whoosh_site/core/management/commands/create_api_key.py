"""Make an API key."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from whoosh_site.core import services
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, NotFound
from whoosh_site.core.management.base import WhooshCommand
from whoosh_site.core.models import User
from whoosh_site.core.models.access import Scope


class Command(WhooshCommand):
    """Make a key and print it once, alone on the last line."""

    help = "Make an API key for a user; the key is printed once, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        """For whom, for what, for how long."""
        parser.add_argument("username", help="user name or e-mail of whom the key acts as")
        parser.add_argument("--name", default="command line", help="what the key is for")
        parser.add_argument(
            "--scope",
            action="append",
            help=f"{', '.join(Scope.values)}; may be repeated (default: all the user may have)",
        )
        parser.add_argument(
            "--expires", type=int, metavar="DAYS", help="days until it ends (default: never)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the key."""
        user = User.objects.named(options["username"]).first()
        if user is None:
            raise NotFound(f"No user is called {options['username']!r}.")
        if options["expires"] is not None and options["expires"] < 1:
            raise BadInput("--expires: at least 1 day")
        widest = [scope for scope in Scope.values if scope != Scope.ADMIN or user.is_superuser]
        key, text = services.create_api_key(
            user=user,
            name=options["name"],
            scopes=options["scope"] or widest,
            by=Actor(name="create_api_key"),
            expires_in=timedelta(days=options["expires"]) if options["expires"] else None,
        )
        self.stdout.write(f"Key {key.prefix} for {user} with scopes {', '.join(key.scopes)}:")
        self.stdout.write(text)
