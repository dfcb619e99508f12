"""What runs in a worker process: one job at a time, for one tenant, over two sockets: jobs and answers, and cancels.

Forked by `engine.template`, or started as `python -I -m engine.worker`, with an empty environment. The main thread
reads a job, runs it and writes its answer: no other thread is woken for it. A second thread hears cancels while a job
runs, and ends the process when the API process is gone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import orjson
import pyarrow as pa

from connectors.sdk import Connector
from connectors.sdk.errors import ConnectorError
from connectors.sdk.registry import connector_config, connector_type
from engine.duckdb_session import LateSession, Session, open_session
from engine.errors import EngineBugError, EngineError, MemoryLimitError, SourceError
from engine.executor import Execution, query_error, source_error
from engine.frames import FrameReader, data_head, event_frame
from engine.introspection import infer_table, introspect, native_statements, read_statistics, test_connection
from engine.isolation import arm_cpu_limit, besides_the_limit, confine_worker, limit_address_space, name_process
from engine.job import Job, JobConnection, job_from_json
from engine.kept_statements import KeptStatements

ADDRESS_SPACE_BASE = 1024 * 1024 * 1024
IDLE_SECONDS = 0.1
DATA_BYTES = 1024 * 1024
HELD_BYTES = 128 * 1024


class SocketSink:
    """Frames to the API process. Blocks while that side does not read: that is the back pressure.
    `sent`: something of the answer has left.

    `hold`: a small answer is kept until its last event and leaves as one piece, which wakes the reader once. What has
    not left when an error comes is dropped, so that the error can still have a status.
    """

    def __init__(self, connection: socket.socket, hold: bool = False) -> None:
        self._socket = connection
        self._hold = hold
        self._head = b""
        self._data = bytearray()
        self.sent = False

    def head(self, head: dict[str, object]) -> None:
        """Leaves with the first bytes of the answer, which follow at once."""
        self._head = event_frame({"event": "head", **head})

    def data(self, data: bytes) -> None:
        """In pieces: the API process holds a whole frame in memory, however wide the rows are."""
        if self._hold and len(self._data) + len(data) <= HELD_BYTES:
            self._data += data
            return
        self._flush()
        view = memoryview(data)
        for start in range(0, len(view), DATA_BYTES):
            piece = view[start : start + DATA_BYTES]
            self._socket.sendall(data_head(len(piece)))
            self._socket.sendall(piece)

    def event(self, event: dict[str, object]) -> None:
        """Any other event, behind what was held."""
        if self._hold and event["event"] == "error":
            self._head = b""
            self._data.clear()
        self._flush(event_frame(event))

    def _flush(self, last: bytes = b"") -> None:
        self._hold = False
        pieces = [self._head]
        if self._data:
            pieces += [data_head(len(self._data)), bytes(self._data)]
        self.sent = self.sent or any(pieces)
        pieces.append(last)
        self._head = b""
        self._data.clear()
        if ready := b"".join(pieces):
            self._socket.sendall(ready)


class Connectors:
    """The connectors that this worker has opened, by connection name; reused while their configuration stays."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[bytes, Connector]] = {}

    def get(self, name: str, wanted: JobConnection) -> Connector:
        """The open connector, or a new one. Raises ConnectorError for a wrong configuration."""
        content = [wanted.kind, wanted.config, wanted.time_zone]
        digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()
        held = self._open.get(name)
        if held is not None and held[0] == digest:
            return held[1]
        if held is not None:
            held[1].close()
        config = connector_config(wanted.kind, dict(wanted.config))
        zone = ZoneInfo(wanted.time_zone) if wanted.time_zone else None
        connector = connector_type(wanted.kind)(config, zone)
        self._open[name] = (digest, connector)
        return connector

    def drop(self, name: str) -> None:
        """Close one: after a failure nobody knows what state its sessions are in."""
        held = self._open.pop(name, None)
        if held is not None:
            held[1].close()


