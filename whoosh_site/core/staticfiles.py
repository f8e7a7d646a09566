"""Static files: hashed names where `up` has collected them, plain names elsewhere."""

import hashlib

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage

# What libraries ship and no page of ours uses.
LEFT_OUT = ["rest_framework", "redoc*", "django_htmx", "django-htmx"]
STAMP = "collected.txt"


class Storage(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage; a checkout that has not collected its files serves them as they are."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Return the hashed name when there is one."""
        return super().stored_name(name) if self.hashed_files else name


def collect() -> bool:
    """Collect static files when any of them changed since the last time; returns whether."""
    stamp = settings.STATIC_ROOT / STAMP
    state = _state()
    if stamp.exists() and stamp.read_text(encoding="ascii") == state:
        return False
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=LEFT_OUT)
    stamp.write_text(state, encoding="ascii")
    return True


def _state() -> str:
    """Return a digest over path, size and time of every static file."""
    parts = []
    for finder in finders.get_finders():
        for path, storage in finder.list(LEFT_OUT):
            found = storage.path(path)
            modified = storage.get_modified_time(path).timestamp()
            parts.append(f"{found} {storage.size(path)} {modified}")
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()
