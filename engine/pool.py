"""The pool of workers: who gets one, how many there are, and what ends one that won't stop.

Thread-safe and synchronous; a server awaits the futures. A worker serves one tenant until it ends; spare ones are
started ahead, because starting takes about a second. Waiting is fair between tenants: each in turn.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from engine.errors import NoWorkerError, WorkerDiedError
from engine.frames import FrameReader
from engine.isolation import resident

START_TIMEOUT = 30.0
WATCH_INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """`workers`: processes at most. `spare`: idle ones of no tenant kept ready. `reserved`: never given to a large
    query. `memory_mb`: DuckDB's limit per worker; resident size is bounded at 1.5 times that and 300 MB."""

    workers: int = 8
    spare: int = 2
    reserved: int = 2
    memory_mb: int = 1024
    spill_mb: int = 8192
    threads: int = 2
    queue_length: int = 200
    uid: int | None = None


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """The API process's end of one worker."""

    process: subprocess.Popen[bytes]
    socket: socket.socket
    spill: Path
    tenant: str | None = None
    small: bool = True
    busy: bool = False
    over_memory: bool = False
    jobs: int = 0
    idle_since: float = field(default_factory=time.monotonic)
    reader: FrameReader = field(default_factory=FrameReader)

    def kill(self) -> None:
        """End the process now."""
        self.process.kill()

    def end(self) -> None:
        """Kill, reap, and delete what it had on disk."""
        self.process.kill()
        self.process.wait()
        self.socket.close()
        shutil.rmtree(self.spill, ignore_errors=True)


@dataclass(slots=True, eq=False)
class _Waiter:
    tenant: str
    small: bool
    future: Future[WorkerProcess]


