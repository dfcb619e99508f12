"""Runs a job in a worker: opens its scans as Arrow streams, lets DuckDB do what is left, writes the answer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from connectors.sdk import Connector
from connectors.sdk.errors import ConnectorError, ScanCancelledError
from connectors.sdk.types import arrow_type
from engine.copied_rows import can_copy, copied_rows
from engine.duckdb_session import Session
from engine.encoders.direct_rows import MAX_ROWS, can_write, direct_rows
from engine.encoders.encoding import Encoding
from engine.encoders.rows import is_text, rows_sql
from engine.encoders.workbook import MAX_TEXT, TOO_LONG
from engine.encoders.writer import Sink, Writer
from engine.errors import (
    EngineBugError,
    EngineError,
    MemoryLimitError,
    QueryCancelledError,
    QueryError,
    QueryValueError,
    SourceError,
)
from engine.job import FEW_ROWS, Job, Statement
from engine.kept_statements import KeptStatements
from engine.scan_budget import ScanBudget
from engine.scan_source import SizedSource
from engine.scan_stream import ScanStream
from engine.scans import Scan, tables_of

BATCH_ROWS = 2_048  # one vector: a larger batch is waited for before the first byte, and is no quicker


class Execution:
    """One run: what it has open, and how it is cancelled from another thread."""

    def __init__(
        self,
        session: Session,
        connectors: Mapping[str, Connector],
        job: Job,
        kept: KeptStatements | None = None,
    ) -> None:
        """`kept`: what this session has planned already; None: every statement is planned anew."""
        self.streams: list[ScanStream] = []
        self.snapshots: dict[str, bool] = {}
        self._begun: dict[str, datetime] = {}
        self._asked: dict[str, tuple[int, int]] = {}
        self._session = session
        self._connectors = connectors
        self._job = job
        self._kept = kept
        self._cancelled = threading.Event()
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def cancel(self) -> None:
        """End the run: DuckDB, the scans, and the statements at the sources."""
        self._cancelled.set()
        for stream in list(self.streams):
            stream.stop()
        cursor = self._cursor
        if cursor is not None:
            with contextlib.suppress(duckdb.Error):  # closed in this very moment
                cursor.interrupt()
        for connector in self._connectors.values():
            connector.cancel()

    def run(self, sink: Sink) -> Writer:
        """Run the job's statements and write the answer. Raises EngineError with nothing of the data in its text."""
        job = self._job
        assert job.statement is not None and job.encoding is not None
        statements = [s for s in (job.count, job.statement) if s is not None]
        try:
            for name, connector in self._connectors.items():
                scans = sum(scan.connection == name and not scan.skipped for s in statements for scan in s.scans)
                self._asked[name] = connector.requests(), connector.retries()
                self._begun[name] = datetime.now(UTC)
                try:
                    self.snapshots[name] = connector.begin(job.run, scans)
                except ConnectorError as error:
                    self._check_streams([])
                    raise source_error(name, error) from None
            count = None
            if job.count is not None:
                with self._answer(job.count, None) as counted:
                    count = int(counted.read_all().column(0)[0].as_py())
            writer = Writer(job.encoding, sink, count, job.max_rows, job.max_bytes)
            if job.statement.few and can_write(job.encoding) and self._run_direct(writer):
                return writer
            with self._answer(job.statement, job.encoding) as reader:
                writer.write(iter(reader), reader.schema)
            return writer
        finally:
            for connector in self._connectors.values():
                connector.end()

    def _stream(self, scan: Scan, alone: bool = False) -> ScanStream:
        given = self._job.connections.get(scan.connection)
        budget = ScanBudget(given.max_rows, given.max_bytes, given.max_seconds) if given is not None else ScanBudget()
        # Of a connection whose scans are all skipped there is no connector.
        connector = self._connectors.get(scan.connection)
        return ScanStream(scan, connector, self._cancelled, budget=budget, alone=alone)

    def _run_direct(self, writer: Writer) -> bool:
        """Write a small answer straight from its one scan; False (nothing is written) when DuckDB has to do it.

        Ten times quicker than through DuckDB, and the bytes are the same.
        """
        assert self._job.statement is not None and self._job.statement.plain is not None
        scan = self._job.statement.scans[0]
        stream = self._stream(scan)
        self.streams.append(stream)
        batches = stream.read_now(MAX_ROWS)
        self._check_streams([stream])
        encoding = self._job.encoding
        assert encoding is not None
        kinds = {column.name: column.sql_type for column in scan.columns}
        _check_types(self._job, [kinds[name] for name in self._job.statement.plain])
        rows = None if batches is None else direct_rows(batches, self._job.statement.plain, kinds, encoding)
        if rows is None:
            self.streams.remove(stream)
            return False
        writer.write(iter([rows]), rows.schema)
        return True

    def report(self) -> list[dict[str, object]]:
        """What each scan cost, for the run record. `count`: it belongs to the statement that counts, not to the rows.

        `requests` and `retries` are those of the connection in this run, all its scans together; `nulls_made`
        those of the table.
        """
        counting = len(self._job.count.scans) if self._job.count is not None else 0
        return [
            {
                "scan": stream.scan.id,
                "count": number < counting,
                "connection": stream.scan.connection,
                "table": tables_of(stream.scan),
                "rows": stream.rows,
                "bytes": stream.bytes,
                "seconds_to_first_row": stream.seconds_to_first_row,
                "seconds": stream.seconds,
                "keys": stream.keys,
                "snapshot": self.snapshots.get(stream.scan.connection, False),
                "as_of": self._as_of(stream),
                "requests": self._since_begun(stream.scan.connection)[0],
                "retries": self._since_begun(stream.scan.connection)[1],
                "nulls_made": self._nulls_made(stream),
            }
            for number, stream in enumerate(self.streams)
        ]

    def _as_of(self, stream: ScanStream) -> str | None:
        """No row of the scan is older: when the shared snapshot was taken, else when the source was asked."""
        name = stream.scan.connection
        moment = self._begun.get(name) if self.snapshots.get(name) else stream.asked_at
        return moment.isoformat(timespec="milliseconds") if moment is not None else None

    def _nulls_made(self, stream: ScanStream) -> int:
        connector = self._connectors.get(stream.scan.connection)
        return 0 if connector is None or stream.scan.fragment else connector.nulls_made(stream.scan.table)

    def _since_begun(self, name: str) -> tuple[int, int]:
        """How many requests the connection has sent in this run, and how many of them again."""
        connector, (requests, retries) = self._connectors.get(name), self._asked.get(name, (0, 0))
        return (connector.requests() - requests, connector.retries() - retries) if connector is not None else (0, 0)

    def describe(self, statement: Statement) -> list[tuple[str, str]]:
        """(name, type) of each output column, by DuckDB's own rules; reads no source."""
        cursor = self._session.cursor()
        try:
            for scan in statement.scans:
                schema = pa.schema([(c.name, arrow_type(c.sql_type)) for c in scan.columns])
                cursor.register(scan.id, schema.empty_table())
            relation = cursor.sql(statement.sql)
            return [(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)]
        except duckdb.Error as error:
            raise query_error(error) from None
        finally:
            cursor.close()

    @contextlib.contextmanager
    def _answer(self, statement: Statement, encoding: Encoding | None) -> Iterator[pa.RecordBatchReader]:
        """The statement's rows, as text where the encoding has it; at the end scans are stopped and all is closed."""
        cursor = self._session.cursor()
        alone = len(statement.scans) == 1
        streams = [self._stream(scan, alone) for scan in statement.scans]
        self.streams += streams
        try:
            _start_all(streams, here=self._kept is not None and statement.kept is not None)
            whole = self._from_kept(statement, encoding, streams)
            if whole is not None:
                yield whole.to_reader()
                return
            self._cursor = cursor
            if encoding is not None and can_copy(statement, encoding):
                (scan,) = statement.scans
                kinds = {column.name: column.sql_type for column in scan.columns}
                _check_types(self._job, [kinds[name] for name in statement.plain or ()])
                yield copied_rows(statement, encoding, streams[0].batches(), cursor)
                self._check_streams(streams)
                return
            for stream in streams:
                cursor.register(stream.scan.id, SizedSource(stream))
            relation = cursor.sql(statement.sql)
            types = [str(kind) for kind in relation.types]
            if encoding is not None:
                _check_types(self._job, types)
                if is_text(encoding):
                    relation = cursor.sql(rows_sql(statement.sql, encoding, types))
            yield relation.to_arrow_reader(BATCH_ROWS)
            self._check_streams(streams)
        except (duckdb.Error, pa.ArrowException, ConnectorError, MemoryError, OSError) as error:
            self._check_streams(streams)
            if self._cancelled.is_set():
                raise QueryCancelledError("the query was cancelled") from None
            raise query_error(error) from None
        finally:
            for stream in streams:
                stream.stop()
            # A closed cursor is what makes DuckDB stop reading; then nothing takes from the streams any more.
            cursor.close()
            self._cursor = None
            for stream in streams:
                if not stream.join(0.5):
                    # The driver is blocked or draining: end the statement itself.
                    self._connectors[stream.scan.connection].cancel()
                    stream.join(5.0)

    def _from_kept(
        self, statement: Statement, encoding: Encoding | None, streams: list[ScanStream]
    ) -> pa.Table | None:
        """The answer of a small statement by the plan that DuckDB has of it. None: it has to be planned, over the
        rows that are here already; what fails here fails there again, and is told in the same words."""
        if self._kept is None or statement.kept is None:
            return None
        gathered = all(stream.gather(FEW_ROWS) for stream in streams)
        self._check_streams(streams)
        if not gathered:
            return None
        kept = self._kept.find(statement, encoding, streams)
        if kept is None:
            return None
        if encoding is not None:
            _check_types(self._job, kept.types)
        self._cursor = kept.cursor
        answer = None
        with contextlib.suppress(duckdb.Error):
            answer = kept.run(statement.values, streams)
        self._check_streams(streams)
        if answer is None:
            self._kept.leave(statement, encoding)
        return answer

    def _check_streams(self, streams: list[ScanStream]) -> None:
        """Raise the first failure of a source as the source's, with the connection's name."""
        if self._cancelled.is_set():
            raise QueryCancelledError("the query was cancelled")
        for stream in streams:
            error = stream.error
            if error is not None and not isinstance(error, ScanCancelledError):
                raise source_error(stream.scan.connection, error)


