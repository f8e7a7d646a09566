"""The scripts of one execution: `workflows.engine.scripts.Scripts`, done by V8 in another process.

What plain paths can answer never leaves Python. The rest of a batch goes over in one request: the
items once for each node run, the data of earlier nodes once for each of their runs.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from workflows.engine.errors import ExpressionError, NodeError
from workflows.engine.items import Items, Source
from workflows.engine.scripts import CodeResult, Column, Past, Scope
from workflows.engine.values import UNDEFINED
from workflows.scripts import paths
from workflows.scripts.plan import Needs, needs
from workflows.scripts.pool import Pool, Worker, WorkerLost, shared
from workflows.scripts.wire import Marks
from workflows.scripts.worker import REMEMBER

LIMIT = 10.0
"""Seconds one batch of expressions may take, and a little more for every thousand of its values."""

UNREADABLE = (KeyError, IndexError, TypeError, ValueError, AttributeError)
NO_ANSWER = "The script engine gave an answer that cannot be read."
_numbers = count(1)
_floats = {"number NaN": float("nan"), "number Infinity": float("inf")}
_floats["number -Infinity"] = float("-inf")


class Symbol:
    """A JavaScript symbol: a value that can only be looked at."""

    def __repr__(self) -> str:
        return "Symbol()"


class BigInt(str):
    """A JavaScript bigint, as decimal digits."""

    __slots__ = ()


class Session:
    """One execution's door to V8. One call at a time; `close` it at the end.

    `owner` (a team) is whose share of the script processes it uses.
    """

    def __init__(self, pool: Pool | None = None, *, owner: str = "", limit: float = LIMIT) -> None:
        self._pool = pool or shared()
        self._owner = owner
        self._limit = limit
        self._marks = Marks(secrets.token_hex(8))
        self._worker: Worker | None = None
        self._context = 0
        self._inside: Session | None = None
        self._as_new: list[tuple[Worker, int]] = []  # contexts for the next one inside
        self._forget()

    def inner(self) -> "Session":
        """Return the session of a run inside this one.

        Each begins with a global scope as new; a context that is like new after one of them serves
        the next. To be closed before this one is.
        """
        made = Session(self._pool, owner=self._owner, limit=self._limit)
        made._inside = self._inside or self
        return made

    def _forget(self) -> None:
        """Nothing has been handed over to this context yet."""
        self._whole: dict[str, int] = {}  # how many runs of a node
        self._paired: set[tuple[str, int]] = set()  # the pairs of a run alone
        self._items: Any = None
        self._all: Any = ()

    # -- the two doors -----------------------------------------------------------------------

    async def evaluate(
        self, templates: Sequence[str], scope: Scope, indexes: Sequence[int]
    ) -> list[Column]:
        """Evaluate templates for these items; see `Scripts.evaluate`."""
        columns = [_by_path(template, scope, indexes) for template in templates]
        left = sorted({index for _, missing in columns for index in missing})
        if left:
            scripted = [n for n, (_, missing) in enumerate(columns) if missing]
            asked = [templates[n] for n in scripted]
            found = await self._evaluate(asked, scope, left)
            for n, column in zip(scripted, found, strict=True):
                columns[n] = (_joined(columns[n][0], column, columns[n][1]), [])
        return [column for column, _ in columns]

    async def run_code(
        self, source: str, scope: Scope, *, each: bool, style: str = "code", limit: float = 60.0
    ) -> CodeResult:
        """Run JavaScript; see `Scripts.run_code`."""
        wanted = needs((source,))
        code = {
            "source": source,
            "each": each,
            "style": style,
            "indexes": list(range(len(scope.items))) if each else [0],
        }

        def build() -> bytes:
            self._items, self._all = None, ()  # code gets items of its own
            head = self._request(scope, wanted, None)
            return b"{" + head + b',"code":' + self._marks.write(code) + b"}"

        answer = await self._ask(build, limit)
        self._items, self._all = None, ()
        try:
            return _code_result(answer, each)
        except UNREADABLE:
            raise NodeError(NO_ANSWER) from None

    async def check(self, templates: Sequence[str]) -> list[str]:
        """Return what is wrong with the grammar of each template, or an empty text; runs nothing.

        Raises as `evaluate` does.
        """

        def build() -> bytes:
            return b'{"check":' + self._marks.write(list(templates)) + b"}"

        return [str(one) for one in await self._ask(build, self._limit)]

    async def close(self) -> None:
        """Let go of the context, and of those of the runs inside."""
        if self._worker is not None and self._inside is not None:
            self._pool.renew(self._worker, self._context)
            self._inside._as_new.append((self._worker, self._context))
            self._worker = None
        self._let_go()
        while self._as_new:
            self._pool.drop(*self._as_new.pop())

    def _let_go(self) -> None:
        if self._worker is not None:
            self._pool.drop(self._worker, self._context)
            self._worker = None

    # -- asking --------------------------------------------------------------------------------

    async def _evaluate(
        self, templates: Sequence[str], scope: Scope, indexes: list[int]
    ) -> list[Column]:
        wanted = needs(tuple(templates))
        batch = {"templates": templates, "indexes": indexes}

        def build() -> bytes:
            some = indexes if not wanted.other_items and len(indexes) < len(scope.items) else None
            head = self._request(scope, wanted, some)
            return b"{" + head + b',"batch":' + self._marks.write(batch) + b"}"

        values = len(templates) * len(indexes)
        answer = await self._ask(build, self._limit + values / 1000 * 0.1)
        try:
            return [_column(one, indexes) for one, _ in zip(answer, templates, strict=True)]
        except UNREADABLE:
            raise NodeError(NO_ANSWER) from None

    async def _ask(self, build: Callable[[], bytes], limit: float) -> Any:
        for last in (False, True):
            worker = await self._pool.take(self._owner, self._wanted)
            try:
                body = self._opening(worker) + build()
                return self._marks.read(await worker.ask(self._context, body, limit))
            except BaseException as error:
                self._let_go()  # what the context knows by now is uncertain
                if last or not isinstance(error, WorkerLost):
                    raise
            finally:
                self._pool.give(worker)
        raise AssertionError("unreachable")

    @property
    def _wanted(self) -> Worker | None:
        """The worker that knows this session, or has a context for it."""
        if self._worker is None and self._inside is not None and self._inside._as_new:
            return self._inside._as_new[-1][0]
        return self._worker

    def _opening(self, worker: Worker) -> bytes:
        """What a context that does not know this session has to be told first."""
        if worker is self._worker and self._context in worker.contexts:
            return b""
        self._let_go()
        self._forget()
        self._worker, self._context = worker, self._number(worker)
        told = [REMEMBER] if self._inside is not None else []
        return "\0".join([*told, self._marks.mark, ""]).encode()

    def _number(self, worker: Worker) -> int:
        """Return a context of this worker that is as new, or a number for a fresh one."""
        left = self._inside._as_new if self._inside is not None else []
        for found in left:
            if found[0] is worker and found[1] in worker.contexts:
                left.remove(found)
                return found[1]
        return next(_numbers)

    # -- what is handed over ---------------------------------------------------------------------

    def _request(self, scope: Scope, wanted: Needs, some: list[int] | None) -> bytes:
        parts = [b'"scope":' + self._marks.write(_seen(scope, wanted))]
        if some is not None:
            chosen = [scope.items[index] for index in some if index < len(scope.items)]
            parts.append(b'"at":' + self._marks.write(some))
            parts.append(b'"items":' + self._marks.write(chosen))
            self._items = None
        elif self._items is not scope.items:
            parts.append(b'"items":' + self._marks.write(list(scope.items)))
            self._items = scope.items
        whole = scope.all_items or ()
        if (wanted.other_items or not whole) and self._all is not whole and (self._all or whole):
            parts.append(b'"all":' + self._marks.write(list(whole) or None))
            self._all = whole
        if wanted.nodes or wanted.any_node:
            parts += self._earlier(scope, wanted)
        return b",".join(parts)

    def _earlier(self, scope: Scope, wanted: Needs) -> Iterable[bytes]:
        """Yield the runs of earlier nodes that were not handed over yet, and how they stand."""
        names = (
            list(scope.nodes) if wanted.any_node else [n for n in wanted.nodes if n in scope.nodes]
        )
        parents = set(scope.nodes.get(scope.node, {}).get("parents", ()))
        refs = {}
        pieces: list[bytes] = []
        for name in names:
            past = scope.past(name)
            refs[name] = {
                "runs": len(past), "wired": scope.wired(name), "parent": name in parents,
            }  # fmt: skip
            for run in range(self._whole.get(name, 0), len(past)):
                pieces += [self._run(name, run, past[run], whole=True)]
            self._whole[name] = len(past)
        if wanted.pairs:
            pieces += self._pairs(scope, set(names) & parents)
        yield b'"refs":' + self._marks.write(refs)
        if pieces:
            yield b'"past":[' + b",".join(pieces) + b"]"

    def _pairs(self, scope: Scope, ends: set[str]) -> Iterable[bytes]:
        """Yield the pairs of all runs between this node and the ones to be reached."""
        todo = list(scope.sources)
        while todo:
            source = todo.pop()
            if source is None or not self._leads_on(scope, source.node, ends):
                continue
            node, _, run = source
            past = scope.past(node)
            if (node, run) in self._paired or run >= len(past):
                continue
            self._paired.add((node, run))
            todo += past[run].sources
            todo += _redirections(past[run])
            if run >= self._whole.get(node, 0):
                yield self._run(node, run, past[run], whole=False)

    @staticmethod
    def _leads_on(scope: Scope, node: str, ends: set[str]) -> bool:
        return not ends.isdisjoint(scope.nodes.get(node, {}).get("parents", ()))

    def _run(self, name: str, run: int, past: Past, *, whole: bool) -> bytes:
        outputs = [items and list(items) for items in past.outputs] if whole else None
        pairs = None if whole else [_pairs_of(items) for items in past.outputs]
        sources = [_source(one) for one in past.sources]
        return self._marks.write([name, run, outputs, pairs, sources])


def _pairs_of(items: Items | None) -> list[Any]:
    return [one.get("pairedItem") for one in items or ()]


def _redirections(past: Past) -> Iterable[Source]:
    """Yield where items say they come from themselves, as loops write it."""
    found = set()
    for items in past.outputs:
        for one in items or ():
            pair = one.get("pairedItem")
            for each in pair if isinstance(pair, list) else (pair,):
                if isinstance(each, dict) and isinstance(each.get("sourceOverwrite"), dict):
                    there = each["sourceOverwrite"]
                    found.add(
                        Source(
                            str(there.get("previousNode")),
                            int(there.get("previousNodeOutput") or 0),
                            int(there.get("previousNodeRun") or 0),
                        )
                    )
    return found


def _source(source: Source | None) -> dict[str, Any] | None:
    if source is None:
        return None
    return {
        "previousNode": source.node,
        "previousNodeOutput": source.output,
        "previousNodeRun": source.run,
    }


def _seen(scope: Scope, wanted: Needs) -> dict[str, Any]:
    """Return what scripts see of the node run; large things only when they are asked for."""
    seen: dict[str, Any] = {
        "node": scope.node,
        "nodeId": scope.node_id,
        "nodeVersion": scope.node_version,
        "runIndex": scope.run_index,
        "first": scope.first_index,
        "sources": [_source(one) for one in scope.sources],
        "workflow": scope.workflow,
        "execution": scope.execution,
        "zone": scope.timezone,
        "strict": scope.strict,
        "vars": scope.vars,
        "env": scope.env,
        "extra": scope.extra,
        "static": scope.static,
    }
    if wanted.parameters:
        seen["parameters"] = scope.parameters
    if wanted.states:
        seen["states"] = {name: _small(one, wanted.text) for name, one in scope.states.items()}
    if wanted.node_parameters:
        seen["nodes"] = {
            name: {"parameters": one.get("parameters", {})} for name, one in scope.nodes.items()
        }
    return seen


def _small(state: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return a node's context without the lists nobody names: a loop keeps its items in there."""
    return {k: v for k, v in state.items() if k in text or not isinstance(v, list | dict)}


