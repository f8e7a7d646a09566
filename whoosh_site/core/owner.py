"""Who this process is, and whether another one still lives. Owners of leases are written so."""

import os
import socket
from functools import cache
from pathlib import Path

import psutil


@cache
def host() -> str:
    """Return this machine's name, unique per boot and process namespace where Linux tells."""
    name = socket.gethostname().replace(":", "-")[:60]
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return name
    return f"{name}/{boot}-{space}"


def me() -> str:
    """Return this process as an owner: host:pid:start time."""
    return _owner(os.getpid())


@cache
def _owner(pid: int) -> str:
    return f"{host()}:{pid}:{psutil.Process(pid).create_time():.2f}"


def is_dead(owner: str) -> bool:
    """True when the owner is of this host and gone; other hosts are judged by their leases."""
    where, _, rest = owner.partition(":")
    pid, _, started = rest.partition(":")
    if where != host() or not pid.isdecimal():
        return False
    try:
        process = psutil.Process(int(pid))
        # Some kernels restate the boot time when the clock is set: a second either way is equal.
        same = abs(process.create_time() - float(started)) < 2
        return not same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
