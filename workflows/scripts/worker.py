"""The process that runs V8: started by exec, closed in, then answers requests on its pipes.

A frame is a head (length, kind, context) and its text. Nothing here is trusted by the other end.
"""

import asyncio
import json
import os
import select
import struct
import threading
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from workflows.scripts.confine import NotConfined, confine

HEAD = struct.Struct(">IBI")  # bytes that follow the head, kind, context
ASK, DROP, RENEW = 1, 2, 3  # from the host
ANSWER, FAILED, READY, REFUSED = 1, 2, 3, 4  # to the host
IDLE = 0.02  # seconds without a request before a context is prepared in advance
SPARES = 3  # contexts prepared
SCRIPTS = (
    "base.js", "dates.js", "tokens.js", "extensions.js", "hash.js", "data.js", "names.js",
    "expressions.js", "code.js", "renewing.js", "main.js",
)  # fmt: skip

MARK, REMEMBER, AS_NEW = "\x01", "\x02", "\x03"  # words a context knows beside requests
WARM_UP = json.dumps(
    {
        "scope": {"zone": "America/New_York", "sources": [], "node": "N", "nodeVersion": 1},
        "items": [{"json": {"a": "x"}}],
        "batch": {
            "templates": [
                "={{ $now.setZone('Europe/Paris').toFormat('ffff') + (1.5).toLocaleString('de') }}",
                "={{ $json.a.isEmpty() || DateTime.fromISO('2024-01-01').plus({days: 1}) }} b",
            ],
            "indexes": [0],
        },
    }
)
"""Also opens what V8 reads from files later: time zones and languages."""


@dataclass(frozen=True)
class Limits:
    """What a worker may use, in bytes."""

    heap: int = 256 << 20  # of one context
    memory: int = 512 << 20  # of the process beyond its start
    answer: int = 32 << 20


def source() -> str:
    """Return the text every context starts with: one function, nothing left behind as a name.

    The libraries are in it as texts, read by who needs them: a context costs half without.
    """
    folder = Path(__file__).parent / "js"
    texts = {
        name: json.dumps((folder / "vendor" / f"{name}.js").read_text())
        for name in ("luxon.min", "jmespath")
    }
    own = "\n".join((folder / name).read_text() for name in SCRIPTS)
    return (
        "(function () { 'use strict';\n"
        f"const LUXON = {texts['luxon.min']};\nconst JMESPATH = {texts['jmespath']};\n"
        f"{own}\n}})()"
    )


class V8Context:
    """One V8 isolate with the runtime in it; `ask` is its only door."""

    def __init__(self, text: str, heap: int) -> None:
        from py_mini_racer._mini_racer import _make_context

        # Not MiniRacer(): it would leave timers behind that need shared memory.
        self._maker = _make_context()
        self._context = self._maker.__enter__()
        self._context.set_hard_memory_limit(heap)
        self._door: Any = self._context.eval(text)
        self._argument: Any = self._context.eval("['']")
        self._handles = [
            self._context._python_to_value_handle(one)
            for one in (self._door, self._argument, self._argument)
        ]

    def ask(self, text: str) -> str:
        """Hand in a request, return its answer."""
        self._argument[0] = text
        function, this, arguments = (handle.raw for handle in self._handles)
        context = self._context
        call = context._dll.mr_call_function
        return str(context._run_uncancelable_mr_task(call, function, this, arguments))

    @property
    def is_full(self) -> bool:
        """Whether its memory limit was reached."""
        return bool(self._context.was_hard_memory_limit_reached())

    def close(self) -> None:
        """Free all of it."""
        self._handles = []
        self._door = self._argument = None
        self._maker.__exit__(None, None, None)


def send(writer: BinaryIO, kind: int, number: int, body: bytes) -> None:
    """Write one frame."""
    writer.write(HEAD.pack(len(body), kind, number) + body)
    writer.flush()


