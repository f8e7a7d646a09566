"""Rows A of the attack table: what scripts try ends within its limit and reaches nothing."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from workflows.engine.errors import ExpressionError, NodeError, ScriptMemory, ScriptTimeout
from workflows.engine.values import UNDEFINED
from workflows.scripts.pool import ROOT, Pool
from workflows.scripts.session import Session
from workflows.scripts.worker import Limits
from workflows.tests.scripts.scripting import code, columns, scope, value

MB = 1 << 20
SMALL = Limits(heap=96 * MB, memory=192 * MB, answer=4 * MB)
LIMIT = 1.0
BUSY = 6.0  # seconds a loaded machine may add; without any limit these run for ever


@pytest.fixture(scope="module")
def pool():
    """One worker with small limits."""
    made = Pool(1, SMALL)
    yield made
    made.close()


def attacked(pool, template, limit=LIMIT):
    """What an attack came to: its value, or its error's class."""
    try:
        return value(template, pool=pool, limit=limit)
    except NodeError as error:
        return type(error)


def js(body):
    """A template that runs statements."""
    return "={{ (() => { " + body + " })() }}"


# -- A01, A04, A05, A19: nothing of a host is there -----------------------------------------------

HOST = ["process", "require", "module", "fetch", "Deno", "Bun", "python", "Buffer", "WebSocket"]
CLOCKS = ["WebAssembly", "SharedArrayBuffer", "Atomics", "Worker", "eval", "Function"]


@pytest.mark.parametrize("name", HOST + CLOCKS)
def test_no_name_leads_to_a_host(pool, name):
    assert value(f"={{{{ typeof {name} }}}}", pool=pool) == "undefined"
    assert code(f"return [{{json: {{t: typeof {name}}}}}]", pool=pool).value[0]["json"]["t"] == (
        "undefined"
    )


def test_the_global_object_has_no_doors(pool):
    found = code("return {json: {names: Object.getOwnPropertyNames(globalThis)}}", pool=pool)
    names = set(found.value["json"]["names"])
    assert names.isdisjoint(HOST + CLOCKS)
    assert names.isdisjoint(["setTimeout", "setInterval", "console", "luxon", "__timer_manager"])


@pytest.mark.parametrize(
    "template",
    [
        "={{ (()=>{}).constructor('return process')() }}",
        "={{ ''['const'+'ructor']['const'+'ructor']('return this')().process }}",
        "={{ [].map['constr'+'uctor']('return 1')() }}",
        "={{ (async()=>{})['constr'+'uctor']('return 1')() }}",
        "={{ (function*(){})['constr'+'uctor']('return 1')().next() }}",
        "={{ $json['__pro'+'to__']['constr'+'uctor']['constr'+'uctor']('return 1')() }}",
        "={{ DateTime['constr'+'uctor']('return 1')() }}",
        "={{ $input['constr'+'uctor']['constr'+'uctor']('return 1')() }}",
        "={{ $jmespath['constr'+'uctor']('return 1')() }}",
        "={{ new (class extends (()=>{}).constructor {})('return 1')() }}",
        "={{ (0, $if)['bi'+'nd']['constr'+'uctor']('return 1')() }}",
        "={{ `${(()=>{})['constr'+'uctor']('return 1')()}` }}",
    ],
)
def test_no_way_to_a_constructor_of_functions(pool, template):
    assert attacked(pool, template) in (ExpressionError, UNDEFINED, "")


def test_code_has_no_way_to_one_either(pool):
    found = code("return [(async () => {}).constructor('return 1')()]", pool=pool)
    assert "constructor" in found.errors[0].message


@pytest.mark.parametrize("module", ["fs", "file:///etc/passwd", "data:text/javascript,1"])
def test_modules_cannot_be_loaded(pool, module):
    assert attacked(pool, f"={{{{ import('{module}') }}}}") is ExpressionError
    found = code(f"return [{{json: {{m: await import('{module}')}}}}]", pool=pool)
    assert found.errors
    found = code("return require('child_process')", pool=pool)
    assert found.errors[0].message.startswith("require is not defined")


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "PATH"])
def test_the_environment_is_closed(pool, name):
    assert attacked(pool, f"={{{{ $env.{name} }}}}") is ExpressionError
    assert attacked(pool, f"={{{{ process.env.{name} }}}}") is UNDEFINED


def test_an_allowed_name_of_the_environment_is_there(pool):
    assert value("={{ $env.REGION }}", scope(env={"REGION": "eu"}), pool) == "eu"


# -- the wrapper ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "1); globalThis.x = 1; (2",
        "1)} ; function f() { return (2",
        "1] + [2",
        "1 /*",
        "`",
        "1) + (2",
        "*/ 1",
        "1\n) // \n + (2",
        "...[1]",
    ],
)
def test_an_expression_cannot_leave_its_brackets(pool, source):
    assert attacked(pool, "={{ " + source + " }}") is ExpressionError


