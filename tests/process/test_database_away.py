"""The database is away for thirty seconds under load: nothing is lost, work goes on by itself."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from tests.process.hosts import host_process
from tests.process.installation import Installation, database, eventually
from tests.process.relay import Relay
from tests.process.test_chaos import GENEROUS, HOST, Load, outcome, right, serves

pytestmark = [pytest.mark.process, pytest.mark.soak, pytest.mark.timeout(400)]

AWAY = 30.0
SOON = 15.0


@contextmanager
def frozen(relay: Relay) -> Iterator[None]:
    """A server that stops answering and is started anew: connections are lost at the end."""
    relay.frozen.set()
    try:
        yield
    finally:
        relay.cut.set()
        relay.frozen.clear()


@contextmanager
def locked(made: Installation) -> Iterator[None]:
    """Somebody else writes to the file and does not come to an end."""
    other = sqlite3.connect(made.var / "whoosh.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.fixture
def home(tmp_path) -> Iterator[tuple[Installation, Callable[[], object]]]:
    """A running installation, and what takes its database away."""
    with database() as url:
        relay = None
        if url:
            parts = urlsplit(url)
            relay = Relay((parts.hostname or "127.0.0.1", parts.port or 5432))
            url = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{relay.port}")
        made = Installation(tmp_path, url)
        made.prepare()
        try:
            made.up("--no-builtin-model")
            yield made, (lambda: frozen(relay)) if relay else (lambda: locked(made))
        finally:
            made.kill()
            if relay:
                relay.over.set()
                relay.join()


def answers(made: Installation, key: str) -> list[tuple[int, str]]:
    """Post a task while the database is away, and return what the API says to it."""
    found = []
    with made.api(key) as api:
        try:
            answer = api.post("/tasks/", json={"title": "while it is away"}, timeout=60)
            found.append((answer.status_code, answer.text))
        except httpx.HTTPError as error:
            found.append((0, repr(error)))
    return found


def test_thirty_seconds_without_the_database_lose_nothing(home):
    made, away = home
    with host_process(*HOST) as oak:
        made.add_agent("oak", oak.url, slots=8)
        made.manage("shell", "-c", GENEROUS)
        key = made.key()
        with made.api(key) as api:
            eventually(lambda: serves(made, api, "before"), 30)
        load = Load(made, key)
        load.start()
        time.sleep(3)
        before = {process.pid for process in made.processes()}
        said: list[tuple[int, str]] = []
        with away():
            visitor = threading.Thread(target=lambda: said.extend(answers(made, key)))
            visitor.start()
            time.sleep(AWAY)
        began = time.monotonic()
        with made.api(key) as api:
            eventually(lambda: serves(made, api, "again"), 60)
            back = time.monotonic() - began
            load.stopped.set()
            load.join(70)
            visitor.join(70)
            ended = {path: outcome(api, path) for path in load.accepted}
    kept = before & {process.pid for process in made.processes()}
    print(
        {
            "back_after_s": round(back, 1),
            "accepted": len(ended),
            "said": said,
            "kept": f"{len(kept)} of {len(before)}",
        }
    )
    assert back < SOON
    assert [path for path, found in ended.items() if found is None] == []
    assert all(right(found, f"You said: {load.accepted[path]}") for path, found in ended.items())
    [(status, text)] = said
    assert status in (202, 503), text
    assert "Traceback" not in text
