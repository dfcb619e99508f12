"""PostgreSQL's CSV (as of COPY … (FORMAT csv)) → Arrow batches of declared types, block by block.

NULL is an empty field, '' a quoted one. Binary columns come as hexadecimal text. The parser is pyarrow's.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyarrow import csv

from connectors.sdk.batches import schema_of
from connectors.sdk.errors import SourceDataError
from connectors.sdk.sql import bad_value
from connectors.sdk.types import arrow_type
from connectors.sdk.zones import to_instants

_COLUMN = re.compile(r"column #(\d+)", re.IGNORECASE)


def csv_batches(
    blocks: Iterable[bytes],
    columns: Sequence[tuple[str, str]],
    *,
    naive: frozenset[str] = frozenset(),
    time_zone: ZoneInfo | None = None,
    table: str = "",
) -> Iterator[pa.RecordBatch]:
    """One batch per block; a block is whole rows. SourceDataError names the column of a value that doesn't fit."""
    schema = schema_of(columns)
    names = [str(index) for index in range(len(columns))]
    arriving = [pa.timestamp("us") if name in naive else _arriving(sql_type) for name, sql_type in columns]
    parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    convert = csv.ConvertOptions(
        column_types=dict(zip(names, arriving, strict=True)),
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    for block in blocks:
        read = csv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False)
        try:
            parsed = csv.read_csv(io.BytesIO(block), read_options=read, parse_options=parse, convert_options=convert)
            arrays = [
                _finish(parsed.column(index), name, sql_type, naive, time_zone)
                for index, (name, sql_type) in enumerate(columns)
            ]
        except (pa.ArrowInvalid, OverflowError) as error:
            raise _named(error, columns, table) from None
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _arriving(sql_type: str) -> pa.DataType:
    return pa.string() if sql_type == "BLOB" else arrow_type(sql_type)


def _finish(
    column: pa.ChunkedArray[Any], name: str, sql_type: str, naive: frozenset[str], time_zone: ZoneInfo | None
) -> pa.Array[Any]:
    array: pa.Array[Any] = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if sql_type == "BLOB":
        return pa.array(
            [None if text is None else bytes.fromhex(text.removeprefix("\\x")) for text in array.to_pylist()],
            arrow_type(sql_type),
        )
    if name in naive and time_zone is not None:
        return to_instants(array, time_zone)
    return array


def _named(error: Exception, columns: Sequence[tuple[str, str]], table: str) -> SourceDataError:
    """The driver's text holds the value: only the column's number is taken from it."""
    found = _COLUMN.search(str(error))
    if found and int(found[1]) < len(columns):
        return bad_value(*columns[int(found[1])], table)
    return SourceDataError(
        f"{table or 'the answer'} holds a value that can't be read as its column's type",
        hint="look for infinite or out-of-calendar dates at the source",
        details={"table": table},
    )