def _check_types(job: Job, found: Sequence[str]) -> None:
    """The output has the types that the publication promises; SourceError names the column that has not."""
    assert job.statement is not None and job.encoding is not None
    for number, (wanted, kind) in enumerate(zip(job.statement.types, found, strict=False)):
        if wanted is not None and wanted != kind:
            names = job.encoding.names
            name = names[number] if number < len(names) else str(number + 1)
            connection = next((scan.connection for scan in job.statement.scans), "")
            raise SourceError(
                f"column {name!r} is now {kind}; the publication promises {wanted}",
                connection=connection,
                source_code="source_schema_changed",
                hint="a source's column was retyped: check the view again and publish it",
                details={"column": name},
            )


def _start_all(streams: list[ScanStream], here: bool) -> None:
    """Begin all scans: side by side those that wait for no keys, each other one as soon as it has its keys.

    `here`: the rows are few and all waited for, so the last of those that begin together is read in this thread.
    """
    by_id = {stream.scan.id: stream for stream in streams}
    waiting = list(streams)
    while waiting:
        waits = {stream.scan.id for stream in waiting}
        ready = [s for s in waiting if not any(keys.scan in waits for keys in s.scan.keys_from)]
        for stream in ready:
            for keys in stream.scan.keys_from:
                provider = by_id[keys.scan]
                groups = provider.grouped_values(keys)
                if provider.error is not None:
                    raise provider.error
                if groups is not None:
                    stream.restrict(keys, groups)
            if here and stream is ready[-1]:
                stream.read_here(FEW_ROWS)
            else:
                stream.start()
            waiting.remove(stream)


