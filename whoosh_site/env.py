"""Strict readers of the environment. Only settings.py calls them; they fail loudly by name."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

FEWEST_SIGNS = 9
"""Different characters a secret must have: a random one has more, a repeated word fewer."""


class EnvError(Exception):
    """An environment variable cannot be used as it stands."""


def text(name: str, default: str = "") -> str:
    """Return a variable without surrounding blanks."""
    return os.environ.get(name, default).strip()


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes/no variable; anything but 1, 0, true, false, yes, no, on, off is an error."""
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False, "": default}
    value = text(name).lower()
    if value not in words:
        raise EnvError(f"{name}={value!r}: write 1 or 0")
    return words[value]


def names(name: str) -> list[str]:
    """Return a comma-separated variable as a list without empty parts."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def each(name: str, read: Callable[[str], T]) -> list[T]:
    """Return what `read` makes of each part of a comma-separated variable; it raises ValueError."""
    try:
        return [read(part) for part in names(name)]
    except ValueError as error:
        raise EnvError(f"{name}: {error}") from error


def origin(name: str) -> str:
    """Return a variable that holds scheme, host and port of a site, or nothing."""
    value = text(name).rstrip("/")
    try:
        parts = urlsplit(value)
        plain = value == f"{parts.scheme}://{parts.netloc}" and parts.port != 0
    except ValueError:
        plain = False
    if value and not (plain and parts.scheme in ("http", "https") and parts.hostname):
        raise EnvError(f"{name}={value!r}: write scheme and host, as in https://whoosh.example.org")
    return value


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def secret(name: str, file: Path, make: "str | None" = None, *, shortest: int = 32) -> str:
    """Return a secret from `name`, from the file named by `name`_FILE, or from `file`.

    Args:
        name: variable that holds the secret itself.
        file: where a generated secret is kept (mode 0600); made on first use.
        make: the text to write there when it is missing; default 50 random characters.
        shortest: a shorter secret is refused, and so is one that is not random.
    """
    value = text(name)
    other = text(f"{name}_FILE")
    if not value and other:
        try:
            value = Path(other).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise EnvError(f"{name}_FILE={other}: {reason}") from error
    elif not value:
        value = kept(file, make or secrets.token_urlsafe(48))
    if len(value) < shortest:
        raise EnvError(f"{name} is shorter than {shortest} characters; use a long random text")
    if len(set(value)) < FEWEST_SIGNS or value.startswith("django-insecure-"):
        raise EnvError(f"{name} repeats itself or is an example; use a long random text")
    return value


def kept(file: Path, fresh: str) -> str:
    """Read a secret file, or write `fresh` there once; processes that start together agree."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not file.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(fresh + "\n")
        try:
            os.link(draft, file)  # fails when another process was first: its text wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text(encoding="utf-8").strip()
