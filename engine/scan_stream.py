"""A scan as DuckDB sees it: an Arrow stream that a thread fills ahead, bounded in bytes.

DuckDB reads the streams of one query one after another; filled ahead, the sources are read side by side. The queue
also makes cancelling immediate: the consumer watches a stop event while the driver may be blocked in its network.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pyarrow as pa

from connectors.sdk import AllOf, AnyOf, Comparison, Connector, Op, Predicate, Value
from connectors.sdk.batches import schema_of
from connectors.sdk.errors import ConnectorError, ScanCancelledError, SourceSchemaChangedError
from connectors.sdk.sql import SqlConnector
from connectors.sdk.types import arrow_type
from engine.errors import EngineBugError
from engine.fragments import ARRAYS, fitting
from engine.scan_budget import ScanBudget, bounded
from engine.scans import MOST_BESIDE, KeysFrom, Scan, tables_of

EARLY = ((5_000, 20), (20_000, 100))  # up to so many rows leave in pieces of that many
QUEUE_BYTES = 8 * 1024 * 1024
NO_BUDGET = ScanBudget()
ALONE_BYTES, ALONE_PART = 512 * 1024, 4
Groups = Mapping[Value | None, tuple[Value, ...]]
MOST_KEYS = 50_000  # PostgreSQL counts a statement's parameters with 16 bits


class ScanStream:
    """One scan of one query. `error` keeps the connector's own exception: DuckDB would turn it into text.

    Rows and bytes are counted as the source delivers them; times are seconds since `start`.
    """

    def __init__(
        self,
        scan: Scan,
        connector: Connector | None,
        cancelled: threading.Event,
        queue_bytes: int = QUEUE_BYTES,
        budget: ScanBudget = NO_BUDGET,
        alone: bool = False,
    ):
        self.scan = scan
        self.schema = schema_of([(column.name, column.sql_type) for column in scan.columns])
        self.error: BaseException | None = None
        self.rows = 0
        self.bytes = 0
        self.keys = 0
        self.seconds_to_first_row: float | None = None
        self.seconds = 0.0
        self.asked_at: datetime | None = None
        self._connector = connector
        self._cancelled = cancelled
        # The only scan of a query need not run ahead of others: what is queued grows with what was taken. So the
        # answer's first byte leaves before much of the source was read, and a client that takes little costs little.
        self._limit = min(queue_bytes, ALONE_BYTES) if alone else queue_bytes
        self._most = queue_bytes
        self._budget = budget
        self._queue: deque[pa.RecordBatch] = deque()
        self._queued = 0
        self._finished = scan.skipped
        self._stopped = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._started = 0.0
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._readings = 0
        self._gathered: pa.Table | None = None

    def start(self) -> None:
        """Begin to read the source."""
        if self._finished:
            return
        self._thread = threading.Thread(target=self._fill, name=f"scan-{self.scan.id}", daemon=True)
        self._thread.start()

    def read_here(self, most: int) -> None:
        """Read the source in this thread, which spares two hand-overs; after `most` rows, or all that may be queued,
        a thread reads on. A source that can't be cancelled is left to a thread from the first row on."""
        if self._finished:
            return
        if self._connector is not None and self._connector.capabilities().cancel:
            self._fill(most)
        if not self._finished:
            self.start()

    @property
    def finished(self) -> bool:
        """Whether the source has given all rows, so that `rows` is their number."""
        return self._finished and self.error is None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """DuckDB's way in, called once per scan of the relation in a plan."""
        if self._gathered is not None:
            whole: Any = self._gathered.to_reader()
            return whole.__arrow_c_stream__(requested_schema)
        self._readings += 1
        if self._readings > 1:
            # DuckDB reads this relation a second time (it copied a subquery): read the source again.
            batches = self._again()
        else:
            batches = self._take()
            if self._thread is None:
                self.start()
        reader: Any = pa.RecordBatchReader.from_batches(self.schema, batches)
        return reader.__arrow_c_stream__(requested_schema)

    def read_now(self, most: int) -> list[pa.RecordBatch] | None:
        """All batches, read in this thread; None when there are more rows than `most`, or the source failed."""
        started = time.monotonic()
        found: list[pa.RecordBatch] = []
        batches: Any = self._open()
        try:
            for batch in batches:
                if self.seconds_to_first_row is None:
                    self.seconds_to_first_row = time.monotonic() - started
                self.rows += batch.num_rows
                self.bytes += batch.get_total_buffer_size()  # nbytes takes a tenth of the time of a key lookup
                if self.rows > most:
                    return None
                found.append(self._checked(batch))
        except BaseException as error:
            self.error = error
            return None
        finally:
            batches.close()
            self.seconds = time.monotonic() - started
        return found

    def values(self, column: str, most: int) -> tuple[Value, ...] | None:
        """The distinct values of a column once the source has given all rows; None when they are more than `most`,
        or too large to be kept, or none of Python's (the year 20000), or the source failed. The rows stay queued for
        DuckDB."""
        if not self._all_queued(most):
            return None
        pieces: Any = [batch.column(column) for batch in self._queue]
        kind: Any = self.schema.field(column).type
        distinct: Any = pa.chunked_array(pieces, kind).unique().drop_null()
        found = self._python(column, distinct)
        return None if found is None else tuple(found)

    def gather(self, most: int) -> bool:
        """Whether the source has given all rows, no more than `most`: waits for that. They are then held, to be read
        any number of times; else they stay queued, and more may come."""
        if not self._all_queued(most):
            return False
        self._gathered = pa.Table.from_batches(list(self._queue), self.schema)
        return True

    def _all_queued(self, most: int) -> bool:
        """Wait until the source has given all rows; False when they are more than `most`, or than may be queued, or
        the source failed."""
        with self._changed:
            while not self._finished and self.rows <= most and self._queued < self._limit and not self._stopped:
                self._changed.wait(0.05)
                if self._cancelled.is_set():
                    raise ScanCancelledError("the query was cancelled")
            return self._finished and self.error is None and not self._stopped and self.rows <= most

    def grouped_values(self, keys: KeysFrom) -> Groups | None:
        """The values that others are to be asked for, by the value that stands beside them; by None where there is no
        second column, or it has too many values. None: there are too many keys, as in `values`."""
        if keys.beside and self._all_queued(keys.cap):
            table = pa.Table.from_batches(list(self._queue), self.schema)
            pairs: Any = table.group_by([keys.beside, keys.column]).aggregate([]).drop_null()
            if len(pairs.column(0).unique()) <= MOST_BESIDE:
                beside = self._python(keys.beside, pairs.column(keys.beside))
                values = self._python(keys.column, pairs.column(keys.column))
                if beside is None or values is None:
                    return None
                found: dict[Value | None, list[Value]] = {}
                for one, other in zip(beside, values, strict=True):
                    found.setdefault(one, []).append(other)
                return {one: tuple(others) for one, others in found.items()}
        alone = self.values(keys.column, keys.cap)
        return None if alone is None else {None: alone}

    def _python(self, column: str, values: Any) -> list[Value] | None:
        """A column's values as Python has them; None when one is none of Python's (the year 20000)."""
        try:
            found: list[Any] = values.to_pylist()
        except (ValueError, OverflowError):
            return None
        return [UUID(value) for value in found] if self._is_uuid(column) else found

    def restrict(self, keys: KeysFrom, groups: Groups) -> None:
        """Before `start`: ask the source for these keys only; none at all: don't ask it. More than a statement takes,
        those of other columns included, are left out: DuckDB joins anyway."""
        if not any(groups.values()):
            self._skip()
            return
        number = sum(len(values) + (one is not None) for one, values in groups.items())
        if self.keys + number > MOST_KEYS:
            return
        self.keys += number
        if self.scan.fragment is None:
            self.scan = replace(self.scan, predicates=(*self.scan.predicates, *_predicates(keys, groups)))
            return
        (values,) = groups.values()
        sql_type = next((c.sql_type for c in self.scan.columns if c.source == keys.target), "")
        array = ARRAYS.get(sql_type) if self.scan.dialect == "postgres" else None
        values = fitting(values, sql_type) if array else values
        if not values:
            self._skip()
            return
        self.scan = replace(self.scan, fragment=self.scan.fragment.restricted(keys.target, values, array))

    def _skip(self) -> None:
        """Nothing of the source counts; not when DuckDB reads the relation a second time either."""
        self.scan = replace(self.scan, skipped=True)
        self._finished = True

    def _is_uuid(self, column: str) -> bool:
        return any(c.name == column and c.sql_type == "UUID" for c in self.scan.columns)

    def stop(self) -> None:
        """No more rows are wanted. The thread closes its iterator, which ends the statement at the source."""
        with self._changed:
            self._stopped = True
            self._queue.clear()
            self._queued = 0
            self._changed.notify_all()

    def join(self, timeout: float) -> bool:
        """Wait for the thread to end; True if it has."""
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def _open(self) -> Iterator[pa.RecordBatch]:
        """The source's batches: of its table, or of the fragment."""
        if self.scan.skipped:
            nothing: tuple[pa.RecordBatch, ...] = ()
            return (batch for batch in nothing)
        connector, fragment = self._connector, self.scan.fragment
        assert connector is not None
        self.asked_at = self.asked_at or datetime.now(UTC)
        if fragment is None:
            return self._bounded(connector.scan(self.scan.request()), connector)
        if not isinstance(connector, SqlConnector):
            raise EngineBugError(f"a {connector.kind} connection runs no fragments")
        columns = [(column.source, column.sql_type) for column in self.scan.columns]
        expected, many = self.scan.expected_rows, fragment.many_groups
        rows = connector.query(fragment.sql, fragment.parameters, columns, fragment.small, expected, many)
        return self._bounded(rows, connector)

    def _bounded(self, batches: Iterator[pa.RecordBatch], connector: Connector) -> Iterator[pa.RecordBatch]:
        return bounded(batches, self._budget, tables_of(self.scan), connector.cancel)

    def _fill(self, most: int | None = None) -> None:
        """Queue the source's rows, to their end; with `most` until there are more, or as many as may be queued."""
        self._started = self._started or time.monotonic()
        try:
            self._batches = self._batches or self._open()
            for batch in self._batches:
                if self.seconds_to_first_row is None:
                    self.seconds_to_first_row = time.monotonic() - self._started
                if not self._put(self._checked(batch), wait=most is None):
                    break
                if most is not None and (self.rows > most or self._queued >= self._limit):
                    return
        except BaseException as error:
            self.error = error
        self._end()

    def _end(self) -> None:
        try:
            close = getattr(self._batches, "close", None)
            if close is not None:
                close()
        except ConnectorError as error:
            self.error = self.error or error
        self.seconds = time.monotonic() - self._started
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def _put(self, batch: pa.RecordBatch, wait: bool) -> bool:
        """Queue a batch; False when nobody wants more. `wait`: until there is room for it."""
        size = batch.nbytes
        self.rows += batch.num_rows
        self.bytes += size
        with self._changed:
            while wait and self._queued and self._queued + size > self._limit and not self._stopped:
                self._changed.wait()
            if self._stopped:
                return False
            self._queue.append(batch)
            self._queued += size
            self._changed.notify_all()
        return True

    def _take(self) -> Iterator[pa.RecordBatch]:
        """The queued batches, the first rows in small pieces, so that the answer's first row comes out early.

        DuckDB works through 50 to 150 batches, however small they are, before it gives its first output.
        """
        taken = 0
        for batch in self.batches():
            yield from _pieces(batch, taken)
            taken += batch.num_rows

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The queued batches as the source gave them, each once."""
        size = 0
        while True:
            with self._changed:
                while not self._queue and not self._finished and not self._stopped:
                    self._changed.wait(0.05)
                    if self._cancelled.is_set():
                        self._stopped = True
                if self._stopped:
                    raise ScanCancelledError("the query was cancelled")
                if not self._queue:
                    if self.error is not None:
                        raise self.error
                    return
                batch = self._queue.popleft()
                self._queued -= batch.nbytes
                size += batch.nbytes
                self._limit = min(self._most, max(self._limit, size // ALONE_PART))
                self._changed.notify_all()
            yield batch

    def _again(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._open():
                self.rows += batch.num_rows
                self.bytes += batch.nbytes
                if self._cancelled.is_set():
                    raise ScanCancelledError("the query was cancelled")
                yield self._checked(batch)
        except BaseException as error:
            self.error = error
            raise

    def _checked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch under our column names; SourceSchemaChangedError when a column is not what the plan says."""
        wanted = [column.source for column in self.scan.columns]
        found = batch.schema
        same = found.equals(schema_of([(column.source, column.sql_type) for column in self.scan.columns]))
        if not same and (found.names != wanted or found.types != self.schema.types):
            for column, name, kind in zip(self.scan.columns, found.names, found.types, strict=False):
                if name != column.source or kind != arrow_type(column.sql_type):
                    raise SourceSchemaChangedError(
                        f"column {column.source!r} of table {self.scan.table} is now {name!r} of type {kind}; "
                        f"the plan was made for {column.sql_type}",
                        hint="run `viewloom refresh` for this connection, then check the views that use it",
                        details={"column": column.source},
                    )
            raise SourceSchemaChangedError(f"table {self.scan.table} has other columns than the plan was made for")
        return pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)


def _predicates(keys: KeysFrom, groups: Groups) -> tuple[Predicate, ...]:
    """The keys, or which of them stand beside which value of the second column."""
    alternatives: list[tuple[Predicate, ...]] = []
    for one, values in groups.items():
        beside = () if one is None else (Comparison(keys.with_target, Op.IN, (one,)),)
        alternatives.append((*beside, Comparison(keys.target, Op.IN, values)))
    return alternatives[0] if len(alternatives) == 1 else (AnyOf(tuple(map(AllOf, alternatives))),)


def _pieces(batch: pa.RecordBatch, before: int) -> Iterator[pa.RecordBatch]:
    """A batch cut as `EARLY` says, given how many rows came before it."""
    start = 0
    for until, size in EARLY:
        while before + start < until and start < batch.num_rows:
            yield batch.slice(start, size)
            start += size
    if start < batch.num_rows:
        yield batch.slice(start) if start else batch