# -- answers --------------------------------------------------------------------------------------


def _by_path(template: str, scope: Scope, indexes: Sequence[int]) -> tuple[Column, Sequence[int]]:
    """Return a column as far as paths go, and the indexes left to V8."""
    parts = paths.parse(template)
    if parts is None or scope.strict:
        return Column({}), indexes
    values: dict[int, Any] = {}
    swallowed: dict[int, str] = {}
    left = []
    items = scope.items
    for index in indexes:
        lost: list[str] = []
        try:
            json = items[index]["json"] if 0 <= index < len(items) else UNDEFINED
            values[index] = paths.value(parts, json, lost)
        except paths.Unplain:
            left.append(index)
            continue
        if lost:
            swallowed[index] = lost[0]
    return Column(values, {}, swallowed), left


def _joined(column: Column, found: Column, indexes: Sequence[int]) -> Column:
    """Return a column with what V8 found for some of its indexes."""
    wanted = set(indexes)

    def chosen(given: Mapping[int, Any]) -> dict[int, Any]:
        return {index: one for index, one in given.items() if index in wanted}

    return Column(
        {**column.values, **chosen(found.values)},
        {**column.errors, **chosen(found.errors)},
        {**column.swallowed, **chosen(found.swallowed)},
    )


def _column(answer: Any, indexes: Sequence[int]) -> Column:
    if "all" in answer:
        error = answer["all"]
        return Column({}, {index: _error(error) for index in indexes})
    values = dict(zip(indexes, answer["v"], strict=True))
    for index, kind in answer["o"].items():
        values[int(index)] = _odd(kind, values[int(index)])
    errors = {int(index): _error(error) for index, error in answer["e"].items()}
    for index in errors:
        del values[index]
    return Column(values, errors, {int(index): text for index, text in answer["s"].items()})


def _odd(kind: str, value: Any) -> Any:
    if kind == "undefined":
        return UNDEFINED
    if kind == "bigint":
        return BigInt(value)
    return Symbol() if kind == "symbol" else _floats.get(kind)


def _error(told: Sequence[str]) -> ExpressionError:
    return ExpressionError(str(told[0]), description=str(told[1]))


def _code_result(answer: Any, each: bool) -> CodeResult:
    errors = {
        int(index): NodeError(str(told[0]), description=str(told[1]), item=int(index))
        for index, told in answer["e"].items()
    }
    if answer["whole"] is not None:
        message, description = answer["whole"]
        failed = NodeError(str(message), description=str(description))
        if each:
            raise failed
        errors[0] = failed
    value: Any = UNDEFINED if answer["kind"] == "undefined" else answer["r"]
    for place in answer["missing"] or ():
        value[place] = UNDEFINED
    return CodeResult(
        value=value,
        errors=errors,
        logs=[str(line) for line in answer["logs"]],
        static=answer["static"],
        custom=answer["custom"],
    )
