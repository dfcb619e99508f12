"""One run, seen from the event loop: a worker is awaited, its frames are read, its end is always accounted for."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from catalog.errors import CatalogError
from catalog.records import Connection
from catalog.scope import Scope
from engine.engine import Engine
from engine.errors import (
    DeadlineError,
    EngineError,
    NoWorkerError,
    QueryCancelledError,
    SourceError,
    WorkerDiedError,
)
from engine.frames import event_frame
from engine.job import Job, job_to_json
from engine.outcome import error_from_event, error_from_exit
from engine.worker_process import WorkerProcess
from server.budgets import Budgets
from server.errors import ServerError
from server.read_ahead import ReadAhead
from server.shared_budgets import Taken

RECEIVE_BYTES = 262_144
CANCEL_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Run:
    """A job in a worker. `head` resolves when the answer has begun, or to the error that came before it;
    `result` is the worker's report, `error` what broke the answer after its head."""

    engine: Engine
    job: Job
    scope: Scope
    connections: Mapping[str, Connection]
    small: bool
    ahead: ReadAhead
    budgets: Budgets
    queue_timeout: float
    deadline: float
    head: asyncio.Future[dict[str, Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    result: dict[str, Any] = field(default_factory=dict)
    error: EngineError | ServerError | CatalogError | None = None
    seconds_queued: float = 0.0
    _worker: WorkerProcess | None = None
    _task: asyncio.Task[None] | None = None
    _over: bool = False
    _ending: bool = False
    _taken: list[Taken] = field(default_factory=list)

    def start(self) -> None:
        """Begin: queue for a worker, then read it."""
        self._task = asyncio.create_task(self._drive())

    async def cancel(self) -> None:
        """Nobody wants the answer: end the statement at the sources, then the job, at last the process."""
        if self._task is not None and not self._task.done():
            if not self._ending:  # else it is on its way: a deadline has ended the job already
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self) -> None:
        """Until the worker has ended its job."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def ended(self, seconds: float) -> None:
        """Until everything is in the read-ahead, or the time is over."""
        if self._task is not None and not self.ahead.finished:
            await asyncio.wait({self._task}, timeout=seconds)

    async def _drive(self) -> None:
        try:
            started = time.monotonic()
            self._taken = await self.budgets.enter(self.scope, self._statements(), self.small, self.connections)
            await self._acquire()
            self.seconds_queued = time.monotonic() - started
            async with asyncio.timeout(max(0.05, self.deadline - time.monotonic())):
                await self._converse()
        except asyncio.CancelledError:
            self._fail(QueryCancelledError("the caller went away"))
            await self._end()
            raise
        except TimeoutError:
            self._fail(DeadlineError("the query took longer than it may", hint="filter earlier or ask for less"))
            await self._end()
        except (EngineError, ServerError, CatalogError) as error:
            self._fail(error)
            self._release(healthy=self._over)
        except Exception:
            self._fail(WorkerDiedError("the worker process broke off"))
            self._release(healthy=False)
            raise
        else:
            self._release(healthy=True)
        finally:
            self.budgets.leave(self._taken)
            self._note_sources()
            self.ahead.finish()

    def _statements(self) -> dict[str, int]:
        """Statements per connection; the count query and the rows run one after the other."""
        counts: Counter[str] = Counter()
        for statement in (self.job.count, self.job.statement):
            if statement is not None:
                counts |= Counter(scan.connection for scan in statement.scans if not scan.skipped)
        return dict(counts)

    def _note_sources(self) -> None:
        """Tell the breakers what came of asking."""
        if isinstance(self.error, SourceError):
            self.budgets.note(self.scope, self.error.connection, self.error.source_code)
        elif self.error is None:
            for connection in self.job.connections:
                self.budgets.note(self.scope, connection, None)

    async def _acquire(self) -> None:
        future = self.engine.pool.acquire(self.scope.tenant, self.small)
        if future.done():
            self._worker = future.result()
        else:
            try:
                # Not wait_for(): up to Python 3.11 it forgets a cancel that comes together with the result.
                async with asyncio.timeout(self.queue_timeout):
                    self._worker = await asyncio.wrap_future(future)
            except TimeoutError:
                raise NoWorkerError("no worker was free in time", hint="try again in a few seconds") from None
            finally:
                if self._worker is None and not future.cancel():
                    # A worker came in the very moment in which we gave up.
                    future.add_done_callback(self._give_back)

    def _give_back(self, future: Future[WorkerProcess]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.engine.pool.release(future.result(), healthy=True)

    async def _converse(self) -> None:
        worker = self._worker
        assert worker is not None
        loop = asyncio.get_running_loop()
        worker.socket.setblocking(False)
        await loop.sock_sendall(worker.socket, event_frame(job_to_json(self.job)))
        while not self._over:
            received = await self._receive(worker)
            for message in worker.reader.feed(received):
                event = message.event
                if event is None:
                    await self.ahead.put(message.data)
                elif event["event"] == "head":
                    if not self.head.done():
                        self.head.set_result(event)
                elif event["event"] == "done":
                    self.result, self._over = event, True
                elif event["event"] == "error":
                    self.result, self._over = {"sources": event.get("sources", [])}, True
                    raise error_from_event(event)

    async def _receive(self, worker: WorkerProcess) -> bytes:
        try:
            received = await asyncio.get_running_loop().sock_recv(worker.socket, RECEIVE_BYTES)
        except OSError:
            received = b""
        if received:
            return received
        status = await asyncio.to_thread(worker.process.wait)
        raise error_from_exit(status, worker.over_memory)

    async def _end(self) -> None:
        """End the job, whoever gives up waiting meanwhile: else its worker would be lost."""
        self._ending = True
        await asyncio.shield(self._end_job())

    async def _end_job(self) -> None:
        """Ask the worker to stop and read on until it has, for a second; then kill it."""
        worker = self._worker
        if worker is None or self._over:
            self._release(healthy=True)
            return
        try:
            await asyncio.wait_for(self._drain(worker), CANCEL_SECONDS)
            healthy = True
        except (TimeoutError, EngineError, OSError, ValueError):
            worker.kill()
            healthy = False
        self._release(healthy)

    async def _drain(self, worker: WorkerProcess) -> None:
        worker.cancel(self.job.run)
        received = b""  # what was received already and not looked at comes first
        while True:
            for message in worker.reader.feed(received):
                if message.event is not None and message.event["event"] in ("done", "error"):
                    return
            received = await self._receive(worker)

    def _fail(self, error: EngineError | ServerError | CatalogError) -> None:
        self.error = error
        if not self.head.done():
            self.head.set_exception(error)
            # The caller may be gone: nobody need ever look at it.
            self.head.exception()

    def _release(self, healthy: bool) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            if healthy:
                self.engine.pool.release(worker, healthy=True)
            else:
                # Ending a process waits for it: not on the event loop.
                asyncio.get_running_loop().run_in_executor(None, self.engine.pool.release, worker, False)
