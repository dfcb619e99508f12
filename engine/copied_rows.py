"""The answer of a plan that only copies a source's rows: written as they come, by DuckDB only what it alone can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa

from connectors.sdk.types import arrow_type
from engine.encoders.encoding import Encoding
from engine.encoders.plain_rows import can_write, pieces, plain_rows
from engine.encoders.rows import rows_sql
from engine.job import Statement


def can_copy(statement: Statement, encoding: Encoding) -> bool:
    """Whether the one scan's rows are the answer, in a format and of types that are written without DuckDB."""
    if statement.plain is None:
        return False
    kinds = _kinds(statement)
    return can_write(encoding, [kinds[name] for name in _parted(statement, encoding)[0]])


def copied_rows(
    statement: Statement, encoding: Encoding, batches: Iterable[pa.RecordBatch], cursor: duckdb.DuckDBPyConnection
) -> pa.RecordBatchReader:
    """The text of each row and the page's hidden columns, as `rows_sql` has them. `cursor`: for the rows that hold
    something that only DuckDB spells as DuckDB does."""
    kinds = _kinds(statement)
    shown, hidden = _parted(statement, encoding)
    schema = pa.schema([("row", pa.string()), *((name, arrow_type(kinds[name])) for name in hidden)])

    def written() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for piece in pieces(batch):
                rows = plain_rows(piece, shown, kinds, encoding)
                if rows is None:
                    rows = _by_duckdb(cursor, piece, shown, kinds, encoding)
                yield pa.RecordBatch.from_arrays([rows, *map(piece.column, hidden)], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, written())


def _kinds(statement: Statement) -> dict[str, str]:
    (scan,) = statement.scans
    return {column.name: column.sql_type for column in scan.columns}


def _parted(statement: Statement, encoding: Encoding) -> tuple[Sequence[str], Sequence[str]]:
    """The columns shown, and the page's hidden ones, which stand last."""
    columns = statement.plain or ()
    shown = len(columns) - (encoding.page.hidden if encoding.page else 0)
    return columns[:shown], columns[shown:]


def _by_duckdb(
    cursor: duckdb.DuckDBPyConnection,
    piece: pa.RecordBatch,
    shown: Sequence[str],
    kinds: Mapping[str, str],
    encoding: Encoding,
) -> pa.Array[Any]:
    types = [kinds[name] for name in shown]
    columns = ", ".join(f"CAST(c{number} AS {kind})" for number, kind in enumerate(types))
    numbers = [f"c{number}" for number in range(len(shown))]
    cursor.register("piece", pa.Table.from_arrays([piece.column(name) for name in shown], numbers))
    text = rows_sql(f"SELECT {columns} FROM piece", replace(encoding, page=None), types)  # noqa: S608 - our own names
    rows: Any = cursor.sql(text).to_arrow_table().column(0)
    return pa.concat_arrays(rows.chunks)
