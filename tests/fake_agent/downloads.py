"""Fetching a model from its registry: layer by layer, kept when it breaks off, counted.

As Ollama does (ollama/ollama, server/download.go): a layer that is there is told as a whole at
once, a half one goes on where it broke off. Bytes are only counted, none are kept.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator

from tests.fake_agent.catalog import FakeModel
from tests.fake_agent.clock import Clock
from tests.fake_agent.settings import Settings
from tests.fake_agent.wire import Json

TEMPLATE = 1_000
"""Bytes of the second layer; the weights are the rest of a model."""


class Downloads:
    """What one host has of which layer, and what came over the line."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.fetched: Counter[str] = Counter()
        """Bytes that came from the registry, by the name of the model."""
        self._there: Counter[str] = Counter()

    async def fetch(self, model: FakeModel) -> AsyncIterator[Json]:
        """Fetch what is missing, telling how far it is; whoever leaves stops it."""
        for digest, size in layers(model):
            about = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}"}
            if size <= self._there[digest]:
                yield {**about, "total": size, "completed": size}
                continue
            yield self._told(about, digest, size)
            while self._there[digest] < size:
                await self._step(model, digest, size)
                yield self._told(about, digest, size)

    def have(self, model: FakeModel) -> None:
        """Have all layers of a model there: it is on the disk already."""
        self._there.update({digest: size - self._there[digest] for digest, size in layers(model)})

    def forget(self, model: FakeModel) -> None:
        """Delete the layers of a model."""
        for digest, _ in layers(model):
            del self._there[digest]

    async def _step(self, model: FakeModel, digest: str, size: int) -> None:
        part = -(-size // self.settings.pull_steps)
        part = min(part, size - self._there[digest])
        await self.clock.sleep(self.settings.pull_seconds * part / model.size)
        self._there[digest] += part
        self.fetched[model.name] += part

    def _told(self, about: Json, digest: str, size: int) -> Json:
        """Return a line; like all of Go's zeros, no bytes are left out."""
        there = self._there[digest]
        return {**about, "total": size, **({"completed": there} if there else {})}


def layers(model: FakeModel) -> list[tuple[str, int]]:
    """Return digest and size of a model's layers."""
    parts = {"weights": model.size - TEMPLATE, "template": TEMPLATE}
    return [
        (hashlib.sha256(f"{model.digest} {part}".encode()).hexdigest(), size)
        for part, size in parts.items()
    ]
