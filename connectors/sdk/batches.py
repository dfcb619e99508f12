"""Rows of Python values → Arrow batches of declared column types, without ever guessing or rounding.

The first batch is small, so that the first row comes early; later ones have at most 20,000 rows and 4 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from math import inf
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa

from connectors.sdk.errors import SourceDataError
from connectors.sdk.types import arrow_type, family
from connectors.sdk.zones import to_instant, to_instants

FIRST_ROWS = 1_000
MOST_ROWS = 20_000
MOST_BYTES = 4 << 20
_BLOCK_BYTES = 1 << 20
_FEW = 32  # so many values are mapped faster one by one

# What a value may be, per family of types; everything else is refused, because Arrow would convert it silently
# (a bool to an integer, an aware datetime to a naive one, a datetime to its date).
_ACCEPTED: dict[str, frozenset[type]] = {
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "float": frozenset({float}),
    "decimal": frozenset({Decimal, int}),
    "text": frozenset({str}),
    "blob": frozenset({bytes}),
    "date": frozenset({date}),
    "time": frozenset({time}),
    "timestamp": frozenset({datetime}),
    "timestamptz": frozenset({datetime}),
    "uuid": frozenset({str}),
}
_NONE = type(None)


def schema_of(columns: Sequence[tuple[str, str]]) -> pa.Schema:
    """The Arrow schema of (name, column type) pairs. Names may repeat."""
    return _schema(tuple(map(tuple, columns)))


@lru_cache(maxsize=1_024)
def _schema(columns: tuple[tuple[str, str], ...]) -> pa.Schema:
    return pa.schema([pa.field(name, arrow_type(sql_type)) for name, sql_type in columns])


def to_batches(
    rows: Iterable[Sequence[object]],
    columns: Sequence[tuple[str, str]],
    *,
    table: str = "",
    time_zone: ZoneInfo | None = None,
    first_rows: int = FIRST_ROWS,
) -> Iterator[pa.RecordBatch]:
    """Pack rows, each a sequence of one value per column, into batches of `schema_of(columns)`; none when no rows.

    Naive datetimes of a TIMESTAMP WITH TIME ZONE column need `time_zone`, and are mapped by the rule of zones.py.
    A value that doesn't fit its type raises SourceDataError naming table, column and row number (from 1), never
    the value; the rows before it in the same batch are then not yielded.
    """
    source = iter(rows)
    schema = schema_of(columns)
    wide = [index for index, (_, sql_type) in enumerate(columns) if sql_type in ("VARCHAR", "BLOB")]
    done, wanted = 0, first_rows
    while chunk := _take(source, wanted, wide):
        batch = _pack(chunk, columns, schema, table, time_zone, done)
        done += len(chunk)
        wanted = MOST_ROWS
        yield from cut(batch)


def _take(source: Iterator[Sequence[object]], wanted: int, wide: list[int]) -> list[Sequence[object]]:
    """Up to `wanted` rows, fewer when their text and bytes pass about 4 MB."""
    if not wide:
        return list(islice(source, wanted))
    rows: list[Sequence[object]] = []
    size, block = 0, 64
    while len(rows) < wanted and size < MOST_BYTES:
        more = list(islice(source, min(block, wanted - len(rows))))
        if not more:
            break
        rows += more
        size += _text_bytes(more, wide)
        block = max(1, min(4_096, _BLOCK_BYTES * len(rows) // max(size, 1)))
    return rows


def _text_bytes(rows: Sequence[Sequence[Any]], wide: list[int]) -> int:
    cells = (row[index] for row in rows for index in wide)
    return sum(len(cell) for cell in cells if isinstance(cell, str | bytes))


def cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in slices of at most 4 MB; a single row may be longer."""
    if batch.num_rows <= 1 or batch.nbytes <= MOST_BYTES:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from cut(batch.slice(0, middle))
    yield from cut(batch.slice(middle))


def _pack(
    rows: list[Sequence[object]],
    columns: Sequence[tuple[str, str]],
    schema: pa.Schema,
    table: str,
    time_zone: ZoneInfo | None,
    done: int,
) -> pa.RecordBatch:
    if not columns:
        return empty_columns(len(rows))
    arrays = []
    for index, values in enumerate(zip(*rows, strict=True)):
        name, sql_type = columns[index]
        try:
            arrays.append(to_array(values, sql_type, time_zone))
        except _MISFITS:
            row = _first_misfit(values, sql_type, time_zone)
            raise misfit(table, name, sql_type, done + row + 1) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


_MISFITS = (ValueError, TypeError, OverflowError, pa.ArrowException)


