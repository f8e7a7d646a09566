"""Faults on demand: what a host can do wrong, how often and on which paths."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch

DOWN = "refuse"
DELAY = "delay"
REPLIES = frozenset({"drop", "status", "html", "redirect", "huge", "echo"})
STREAMS = frozenset({"stall", "drip", "cut", "error", "malformed"})
KINDS = frozenset({DOWN, DELAY}) | REPLIES | STREAMS


@dataclass(eq=False)
class Fault:
    """One thing that goes wrong.

    kind, with the fields it reads:
      refuse     no connection at all, for `seconds` (0: until cleared)
      delay      `seconds` before anything is done
      drop       the connection closes without an answer
      status     `status` with `body` (text, or an object as JSON) and `headers`
      html       a web page with status 200
      redirect   `status` 3xx to `to`
      huge       `size` bytes of JSON
      echo       the request's method, path and headers as JSON
      stall      `seconds` of silence after `after` chunks
      drip       one byte each `seconds` after `after` chunks
      cut        the connection closes after `after` chunks
      error      an error line with `text` after `after` chunks, then the end
      malformed  half a line of JSON after `after` chunks, then on as if nothing were
    `uses` limits how often, `paths` where (shell patterns). Seconds are real ones.
    """

    kind: str
    uses: int | None = None
    paths: tuple[str, ...] = ()
    after: int = 1
    seconds: float = 0.0
    status: int = 500
    body: object = "the fake host was told to fail"
    headers: Mapping[str, str] = field(default_factory=dict)
    to: str = "/"
    size: int = 100_000_000
    text: str = "the fake model broke down"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no fault; there are {', '.join(sorted(KINDS))}")
        if self.kind == "redirect" and self.status == 500:
            self.status = 307

    def hits(self, path: str) -> bool:
        """Say whether the fault applies to a path now."""
        if self.uses == 0:
            return False
        return not self.paths or any(fnmatch(path, pattern) for pattern in self.paths)


class Faults:
    """The faults in force, in the order they were added."""

    def __init__(self, on_refuse: Callable[[float], None], on_clear: Callable[[], None]) -> None:
        self._on_refuse = on_refuse
        self._on_clear = on_clear
        self._faults: list[Fault] = []
        self.used: Counter[str] = Counter()

    def add(self, kind: str, **details: object) -> Fault:
        """Let something go wrong from now on; see Fault for kinds and details.

        Raises:
            ValueError, TypeError: there is no such kind or detail.
        """
        if isinstance(details.get("paths"), list | str):
            paths = details["paths"]
            details["paths"] = (paths,) if isinstance(paths, str) else tuple(paths)  # type: ignore[arg-type]
        fault = Fault(kind, **details)  # type: ignore[arg-type]
        if kind == DOWN:
            self.used[kind] += 1
            self._on_refuse(fault.seconds)
        else:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Mend one fault."""
        if fault.kind == DOWN:
            self._on_clear()
        elif fault in self._faults:
            self._faults.remove(fault)

    def clear(self) -> None:
        """Mend everything."""
        self._faults.clear()
        self._on_clear()

    def take(self, path: str, kinds: frozenset[str]) -> Fault | None:
        """Return the first fault of these kinds for a path, and count its use."""
        for fault in self._faults:
            if fault.kind in kinds and fault.hits(path):
                self.used[fault.kind] += 1
                if fault.uses is not None:
                    fault.uses -= 1
                return fault
        return None
