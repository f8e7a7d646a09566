"""Which kind of host is played, and how fast, how large and how guarded it is."""

from dataclasses import dataclass, fields

from tests.fake_agent.catalog import FakeModel


@dataclass(frozen=True)
class Flavour:
    """What tells one server software from another."""

    key: str
    owner: str
    """`owned_by` in /v1/models."""
    slots: int
    models: tuple[str, ...]
    native: bool = False
    """Serves /api as Ollama does."""
    on_demand: bool = False
    """Loads models when asked for; the others hold theirs from the start."""
    any_name: bool = False
    reasoning: str = "reasoning_content"
    """Where /v1 answers put the thinking."""
    fingerprint: str | None = None
    open_paths: tuple[str, ...] = ()
    """What a key does not guard."""


FLAVOURS = {
    flavour.key: flavour
    for flavour in (
        Flavour(
            "ollama",
            owner="library",
            slots=1,
            models=("tiny:1b", "thinker:8b", "seer:7b", "embedder:latest"),
            native=True,
            on_demand=True,
            reasoning="reasoning",
            fingerprint="fp_ollama",
        ),
        Flavour(
            "openai",
            owner="fake",
            slots=256,
            models=("tiny-1b", "thinker-8b", "seer-7b", "embedder"),
            reasoning="reasoning",
        ),
        Flavour(
            "llamacpp",
            owner="llamacpp",
            slots=4,
            models=("tiny:1b",),
            any_name=True,
            fingerprint="b9999-fake",
            open_paths=("/", "/health", "/v1/health"),
        ),
        Flavour(
            "vllm",
            owner="vllm",
            slots=256,
            models=("fake/tiny-1b",),
            open_paths=("/health", "/version", "/metrics"),
        ),
        Flavour(
            "lmstudio",
            owner="organization_owner",
            slots=4,
            models=("fake/tiny-1b", "fake/thinker-8b", "fake/seer-7b", "text-embedding-fake"),
            on_demand=True,
        ),
    )
}


@dataclass
class Settings:
    """How a fake host behaves; seconds are host seconds. May be changed while it runs."""

    flavour: str = "ollama"
    models: tuple[FakeModel | str, ...] = ()
    slots: int = 0
    """Answers at a time per model; 0 is what the flavour has."""
    max_loaded: int = 3
    max_queue: int = 512
    tps: float = 50.0
    prompt_tps: float = 1000.0
    first_token: float = 0.0
    load_seconds: float = 0.5
    pull_seconds: float = 1.0
    pull_steps: int = 4
    """In how many pieces a layer comes."""
    keep_alive: float = 300.0
    context: int = 4096
    tokens: int = 0
    """Length of every answer; 0 is the length of the echo."""
    key: str = ""
    version: str = "0.24.0"
    pace: float = 1.0
    """Real seconds per host second; 0 waits nothing."""
    port: int = 0
    old: bool = False
    """Play an Ollama whose /api/tags did not tell capabilities yet."""
    registry: tuple[str, ...] | None = None
    """What can be pulled; None is anything."""

    def __post_init__(self) -> None:
        kind = self.kind
        self.models = tuple(self.models) or kind.models
        self.slots = self.slots or kind.slots
        if not kind.on_demand:
            self.max_loaded = max(self.max_loaded, len(self.models))

    @property
    def kind(self) -> Flavour:
        """The flavour played."""
        return FLAVOURS[self.flavour]

    def slots_for(self, model: FakeModel) -> int:
        """Return how many answers a model gives at a time; Ollama embeds one by one."""
        return 1 if self.kind.native and model.can("embedding") else self.slots


def plain_settings() -> dict[str, type]:
    """Return the settings a command line can set, and their types."""
    found = {one.name: one.type for one in fields(Settings)}
    return {name: kind for name, kind in found.items() if kind in (int, float, str)}
