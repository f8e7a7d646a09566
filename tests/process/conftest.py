"""One running installation for the tests that do not break it."""

from collections.abc import Iterator

import pytest

from tests.fake_agent import FakeHost, running
from tests.process.installation import Installation, installation


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation with one fake Ollama host as agent "oak"."""
    with (
        running(FakeHost("ollama", models=("llama3:8b",), slots=4, tps=200)) as host,
        installation(tmp_path_factory.mktemp("fleet")) as made,
    ):
        made.host = host  # type: ignore[attr-defined]
        made.add_agent("oak", host.url, slots=4, capabilities=["backend"])
        yield made
