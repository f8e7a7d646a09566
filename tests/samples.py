"""What tests of model hosts share: a tool, a schema, a turn, a client, some patience."""

import time
from collections.abc import Callable
from enum import Enum
from typing import Any

import openai
import pydantic

from tests.fake_agent import FakeHost

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["C", "F"]},
            },
            "required": ["city", "unit"],
        },
    },
}


class Colour(Enum):
    """A choice inside the schema below."""

    RED = "red"
    BLUE = "blue"


class Wheel(pydantic.BaseModel):
    """A part, so that the schema has a reference."""

    inches: float = pydantic.Field(gt=10, le=30)
    colour: Colour


class Bicycle(pydantic.BaseModel):
    """What models are asked to describe."""

    name: str = pydantic.Field(min_length=6, max_length=8)
    wheels: list[Wheel] = pydantic.Field(min_length=2)
    owner: str | None
    gears: int = pydantic.Field(ge=3, multiple_of=2)


def user(text: str, **more: Any) -> list[dict[str, Any]]:
    """Return a conversation of one turn."""
    return [{"role": "user", "content": text, **more}]


def openai_client(host: FakeHost) -> openai.OpenAI:
    """Return the official client of a host; it loads no certificates, which takes a while."""
    return openai.OpenAI(
        base_url=f"{host.url}/v1",
        api_key="secret",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=False),
    )


def eventually(true: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait, blocking, until something holds.

    Raises:
        AssertionError: it did not within the seconds.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError("it never came true")
        time.sleep(0.01)
