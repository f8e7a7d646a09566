"""Encrypt all stored secrets with a fresh key."""

from typing import Any

from django.conf import settings

from whoosh_site.core import secrets
from whoosh_site.core.management.base import WhooshCommand


class Command(WhooshCommand):
    """Rotate the key of the encrypted fields; running processes notice by themselves."""

    help = (
        "Encrypt all stored secrets with a fresh key; the key before it stays readable until the "
        "next rotation."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate."""
        count = secrets.rotate()
        self.stdout.write(f"{count} secrets encrypted anew; the key is in")
        self.stdout.write(f"{settings.FIELD_KEYS_FILE} (back it up apart from the database).")
        self.stdout.write("The key before it stays there until the next rotation.")
