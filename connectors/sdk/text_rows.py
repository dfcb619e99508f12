"""Rows whose values arrive as text bytes (a database's text protocol) → Arrow batches, converted by Arrow in bulk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, cast
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from connectors.sdk.batches import FIRST_ROWS, MOST_BYTES, MOST_ROWS, schema_of
from connectors.sdk.sql import bad_value
from connectors.sdk.types import arrow_type
from connectors.sdk.zones import to_instants

_BLOCK = 250


def text_batches(
    rows: Iterable[Sequence[bytes | None]],
    columns: Sequence[tuple[str, str]],
    *,
    naive: frozenset[str] = frozenset(),
    time_zone: ZoneInfo | None = None,
    table: str = "",
) -> Iterator[pa.RecordBatch]:
    """UTF-8 text, ISO dates, booleans as 0 and 1, instants in UTC without a zone; binary columns as they are.

    SourceDataError names the column of a value that doesn't fit.
    """
    schema = schema_of(columns)
    source = iter(rows)
    wide = [index for index, (_, sql_type) in enumerate(columns) if sql_type in ("VARCHAR", "BLOB")]
    wanted = FIRST_ROWS
    while True:
        chunk: list[Sequence[bytes | None]] = []
        size = 0
        while len(chunk) < wanted and size < MOST_BYTES:
            more = list(islice(source, _BLOCK))
            chunk += more
            size += sum(len(row[index] or b"") for row in more for index in wide)
            if len(more) < _BLOCK:
                break
        if not chunk:
            return
        arrays = []
        for (name, sql_type), cells in zip(columns, zip(*chunk, strict=True), strict=True):
            arrays.append(to_column(cells, name, sql_type, table, time_zone if name in naive else None))
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        wanted = MOST_ROWS


def to_column(
    cells: Sequence[bytes | None], name: str, sql_type: str, table: str, time_zone: ZoneInfo | None = None
) -> pa.Array[Any]:
    """One column; `time_zone`: its naive timestamps are instants of that zone."""
    try:
        return _column(cells, sql_type, time_zone)
    except (pa.ArrowException, OverflowError, ValueError):
        raise bad_value(name, sql_type, table) from None


def _column(cells: Sequence[bytes | None], sql_type: str, time_zone: ZoneInfo | None) -> pa.Array[Any]:
    raw = pa.array(cells, pa.binary())
    if sql_type == "BLOB":
        return raw
    text = raw.cast(pa.string())
    if sql_type in ("VARCHAR", "UUID"):
        return text
    if sql_type == "BOOLEAN":
        return text.cast(pa.uint8()).cast(pa.bool_())
    if sql_type == "TIME":  # Arrow reads times only behind a date
        join = cast("Callable[..., pa.Array[Any]]", pc.binary_join_element_wise)
        stamps = join(pa.scalar("1970-01-01"), text, pa.scalar(" ")).cast(pa.timestamp("us"))
        return stamps.cast(pa.int64()).cast(pa.time64("us"))
    if sql_type == "TIMESTAMP WITH TIME ZONE":
        stamps = text.cast(pa.timestamp("us"))
        return to_instants(stamps, time_zone) if time_zone else stamps.cast(arrow_type(sql_type))
    return text.cast(arrow_type(sql_type))
