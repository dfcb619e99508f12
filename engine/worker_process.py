"""A worker as the API process has it: a process, two sockets, a spill directory; and how a fresh one is started."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import orjson

from engine.frames import FrameReader, event_frame

# All that a worker's environment holds.
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    # Arrow's own allocator reserves 1 GB of address space at its first use, which the limit counts.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # Threads that libraries start when they are imported: nobody gives them work, and a template must have none.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OPENBLAS_NUM_THREADS": "1",
}


class Process(Protocol):
    """What a pool needs of a process: as much as `subprocess.Popen` has."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...

    def kill(self) -> None: ...


# Gives a process that has the two sockets: of jobs and of cancels.
Start = Callable[[dict[str, object], socket.socket, socket.socket], Process]


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """The API process's end of one worker. `socket`: jobs and answers; `control`: cancels."""

    process: Process
    control: socket.socket
    socket: socket.socket
    spill: Path
    tenant: str | None = None
    small: bool = True
    busy: bool = False
    over_memory: bool = False
    retired: bool = False
    jobs: int = 0
    idle_since: float = field(default_factory=time.monotonic)
    busy_since: float = 0.0
    reader: FrameReader = field(default_factory=FrameReader)

    def kill(self) -> None:
        """End the process now."""
        self.process.kill()

    def cancel(self, run: str) -> None:
        """Tell it to end a job. Raises OSError when it is gone."""
        self.control.sendall(event_frame({"job": "cancel", "run": run}))

    def may_have_grown(self) -> bool:
        """Whether its size is worth a look after this job: a short one can't have taken much, many can."""
        return time.monotonic() - self.busy_since > 0.02 or self.jobs % 64 == 0

    def end(self) -> None:
        """Kill, reap, and delete what it had on disk."""
        self.process.kill()
        self.process.wait()
        self.socket.close()
        self.control.close()
        shutil.rmtree(self.spill, ignore_errors=True)


def start_worker(
    start: Start, directory: Path, uid: int | None, memory_mb: int, spill_mb: int, threads: int
) -> WorkerProcess:
    """A worker that is starting, with sockets and a spill directory of its own. It says when it is ready.
    Raises OSError."""
    spill = Path(tempfile.mkdtemp(prefix="worker-", dir=directory))  # mode 0700
    ours, theirs = socket.socketpair()
    control, its_control = socket.socketpair()
    control.setblocking(False)  # a cancel is a few bytes: only a worker that hears nothing leaves no room
    settings: dict[str, object] = {
        "uid": uid,
        "memory_mb": memory_mb,
        "spill": str(spill),
        "spill_mb": spill_mb,
        "threads": threads,
    }
    try:
        if uid is not None:
            os.chown(spill, uid, uid)
        process = start(settings, theirs, its_control)
    except OSError:
        ours.close()
        control.close()
        shutil.rmtree(spill, ignore_errors=True)
        raise
    finally:
        theirs.close()
        its_control.close()
    return WorkerProcess(process, control, ours, spill)


def fresh_process(settings: dict[str, object], jobs: socket.socket, control: socket.socket) -> Process:
    """A worker process that imports for itself what it needs: a second of a core. Raises OSError."""
    arguments = settings | {"fd": jobs.fileno(), "control": control.fileno()}
    return python_module("engine.worker", orjson.dumps(arguments).decode(), [jobs, control])


def python_module(module: str, argument: str, sockets: list[socket.socket]) -> subprocess.Popen[bytes]:
    """A fresh interpreter in an empty environment that runs a module and has these sockets and nothing else."""
    return subprocess.Popen(
        [sys.executable, "-I", "-m", module, argument],
        env=ENVIRONMENT,
        pass_fds=[one.fileno() for one in sockets],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a driver's or DuckDB's complaint can hold rows
        start_new_session=True,
        close_fds=True,
    )
