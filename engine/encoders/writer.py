"""The answer as it leaves a worker: a head, bytes, an end. Follows an `Encoding`; knows nothing of HTTP.

The head is sent when the first batch is there, so that whatever fails before it can still be a clean error; with a
next link in the head it is sent when the page is complete. After the head a failure can only break the answer.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from isal import isal_zlib

from connectors.sdk.scan import Value
from engine.encoders.encoding import Encoding, Format, NextLink
from engine.encoders.page_token import write_token
from engine.encoders.rows import csv_header
from engine.encoders.workbook import WorkbookFile
from engine.errors import AnswerLimitError, DuplicateKeyError

MAX_HELD_BYTES = 64 * 1024 * 1024
_BINARY = (Format.ARROW, Format.PARQUET, Format.XLSX)


class Sink(Protocol):
    """Where an answer goes: frames to the API process, a file, a list in a test."""

    def head(self, head: dict[str, object]) -> None: ...
    def data(self, data: bytes) -> None: ...


class _Appended(io.RawIOBase):
    """A file that is only appended to: what was taken is gone, its position goes on."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        """What was written since the last time."""
        data, self._pieces = b"".join(self._pieces), []
        return data


@dataclass(slots=True)
class Writer:
    """Writes one answer. `max_rows`, `max_bytes` (before compression): past them a page ends early where it has a
    key to go on from, and any other answer raises AnswerLimitError."""

    encoding: Encoding
    sink: Sink
    count: int | None = None
    max_rows: int | None = None
    max_bytes: int | None = None
    rows: int = 0
    size: int = 0
    _zip: Any | None = None
    _held: list[bytes] | None = None
    _last: tuple[Value | None, ...] | None = None
    _next: str | None = None
    _started: bool = False
    _full: bool = False
    _ipc: Any | None = None
    _parquet: Any | None = None
    _workbook: WorkbookFile | None = None
    _buffer: Any = field(default_factory=_Appended)

    def write(self, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> None:
        """Write everything, from head to suffix. `schema`: of the batches; for text one column and hidden ones."""
        page = self.encoding.page
        if self.encoding.gzip:
            self._zip = isal_zlib.compressobj(2, isal_zlib.DEFLATED, 31)
        if page is not None and page.next_link is NextLink.HEAD:
            self._held = []
        for batch in batches:
            if batch.num_rows == 0:
                continue
            self._check_single(batch.num_rows)
            self._start(schema, empty=False)
            self._write_batch(self._within_page(batch))
            if self._full:
                break
        self._start(schema, empty=True)
        self._finish()

    def _start(self, schema: pa.Schema, empty: bool) -> None:
        if self._started:
            return
        self._started = True
        if self.encoding.format is Format.XLSX:
            self._workbook = WorkbookFile(self._buffer, self.encoding.names)
        if self._held is None:
            self.sink.head(self._head(empty))
        if self.encoding.format is Format.JSON:
            prefix = self.encoding.prefix
            if self.count is not None and self.encoding.count_prefix:
                prefix += f"{self.encoding.count_prefix}{self.count}{self.encoding.after_count}"
            if not (self.encoding.single and empty):
                self._send(prefix.encode())
        elif self.encoding.format is Format.CSV and self.encoding.header and not self.encoding.bare:
            self._send(csv_header(self.encoding.names).encode())
        elif self.encoding.format is Format.ARROW:
            self._ipc = pa.ipc.new_stream(self._buffer, self._named(schema))
        elif self.encoding.format is Format.PARQUET:
            self._parquet = pq.ParquetWriter(self._buffer, self._named(schema), compression="zstd")

    def _head(self, empty: bool) -> dict[str, object]:
        return {"count": self.count, "empty": empty and self.rows == 0, "next": self._next}

    def _named(self, schema: pa.Schema) -> pa.Schema:
        fields = list(schema)[: len(self.encoding.names)]
        return pa.schema([f.with_name(name) for f, name in zip(fields, self.encoding.names, strict=True)])

    def _within_page(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The part of a batch that belongs to this page; notes where the next page starts."""
        page = self.encoding.page
        room = None if self.max_rows is None else self.max_rows - self.rows
        before = self._last
        if page is not None:
            self._check_neighbours(batch, page.hidden)
            left = page.size - self.rows
            room = left if room is None else min(room, left)
        if room is not None and batch.num_rows > room:
            batch = self._end_page(batch, room, "rows", before)
        if self.max_bytes is not None and self.encoding.format in (Format.JSON, Format.NDJSON, Format.CSV):
            offsets = _offsets(batch.column(0))
            fits = bisect_right(offsets, offsets[0] + self.max_bytes - self.size) - 1
            if fits < batch.num_rows:
                batch = self._end_page(batch, fits, "bytes", before)
        return batch

    def _end_page(
        self, batch: pa.RecordBatch, rows: int, what: str, before: tuple[Value | None, ...] | None
    ) -> pa.RecordBatch:
        """The batch's rows that still belong to the page. `before`: the last row's key of the batch before, behind
        which the next page starts when this batch has no row of the page."""
        page = self.encoding.page
        if page is None or page.next_link is NextLink.NONE or (rows == 0 and self.rows == 0):
            raise _too_large(self.max_rows if what == "rows" else self.max_bytes, what)
        self._full = True
        kept = batch.slice(0, rows)
        token = _hidden_values(kept, rows - 1, page.hidden) if rows else before
        assert token is not None
        self._next = page.link + write_token(token)
        if page.wanted is not None:
            self._next += f"{page.wanted_prefix}{page.wanted - self.rows - rows}"
        return kept

    def _check_single(self, rows: int) -> None:
        if (self.encoding.single or self.encoding.bare) and self.rows + rows > 1:
            raise DuplicateKeyError(
                "more than one row has this key",
                hint="the publication's declared key does not identify a row; declare another key",
            )

    def _check_neighbours(self, batch: pa.RecordBatch, hidden: int) -> None:
        """Two rows with the same order and key values stand next to each other: the key is none."""
        columns: list[Any] = batch.columns[batch.num_columns - hidden :] if hidden else []
        if not columns:
            return
        first = _hidden_values(batch, 0, hidden)
        repeated = first == self._last
        if batch.num_rows > 1:
            same: Any = None
            for column in columns:
                one, other = column.slice(0, batch.num_rows - 1), column.slice(1)
                equal = pc.or_(pc.fill_null(pc.equal(one, other), False), pc.and_(pc.is_null(one), pc.is_null(other)))
                same = equal if same is None else pc.and_(same, equal)
            repeated = repeated or bool(pc.any(same).as_py())
        if repeated:
            raise DuplicateKeyError(
                "two rows have the same key while paging",
                hint="the publication's declared key does not identify a row; declare another key",
            )
        self._last = _hidden_values(batch, batch.num_rows - 1, hidden)

    def _write_batch(self, batch: pa.RecordBatch) -> None:
        if self._ipc is not None or self._parquet is not None:
            columns = batch.columns[: len(self.encoding.names)]
            writer = self._ipc if self._ipc is not None else self._parquet
            assert writer is not None
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._named(batch.schema)))
            self.rows += batch.num_rows
            self._drain()
            return
        column: Any = batch.column(0)
        offsets, data = _offsets(column), column.buffers()[2]
        if batch.num_rows and data is not None:
            start, end = offsets[0], offsets[batch.num_rows]
            if self._workbook is not None:
                self._workbook.write(bytes(memoryview(data)[start:end]), batch.num_rows)
                self.rows += batch.num_rows
                self._drain()
                return
            if self.encoding.single:
                start, end = start + 2, offsets[1]  # without the separator and the opening brace
            elif self.encoding.format is Format.JSON and self.rows == 0:
                start += 1
            self._send(bytes(memoryview(data)[start:end]))
        self.rows += batch.num_rows

    def _finish(self) -> None:
        if self._ipc is not None:
            self._ipc.close()
            self._drain()
        elif self._parquet is not None:
            self._parquet.close()
            self._drain()
        elif self._workbook is not None:
            self._workbook.close()
            self._drain()
        elif self.encoding.format is Format.JSON:
            page, tail = self.encoding.page, ""
            if self._next is not None and page is not None and page.next_link is NextLink.BODY:
                link = orjson.dumps(self._next).decode()
                tail = self.encoding.next_prefix + link + self.encoding.next_suffix
            if not (self.encoding.single and self.rows == 0):
                self._send((tail if self.encoding.suffix == "" else self._close_rows(tail)).encode())
        if self._zip is not None:
            self._emit(self._zip.flush())
        if self._held is not None:
            self.sink.head(self._head(empty=True))
            for piece in self._held:
                self.sink.data(piece)

    def _close_rows(self, tail: str) -> str:
        # The next link stands behind the array and before the closing brace: "]" + link + "}".
        return self.encoding.suffix[:1] + tail + self.encoding.suffix[1:] if tail else self.encoding.suffix

    def _drain(self) -> None:
        self._send(self._buffer.take())

    def _send(self, data: bytes) -> None:
        if not data:
            return
        self.size += len(data)
        if self.max_bytes is not None and self.size > self.max_bytes and self.encoding.format in _BINARY:
            raise _too_large(self.max_bytes, "bytes")
        if self._zip is None:
            self._emit(data)
            return
        first = self.size == len(data)
        packed: bytes = self._zip.compress(data)
        if first:
            packed += self._zip.flush(isal_zlib.Z_SYNC_FLUSH)
        self._emit(packed)

    def _emit(self, data: bytes) -> None:
        if not data:
            return
        if self._held is None:
            self.sink.data(data)
            return
        self._held.append(data)
        if sum(map(len, self._held)) > MAX_HELD_BYTES:
            raise AnswerLimitError(
                "the page is too large to be held back for its next link", hint="use a lower limit"
            )


def _too_large(limit: int | None, what: str) -> AnswerLimitError:
    return AnswerLimitError(
        f"the answer has more than {limit:,} {what}", hint="ask for less: filter, select fewer columns, or page"
    )


def _offsets(column: Any) -> memoryview:
    """Start of each row's text in the data buffer, and the end of the last, seen through the array's own offset."""
    raw = memoryview(column.buffers()[1]).cast("i")
    return raw[column.offset : column.offset + len(column) + 1]


def _hidden_values(batch: pa.RecordBatch, row: int, hidden: int) -> tuple[Value | None, ...]:
    values = [column[row].as_py() for column in batch.columns[batch.num_columns - hidden :]]
    return tuple(str(v) if type(v).__name__ == "UUID" else v for v in values)
