"""Closes a process in before it sees anybody's text: Linux kernel filters, limits, and the proof.

A list of what is allowed, everything else fails with EPERM: no files, no sockets, no new programs
or processes, no signals to others. Threads stay possible, V8 needs them.
"""

import ctypes
import os
import platform
import resource
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

LD, JEQ, JGE, JSET, RET = 0x20, 0x15, 0x35, 0x45, 0x06
KILL, ERRNO, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
EPERM, ENOSYS = 1, 38
CLONE_THREAD = 0x10000
PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_NO_NEW_PRIVS, PR_SET_VMA = 4, 15, 38, 0x53564D41
NUMBER, ARCH, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data

SYSTEMS: dict[str, dict[str, Any]] = {
    "x86_64": {
        "audit": 0xC000003E, "seccomp": 317, "clone": 56, "clone3": 435, "tgkill": 234,
        "prctl": 157,
        "allowed": (
            0, 1, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 23, 24, 25, 28, 35, 39, 60, 63,
            72, 98, 99, 100, 110, 131, 143, 145, 186, 202, 204, 219, 228, 229, 230, 231, 232, 233,
            270, 271, 273, 281, 309, 318, 324, 329, 330, 331, 334,
        ),
    },
    "aarch64": {
        "audit": 0xC00000B7, "seccomp": 277, "clone": 220, "clone3": 435, "tgkill": 131,
        "prctl": 167,
        "allowed": (
            21, 22, 25, 57, 62, 63, 64, 65, 66, 72, 73, 80, 93, 94, 98, 99, 101, 113, 114, 115,
            120, 121, 123, 124, 128, 132, 134, 135, 139, 153, 160, 165, 168, 172, 173, 178, 179,
            214, 215, 216, 222, 226, 233, 278, 283, 288, 289, 290, 293,
        ),
    },
}  # fmt: skip
"""By machine: read, write, memory, threads, clocks, polling, and asking about oneself."""


WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000  # write, read-write, create, truncate, append
FENCES: dict[str, dict[str, Any]] = {
    "x86_64": {
        "opens": {2: 24, 257: 32},  # call -> where its flags are
        "refused": (
            29, 41, 42, 43, 49, 50, 62, 64, 68, 76, 77, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92,
            101, 105, 106, 133, 155, 161, 165, 166, 175, 200, 246, 248, 249, 250, 258, 259, 263,
            264, 265, 266, 268, 272, 288, 298, 304, 308, 310, 311, 313, 316, 321, 323, 425, 426,
            427, 434, 437, 438,
        ),
    },
    "aarch64": {
        "opens": {56: 32},
        "refused": (
            33, 34, 35, 36, 37, 38, 39, 40, 41, 45, 46, 51, 52, 53, 54, 97, 104, 105, 117, 129,
            130, 144, 146, 186, 190, 194, 198, 200, 201, 202, 203, 217, 218, 219, 241, 242, 265,
            268, 270, 271, 273, 276, 280, 282, 425, 426, 427, 434, 437, 438,
        ),
    },
}  # fmt: skip
"""What a program that still has to load its libraries may not do: sockets, signals, writing."""


Line = tuple[int, int, int, int]
REFUSE: Line = (RET, 0, 0, ERRNO | EPERM)
PERMIT: Line = (RET, 0, 0, ALLOW)


class NotConfined(Exception):
    """The process could not be closed in; says why."""


def confine(memory: int) -> str:
    """Close this process in; returns "kernel", or "process" where the system has no such means.

    `memory` is how many bytes it may allocate from now on. Raises NotConfined on Linux when
    something is missing or still possible afterwards.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if sys.platform != "linux":
        return "process"
    # Not RLIMIT_AS: V8 reserves terabytes of addresses. What it really maps counts as data.
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    most = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    _install(_program(platform.machine()))
    if found := breaches():
        raise NotConfined("still possible after closing in: " + ", ".join(found))
    return "kernel"


def fence() -> None:
    """Keep this process and the programs it starts from sockets, signals and writing files."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        _install(_fence(platform.machine()))