class WorkerPool:
    """All workers of an API process. `acquire` gives a future; every worker that it yields must be released."""

    def __init__(self, settings: PoolSettings, directory: Path | None = None) -> None:
        self.settings = settings
        self._directory = Path(tempfile.mkdtemp(prefix="viewloom-", dir=directory))
        self._lock = threading.Condition()
        self._workers: set[WorkerProcess] = set()
        self._starting = 0
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._closed = False
        self._failures = 0
        self._keeper = threading.Thread(target=self._keep, name="worker-keeper", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="worker-watch", daemon=True)
        self._keeper.start()
        self._watcher.start()

    def acquire(self, tenant: str, small: bool) -> Future[WorkerProcess]:
        """A worker for one job of a tenant, as soon as there is one. Cancel the future to leave the queue.

        Raises NoWorkerError at once when the queue is full.
        """
        future: Future[WorkerProcess] = Future()
        with self._lock:
            waiting = sum(len(queue) for queue in self._waiting.values())
            if self._closed or waiting >= self.settings.queue_length:
                raise NoWorkerError(
                    "the server is busy", hint="try again in a few seconds", details={"waiting": waiting}
                )
            self._waiting.setdefault(tenant, deque()).append(_Waiter(tenant, small, future))
            self._assign()
        return future

    def release(self, worker: WorkerProcess, healthy: bool) -> None:
        """Give a worker back; one that is not healthy (killed, cancelled late, out of step) is ended."""
        with self._lock:
            worker.busy = False
            worker.idle_since = time.monotonic()
            if healthy and worker.process.poll() is None and not self._closed and worker in self._workers:
                self._assign()
                return
            self._workers.discard(worker)
            self._lock.notify_all()
        worker.end()
        with self._lock:
            self._assign()

    def recycle(self, tenant: str) -> None:
        """End the idle workers of a tenant (a credential changed); busy ones end when they are released."""
        with self._lock:
            mine = [w for w in self._workers if w.tenant == tenant]
            idle = [w for w in mine if not w.busy]
            self._workers -= set(mine)
            self._lock.notify_all()
        for worker in idle:
            worker.end()

    def state(self) -> dict[str, int]:
        """Numbers for metrics: workers, busy, idle, starting, waiting."""
        with self._lock:
            busy = sum(worker.busy for worker in self._workers)
            return {
                "workers": len(self._workers),
                "busy": busy,
                "idle": len(self._workers) - busy,
                "starting": self._starting,
                "waiting": sum(len(queue) for queue in self._waiting.values()),
            }

    def close(self) -> None:
        """End every worker; waiting futures fail."""
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, set()
            waiters = [w for queue in self._waiting.values() for w in queue]
            self._waiting.clear()
            self._lock.notify_all()
        for waiter in waiters:
            if waiter.future.set_running_or_notify_cancel():
                waiter.future.set_exception(NoWorkerError("the server is stopping"))
        self._keeper.join(START_TIMEOUT)
        for worker in workers:
            worker.end()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _assign(self) -> None:
        """Give idle workers to waiters, one tenant after another. Called with the lock held."""
        progress = True
        while progress:
            progress = False
            for tenant in list(self._waiting):
                queue = self._waiting[tenant]
                while queue and queue[0].future.cancelled():
                    queue.popleft()
                if not queue:
                    del self._waiting[tenant]
                    continue
                index = 0 if self._large_allowed() else next((i for i, w in enumerate(queue) if w.small), None)
                if index is None:
                    continue
                worker = self._idle_for(tenant)
                if worker is None:
                    continue
                waiter = queue[index]
                del queue[index]
                self._waiting.move_to_end(tenant)
                if not waiter.future.set_running_or_notify_cancel():
                    continue
                worker.tenant, worker.small, worker.busy = tenant, waiter.small, True
                worker.jobs += 1
                waiter.future.set_result(worker)
                progress = True
        self._lock.notify_all()

    def _large_allowed(self) -> bool:
        large = sum(worker.busy and not worker.small for worker in self._workers)
        return large < max(1, self.settings.workers - self.settings.reserved)

    def _idle_for(self, tenant: str) -> WorkerProcess | None:
        idle = [w for w in self._workers if not w.busy and w.process.poll() is None]
        own = [w for w in idle if w.tenant == tenant]
        free = own or [w for w in idle if w.tenant is None]
        return max(free, key=lambda w: w.jobs) if free else None

    def _keep(self) -> None:
        """The keeper thread: starts workers that are wanted, and ends idle ones that stand in the way."""
        while True:
            with self._lock:
                while not self._closed and not self._wanted():
                    self._lock.wait(1.0)
                    self._reap()
                if self._closed:
                    return
                victim = self._victim() if len(self._workers) >= self.settings.workers else None
                if victim is not None:
                    self._workers.discard(victim)
                self._starting += 1
            if victim is not None:
                victim.end()
            worker = None
            try:
                worker = self._start()
                self._failures = 0
            except (OSError, WorkerDiedError):
                self._failures += 1
            with self._lock:
                self._starting -= 1
                if worker is not None and not self._closed:
                    self._workers.add(worker)
                    self._assign()
            if worker is not None and self._closed:
                worker.end()
            if worker is None:
                time.sleep(min(5.0, 0.2 * 2**self._failures))

    def _wanted(self) -> bool:
        room = len(self._workers) + self._starting < self.settings.workers
        spare = sum(w.tenant is None and not w.busy for w in self._workers)
        if room and spare < self.settings.spare:
            return True
        waiting = any(not w.future.cancelled() for queue in self._waiting.values() for w in queue)
        return waiting and (room or self._victim() is not None)

    def _victim(self) -> WorkerProcess | None:
        """The idle worker of another tenant that was longest unused, when someone waits who can't use any."""
        waiting = {tenant for tenant, queue in self._waiting.items() if queue}
        idle = [w for w in self._workers if not w.busy and w.tenant is not None and w.tenant not in waiting]
        return min(idle, key=lambda w: w.idle_since) if idle else None

    def _reap(self) -> None:
        """Forget idle workers that died by themselves. Called with the lock held."""
        for worker in [w for w in self._workers if not w.busy and w.process.poll() is not None]:
            self._workers.discard(worker)
            worker.end()

    def _start(self) -> WorkerProcess:
        """Start a worker and wait until it says that it is ready."""
        spill = Path(tempfile.mkdtemp(prefix="worker-", dir=self._directory))
        spill.chmod(0o700)
        ours, theirs = socket.socketpair()
        arguments = {
            "fd": theirs.fileno(),
            "uid": self.settings.uid,
            "memory_mb": self.settings.memory_mb,
            "spill": str(spill),
            "spill_mb": self.settings.spill_mb,
            "threads": self.settings.threads,
        }
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-m", "engine.worker", orjson.dumps(arguments).decode()],
                env={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # a driver's or DuckDB's complaint can hold rows
                start_new_session=True,
                close_fds=True,
            )
        worker = WorkerProcess(process, ours, spill)
        ours.settimeout(START_TIMEOUT)
        try:
            received = ours.recv(65536)
            messages = list(worker.reader.feed(received))
        except OSError:
            messages = []
        if not messages:
            worker.end()
            raise WorkerDiedError("a worker process did not start", hint="see whether `python -m engine.worker` runs")
        return worker

    def _watch(self) -> None:
        """The watchdog thread: ends a worker whose resident size passed its bound."""
        bound = int(self.settings.memory_mb * 1.5 + 300) * 1024 * 1024
        while not self._closed:
            time.sleep(WATCH_INTERVAL)
            for worker in list(self._workers):
                size = resident(worker.process.pid) if worker.busy else None
                if size is not None and size > bound:
                    worker.over_memory = True
                    worker.kill()
