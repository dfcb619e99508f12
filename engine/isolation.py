"""What the operating system holds a worker to: address space, CPU seconds, open files, no core dumps.

DuckDB's own memory limit is no bound (measured: repeat('x', 4e9) took 7.7 GB under a limit of 256 MB). Under an
address-space limit the same statement ends in a clean error. Linux has it; macOS does not, and `level` says so.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_NO_NEW_PRIVS = 38
M_ARENA_MAX = -8
OPEN_FILES = 1024


def address_space() -> int | None:
    """Bytes of address space that this process has mapped now; None where /proc is missing."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return None
    return pages * resource.getpagesize()


def resident(pid: int) -> int | None:
    """Bytes of a process that are resident; None when it is gone or /proc is missing."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return None


def core_seconds(pid: int) -> float:
    """Seconds that the threads of a process have run or waited for a core so far; 0 where the system doesn't tell."""
    found = 0
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError, ValueError):
                ran, waited, _ = (task / "schedstat").read_text().split()
                found += int(ran) + int(waited)
    return found / 1e9


def limit_address_space(extra: int) -> bool:
    """Let this process map `extra` bytes more than it has now; False where the system can't."""
    now = address_space()
    if now is None:
        return False
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = now + extra if hard == resource.RLIM_INFINITY else min(now + extra, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    return True


@contextlib.contextmanager
def besides_the_limit() -> Iterator[None]:
    """What the block maps is not counted; then the limit is final, and of another block all is counted."""
    before = address_space()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if before is None or soft == hard:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        yield
    finally:
        limit = soft + max(0, (address_space() or before) - before)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def arm_cpu_limit(seconds: int, armed: int = 0) -> int:
    """End this process when it uses that many CPU seconds more; what is armed now. Called again for each query, with
    what the last one gave: the limit counts whole seconds, so it mostly stands already."""
    wanted = int(time.process_time()) + seconds + 1
    if wanted != armed:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))
    return wanted


def confine_worker(uid: int | None) -> None:
    """At a worker's start: another user where the server has the right, no new privileges, no core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if uid is not None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        libc.mallopt(M_ARENA_MAX, 2)


def name_process(name: str) -> None:
    """What `ps` and `top` call this process; at most 14 letters."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)


def die_with(parent: int) -> None:
    """End this process when its parent, which has one thread, ends. A change of user undoes it: called after that."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def protect_api_process() -> None:
    """Keep other processes of the same user from reading this one's memory, which holds every tenant's secrets."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def level(worker_uid: int | None) -> str:
    """The level of isolation that holds here, for /readyz: `uid`, `process` or `process-without-memory-limit`."""
    if address_space() is None:
        return "process-without-memory-limit"
    return "uid" if worker_uid is not None else "process"
