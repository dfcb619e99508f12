"""CSV without a header → Arrow arrays of declared types, a block of whole rows at a time.

It is PostgreSQL's CSV (as of COPY … (FORMAT csv)), which the MySQL connector asks its server for as well: NULL is an
empty field, '' a quoted one; binary columns come as hexadecimal text. The parser is pyarrow's.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyarrow import csv

from connectors.sdk.batches import MOST_ROWS, schema_of
from connectors.sdk.errors import SourceDataError
from connectors.sdk.sql import bad_value
from connectors.sdk.types import arrow_type
from connectors.sdk.zones import to_instants

_COLUMN = re.compile(r"column #(\d+)", re.IGNORECASE)
_INSTANT = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class CsvColumns:
    """What the fields of each row are. `naive`: columns that arrive as naive timestamps and are mapped to instants by
    `time_zone`. `utc`: all other instants arrive without a zone and are UTC. `table`: for messages."""

    columns: Sequence[tuple[str, str]]
    naive: frozenset[str] = frozenset()
    time_zone: ZoneInfo | None = None
    utc: bool = False
    table: str = ""

    def options(self) -> csv.ConvertOptions:
        """How pyarrow reads the fields; their names there are their numbers."""
        return csv.ConvertOptions(
            column_types={str(n): self._arriving(*column) for n, column in enumerate(self.columns)},
            null_values=[""],
            true_values=["t", "1"],
            false_values=["f", "0"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )

    def _arriving(self, name: str, sql_type: str) -> pa.DataType:
        if name in self.naive or (self.utc and sql_type == _INSTANT):
            return pa.timestamp("us")
        return pa.string() if sql_type == "BLOB" else arrow_type(sql_type)

    def arrays(self, block: bytes, convert: csv.ConvertOptions) -> list[pa.Array[Any]]:
        """The columns of a block of whole rows. SourceDataError names the column of a value that doesn't fit."""
        names = [str(index) for index in range(len(self.columns))]
        parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        read = csv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False)
        try:
            parsed = csv.read_csv(io.BytesIO(block), read_options=read, parse_options=parse, convert_options=convert)
            return [self._finish(parsed.column(n), *column) for n, column in enumerate(self.columns)]
        except (pa.ArrowInvalid, OverflowError) as error:
            raise _named(error, self.columns, self.table) from None

    def _finish(self, column: pa.ChunkedArray[Any], name: str, sql_type: str) -> pa.Array[Any]:
        array: pa.Array[Any] = column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks)
        if sql_type == "BLOB":
            return pa.array(
                [None if text is None else bytes.fromhex(text.removeprefix("\\x")) for text in array.to_pylist()],
                arrow_type(sql_type),
            )
        if name in self.naive and self.time_zone is not None:
            return to_instants(array, self.time_zone)
        return array.cast(arrow_type(sql_type)) if self.utc and sql_type == _INSTANT else array


def csv_batches(blocks: Iterable[bytes], columns: CsvColumns) -> Iterator[pa.RecordBatch]:
    """Batches of at most 20,000 rows; a block is whole rows."""
    schema, convert = schema_of(columns.columns), columns.options()
    for block in blocks:
        batch = pa.RecordBatch.from_arrays(columns.arrays(block, convert), schema=schema)
        for start in range(0, batch.num_rows, MOST_ROWS):
            yield batch.slice(start, MOST_ROWS)


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
