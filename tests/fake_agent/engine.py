"""How a fake model works off a question: waits, reads, speaks at its pace, keeps the figures."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from tests.fake_agent.answers import Ask, Call, Script, script, vector
from tests.fake_agent.catalog import full
from tests.fake_agent.clock import Clock
from tests.fake_agent.memory import Memory, Need, Stay
from tests.fake_agent.settings import Settings
from tests.fake_agent.wire import Refusal

BILLION = 1_000_000_000


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer."""

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()


Sink = Callable[[Chunk], Awaitable[None]]


@dataclass(frozen=True)
class Figures:
    """What an answer took; times in host seconds."""

    done_reason: str = "stop"
    load: float = 0.0
    slot_wait: float = 0.0
    prompt_tokens: int = 0
    prompt: float = 0.0
    answer_tokens: int = 0
    answer: float = 0.0

    @property
    def total(self) -> float:
        """Everything together."""
        return self.load + self.slot_wait + self.prompt + self.answer

    def metrics(self) -> dict[str, int]:
        """Return Ollama's metrics: nanoseconds, and nothing that is zero."""
        found = {
            "total_duration": round(self.total * BILLION),
            "load_duration": round(self.load * BILLION),
            "prompt_eval_count": self.prompt_tokens,
            "prompt_eval_duration": round(self.prompt * BILLION),
            "eval_count": self.answer_tokens,
            "eval_duration": round(self.answer * BILLION),
        }
        return {name: value for name, value in found.items() if value}


@dataclass
class Engine:
    """The part of a host that runs models."""

    settings: Settings
    clock: Clock
    memory: Memory

    def check(self, ask: Ask, verb: str) -> None:
        """See that a model can do what is asked, in Ollama's words.

        Raises:
            Refusal: it cannot.
        """
        model, name = ask.model, ask.name
        if ask.think not in (None, False, "none") and not model.can("thinking"):
            raise Refusal(400, f'"{name}" does not support thinking')
        if not model.can("completion"):
            raise Refusal(400, f'"{name}" does not support {verb}')
        if ask.tools and not model.can("tools"):
            long_name = f"registry.ollama.ai/library/{full(model.name)}"
            raise Refusal(400, f"{long_name} does not support tools")
        if any(turn.images for turn in ask.turns) and not model.can("vision"):
            raise Refusal(400, "this model is missing data required for image input")

    async def load(self, need: Need) -> None:
        """Only load a model."""
        async with self.memory.hold(need):
            pass

    async def perform(self, need: Need, ask: Ask, sink: Sink) -> Figures:
        """Answer a question chunk by chunk; a caller that leaves frees the slot at once."""
        plan = script(ask, self.settings.tokens)
        async with self.memory.use(need) as stay:
            prompt = await self._read(plan.prompt_tokens)
            answer = await self._speak(plan, sink)
        return Figures(
            done_reason=plan.done_reason,
            load=stay.load,
            slot_wait=stay.slot_wait,
            prompt_tokens=plan.prompt_tokens,
            prompt=prompt,
            answer_tokens=plan.length,
            answer=answer,
        )

    async def embed(
        self, need: Need, texts: list[str], dimensions: int = 0
    ) -> tuple[list[list[float]], Figures]:
        """Return one vector per text.

        Raises:
            Refusal: the model does not embed.
        """
        if not need.model.can("embedding"):
            raise Refusal(501, "this model does not support embeddings")
        width = need.model.embedding_length
        width = min(dimensions, width) if dimensions > 0 else width
        words = sum(len(text.split()) for text in texts)
        async with self.memory.use(need) as stay:
            seconds = await self._read(words)
        figures = _reading(stay, words, seconds)
        return [vector(text, width) for text in texts], figures

    async def _read(self, words: int) -> float:
        """Take in the prompt; return the seconds until the first token."""
        rate = self.settings.prompt_tps
        seconds = self.settings.first_token + (words / rate if rate else 0.0)
        began = self.clock.now()
        await self.clock.sleep(seconds)
        return self.clock.since(began, seconds)

    async def _speak(self, plan: Script, sink: Sink) -> float:
        step = 1 / self.settings.tps if self.settings.tps else 0.0
        began = self.clock.now()
        for number, chunk in enumerate(_chunks(plan), 1):
            await self.clock.until(began + step * (plan.length if chunk.calls else number))
            await sink(chunk)
        return self.clock.since(began, step * plan.length)


def _chunks(plan: Script) -> Iterator[Chunk]:
    for token in plan.thinking:
        yield Chunk(thinking=token)
    for token in plan.tokens:
        yield Chunk(text=token)
    if plan.calls:
        yield Chunk(calls=plan.calls)


def _reading(stay: Stay, words: int, seconds: float) -> Figures:
    return Figures(load=stay.load, slot_wait=stay.slot_wait, prompt_tokens=words, prompt=seconds)