def _install(lines: list[Line]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise NotConfined("the kernel does not know no_new_privs")
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    pointer = struct.pack("HxxxxxxP", len(lines), ctypes.addressof(code))
    thread_sync = 1  # all threads that run already, too
    if libc.syscall(SYSTEMS[platform.machine()]["seccomp"], 1, thread_sync, pointer):
        reason = os.strerror(ctypes.get_errno())
        raise NotConfined(f"the kernel takes no seccomp filter here ({reason})")


def _beginning(machine: str) -> list[Line]:
    """Return the lines every filter starts with: only this machine's own calls."""
    if machine not in SYSTEMS:
        raise NotConfined(f"there is no filter for machines of type {machine}")
    audit = SYSTEMS[machine]["audit"]
    lines = [(LD, 0, 0, ARCH), (JEQ, 1, 0, audit), (RET, 0, 0, KILL), (LD, 0, 0, NUMBER)]
    if machine == "x86_64":  # the x32 face of the same kernel
        lines += [(JGE, 0, 1, 0x40000000), REFUSE]
    return lines


def _fence(machine: str) -> list[Line]:
    lines = _beginning(machine)
    for number, flags in FENCES[machine]["opens"].items():
        lines += [(JEQ, 0, 4, number), (LD, 0, 0, flags), (JSET, 0, 1, WRITING), REFUSE, PERMIT]
    for number in FENCES[machine]["refused"]:
        lines += [(JEQ, 0, 1, number), REFUSE]
    return [*lines, PERMIT]


def _program(machine: str) -> list[Line]:
    """Return the filter: (code, jump if true, jump if false, value)."""
    lines = _beginning(machine)
    system = SYSTEMS[machine]
    # The C library falls back to clone, whose flags can be looked at.
    lines += [(JEQ, 0, 1, system["clone3"]), (RET, 0, 0, ERRNO | ENOSYS)]
    looked_at = (LD, 0, 0, FIRST_ARGUMENT)
    lines += [(JEQ, 0, 4, system["clone"]), looked_at, (JSET, 0, 1, CLONE_THREAD), PERMIT, REFUSE]
    lines += [(JEQ, 0, 4, system["tgkill"]), looked_at, (JEQ, 0, 1, os.getpid()), PERMIT, REFUSE]
    lines += [(JEQ, 0, 5, system["prctl"]), looked_at, (JEQ, 1, 0, PR_SET_NAME)]
    lines += [(JEQ, 0, 1, PR_SET_VMA), PERMIT, REFUSE]
    for number in sorted(set(system["allowed"])):
        lines += [(JEQ, 0, 1, number), PERMIT]
    return [*lines, REFUSE]


def breaches() -> list[str]:
    """Try what must fail; returns what did not."""
    parent = os.getppid()
    tries: dict[str, Callable[[], object]] = {
        "reading files": lambda: os.open("/etc/passwd", os.O_RDONLY),
        "writing files": lambda: os.open(os.devnull, os.O_WRONLY),
        "listing folders": lambda: os.listdir("/"),
        "sockets": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "local sockets": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "starting programs": lambda: os.execv("/", ["/"]),  # noqa: S606
        "signals to others": lambda: os.kill(parent, 0),
        "new processes": _fork,
        "tracing others": lambda: _trace(parent),
    }
    return [name for name, attempt in tries.items() if _works(attempt)]


def _works(attempt: Callable[[], object]) -> bool:
    """Whether the kernel took the call; an error of another kind shows that it looked at it."""
    try:
        attempt()
    except OSError as error:
        return error.errno != EPERM
    return True


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _trace(pid: int) -> None:
    """Ask for a word of another process: without a filter the answer is that it is not traced.

    Never attach: where that works, the other process stops.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    peek = 1
    if libc.ptrace(peek, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
