"""A model host that is none: deterministic, controllable, and able to fail in every known way.

In a test: `async with FakeHost("ollama", pace=0) as host:` or `with running(FakeHost(...)):`.
As a process: `python -m tests.fake_agent --port 0 --format ollama`, see __main__.
"""

from tests.fake_agent.catalog import FakeModel, model_named
from tests.fake_agent.clock import Clock
from tests.fake_agent.faults import Fault
from tests.fake_agent.host import FakeHost, running
from tests.fake_agent.settings import FLAVOURS, Settings

__all__ = [
    "FLAVOURS",
    "Clock",
    "FakeHost",
    "FakeModel",
    "Fault",
    "Settings",
    "model_named",
    "running",
]