def empty_columns(rows: int) -> pa.RecordBatch:
    """A batch without columns that still counts rows."""
    made: pa.RecordBatch = pa.RecordBatch.from_struct_array(
        cast("pa.StructArray", pa.array([{}] * rows, pa.struct([])))
    )
    return made


def misfit(table: str, column: str, sql_type: str, row: int | None = None) -> SourceDataError:
    """The error for a value that can't be read as its declared type."""
    where = f"column {column!r}" + (f" of {table}" if table else "") + (f", row {row:,}" if row else "")
    return SourceDataError(
        f"a value can't be read as {sql_type}: {where}",
        hint="correct the value at the source, or declare the column with a type that holds it (VARCHAR holds all)",
        details={"column": column, "table": table, "type": sql_type} | ({"row": row} if row else {}),
    )


def _first_misfit(values: Sequence[object], sql_type: str, time_zone: ZoneInfo | None) -> int:
    for row, value in enumerate(values):
        try:
            to_array((value,), sql_type, time_zone)
        except _MISFITS:
            return row
    return 0


def to_array(values: Sequence[object], sql_type: str, time_zone: ZoneInfo | None = None) -> pa.Array[Any]:
    """An Arrow array of one column; ValueError, TypeError, OverflowError or ArrowException if a value doesn't fit."""
    kind = family(sql_type)
    found = set(map(type, values))
    found.discard(_NONE)
    if not found <= _ACCEPTED[kind]:
        convert = _CONVERT.get(kind)
        if convert is None:
            raise TypeError(f"not a {kind}")
        values = [None if value is None else convert(value) for value in values]
    elif kind == "uuid":
        values = [None if value is None else str(UUID(str(value))) for value in values]
    if kind == "timestamptz":
        return _instants(values, time_zone)
    if kind == "timestamp" and any(value is not None and value.tzinfo is not None for value in _datetimes(values)):
        raise ValueError("a timestamp with a zone in a column without")
    if kind == "time" and any(isinstance(value, time) and value.tzinfo is not None for value in values):
        raise ValueError("a time with a zone in a column without")
    made: pa.Array[Any] = pa.array(values, arrow_type(sql_type))
    if sql_type == "FLOAT" and any(isinstance(value, float) and 3.4028235e38 < abs(value) < inf for value in values):
        raise OverflowError("a double beyond FLOAT, which Arrow would make infinite")
    return made


def _datetimes(values: Sequence[object]) -> Sequence[Any]:
    return values


def _instants(values: Sequence[object], time_zone: ZoneInfo | None) -> pa.Array[Any]:
    """Aware datetimes as they are, naive ones by the connection's zone; a mixture is fine."""
    naive = [value if value is not None and value.tzinfo is None else None for value in _datetimes(values)]
    if not any(naive):
        return pa.array(values, pa.timestamp("us", tz="UTC"))
    if time_zone is None:
        raise ValueError("a naive timestamp, and the connection has no time_zone")
    if len(values) <= _FEW:
        each = [to_instant(v, time_zone) if v is not None and v.tzinfo is None else v for v in _datetimes(values)]
        return pa.array(each, pa.timestamp("us", tz="UTC"))
    mapped = to_instants(pa.array(naive, pa.timestamp("us")), time_zone)
    if all(value is None or value.tzinfo is None for value in _datetimes(values)):
        return mapped
    aware = [value.astimezone(UTC) if value is not None and value.tzinfo else None for value in _datetimes(values)]
    return pa.compute.coalesce(mapped, pa.array(aware, pa.timestamp("us", tz="UTC")))


def _to_float(value: Any) -> float:
    """A float as it is, an int when no digit is lost."""
    if type(value) is int and int(float(value)) == value:
        return float(value)
    if isinstance(value, float):
        return value
    raise TypeError("not a float")


def _to_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise TypeError("not bytes")


def _to_uuid(value: Any) -> str:
    """Canonical text of a UUID, of its text in any spelling, or of its 16 bytes."""
    return str(UUID(bytes=bytes(value)) if isinstance(value, bytes) else UUID(str(value)))


def _only(wanted: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, wanted) and not isinstance(value, bool) and type(value) is not datetime:
            return value
        raise TypeError(f"not a {wanted.__name__}")

    return convert


def _to_datetime(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    raise TypeError("not a datetime")


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "integer": _only(int),
    "float": _to_float,
    "decimal": _only(Decimal),
    "text": _only(str),
    "blob": _to_bytes,
    "date": _only(date),
    "time": _only(time),
    "timestamp": _to_datetime,
    "timestamptz": _to_datetime,
    "uuid": _to_uuid,
}
