"""Rows into batches: what fits, what is refused and how it is named, and how large batches grow."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from connectors.sdk.batches import MOST_BYTES, MOST_ROWS, empty_columns, to_array, to_batches
from connectors.sdk.errors import SourceDataError
from connectors.sdk.testing_values import values_of
from connectors.sdk.types import SIMPLE


@pytest.mark.parametrize("sql_type", [*SIMPLE, "DECIMAL(10,2)", "DECIMAL(38,12)"])
def test_every_value_of_every_type_survives(sql_type: str) -> None:
    values = [None, *values_of(sql_type)]
    array = to_array(values, sql_type)
    if sql_type == "UUID":
        values = [None if value is None else str(value) for value in values]
    if sql_type == "FLOAT":
        assert array.null_count == 1
        return
    assert list(map(str, array.to_pylist())) == list(map(str, values))


@pytest.mark.parametrize(
    ("sql_type", "value"),
    [
        *[("INTEGER", True), ("INTEGER", 1.0), ("INTEGER", "1"), ("TINYINT", 128), ("BIGINT", 2**63)],
        *[("UINTEGER", -1), ("UBIGINT", 2**64), ("BOOLEAN", 1), ("DOUBLE", 2**53 + 1), ("DOUBLE", "1")],
        *[("DOUBLE", True), ("FLOAT", 1e300), ("DECIMAL(10,2)", Decimal("1.234")), ("DECIMAL(10,2)", 1.5)],
        *[("DECIMAL(10,2)", Decimal("NaN")), ("DECIMAL(10,2)", Decimal("123456789.00")), ("DECIMAL(10,2)", True)],
        *[("VARCHAR", b"x"), ("VARCHAR", 1), ("VARCHAR", "\ud800"), ("BLOB", "x"), ("UUID", "x"), ("UUID", 1)],
        *[("DATE", datetime(2024, 1, 1)), ("DATE", "2024-01-01"), ("TIME", time(1, tzinfo=UTC)), ("TIME", "01:00")],
        *[("TIMESTAMP", date(2024, 1, 1)), ("TIMESTAMP", datetime(2024, 1, 1, tzinfo=UTC))],
        *[("TIMESTAMP WITH TIME ZONE", datetime(2024, 1, 1)), ("TIMESTAMP WITH TIME ZONE", date(2024, 1, 1))],
    ],
)
def test_a_value_that_does_not_fit_is_named_by_column_and_row_and_never_shown(sql_type: str, value: Any) -> None:
    rows: list[tuple[int, Any]] = [*((n, None) for n in range(1_500)), (1, value)]
    with pytest.raises(SourceDataError) as caught:
        list(to_batches(rows, (("n", "BIGINT"), ("odd", sql_type)), table="t"))
    assert caught.value.details == {"column": "odd", "table": "t", "type": sql_type, "row": 1_501}
    assert repr(value) == "1" or repr(value) not in caught.value.message
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


@pytest.mark.parametrize(
    "spelling",
    ["ABCDEF00-1122-3344-5566-77889900AABB", "{abcdef00112233445566778899 00aabb}".replace(" ", ""), bytes(16)],
)
def test_a_uuid_becomes_canonical_text(spelling: Any) -> None:
    (found,) = to_array([spelling], "UUID").to_pylist()
    assert found == str(UUID(found))


def test_integers_fit_decimals_and_doubles_when_no_digit_is_lost() -> None:
    assert to_array([5, None], "DECIMAL(10,2)").to_pylist() == [Decimal("5.00"), None]
    assert to_array([2**53, -3], "DOUBLE").to_pylist() == [float(2**53), -3.0]


@pytest.mark.parametrize("count", [3, 300])
def test_naive_and_aware_datetimes_become_instants(count: int) -> None:
    values = [datetime(2024, 7, 1, 12), datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo")), None] * count
    array = to_array(values, "TIMESTAMP WITH TIME ZONE", ZoneInfo("Europe/Berlin"))
    assert array.type == pa.timestamp("us", tz="UTC")
    assert array.to_pylist()[:3] == [datetime(2024, 7, 1, 10, tzinfo=UTC), datetime(2024, 7, 1, 3, tzinfo=UTC), None]


def test_the_first_batch_is_small_and_all_are_bounded() -> None:
    counts = [batch.num_rows for batch in to_batches(((n,) for n in range(50_000)), (("n", "BIGINT"),))]
    assert counts[0] == 1_000 and max(counts) == MOST_ROWS and sum(counts) == 50_000


def test_long_rows_make_short_batches_and_are_read_late() -> None:
    read = 0

    def rows() -> Any:
        nonlocal read
        for _ in range(400):
            read += 1
            yield ("x" * 100_000,)

    batches = to_batches(rows(), (("text", "VARCHAR"),))
    assert next(batches).nbytes <= MOST_BYTES
    assert read < 200
    assert max(batch.nbytes for batch in batches) <= MOST_BYTES


def test_no_rows_make_no_batches_and_no_columns_still_count() -> None:
    assert list(to_batches([], (("n", "BIGINT"),))) == []
    assert empty_columns(7).num_rows == 7
    assert [batch.num_rows for batch in to_batches([()] * 5, ())] == [5]
