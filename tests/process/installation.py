"""A whole WHOOSH of its own: state folder, database, port and all its processes."""

import atexit
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "pass-word-1"


def free_port() -> int:
    """Return a TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(question: Any, seconds: float = 10.0, every: float = 0.1) -> Any:
    """Return the first true answer; fail after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < until, f"not within {seconds} s: {question}"
        time.sleep(every)


class Prepared:
    """What the first prepared installation of a test run left: its database and its secret key."""

    FILES = ("whoosh.sqlite3", "secret.key")

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.name = ""
        """Of the PostgreSQL database that is copied; empty on SQLite."""

    def exists_for(self, made: "Installation") -> bool:
        """Whether there is one to be copied."""
        return self.folder is not None and bool(self.name) == bool(made.database_url)

    def take_from(self, made: "Installation") -> None:
        """Keep a copy until the test run ends."""
        self.folder = Path(tempfile.mkdtemp(prefix="whoosh-prepared-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self._copy(made.var, self.folder)
        if made.database_url:
            self.name = f"whoosh_{secrets.token_hex(6)}"
            atexit.register(on_server, f"DROP DATABASE IF EXISTS {self.name}")
            on_server(f"CREATE DATABASE {self.name} TEMPLATE {made.database}")

    def copy_to(self, made: "Installation") -> None:
        """Give an installation whose database is empty the copy."""
        assert self.folder is not None
        self._copy(self.folder, made.var)
        if made.database_url:
            on_server(f"DROP DATABASE {made.database}")
            on_server(f"CREATE DATABASE {made.database} TEMPLATE {self.name}")

    def _copy(self, source: Path, target: Path) -> None:
        for name in self.FILES:
            if (source / name).exists():
                shutil.copy(source / name, target)


def on_server(statement: str) -> None:
    """Run a statement about whole databases where the test run's own one is."""
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    with psycopg.connect(f"{base}/postgres", autocommit=True) as server:
        server.execute(statement)


_prepared = Prepared()


class Installation:
    """One `manage.py up` and everything around it."""

    def __init__(self, var: Path, database_url: str = "") -> None:
        self.var = var
        self.database_url = database_url
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.before: tuple[str, ...] = ()
        """What stands before the command of `up`, such as `unshare --pid …`."""
        self.process: subprocess.Popen[str] | None = None
        self.known: dict[int, psutil.Process] = {}
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("WHOOSH_") and name not in ("DATABASE_URL", "REDIS_URL")
        }
        self.environment |= {"WHOOSH_VAR": str(var), "PYTHONUNBUFFERED": "1"}
        if database_url:
            self.environment["DATABASE_URL"] = database_url
            self.environment["REDIS_URL"] = os.environ["REDIS_URL"]

    @property
    def database(self) -> str:
        """The name of its PostgreSQL database."""
        return self.database_url.rpartition("/")[2]

    # -- commands ----------------------------------------------------------------------------

    def manage(self, *arguments: str, check: bool = True, **environment: str) -> Any:
        """Run one management command; returns the finished process with its texts."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def prepare(self) -> None:
        """Migrate, and make an administrator; a later one of a test run copies the first."""
        if _prepared.exists_for(self):
            _prepared.copy_to(self)
        else:
            self._migrate()
            _prepared.take_from(self)

    def _migrate(self) -> None:
        self.manage("migrate", "--verbosity", "0")
        self.manage(
            *("createsuperuser", "--noinput", "--username", "admin"),
            *("--email", "admin@example.org"),
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )

    def key(self, *scopes: str) -> str:
        """Return a fresh API key of the administrator."""
        chosen = [word for scope in scopes for word in ("--scope", scope)]
        return str(self.manage("create_api_key", "admin", *chosen).stdout.splitlines()[-1])

    # -- life --------------------------------------------------------------------------------

    def up(self, *options: str, ready: bool = True) -> None:
        """Start `up` and wait for its first page, then for its workers."""
        up = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(self.port)]
        command = [*self.before, *up]
        with (self.var / "up.txt").open("a") as output:
            self.process = subprocess.Popen(
                [*command, *options],
                env=self.environment,
                cwd=ROOT,
                text=True,
                stdout=output,
                stderr=output,
            )
        eventually(self.alive, 60, 0.05)
        if ready:
            eventually(self.ready, 60)

    def said(self) -> str:
        """Return what `up` has printed."""
        return (self.var / "up.txt").read_text()

    def alive(self) -> bool:
        """Whether /healthz answers."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def ready(self) -> bool:
        """Whether database and workers answer."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def processes(self) -> list[psutil.Process]:
        """Return the supervisor and everything below it, and remember them all."""
        assert self.process is not None
        try:
            root = psutil.Process(self.process.pid)
            found = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            found = []
        self.known |= {process.pid: process for process in found}
        return [process for process in found if process.is_running()]

    def survivors(self) -> list[psutil.Process]:
        """Return processes of ours that still run, by everything that was ever seen."""
        return [p for p in self.known.values() if p.is_running() and p.status() != "zombie"]

    def stop(self) -> float:
        """SIGTERM `up`; returns the seconds until it had ended."""
        assert self.process is not None
        self.processes()
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)
        return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL whatever is left."""
        for process in [*self.processes(), *self.survivors()]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if self.process is not None:
            self.process.wait(10)

    # -- talk --------------------------------------------------------------------------------

    def api(self, key: str) -> httpx.Client:
        """Return an API client."""
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=60)

    @contextmanager
    def browse(self) -> Iterator[httpx.Client]:
        """Yield a signed-in session, as a browser has it."""
        with httpx.Client(base_url=self.url, timeout=20, follow_redirects=True) as client:
            page = client.get("/login/").text
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
            assert token is not None
            form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
            done = client.post("/login/", data=form, headers={"Referer": f"{self.url}/login/"})
            assert done.url.path == "/", done.text[:500]
            yield client

    def add_agent(self, name: str, url: str, /, **fields: Any) -> None:
        """Register an agent by a whoosh.yaml."""
        file = self.var / f"{name}.yaml"
        row = {"endpoint": url} | fields
        file.write_text(json.dumps({"whoosh": {"agents": {name: row}}}))
        self.manage("load_config", str(file))


@contextmanager
def database() -> Iterator[str]:
    """Yield the URL of a fresh database: PostgreSQL when the test run uses it, else nothing."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield ""
        return
    name = f"whoosh_{secrets.token_hex(6)}"
    on_server(f"CREATE DATABASE {name}")
    try:
        yield f"{url.rpartition('/')[0]}/{name}"
    finally:
        on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def installation(var: Path, *options: str) -> Iterator[Installation]:
    """Yield a prepared, running installation without the built-in model; nothing is left behind."""
    with database() as url:
        made = Installation(var, url)
        made.prepare()
        try:
            made.up("--no-builtin-model", *options)
            yield made
        finally:
            made.kill()
