"""Jobs for real workers: SQL without a planner, answers collected, and a conversation that can be left halfway."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil

from engine.encoders.encoding import Encoding, Format
from engine.engine import Engine
from engine.frames import event_frame
from engine.job import Job, JobConnection, Statement, job_to_json
from engine.pool import PoolSettings, WorkerPool
from engine.scans import Scan
from engine.worker_process import WorkerProcess

WORKER = "loom-worker"  # the name that a worker process gives itself
TEMPLATE = "loom-template"  # and the process that forks them
SMALL_POOL = PoolSettings(workers=1, spare=1, reserved=0, memory_mb=256, spill_mb=256, threads=2)


@dataclass(slots=True)
class Collected:
    """A sink that keeps the answer."""

    heads: list[dict[str, object]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)

    def head(self, head: dict[str, object]) -> None:
        self.heads.append(head)

    def data(self, data: bytes) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return b"".join(self.pieces).decode()


def job(
    sql: str,
    *,
    run: str | None = None,
    names: tuple[str, ...] = ("a",),
    scans: tuple[Scan, ...] = (),
    connections: dict[str, JobConnection] | None = None,
    cpu_seconds: int = 600,
    encoding: Encoding | None = None,
) -> Job:
    """A job that runs one SELECT and writes NDJSON; its run id is its own unless one is given."""
    return Job(
        "run",
        run or secrets.token_hex(8),
        connections or {},
        Statement(sql, scans),
        encoding=encoding or Encoding(Format.NDJSON, names),
        cpu_seconds=cpu_seconds,
    )


@contextlib.contextmanager
def engine(settings: PoolSettings = SMALL_POOL) -> Iterator[Engine]:
    """An engine with real workers; nothing of it is left behind."""
    made = Engine(settings, lambda connection: {})
    try:
        yield made
    finally:
        made.close()


def answer(made: Engine, wanted: Job, tenant: str = "a", timeout: float = 30.0) -> str:
    """The text of a job's answer."""
    sink = Collected()
    made.run(wanted, tenant, sink, timeout)
    return sink.text


def pids(pool: WorkerPool) -> set[int]:
    """The worker processes that live below this process and belong to the pool."""
    with pool._lock:
        return {worker.process.pid for worker in pool._workers}


def worker_processes() -> set[int]:
    """Every worker process that this one started, whatever pool it belongs to; not those of servers under test."""
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            for one in child.children() if child.name() == TEMPLATE else [child]:
                if one.name() == WORKER and one.status() != psutil.STATUS_ZOMBIE:
                    found.add(one.pid)
    return found


def until(true: Callable[[], object], seconds: float = 10.0) -> float:
    """Wait until the condition holds; how long it took. Fails when the time is over."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.01)
    return time.monotonic() - began


class Talk:
    """One worker of a pool, spoken to by hand: send a job, read some of its answer, cancel it, read on.

    In `with` it is given back whatever happens.
    """

    def __init__(self, pool: WorkerPool, tenant: str = "a") -> None:
        self.pool = pool
        self.worker: WorkerProcess = pool.acquire(tenant, small=True).result(30)
        self.worker.socket.settimeout(20)
        self.frames: list[int] = []
        self.run = ""
        self._released = False

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *error: object) -> None:
        self.release(healthy=error[0] is None)

    def send(self, event: dict[str, object]) -> None:
        self.worker.socket.sendall(event_frame(event))

    def start(self, wanted: Job) -> None:
        self.run = wanted.run
        self.send(job_to_json(wanted))

    def cancel(self) -> None:
        self.worker.cancel(self.run)

    def read(self, last: Callable[[dict[str, Any] | None], bool]) -> dict[str, Any] | None:
        """Messages until one for which `last` holds (None stands for data); that one's event."""
        while True:
            received = self.worker.socket.recv(262_144)
            if not received:
                raise EOFError
            for message in self.worker.reader.feed(received):
                if message.event is None:
                    self.frames.append(len(message.data))
                if last(message.event):
                    return message.event

    def end(self) -> dict[str, Any]:
        """Read on until the job is over; its last event."""
        found = self.read(lambda event: event is not None and event["event"] in ("done", "error"))
        assert found is not None
        return found

    def release(self, healthy: bool = True) -> None:
        if not self._released:
            self._released = True
            self.pool.release(self.worker, healthy)