def source_error(connection: str, error: BaseException) -> EngineError:
    """A connector's failure with the connection's name; what is no ConnectorError tells its type only."""
    if isinstance(error, ConnectorError):
        return SourceError(
            f"connection {connection!r}: {error.message}",
            connection=connection,
            source_code=error.code,
            hint=error.hint,
            details=error.details,
        )
    if isinstance(error, MemoryError):
        return MemoryLimitError("the query needs more memory than a worker may have")
    return SourceError(
        f"connection {connection!r}: the connector failed ({type(error).__name__})",
        connection=connection,
        source_code="connector_bug",
    )


def query_error(error: BaseException) -> EngineError:
    """DuckDB's error in our words. Its own text can quote rows, so only a binder's (which saw none) is passed on."""
    text = str(error)
    if TOO_LONG in text:
        return QueryValueError(
            f"a text is longer than the {MAX_TEXT:,} characters that a cell of a workbook holds",
            hint="cut it in the query (left(…)), or ask for another format",
        )
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError) or "failed to allocate" in text.lower():
        return MemoryLimitError(
            "the query needs more memory or spill space than a worker may have",
            hint="filter earlier, select fewer columns, or ask for a smaller part",
        )
    if isinstance(error, duckdb.InterruptException):
        return QueryCancelledError("the query was cancelled")
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException):
        line = text.split("\n", 1)[0].split(": ", 1)[-1]
        return QueryError(f"the query's types don't fit: {line[:300]}", hint="convert with CAST where types differ")
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException | duckdb.InvalidInputException):
        return QueryValueError(
            f"a value can't be computed with ({type(error).__name__.removesuffix('Exception').lower()})",
            hint="a cast, a date or a number in the query does not fit some row; TRY_CAST gives NULL instead",
        )
    if isinstance(error, duckdb.Error | pa.ArrowException):
        return QueryValueError(f"the query failed in the engine ({type(error).__name__})")
    return EngineBugError(f"the worker failed ({type(error).__name__})")
