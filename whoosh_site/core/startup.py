"""What `manage.py up` does before and around the children."""

import fcntl
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TextIO

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from whoosh_site import env
from whoosh_site.core import queue
from whoosh_site.core.errors import Conflict
from whoosh_site.core.models.access import OneTimeLink
from whoosh_site.core.models.people import User
from whoosh_site.core.shelf import Shelf
from whoosh_site.core.supervisor import Child

PREPARING = "preparing.lock"
PREPARING_LOCK = 0x3A005
"""Key of the advisory lock on PostgreSQL."""


class Extra:
    """A child some room adds to `up`, such as the built-in model. Put it on the shelf `extras`."""

    key: ClassVar[str]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options that steer this child."""

    def child(self, options: Mapping[str, Any], out: TextIO) -> Child | None:
        """Return the child to start, or None when it is not wanted; says why on `out`."""
        raise NotImplementedError


extras: Shelf[Extra] = Shelf("extra child")


def only_one(var: Path) -> TextIO:
    """Lock the state folder for this supervisor; keep the returned file open.

    Raises:
        Conflict: another `up` runs on the same folder.
    """
    handle = (var / "up.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        other = handle.read().strip()
        handle.close()
        raise Conflict(f"'up' already runs on {var} (process {other}). Stop it first.") from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


@contextmanager
def preparing() -> Iterator[None]:
    """Make web processes that start meanwhile load their code and then wait for the end of this."""
    with (settings.VAR / PREPARING).open("a", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def wait_until_prepared() -> None:
    """Wait for an `up` that is migrating and collecting static files; else return at once."""
    with (settings.VAR / PREPARING).open("a", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)


def unapplied() -> bool:
    """Say whether migrations are missing."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@contextmanager
def taking_turns() -> Iterator[None]:
    """Hold back other processes on this database that prepare it as well."""
    if connection.vendor == "postgresql":  # hosts that start together share it
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARING_LOCK])
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [PREPARING_LOCK])
    else:
        with (settings.VAR / "migrate.lock").open("a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def migrate() -> None:
    """Apply missing migrations."""
    if not unapplied():
        return
    with taking_turns():
        call_command("migrate", interactive=False, verbosity=0)


def set_schedules() -> None:
    """Write down the schedules the rooms declared."""
    with taking_turns():
        queue.set_schedules()


def setup_link(base: str) -> str:
    """Return a fresh set-up link while nobody administers the installation, else nothing."""
    if User.objects.administrators().exists():
        return ""
    return base + OneTimeLink.make(OneTimeLink.Purpose.SETUP)


def web(host: str, port: int) -> Child:
    """Return the child that serves pages, API and WebSockets."""
    command = [
        # -v 0: no access log; its lines would keep the tokens of one-time links
        sys.executable, "-m", "whoosh_site.core.webserver", "-v", "0", "-b", host, "-p", str(port),
        "--websocket-max-message-size", "65536",
        "--application-close-timeout", "3", "--no-server-name", "whoosh_site.asgi:application",
    ]  # fmt: skip
    return Child("web", command, grace=6.0)


def cluster(name: str, workers: int | None = None) -> Child:
    """Return the child that runs one django-q2 cluster: "tasks" or "runner"."""
    manage = str(settings.ROOT / "manage.py")
    environment = {"Q_CLUSTER_NAME": "whoosh" if name == "tasks" else name}
    command = [sys.executable, manage, "cluster", name]
    if workers:
        command += ["--workers", str(workers)]
    return Child(name, command, grace=7.0, environment=environment)


def hosts_of(address: str) -> list[str]:
    """Return the host names a server bound to this address answers to."""
    import socket  # standard library; only needed here

    import psutil

    if address not in ("0.0.0.0", "::"):  # noqa: S104  (compared, not bound)
        return [env.bracketed(address)]
    name = socket.gethostname()
    found = {name, f"{name}.local"}
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            if entry.family in (socket.AF_INET, socket.AF_INET6):
                ip = entry.address.partition("%")[0]
                found.add(env.bracketed(ip))
    return sorted(found)


def forget_connections() -> None:
    """Close database handles before children are forked."""
    connections.close_all()