# -- A07: one execution leaves nothing behind -----------------------------------------------------


def test_the_next_execution_is_clean(pool):
    spoil = """
        Object.prototype.isAdmin = true; Array.prototype.map = () => ['p'];
        JSON.stringify = () => '[{}]'; JSON.parse = () => 1; globalThis.left = 1;
        String.prototype.includes = () => true; Promise.prototype.then = null; return 1"""
    attacked(pool, js(spoil))
    with contextlib.suppress(NodeError):
        code(spoil, pool=pool, limit=LIMIT)
    clean = "={{ [[$json.a].map(x => x + 1)[0], JSON.stringify([1]), typeof ({}).isAdmin] }}"
    assert value(clean, scope({"a": 1}), pool) == [2, "[1]", "undefined"]
    assert code("return typeof left", pool=pool).value == "undefined"


def test_two_executions_on_one_worker_do_not_see_each_other(pool):
    async def both():
        one, two = Session(pool), Session(pool)
        await one.run_code("globalThis.secret = 42", scope(), each=False)
        found = await two.run_code("return typeof secret", scope(), each=False)
        again = await one.run_code("return secret", scope(), each=False)
        await one.close()
        await two.close()
        return found.value, again.value

    assert asyncio.run(both()) == ("undefined", 42)


# -- A09 to A12 and their like: time and memory ---------------------------------------------------

LONG = {
    "loop": "for (;;) {}",
    "loop that catches": "for (;;) { try { for (;;) {} } catch (e) {} finally { continue } }",
    "slow pattern": "return /^(a+)+$/.test('a'.repeat(60) + 'b')",
    "long native call": "return 'x'.repeat(1e6).split('').sort(() => Math.random() - .5).join()"
    + ".replace(/x/g, () => { for (;;) {} })",
    "sparse list": "return new Array(4294967295).fill(0).length",
    "big integers": "let n = 3n; for (;;) n = n ** 3n % (2n ** 200000n)",
    "microtasks": "const f = () => Promise.resolve().then(f); f(); for (;;) {}",
}
LARGE = {
    "heap": "const a = []; for (;;) a.push(new Array(10000).fill(Math.random()))",
    "off heap": "const a = []; for (;;) a.push(new Uint8Array(5e7).fill(1))",
    "text": "let s = 'x'.repeat(1e6); const a = []; for (;;) a.push(s + a.length + s)",
    "array buffers": "const a = []; for (;;) { const b = new ArrayBuffer(1e8); "
    "new Uint8Array(b).fill(7); a.push(b) }",
    "maps": "const m = new Map(); for (let i = 0; ; i++) m.set(i, 'v' + i)",
}


@pytest.mark.parametrize("body", LONG.values(), ids=LONG)
def test_what_takes_too_long_is_ended(pool, body):
    started = time.monotonic()
    assert attacked(pool, js(body)) in (ScriptTimeout, ScriptMemory, UNDEFINED)
    assert time.monotonic() - started < LIMIT + BUSY
    assert value("={{ 1 + 1 }}", pool=pool) == 2


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
def test_what_takes_too_much_memory_is_ended(pool, body):
    own = psutil.Process().memory_info().rss
    started = time.monotonic()
    # Or V8 refuses the piece that would be too much, and the expression gives nothing.
    assert attacked(pool, js(body), limit=4) in (ScriptMemory, ScriptTimeout, UNDEFINED)
    assert time.monotonic() - started < 4 + BUSY
    assert psutil.Process().memory_info().rss - own < 50 * MB
    assert value("={{ 1 + 1 }}", pool=pool) == 2


def test_the_process_stays_below_its_limit(pool):
    async def hungry():
        session, peak = Session(pool, limit=3), 0
        where = scope()
        attack = asyncio.create_task(session.evaluate([js(LARGE["off heap"])], where, [0]))
        while not attack.done():
            children = psutil.Process().children()
            with contextlib.suppress(psutil.Error):
                peak = max([peak, *(child.memory_info().rss for child in children)])
            await asyncio.sleep(0.01)
        with contextlib.suppress(ScriptMemory, ScriptTimeout):  # or V8 refuses the last piece
            await attack
        await session.close()
        return peak

    assert asyncio.run(hungry()) < SMALL.memory + 200 * MB