class Worker:
    """The process's state: its sockets, DuckDB, connectors, and the execution that a cancel would end."""

    def __init__(
        self, connection: socket.socket, control: socket.socket, open: Callable[..., duckdb.DuckDBPyConnection]
    ) -> None:
        """`open`: gives a new DuckDB; with `plain=True` one that changes the order of no join."""
        self._socket = connection
        self._control = control
        self._open = open
        self._session = LateSession(open)
        self._kept = KeptStatements(self._session)
        self._connectors = Connectors()
        self._execution: Execution | None = None
        self._running = ""
        self._armed = 0
        self._cancelled_run = ""
        self._last: Execution | None = None
        self._cancelling = threading.Lock()

    def listen(self) -> None:
        """The listening thread: cancels to the execution, the end of the control socket to the exit."""
        try:
            for event in _events(self._control):
                run = str(event.get("run"))
                # Held until the cancel is through: it must not reach into the next job.
                with self._cancelling:
                    self._cancelled_run = run
                    if self._execution is not None and self._running == run:
                        self._execution.cancel()
            os._exit(0)
        finally:
            os._exit(1)  # a worker that can't hear a cancel is of no use: one failed request, and a new worker

    def serve(self) -> None:
        """The main thread: one job after another, until the API process is gone."""
        SocketSink(self._socket).event({"event": "ready", "pid": os.getpid()})
        if not select.select([self._socket], [], [], IDLE_SECONDS)[0]:
            self._session.opened()  # nobody has waited for this worker: the first who comes need not wait for DuckDB
        for event in _events(self._socket):
            job = job_from_json(event)
            statement = job.statement
            small = statement is not None and (statement.few or statement.kept is not None)
            sink = SocketSink(self._socket, hold=small)
            self._last = None
            try:
                result = self._do(job, sink)
            except EngineError as error:
                self._fail(sink, error)
            except ConnectorError as error:
                name = next(iter(job.connections), "")
                self._fail(sink, source_error(name, error))
            except MemoryError:
                self._fail(sink, MemoryLimitError("the query needs more memory than a worker may have"))
            except Exception as error:
                # That the API process is gone shows again, and for good, when this event is sent.
                self._fail(sink, _bug(error))
            else:
                sink.event({"event": "done", **result})

    def _fail(self, sink: SocketSink, error: EngineError) -> None:
        """The job's last message: its error, and what its scans had cost by then."""
        sink.event({**error_event(error), "sources": self._last.report() if self._last is not None else []})

    def _do(self, job: Job, sink: SocketSink) -> dict[str, object]:
        self._armed = arm_cpu_limit(job.cpu_seconds, self._armed)
        connectors = {}
        for name, wanted in job.connections.items():
            try:
                connectors[name] = self._connectors.get(name, wanted)
            except ConnectorError as error:
                raise source_error(name, error) from None
        if job.kind == "run":
            return self._run(job, connectors, sink)
        if job.kind == "describe":
            assert job.statement is not None
            columns = Execution(self._session, {}, job).describe(job.statement)
            return {"columns": columns}
        if job.kind == "explain":
            assert job.statement is not None
            return native_statements(connectors, job.statement.scans)
        (connector,) = connectors.values()
        if job.kind == "test":
            return test_connection(connector, sink.event)
        if job.kind == "introspect":
            return introspect(connector, job.tables, job.exclude, sink.event)
        if job.kind == "statistics":
            return read_statistics(connector, job.names)
        if job.kind == "infer":
            return infer_table(connector, job.tables[0])
        raise EngineBugError(f"no job is called {job.kind!r}")

    def _run(self, job: Job, connectors: dict[str, Connector], sink: SocketSink) -> dict[str, object]:
        try:
            return self._attempt(job, connectors, sink, self._session, self._kept)
        except EngineError:
            if self._session.is_sound():
                raise
            self._session = LateSession(self._open)
            self._kept = KeptStatements(self._session)
            if sink.sent or self._cancelled_run == job.run:
                raise
        plain = self._open(plain=True)  # nothing of the answer has left, and reading the sources again is safe
        try:
            return self._attempt(job, connectors, sink, plain)
        finally:
            plain.close()

    def _attempt(
        self,
        job: Job,
        connectors: dict[str, Connector],
        sink: SocketSink,
        session: Session,
        kept: KeptStatements | None = None,
    ) -> dict[str, object]:
        execution = self._last = Execution(session, connectors, job, kept)
        with self._cancelling:
            self._execution, self._running = execution, job.run
            if self._cancelled_run == job.run:
                execution.cancel()
        try:
            writer = execution.run(sink)
        except SourceError as error:
            self._connectors.drop(error.connection)
            raise
        except (duckdb.Error, pa.ArrowException) as error:
            raise query_error(error) from None
        finally:
            with self._cancelling:
                self._execution = None
                if self._cancelled_run == job.run:
                    # It may have come after the run's own end(): sessions are usable again.
                    for connector in connectors.values():
                        connector.end()
        return {"rows": writer.rows, "bytes": writer.size, "sources": execution.report()}


def _events(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """What the API process sends, until it closes. Raises ValueError for what is no frame."""
    reader = FrameReader()
    while received := connection.recv(65536):
        for message in reader.feed(received):
            yield message.event or {}


def error_event(error: EngineError) -> dict[str, object]:
    """An error on its way to the API process."""
    event: dict[str, object] = {
        "event": "error",
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "details": error.details,
    }
    if isinstance(error, SourceError):
        event |= {"connection": error.connection, "source_code": error.source_code}
    return event


def _bug(error: BaseException) -> EngineError:
    """Our own mistake: its type and place, never its text, which can hold rows."""
    frames = traceback.extract_tb(error.__traceback__)
    place = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:])
    return EngineBugError(f"the worker failed ({type(error).__name__} at {place})")


def run_worker(settings: dict[str, Any], confined: Callable[[], None] | None = None) -> None:
    """Confine the process and serve until the API process is gone; never returns. `confined`: called once it is."""
    confine_worker(settings["uid"])
    if confined is not None:
        confined()
    name_process("loom-worker")
    connection = socket.socket(fileno=settings["fd"])
    pa.set_cpu_count(settings["threads"])
    pa.set_io_thread_count(settings["threads"])
    spill = Path(settings["spill"])
    limit_address_space(int(settings["memory_mb"] * 1.5 * 1024 * 1024) + ADDRESS_SPACE_BASE)

    def opened(plain: bool = False) -> duckdb.DuckDBPyConnection:
        with besides_the_limit():
            return open_session(settings["memory_mb"], settings["threads"], spill, settings["spill_mb"], plain)

    worker = Worker(connection, socket.socket(fileno=settings["control"]), opened)
    threading.Thread(target=worker.listen, name="listen", daemon=True).start()
    with contextlib.suppress(OSError):  # the API process is gone: nobody to tell
        worker.serve()
    os._exit(0)


if __name__ == "__main__":
    run_worker(orjson.loads(sys.argv[1]))
