"""The models a fake host has, and how names are read."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

_BILLIONS = re.compile(r"(\d+(?:\.\d+)?)b\b")
_HINTS = {"think": "thinking", "r1": "thinking", "see": "vision", "vision": "vision"}


@dataclass(frozen=True)
class FakeModel:
    """One model: what it says about itself."""

    name: str
    capabilities: tuple[str, ...] = ("completion", "tools")
    family: str = "fake"
    billions: float = 1.0
    quantization: str = "Q4_K_M"
    context_length: int = 32_768
    embedding_length: int = 64
    copy_of: str = ""
    build: str = ""
    """Another one than what the registry has now, under the same name."""

    @property
    def digest(self) -> str:
        """The digest of its manifest: the same for the same name and build, and for copies."""
        return hashlib.sha256(((self.copy_of or self.name) + self.build).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes on disk and in memory."""
        return round(self.billions * 600_000_000)

    @property
    def parameters(self) -> str:
        """The parameter count as hosts print it."""
        return f"{self.billions:.1f}B"

    def can(self, capability: str) -> bool:
        """Say whether the model has a capability."""
        return capability in self.capabilities


def model_named(name: str) -> FakeModel:
    """Make a model whose capabilities follow from its name.

    `embed` only embeds; `think` and `r1` think; `see` and `vision` look at images; `plain` knows
    no tools; `8b` is its size. Whoever wants something else hands in a FakeModel.
    """
    lower = name.lower()
    size = _BILLIONS.search(lower)
    family = re.split(r"[:/-]", lower.rpartition("/")[2])[0]
    return FakeModel(
        name,
        capabilities=_guessed(lower),
        family=family,
        billions=float(size[1]) if size else 1.0,
    )


def _guessed(name: str) -> tuple[str, ...]:
    if "embed" in name:
        return ("embedding",)
    found = ["completion"] if "plain" in name else ["completion", "tools"]
    found += dict.fromkeys(kind for hint, kind in _HINTS.items() if hint in name)
    return tuple(found)


def full(name: str) -> str:
    """Return an Ollama name with its tag."""
    return name if ":" in name else f"{name}:latest"


class Catalog:
    """The models by name; Ollama's names have a tag and no case."""

    def __init__(
        self, models: Iterable[FakeModel | str], *, tagged: bool, any_name: bool = False
    ) -> None:
        self.tagged = tagged
        self.any_name = any_name
        self._models: dict[str, FakeModel] = {}
        for model in models:
            self.add(model)

    def __iter__(self) -> Iterator[FakeModel]:
        return iter(list(self._models.values()))

    def add(self, model: FakeModel | str) -> FakeModel:
        """Keep a model, made from its name where only that is given."""
        found = model if isinstance(model, FakeModel) else model_named(model)
        if self.tagged:
            found = replace(found, name=full(found.name))
        self._models[self._key(found.name)] = found
        return found

    def find(self, name: str) -> FakeModel | None:
        """Return the model of this name; where any name goes, the first one."""
        found = self._models.get(self._key(name))
        if found is None and self.any_name:
            return next(iter(self), None)
        return found

    def copy(self, source: FakeModel, name: str) -> FakeModel:
        """Give a model a second name."""
        return self.add(replace(source, name=name, copy_of=source.copy_of or source.name))

    def remove(self, model: FakeModel) -> None:
        """Forget a model."""
        self._models.pop(self._key(model.name), None)

    def _key(self, name: str) -> str:
        return full(name).lower() if self.tagged else name