@pytest.mark.parametrize(
    "template",
    [
        "={{ 'x'.repeat(400e6) }}",
        "={{ 'x'.repeat(5e6) }}",
        "={{ Array(40).fill('x'.repeat(4e5)) }}",
        "=a{{ 'x'.repeat(40e6) }}",
    ],
)
def test_a_result_that_is_too_large_is_refused(pool, template):
    with pytest.raises(NodeError):
        value(template, pool=pool, limit=5)
    assert value("={{ 1 + 1 }}", pool=pool) == 2


def test_other_executions_go_on_meanwhile():
    pool = Pool(1, SMALL)

    async def both():
        bad, good = Session(pool, limit=3), Session(pool)
        attack = asyncio.create_task(bad.evaluate([js("for (;;) {}")], scope(), [0]))
        await asyncio.sleep(0.1)
        found = await good.evaluate(["={{ 1 + 1 }}"], scope(), [0])
        assert not attack.done()
        with pytest.raises(ScriptTimeout):
            await attack
        return found[0].values[0]

    assert asyncio.run(both()) == 2
    pool.close()


def test_a_cancelled_caller_leaves_no_running_script(pool):
    async def cancelled():
        session = Session(pool, limit=60)
        task = asyncio.create_task(session.evaluate([js("for (;;) {}")], scope(), [0]))
        await asyncio.sleep(0.4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return [p for p in psutil.Process().children() if p.cpu_percent(0.2) > 50]

    assert asyncio.run(cancelled()) == []


# -- unusual values -------------------------------------------------------------------------------

DEEP = "let d = 0; for (let i = 0; i < 20000; i++) d = [d]; return d"
UNUSUAL = {
    "deep": DEEP,
    "cycle": "const a = {}; a.a = a; return a",
    "getter": "return {get x() { for (;;) {} }}",
    "throwing getter": "return {get x() { throw 1 }}",
    "proxy": "return new Map([[1, new WeakMap()]])",
    "toJSON": "return {toJSON() { throw new Error('no') }}",
    "toJSON of nothing": "return {toJSON: 1, x: {toJSON: () => undefined}}",
    "thenable": "return {then() { for (;;) {} }}",
    "then getter": "return {get then() { throw 'x' }}",
    "thrown nothing": "throw undefined",
    "thrown proxy": "throw {get message() { throw 1 }, toString() { throw 2 }}",
    "function": "return () => 1",
    "bigint": "return {a: 10n}",
    "surrogates": "return '\\ud800 \\udfff'",
    "nul": "return '\\0\\u0001'",
    "recursion": "return (function f() { return f() + 1 })()",
    "error": "return new Error('x')",
}


@pytest.mark.parametrize("body", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_values_end_as_plain_values_or_errors(pool, body):
    try:
        found = columns([js(body), "={{ 1 + 1 }}"], pool=pool, limit=LIMIT)
        code(body, pool=pool, limit=LIMIT)
    except ScriptTimeout:
        assert "for (;;)" in body
    except NodeError:
        assert body == DEEP
    else:
        assert 0 in found[0].values or 0 in found[0].errors
        assert found[1].values == {0: 2}
    assert value("={{ 1 + 1 }}", pool=pool) == 2


def test_special_keys_in_data_change_nothing(pool):
    keys = {"__proto__": {"isAdmin": True}, "constructor": {"prototype": {"isAdmin": True}}}
    where = scope({**keys, "hasOwnProperty": 1, "toString": 2, "then": 3})
    assert value("={{ typeof ({}).isAdmin }}", where, pool) == "undefined"
    assert value("={{ $json.then + $json.toString }}", where, pool) == 5
    found = code("return $input.all().map(i => ({json: {...i.json}}))", where, pool).value
    assert found[0]["json"]["hasOwnProperty"] == 1
    assert json.loads(json.dumps(value("={{ $json }}", where, pool))) == where.items[0]["json"]


def test_data_cannot_pretend_to_be_a_date(pool):
    where = scope({"a": "\x01D2020-01-01", "b": "\x01U", "c": "\\u0001D"})
    assert value("={{ [$json.a, $json.b, $json.c] }}", where, pool) == list(
        where.items[0]["json"].values()
    )


# -- A17, A18: the process ------------------------------------------------------------------------

DRILL = """
import os, socket, sys, json
sys.path.insert(0, sys.argv[1])
from workflows.scripts.confine import confine, breaches
import ctypes, _posixsubprocess, selectors
level = confine(64 << 20)
found = breaches()
def ok(attempt):
    try:
        attempt()
    except OSError as error:
        return error.errno != 1
    return True
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    def go():
        if libc.syscall(number, *args) < 0:
            raise OSError(ctypes.get_errno(), "x")
    return go
more = {
    "connect": lambda: socket.socket().connect(("127.0.0.1", 5432)),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "stat": lambda: os.stat("/"), "readlink": lambda: os.readlink("/proc/self/exe"),
    "unlink": lambda: os.unlink("/tmp/none-of-this"), "chdir": lambda: os.chdir("/tmp"),
    "pipe": lambda: os.pipe(), "kill self": lambda: os.kill(os.getpid(), 0),
    "prctl": call(157, 4, 1, 0, 0, 0), "memfd": call(319, b"x", 0), "bpf": call(321, 0, 0, 0),
    "io_uring": call(425, 1, 0), "unshare": call(272, 0x10000000), "vfork": call(58),
    "setrlimit": call(160, 7, 0), "process_vm_readv": call(310, os.getppid(), 0, 0, 0, 0, 0),
    "open": call(2, b"/etc/passwd", 0), "openat2": call(437, -100, b"/", 0, 24),
    "shm": call(29, 0, 4096, 0o1600), "x32 open": call(0x40000002, b"/etc/passwd", 0),
}
found += [name for name, attempt in more.items() if ok(attempt)]
print(json.dumps([level, found]))
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel filter is Linux's")
def test_a_confined_process_can_do_nothing_but_compute():
    done = subprocess.run(
        [sys.executable, "-I", "-c", DRILL, str(ROOT)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert json.loads(done.stdout) == ["kernel", []]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel filter is Linux's")
def test_without_confinement_a_worker_refuses_to_start(monkeypatch):
    from workflows.engine.errors import ScriptsOff
    from workflows.scripts import pool as module

    broken = module.START.replace(
        "from workflows.scripts.worker",
        "import workflows.scripts.confine as c; c._install = lambda lines: None; "
        "from workflows.scripts.worker",
    )
    monkeypatch.setattr(module, "START", broken)
    pool = Pool(1)
    with pytest.raises(ScriptsOff, match="cannot run closed in") as refused:
        value("={{ 1 + 1 }}", pool=pool)
    assert "reading files" in refused.value.description
    assert value("={{ $json.a }}", scope({"a": 1}), pool) == 1  # paths need no script


def test_the_worker_has_neither_environment_nor_open_files(pool):
    value("={{ 1 + 1 }}", pool=pool)
    worker = pool._workers[0].process.pid
    environment = Path(f"/proc/{worker}/environ")
    with contextlib.suppress(PermissionError):  # unreadable is as good as empty
        assert environment.read_bytes().strip(b"\0") == b""
    assert "PATH" not in str(psutil.Process(worker).cmdline())


HOST_CODE = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from workflows.scripts.pool import Pool
from workflows.scripts.session import Session
from workflows.tests.scripts.scripting import scope
async def main():
    pool = Pool(1)
    worker = await pool.take(); pool.give(worker)
    print(worker.process.pid, flush=True)
    await Session(pool, limit=60).evaluate(["={{ (() => { for (;;) {} })() }}"], scope(), [0])
asyncio.run(main())
"""


def test_a_killed_host_leaves_no_orphan():
    host = subprocess.Popen(
        [sys.executable, "-c", HOST_CODE, str(ROOT)], stdout=subprocess.PIPE, text=True
    )
    worker = int(host.stdout.readline())
    time.sleep(0.5)
    host.kill()
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _runs(worker):
        time.sleep(0.1)
    assert not _runs(worker)


def _runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_forked_process_starts_workers_of_its_own(pool):
    assert value("={{ 1 + 1 }}", pool=pool) == 2
    child = os.fork()
    if child == 0:
        right = False
        try:
            right = value("={{ 2 + 2 }}", pool=pool) == 4
        finally:
            pool.close()
            os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert value("={{ 3 + 3 }}", pool=pool) == 6


def test_threads_with_loops_of_their_own_share_workers(pool):
    with ThreadPoolExecutor(8) as threads:
        asked = [f"={{{{ {n} * 2 }}}}" for n in range(40)]
        found = list(threads.map(lambda template: value(template, pool=pool), asked))
    assert found == [n * 2 for n in range(40)]


def test_an_execution_that_ends_does_not_disturb_one_that_is_handing_over(pool):
    large = scope({"text": "x" * 5_000_000})

    async def both():
        busy, leaving = Session(pool), Session(pool)
        await leaving.evaluate(["={{ 1 + 1 }}"], scope(), [0])
        task = asyncio.create_task(busy.evaluate(["={{ $json.text.length + 0 }}"], large, [0]))
        await asyncio.sleep(0)
        await leaving.close()
        found = await task
        await busy.close()
        return found[0].values

    assert asyncio.run(both()) == {0: 5_000_000}


def test_a_worker_that_died_while_idle_is_replaced(pool):
    value("={{ 1 + 1 }}", pool=pool)
    for worker in list(pool._workers):
        worker.process.kill()
        worker.process.wait()
    assert value("={{ 1 + 1 }}", pool=pool) == 2