class Pipe:
    """Reads as many bytes as asked, and holds none back that `select` would not see."""

    def __init__(self, file: FileIO) -> None:
        self.fileno = file.fileno
        self.file = file

    def read(self, size: int) -> bytes:
        """Return `size` bytes; fewer at the end."""
        found = b""
        while len(found) < size:
            piece = self.file.read(min(size - len(found), 1 << 20))
            if not piece:
                break
            found = piece if not found and len(piece) == size else found + piece
        return found


class Server:
    """Answers requests one after the other; contexts by number."""

    def __init__(self, limits: Limits, reader: Pipe, writer: BinaryIO) -> None:
        self.limits = limits
        self.reader, self.writer = reader, writer
        self.text = source()
        self.contexts: dict[int, V8Context] = {}
        self.spares = [self.warm()]

    def fresh(self) -> V8Context:
        """Return a context nobody has touched."""
        return V8Context(self.text, self.limits.heap)

    def warm(self) -> V8Context:
        """Return a fresh one with the date library in it, its own functions compiled by use."""
        context = self.fresh()
        context.ask(MARK + "warm")
        context.ask(WARM_UP)
        return context

    def serve(self) -> None:
        """Answer until the host closes the pipe."""
        while len(head := self.reader.read(HEAD.size)) == HEAD.size:
            length, kind, number = HEAD.unpack(head)
            body = self.reader.read(length)
            if kind == DROP:
                self.drop(number)
            elif kind == RENEW:
                self.renew(number)
            else:
                self.answer(number, body.decode())
            self.prepare()

    def drop(self, number: int) -> None:
        """Forget a context."""
        context = self.contexts.pop(number, None)
        if context is not None:
            context.close()

    def renew(self, number: int) -> None:
        """Make a context as new for the next run; one a run has left a trace in is forgotten."""
        context = self.contexts.get(number)
        try:
            if context is not None and not context.ask(AS_NEW):
                self.drop(number)
        except Exception:  # of the engine itself: too deep, too much memory
            self.drop(number)

    def prepare(self) -> None:
        """Make the next contexts while nobody waits."""
        while len(self.spares) < SPARES and not select.select([self.reader], [], [], IDLE)[0]:
            self.spares.append(self.warm())

    def answer(self, number: int, text: str) -> None:
        """Answer one request; a context that failed takes the process with it."""
        context = self.contexts.get(number)
        if context is None:
            context = self.spares.pop() if self.spares else self.fresh()
            self.contexts[number] = context
        try:
            for part in text.split("\x00"):
                found = context.ask(part)
            while not found:
                found = context.ask("")
        except Exception as error:
            told = ["memory" if context.is_full else type(error).__name__, str(error)[:500]]
            send(self.writer, FAILED, number, json.dumps(told).encode())
            os._exit(4)
        body = found.encode("utf-8", "replace")
        if len(body) > self.limits.answer:
            send(self.writer, FAILED, number, json.dumps(["size", str(len(body))]).encode())
        else:
            send(self.writer, ANSWER, number, body)


def watch(parent: int) -> None:
    """End when the host is gone, whatever the script does."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(9)

    threading.Thread(target=look, daemon=True).start()


async def run(options: dict[str, Any]) -> None:
    """Start, close in, prove it, serve. In a coroutine, so that V8 needs no thread of Python's."""
    reader, writer = Pipe(os.fdopen(0, "rb", buffering=0)), os.fdopen(1, "wb")
    limits = Limits(**options["limits"])
    watch(options["parent"])
    try:
        server = Server(limits, reader, writer)
        level = confine(limits.memory)
    except Exception as error:
        told = str(error) if isinstance(error, NotConfined) else repr(error)
        send(writer, REFUSED, 0, told[:1000].encode())
        os._exit(78)
    send(writer, READY, 0, level.encode())
    server.serve()


def main(argument: str) -> None:
    """Entry point: `python -I -B -c START root options`."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    asyncio.run(run(json.loads(argument)))
    os._exit(0)


START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from workflows.scripts.worker import main; main(sys.argv[2])"
)
"""What `python -c` runs: sys.argv holds the project's folder and the options as JSON."""
