"""Rows that are only copied are the bytes of DuckDB's own way, with whatever stands among them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pyarrow as pa
import pytest

from connectors.sdk.errors import SourceDataError
from connectors.sdk.scan import TableName
from connectors.sdk.types import arrow_type
from engine.copied_rows import can_copy, copied_rows
from engine.encoders.encoding import Encoding, Format, NextLink, Page
from engine.encoders.rows import rows_sql
from engine.job import Statement
from engine.scans import Scan, ScanColumn

KINDS = {"id": "BIGINT", "name": "VARCHAR", "size": "DOUBLE", "due": "DATE", "lot": "UUID", "price": "DECIMAL(38,9)"}
LOT = "ffffffff-ffff-4fff-8fff-ffffffffffff"
PAGE = Page(10, 2, NextLink.BODY)


@pytest.fixture(scope="module")
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def statement(columns: tuple[str, ...] | None) -> Statement:
    scan = Scan("s0", "erp", TableName(("t",)), tuple(ScanColumn(name, name, kind) for name, kind in KINDS.items()))
    return Statement("SELECT 1", (scan,), plain=columns)


def batch(first: int, *names: str | None, size: float = 0.5, due: date | None = None) -> pa.RecordBatch:
    rows = [(first + n, name, size, due, LOT, n) for n, name in enumerate(names)]
    columns = zip(*rows, strict=True) if rows else [()] * len(KINDS)
    arrays = [pa.array(column, arrow_type(kind)) for column, kind in zip(columns, KINDS.values(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, list(KINDS))


@pytest.mark.parametrize("form", [Format.JSON, Format.NDJSON])
@pytest.mark.parametrize("page", [None, PAGE])
def test_rows_that_only_duckdb_can_write_stand_in_their_place(
    cursor: duckdb.DuckDBPyConnection, page: Page | None, form: Format
) -> None:
    columns = (
        ("name", "price", "lot", "due", "size", "id", "lot") if page else ("name", "price", "lot", "due", "size")
    )
    encoding = Encoding(form, ("Name", "P", "L", "D", "S"), page=page)
    batches = [
        batch(0, "a", None, 'b"'),
        batch(3, "rare \x01", "c"),
        batch(5, "d", size=1e300),
        batch(6),
        batch(6, "e", due=date(2024, 2, 29)),
    ]
    assert can_copy(statement(columns), encoding)
    found = copied_rows(statement(columns), encoding, batches, cursor).read_all()
    cursor.register("s0", pa.Table.from_batches(batches))
    inner = "SELECT " + ", ".join(f"CAST({name} AS {KINDS[name]})" for name in columns) + " FROM s0"
    expected = cursor.sql(rows_sql(inner, encoding, [KINDS[name] for name in columns])).fetchall()
    assert found.column("row").to_pylist() == [row[0] for row in expected]
    if page:
        assert found.column(1).to_pylist() == [row[1] for row in expected]
        assert found.column(2).to_pylist() == [str(row[2]) for row in expected]


def test_a_day_outside_of_the_calendar_is_the_same_error(cursor: duckdb.DuckDBPyConnection) -> None:
    late = pa.array([5_000_000], pa.int32()).cast(pa.date32())
    batches = [pa.record_batch([late], names=["due"])]
    with pytest.raises(duckdb.Error, match="outside of the years"):
        copied_rows(statement(("due",)), Encoding(Format.JSON, ("d",)), batches, cursor).read_all()


def test_what_fails_at_the_source_comes_through_as_it_is(cursor: duckdb.DuckDBPyConnection) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield batch(0, "a")
        raise SourceDataError("a value is wrong")

    reader = copied_rows(statement(("id",)), Encoding(Format.JSON, ("i",)), broken(), cursor)
    assert reader.read_next_batch().column(0).to_pylist() == [',{"i":0}']
    with pytest.raises(SourceDataError, match="a value is wrong"):
        reader.read_next_batch()


def test_other_plans_and_formats_are_left_to_duckdb() -> None:
    assert not can_copy(statement(None), Encoding(Format.JSON, ("i",)))
    assert not can_copy(statement(("id",)), Encoding(Format.CSV, ("i",)))
