"""Encrypted fields. The key lies outside the database; every ciphertext names its key.

Stored form: `<key id>:<Fernet token>` (Fernet: AES-128-CBC with HMAC-SHA256, by the cryptography
library). The key file holds one `id:key` a line, the newest first; `rotate_secrets` adds a key,
writes everything anew and keeps, of the old ones, only the last.
"""

import fcntl
import hashlib
import os
import secrets as random
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.db import models

from whoosh_site import env
from whoosh_site.core.errors import WhooshError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

MASK = "••••••••"


class SecretKeyError(WhooshError):
    """A stored secret cannot be read with the keys at hand; nothing was changed."""

    code = "secret_key"


# The library is loaded where a secret is really read or written: most processes never do.


def _fresh_line() -> str:
    from cryptography.fernet import Fernet

    key = Fernet.generate_key().decode()
    return f"{hashlib.sha256(key.encode()).hexdigest()[:8]}:{key}"


def _lines(file: Path) -> list[str]:
    lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
    return [line for line in lines if line.partition(":")[2]]


@lru_cache(maxsize=4)
def _parsed(file: Path, changed: int) -> "dict[str, Fernet]":
    from cryptography.fernet import Fernet

    try:
        parts = [line.partition(":") for line in _lines(file)]
        keys = {name: Fernet(key) for name, _, key in parts}
    except ValueError as error:
        raise SecretKeyError(f"{file} is no key file; restore it from a backup") from error
    if not keys:
        raise SecretKeyError(f"{file} holds no key; restore it from a backup")
    return keys


def keyring() -> "dict[str, Fernet]":
    """Return the keys by id, newest first; the file is made on first use."""
    file = settings.FIELD_KEYS_FILE
    if not file.exists():
        env.kept(file, _fresh_line())
    return _parsed(file, file.stat().st_mtime_ns)


def encrypt(text: str) -> str:
    """Return the stored form of a secret; empty stays empty."""
    if not text:
        return ""
    name, fernet = next(iter(keyring().items()))
    return f"{name}:{fernet.encrypt(text.encode()).decode()}"


def decrypt(stored: str) -> str:
    """Return the secret behind a stored form.

    Raises:
        SecretKeyError: its key is not in the key file.
    """
    if not stored:
        return ""
    from cryptography.fernet import InvalidToken

    name, _, token = stored.partition(":")
    fernet = keyring().get(name)
    if fernet is None:
        raise SecretKeyError(
            f"A stored secret was encrypted with key {name}, which is not in "
            f"{settings.FIELD_KEYS_FILE}. Put that key file back, or enter the secret again."
        )
    try:
        return fernet.decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise SecretKeyError("A stored secret is damaged. Enter it again.") from error


class Secret:
    """A secret read from the database, still encrypted: decrypted only by `reveal`.

    Printing it, or putting it into a template or a log line, shows a mask.
    """

    def __init__(self, stored: str) -> None:
        self.stored = stored

    @classmethod
    def of(cls, text: str) -> "Secret":
        """Encrypt a plain text."""
        return cls(encrypt(text))

    def reveal(self) -> str:
        """Return the plain text; raises SecretKeyError when the key is missing."""
        return decrypt(self.stored)

    def __bool__(self) -> bool:
        return bool(self.stored)

    def __str__(self) -> str:
        return MASK if self.stored else ""

    def __repr__(self) -> str:
        return f"<Secret {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.stored == self.stored

    def __hash__(self) -> int:
        return hash(self.stored)


class SecretField(models.TextField):
    """A text column that holds ciphertext and hands out `Secret`s; assign a plain str to set it."""

    def from_db_value(self, value: str | None, *_: object) -> Secret:
        """Wrap what the database holds."""
        return Secret(value or "")

    def to_python(self, value: Any) -> Secret:
        """Encrypt a plain text; keep a Secret."""
        return value if isinstance(value, Secret) else Secret.of(value or "")

    def get_default(self) -> Secret:
        """A fresh row has a secret too: an empty one."""
        return self.to_python(super().get_default())

    def get_prep_value(self, value: Any) -> str:
        """Return the ciphertext to store."""
        return self.to_python(value).stored


def secret_fields() -> list[tuple[type[models.Model], SecretField]]:
    """Return every encrypted column of the installation."""
    return [
        (model, field)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SecretField)
    ]


def rotate() -> int:
    """Encrypt every secret with a fresh key; returns how many.

    The key before it stays until the next rotation: a writer that encrypted with it may commit
    when this is over.

    1. Wait for a rotation that runs.
    2. Read everything with the old keys: a missing key stops before anything is changed.
    3. Write the new key in front of the old ones, so that every process can read all of them.
    4. Write secrets anew until none names another key.
    5. Drop the keys before the last one.
    """
    file = settings.FIELD_KEYS_FILE
    keyring()
    with file.with_name(f"{file.name}.lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = [_fresh_line(), *_lines(file)]
        newest = keys[0].partition(":")[0]
        for *_, secret in _not_with(newest):
            secret.reveal()
        _replace(file, keys)
        count = _write_anew(newest)
        _replace(file, keys[:2])
    return count


def _write_anew(key: str) -> int:
    """Encrypt with the newest key what names another than this one; returns how many."""
    count = 0
    while found := list(_not_with(key)):
        for model, name, pk, old in found:
            # Only what still stands there: a secret that was entered meanwhile is newer than ours.
            row = model._default_manager.filter(pk=pk, **{name: old})
            count += row.update(**{name: Secret.of(old.reveal())})
    return count


def _not_with(key: str) -> Iterator[tuple[type[models.Model], str, Any, Secret]]:
    """Yield model, column, row and secret wherever another key is named."""
    for model, field in secret_fields():
        name = field.attname
        right = models.Q(**{name: ""}) | models.Q(**{f"{name}__startswith": f"{key}:"})
        for pk, secret in model._default_manager.exclude(right).values_list("pk", name):
            yield model, name, pk, secret


def _replace(file: Path, lines: list[str]) -> None:
    draft = file.with_name(f".{file.name}.{random.token_hex(4)}")
    draft.touch(mode=0o600)
    with draft.open("w", encoding="ascii") as handle:
        handle.write("".join(f"{line}\n" for line in lines))
        handle.flush()
        os.fsync(handle.fileno())  # a key file that a power cut left empty opens nothing again
    draft.replace(file)
    _parsed.cache_clear()
