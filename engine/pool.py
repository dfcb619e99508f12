"""The pool of workers: who gets one, how many there are, and what ends one that won't stop.

Thread-safe and synchronous; a server awaits the futures. A worker serves one tenant until it ends; spare ones are
started ahead. Waiting is fair between tenants: each in turn, and one that has waited for `PATIENCE` gets a worker of
the tenant that holds most, as soon as one of those is free.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import NoWorkerError, WorkerDiedError
from engine.forked_process import Template, can_fork
from engine.isolation import core_seconds, resident
from engine.worker_process import WorkerProcess, fresh_process, start_worker

START_TIMEOUT = 30.0
WATCH_INTERVAL = 0.1
PATIENCE = 1.0
OWN_SOON = 0.2  # a tenant that has workers waits so long for one of its own before another tenant's is ended for it
# While small queries are asked, unused workers begin large ones one after another: each takes a core until its client
# can't follow, and several at once would take all of them. The next begins when the last has become calm (its threads
# run, or want a core, for less than this part of the time), or after so many seconds.
CALM, LARGE_APART = 0.25, 2.0
QUIET_SECONDS = 1.0


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
class _Waiter:
    tenant: str
    small: bool
    future: Future[WorkerProcess]
    since: float = field(default_factory=time.monotonic)


class WorkerPool:
    """All workers of an API process. `acquire` gives a future; every worker that it yields must be released."""

    def __init__(self, settings: PoolSettings, directory: Path | None = None) -> None:
        self.settings = settings
        self._directory = Path(tempfile.mkdtemp(prefix="viewloom-", dir=directory))
        if settings.uid is not None:
            self._directory.chmod(0o711)  # the workers' own user walks through it to its spill directory
        self._bound = int(settings.memory_mb * 1.5 + 300) * 1024 * 1024
        self._lock = threading.Condition()
        self._workers: set[WorkerProcess] = set()
        self._starting = False
        self._small_asked = float("-inf")
        self._beginner: WorkerProcess | None = None  # the unused worker that last began a large query
        self._began = self._looked = self._wanted_cores = 0.0
        self._newborn: WorkerProcess | None = None  # the one that is starting, once its process is there
        self._template: Template | None = None
        self._forks = can_fork()
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._closed = threading.Event()
        self.failures = 0  # starts in a row that failed
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
            self._forget_cancelled()
            waiting = sum(len(queue) for queue in self._waiting.values())
            if self._closed.is_set() or waiting >= self.settings.queue_length:
                raise NoWorkerError(
                    "the server is busy", hint="try again in a few seconds", details={"waiting": waiting}
                )
            if small:
                self._small_asked = time.monotonic()
            self._waiting.setdefault(tenant, deque()).append(_Waiter(tenant, small, future))
            self._assign()
        return future

    def release(self, worker: WorkerProcess, healthy: bool) -> None:
        """Give a worker back; one that is not healthy (killed, cancelled late, out of step), was recycled, or stays
        large is ended."""
        size = (resident(worker.process.pid) or 0) if worker.may_have_grown() else 0
        with self._lock:
            worker.busy = False
            worker.idle_since = time.monotonic()
            alive = worker.process.poll() is None and not self._closed.is_set()
            if healthy and alive and not worker.retired and size < self._bound // 2:
                return self._assign()
            self._workers.discard(worker)
            self._lock.notify_all()
        worker.end()
        with self._lock:
            self._assign()

    def recycle(self, tenant: str) -> None:
        """End the idle workers of a tenant (a credential changed); busy ones end when they are released."""
        with self._lock:
            mine = [w for w in self._workers if w.tenant == tenant]
            for worker in mine:
                worker.retired = True
            idle = [w for w in mine if not w.busy]
            self._workers -= set(idle)
            self._lock.notify_all()
        for worker in idle:
            worker.end()

    def state(self) -> dict[str, int]:
        """Numbers for metrics: workers, busy, idle, starting, waiting."""
        with self._lock:
            self._forget_cancelled()
            busy = sum(worker.busy for worker in self._workers)
            return {
                "workers": len(self._workers),
                "busy": busy,
                "idle": len(self._workers) - busy,
                "starting": int(self._starting),
                "waiting": sum(len(queue) for queue in self._waiting.values()),
            }

    def close(self) -> None:
        """End every worker; waiting futures fail."""
        with self._lock:
            self._closed.set()
            workers, self._workers = self._workers, set()
            waiters = [w for queue in self._waiting.values() for w in queue]
            self._waiting.clear()
            if self._newborn is not None:
                self._newborn.kill()
            if self._template is not None:
                self._template.kill()  # its workers end with it
            self._lock.notify_all()
        for waiter in waiters:
            if waiter.future.set_running_or_notify_cancel():
                waiter.future.set_exception(NoWorkerError("the server is stopping"))
        self._keeper.join(START_TIMEOUT)
        self._watcher.join(START_TIMEOUT)
        for worker in workers:
            worker.end()
        if self._template is not None:
            self._template.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    # All methods below that touch the state are called with the lock held, except the threads' own.

    def _assign(self) -> None:
        """Give idle workers to waiters, one tenant after another."""
        progress, spare_taken = True, False
        while progress:
            progress = False
            for tenant in self._starved():
                worker = self._idle_for(tenant)
                if worker is None or self._must_yield(tenant, worker):
                    continue
                waiter = self._eligible(tenant)
                if waiter is None:  # the last one of this round took the last place for large queries
                    continue
                worker = worker if waiter.small else self._for_large(tenant) or worker
                self._waiting[tenant].remove(waiter)
                self._waiting.move_to_end(tenant)
                if not waiter.future.set_running_or_notify_cancel():
                    continue
                spare_taken = spare_taken or worker.tenant is None
                if not waiter.small and not worker.jobs:
                    self._beginner, self._began = worker, time.monotonic()
                    self._looked, self._wanted_cores = self._began, core_seconds(worker.process.pid)
                worker.tenant, worker.small, worker.busy = tenant, waiter.small, True
                worker.busy_since = time.monotonic()
                worker.jobs += 1
                waiter.future.set_result(worker)
                progress = True
        if spare_taken or self._waiting:
            self._lock.notify_all()

    def _starved(self) -> list[str]:
        """The tenants with someone waiting who may have a worker now, in turn."""
        self._forget_cancelled()
        return [tenant for tenant in self._waiting if self._eligible(tenant) is not None]

    def _forget_cancelled(self) -> None:
        for tenant, queue in list(self._waiting.items()):
            if any(waiter.future.cancelled() for waiter in queue):
                queue = self._waiting[tenant] = deque(w for w in queue if not w.future.cancelled())
            if not queue:
                del self._waiting[tenant]

    def _eligible(self, tenant: str) -> _Waiter | None:
        """The tenant's first waiter, or its first small one while no more large queries may run."""
        queue = self._waiting.get(tenant, ())
        first = next(iter(queue), None)
        if first is None or first.small or (self._large_allowed() and self._large_may_begin(tenant)):
            return first
        return next((waiter for waiter in queue if waiter.small), None)

    def _large_allowed(self) -> bool:
        """Whether one more large query may have a worker: some of those that exist now are kept for small ones."""
        large = sum(worker.busy and not worker.small for worker in self._workers)
        kept = min(self.settings.reserved, max(1, len(self._workers) // 3))
        return large < max(1, len(self._workers) - kept)

    def _large_may_begin(self, tenant: str) -> bool:
        """Whether the worker that a large query would get has worked before, or it is time for an unused one."""
        now = time.monotonic()
        last = self._beginner
        if last is None or not last.busy or now - self._began >= LARGE_APART:
            return True
        if now - self._small_asked > QUIET_SECONDS:
            return True
        worker = self._for_large(tenant) or self._idle_for(tenant)
        if worker is None or worker.jobs > 0:
            return True
        if now - self._looked < OWN_SOON:
            return False
        wanted, before, since = core_seconds(last.process.pid), self._wanted_cores, self._looked
        self._looked, self._wanted_cores = now, wanted
        if wanted - before > CALM * (now - since):
            return False
        self._beginner = None
        return True

    def _idle_for(self, tenant: str) -> WorkerProcess | None:
        idle = [w for w in self._workers if not w.busy and w.tenant in (tenant, None)]
        idle.sort(key=lambda w: (w.tenant is not None, w.jobs), reverse=True)
        return next((w for w in idle if w.process.poll() is None), None)

    def _for_large(self, tenant: str) -> WorkerProcess | None:
        """An idle worker that is not the tenant's warmest: its small queries would wait for another to connect."""
        warmest = max((w for w in self._workers if w.tenant == tenant), key=lambda w: w.jobs, default=None)
        idle = [w for w in self._workers if not w.busy and w.tenant in (tenant, None) and w is not warmest]
        idle.sort(key=lambda w: (w.tenant is None, w.jobs))
        return next((w for w in idle if w.process.poll() is None), None)

    def _held_by(self, tenant: str | None) -> int:
        return sum(worker.tenant == tenant for worker in self._workers)

    def _must_yield(self, tenant: str, worker: WorkerProcess) -> bool:
        """Whether this worker of the tenant is to be replaced for one that has waited long and holds fewer."""
        if worker.tenant is None or self._starting or self._has_room():
            return False
        if any(not w.busy and w.tenant not in self._waiting for w in self._workers):
            return False
        late = time.monotonic() - PATIENCE
        return any(
            other != tenant
            and self._waiting[other][0].since < late
            and self._held_by(other) < self._held_by(tenant)
            and self._idle_for(other) is None
            for other in self._starved()
        )

    def _has_room(self) -> bool:
        return len(self._workers) < self.settings.workers

    def _keep(self) -> None:
        """The keeper thread: starts workers that are wanted, and ends idle ones that stand in the way."""
        while True:
            with self._lock:
                while not self._closed.is_set() and not self._wanted():
                    self._lock.wait(OWN_SOON if self._waiting else 1.0)
                    self._reap()
                    self._assign()  # time has passed
                if self._closed.is_set():
                    return
                victim = None if self._has_room() else self._victim()
                if victim is not None:
                    self._workers.discard(victim)
                self._starting = True
            if victim is not None:
                victim.end()
            try:
                self._start()
                self.failures = 0
            except (OSError, ValueError, WorkerDiedError):
                self.failures += 1
                self._closed.wait(0.2 * 2 ** min(self.failures, 5))

    def _wanted(self) -> bool:
        spare = sum(w.tenant is None and not w.busy for w in self._workers)
        if self._has_room() and spare < self.settings.spare:
            return True
        starved = any(self._idle_for(tenant) is None for tenant in self._starved())
        held_back = bool(self._waiting) and not self._large_allowed()
        return ((starved or held_back) and self._has_room()) or self._victim() is not None

    def _victim(self) -> WorkerProcess | None:
        """The idle worker that is to make place when someone waits who can't use any: the longest unused one of
        tenants for whom nobody waits, else one that its tenant must yield."""
        if not any(map(self._needs_place, self._starved())):
            return None
        idle = [w for w in self._workers if not w.busy and w.tenant is not None]
        unused = [w for w in idle if w.tenant not in self._waiting]
        yielded = [w for w in idle if w.tenant is not None and w.tenant in self._waiting]
        yielded = [w for w in yielded if self._must_yield(str(w.tenant), w)]
        return min(unused or yielded, key=lambda w: w.idle_since, default=None)

    def _needs_place(self, tenant: str) -> bool:
        """Whether a waiting tenant has no worker, or none of its own has become free in a while: they mostly do, in
        less time than it takes to start one, and the other tenant would have to start its own again."""
        if self._idle_for(tenant) is not None:
            return False
        waiter = self._eligible(tenant)
        late = waiter is not None and waiter.since < time.monotonic() - OWN_SOON
        return late or not self._held_by(tenant)

    def _reap(self) -> None:
        """Forget idle workers that died by themselves."""
        for worker in [w for w in self._workers if not w.busy and w.process.poll() is not None]:
            self._workers.discard(worker)
            worker.end()

    def _start(self) -> None:
        """Start a worker, wait until it says that it is ready, and let it serve. Raises WorkerDiedError, OSError."""
        worker: WorkerProcess | None = None
        ready = False
        try:
            worker = self._spawn()
            with self._lock:
                self._newborn = worker
                if self._closed.is_set():
                    worker.kill()
            worker.socket.settimeout(START_TIMEOUT)
            received = worker.socket.recv(65536)
            ready = bool(list(worker.reader.feed(received)))
        finally:
            with self._lock:
                self._starting, self._newborn = False, None
                if worker is not None and ready and not self._closed.is_set():
                    self._workers.add(worker)
                    self._assign()
                else:
                    ready = False
            if worker is not None and not ready:
                worker.end()
        if not ready and not self._closed.is_set():
            raise WorkerDiedError("a worker process did not start", hint="see whether `python -m engine.worker` runs")

    def _spawn(self) -> WorkerProcess:
        """A worker process: forked by the template where that can be, else an interpreter of its own."""
        if self._template is not None and not self._template.alive():
            self._forks = self._forks and not self._template.unfit()
            self._template.close()
            self._template = None
        if self._template is None and self._forks:
            template = Template()
            with self._lock:
                self._template = template
                if self._closed.is_set():
                    template.kill()
        settings = self.settings
        return start_worker(
            fresh_process if self._template is None else self._template.fork,
            self._directory,
            settings.uid,
            settings.memory_mb,
            settings.spill_mb,
            settings.threads,
        )

    def _watch(self) -> None:
        """The watchdog thread: ends a worker whose resident size passed its bound."""
        while not self._closed.wait(WATCH_INTERVAL):
            with self._lock:
                busy = [worker for worker in self._workers if worker.busy]
            for worker in busy:
                size = resident(worker.process.pid)
                if size is not None and size > self._bound:
                    worker.over_memory = True
                    worker.kill()
