"""A PostgreSQL that takes connections and never answers again: the supervisor still stops."""

import os
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.process.installation import Installation, database
from tests.process.relay import Relay

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="needs PostgreSQL"
    ),
]


@pytest.fixture
def relayed(tmp_path) -> Iterator[tuple[Installation, Relay]]:
    """A running installation whose database is behind a relay."""
    with database() as url:
        parts = urlsplit(url)
        relay = Relay((parts.hostname or "127.0.0.1", parts.port or 5432))
        behind = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{relay.port}")
        made = Installation(tmp_path, behind)
        made.prepare()
        try:
            made.up("--no-builtin-model")
            yield made, relay
        finally:
            made.kill()
            relay.over.set()
            relay.join()


def test_up_stops_within_ten_seconds(relayed):
    made, relay = relayed
    relay.frozen.set()
    time.sleep(3)
    began = time.monotonic()
    made.process.terminate()
    made.process.wait(15)
    assert time.monotonic() - began < 10
    assert made.survivors() == []
