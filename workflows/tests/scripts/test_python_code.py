"""Python code: what it can do, and that it has no way out."""

import asyncio
import contextlib
import time
from pathlib import Path

import psutil
import pytest

from workflows.engine.errors import NodeError
from workflows.scripts.python import run_python


def run(source, *json, each=False, limit=5.0):
    items = [{"json": one} for one in json or ({},)]
    return asyncio.run(run_python(source, items, each=each, limit=limit))


def test_python_runs_once_for_all_items():
    source = "print('n', len(_items))\nreturn [{'json': {'n': i['json']['n'] + 1}} for i in _items]"
    found = run(source, {"n": 1}, {"n": 2})
    assert found.value == [{"json": {"n": 2}}, {"json": {"n": 3}}]
    assert (found.errors, found.logs) == ({}, ["n 2"])


def test_python_runs_once_for_each_item():
    found = run("return {'n': 6 / _item['json']['n']}", {"n": 2}, {"n": 0}, each=True)
    assert found.value == [{"n": 3.0}, None]
    assert found.errors[1].message == "ZeroDivisionError: division by zero [line 1]"


@pytest.mark.parametrize("source", ["return {1, 2}", "return {(1, 2): 3}", "return float('nan')"])
def test_what_items_cannot_hold_is_an_error(source):
    assert "items cannot hold" in run(source).errors[0].message


@pytest.mark.parametrize(
    "source",
    [
        "return ().__class__.__mro__[1].__subclasses__()",
        "[c for c in object.__subclasses__() if c.__name__ == '_wrap_close'][0]\nreturn 1",
        "import os\nos.system('touch pwned')",
        "import subprocess\nreturn subprocess.run(['touch', 'pwned'])",
        "import ctypes\nreturn ctypes.CDLL(None).getpid()",
        "import socket\nreturn socket.socket()",
        "return open('/etc/passwd').read()",
        "open('pwned', 'w').write('x')\nreturn 1",
        "import os\nreturn dict(os.environ)['PATH']",
        "return __import__('os').getpid()",
        "return globals()['__builtins__']",
        "import pathlib\nreturn str(list(pathlib.Path('/').iterdir()))",
    ],
)
def test_python_has_no_way_out(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run(source)
    assert found.errors, found.value
    assert list(tmp_path.iterdir()) == []
    assert not Path("/pwned").exists()


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "x = [0] * 10**10\nreturn 1",
        "x = 'a'\nwhile True: x += x",
        "def f(): return f()\nreturn f()",
        "return 7 ** 7 ** 9 % 10",
        "return 'x' * 400_000_000",
    ],
)
def test_python_that_wants_too_much_is_ended(source):
    started = time.monotonic()
    with contextlib.suppress(NodeError):
        assert run(source, limit=1.0).errors
    assert time.monotonic() - started < 1 + 15
    left = [child.name() for child in psutil.Process().children(recursive=True)]
    assert "monty" not in left
