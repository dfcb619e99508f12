"""The bytes written a column at a time are the bytes that DuckDB writes, for every type and any value of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sdk.types import arrow_type
from engine.encoders.encoding import Encoding, Format, NextLink, Page
from engine.encoders.plain_rows import PIECE_ROWS, can_write, pieces, plain_rows
from engine.encoders.rows import rows_sql
from tests.engine.test_direct_rows import VALUES

KINDS = sorted({*VALUES, "DECIMAL(5,5)", "DECIMAL(18,6)", "DECIMAL(38,0)"} - {"TIME", "BLOB"})
ANY_INSTANT = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))
ANY_OF: dict[str, st.SearchStrategy[Any]] = {
    "BOOLEAN": st.booleans(),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "DOUBLE": st.one_of(
        st.floats(),
        st.floats(1e-3, 1e9),
        st.floats(-1e9, -1e-3),
        st.integers(-(10**9), 10**9).map(float),
        st.sampled_from([1e9, 999999999.9999999, 1e-3, 0.0009999999999999999, 2.0**-9]),
    ),
    "VARCHAR": st.one_of(st.text(), st.text("aé\"\\\n\r\t/\x00\x1f\x7f\u2028🙂")),
    "DATE": st.dates(date(1, 1, 1), date(9999, 12, 31)),
    "TIMESTAMP": ANY_INSTANT,
    "TIMESTAMP WITH TIME ZONE": ANY_INSTANT.map(lambda moment: moment.replace(tzinfo=UTC)),
    "DECIMAL(5,5)": st.integers(-99999, 99999).map(lambda n: Decimal(n).scaleb(-5)),
    "DECIMAL(18,6)": st.integers(-(10**17), 10**17).map(lambda n: Decimal(n).scaleb(-6)),
    "DECIMAL(38,12)": st.integers(-(10**27), 10**27).map(lambda n: Decimal(n).scaleb(-12)),
    "UUID": st.uuids(),
}  # fmt: skip


@pytest.fixture(scope="module")
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def both(
    cursor: duckdb.DuckDBPyConnection, kind: str, values: list[Any], encoding: Encoding
) -> tuple[list[str], list[str] | None]:
    """The rows by DuckDB, and by columns: the values twice, that a slice is seen as one."""
    stored = [str(value) if isinstance(value, UUID) else value for value in values]
    column = pa.array([None, *stored, *stored], arrow_type(kind)).slice(1 + len(stored))
    batch = pa.record_batch([column, column], names=["c", "d"])
    cursor.register("t", pa.Table.from_batches([batch]))
    inner = f"SELECT CAST(c AS {kind}), CAST(d AS {kind}) FROM t"
    rows = cursor.sql(rows_sql(inner, encoding, [kind, kind])).fetchall()
    found = plain_rows(batch, ["c", "d"], {"c": kind, "d": kind}, encoding)
    return [row[0] for row in rows], None if found is None else found.to_pylist()


@pytest.mark.parametrize("strings", [False, True])
@pytest.mark.parametrize("form", [Format.JSON, Format.NDJSON])
@pytest.mark.parametrize("kind", KINDS)
def test_both_writers_give_the_same_bytes(
    cursor: duckdb.DuckDBPyConnection, kind: str, form: Format, strings: bool
) -> None:
    encoding = Encoding(form, ('na"me', "line\nend"), strings_for_numbers=strings)
    assert can_write(encoding, [kind, kind])
    for values in ([*VALUES.get(kind, []), None], VALUES.get(kind, []), [None, None], []):
        by_duckdb, by_columns = both(cursor, kind, values, encoding)
        for value in values if by_columns is None else ():  # one of them is left to DuckDB, and with it all
            one, other = both(cursor, kind, [value], encoding)
            assert other in (one, None)
        assert by_columns in (by_duckdb, None)


@pytest.mark.parametrize("kind", ANY_OF)
def test_any_values_have_the_same_bytes(cursor: duckdb.DuckDBPyConnection, kind: str) -> None:
    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.one_of(st.none(), ANY_OF[kind]), max_size=4))
    def check(values: list[Any]) -> None:
        by_duckdb, by_columns = both(cursor, kind, values, Encoding(Format.NDJSON, ("a", "b")))
        assert by_columns in (by_duckdb, None)

    check()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("DOUBLE", [0.484375, 5.0, -0.0, None, 999999999.5]),
        ("DECIMAL(12,2)", [Decimal("0.00"), Decimal("-0.05")]),
        ("DECIMAL(38,9)", [Decimal("0.000001"), Decimal("12.5")]),
        ("VARCHAR", ['quote " back \\ slash', "tab\tline\nreturn\r", "Müller 🙂"]),
        ("TIMESTAMP WITH TIME ZONE", [datetime(2024, 2, 29, 12, 30, 0, 120000, UTC), None]),
    ],
)  # fmt: skip
def test_usual_values_are_written_by_columns(cursor: duckdb.DuckDBPyConnection, kind: str, values: list[Any]) -> None:
    by_duckdb, by_columns = both(cursor, kind, values, Encoding(Format.JSON, ("a", "b")))
    assert by_columns == by_duckdb


@pytest.mark.parametrize(
    ("kind", "value"),
    [("DOUBLE", float("nan")), ("DOUBLE", float("inf")), ("DOUBLE", 1e300), ("DOUBLE", 1e-7), ("VARCHAR", "\x01"),
     ("VARCHAR", "\x7f"), ("DECIMAL(38,12)", Decimal("0.000000000001")), ("UUID", "no uuid")],
)  # fmt: skip
def test_what_may_be_spelled_differently_is_left_to_duckdb(kind: str, value: object) -> None:
    batch = pa.record_batch([pa.array([value], arrow_type(kind))], names=["c"])
    assert plain_rows(batch, ["c"], {"c": kind}, Encoding(Format.JSON, ("c",))) is None


def test_a_day_outside_of_the_calendar_is_left_to_duckdb() -> None:
    batch = pa.record_batch([pa.array([5_000_000], pa.int32()).cast(pa.date32())], names=["c"])
    assert plain_rows(batch, ["c"], {"c": "DATE"}, Encoding(Format.JSON, ("c",))) is None


@pytest.mark.parametrize("kind", ["TIME", "BLOB", "FLOAT", "DECIMAL(38,38)"])
def test_other_types_are_not_written(kind: str) -> None:
    assert not can_write(Encoding(Format.JSON, ("c",)), [kind])


def test_other_formats_and_odd_names_are_not_written() -> None:
    assert not can_write(Encoding(Format.CSV, ("c",)), ["BIGINT"])
    assert not can_write(Encoding(Format.JSON, ("c",), bare=True), ["BIGINT"])
    assert not can_write(Encoding(Format.JSON, ("c\x1f",)), ["BIGINT"])
    assert can_write(Encoding(Format.JSON, ("c",), page=Page(1, 1, NextLink.BODY)), ["BIGINT"])


def test_pieces_are_the_whole_batch_and_none_is_large() -> None:
    narrow = pa.record_batch([pa.array(range(20_001))], names=["c"])
    wide = pa.record_batch([pa.array(["x" * 1_000_000] * 30)], names=["c"])
    for batch, rows in ((narrow, PIECE_ROWS), (wide, 8)):
        found = list(pieces(batch))
        assert max(piece.num_rows for piece in found) == rows
        assert pa.Table.from_batches(found).equals(pa.Table.from_batches([batch]))
