"""Text of a URL as typed parameters."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk.types import SIMPLE
from engine.errors import ParameterValueError
from server.values import form, parse_value

GOOD: list[tuple[str, str, Any]] = [
    ("BOOLEAN", "TRUE", True),
    ("TINYINT", "-128", -128),
    ("UBIGINT", "18446744073709551615", 2**64 - 1),
    ("HUGEINT", "-1", -1),
    ("INTEGER", "+7", 7),
    ("DECIMAL(9,2)", "-0.10", Decimal("-0.10")),
    ("DECIMAL(9,2)", "1e2", Decimal("1e2")),
    ("FLOAT", "0.5", 0.5),
    ("DOUBLE", "-INF", -math.inf),
    ("VARCHAR", "Ä'; --", "Ä'; --"),
    ("VARCHAR", "", ""),
    ("BLOB", "AP-_", b"\x00\xff\xbf"),
    ("BLOB", "AP+/", b"\x00\xff\xbf"),
    ("BLOB", "AA==", b"\x00"),
    ("DATE", "0001-01-01", date(1, 1, 1)),
    ("TIME", "23:59:59.5", time(23, 59, 59, 500000)),
    ("TIMESTAMP", "2024-02-29", datetime(2024, 2, 29)),
    ("TIMESTAMP", "2024-02-29 10:00", datetime(2024, 2, 29, 10)),
    ("TIMESTAMP", "2024-02-29T10:00:00+02:00", datetime(2024, 2, 29, 8)),
    ("TIMESTAMP WITH TIME ZONE", "2024-02-29T10:00:00.000001Z", datetime(2024, 2, 29, 10, 0, 0, 1, UTC)),
    ("TIMESTAMP WITH TIME ZONE", "2024-02-29T10:00:00 02:00", datetime(2024, 2, 29, 8, tzinfo=UTC)),
    ("UUID", "01234567-89AB-cdef-0123-456789abcdef", UUID("01234567-89ab-cdef-0123-456789abcdef")),
]


@pytest.mark.parametrize(("sql_type", "text", "value"), GOOD)
def test_text_becomes_this_value(sql_type: str, text: str, value: Any) -> None:
    found = parse_value("c", sql_type, text)
    assert (found.sql_type, found.value) == (sql_type, value)
    assert type(found.value) is type(value)


def test_every_column_type_can_be_given() -> None:
    assert set(SIMPLE) <= {sql_type for sql_type, _, _ in GOOD} | {
        "SMALLINT",
        "BIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
    }


@pytest.mark.parametrize(
    ("sql_type", "text"),
    [
        ("BOOLEAN", "1"),
        ("BOOLEAN", ""),
        ("TINYINT", "128"),
        ("UINTEGER", "-1"),
        ("INTEGER", "3.5"),
        ("INTEGER", "٣"),
        ("INTEGER", "1_000"),
        ("INTEGER", "9" * 5000),
        ("DECIMAL(9,2)", "12,50"),
        ("DECIMAL(9,2)", "NaN"),
        ("DECIMAL(9,2)", "1e999"),
        ("DECIMAL(38,0)", "0.1"),
        ("FLOAT", "1e39"),
        ("DOUBLE", "1e999"),
        ("DOUBLE", "0x10"),
        ("VARCHAR", "a\0"),
        ("BLOB", "a"),
        ("BLOB", "ä"),
        ("DATE", "2024-02-30"),
        ("DATE", "20240229"),
        ("DATE", "2024-02-29T00:00:00"),
        ("TIME", "24:00"),
        ("TIMESTAMP", "2024-02-29Z"),
        ("TIMESTAMP", "now"),
        ("TIMESTAMP WITH TIME ZONE", "2024-02-29T10:00:00"),
        ("TIMESTAMP WITH TIME ZONE", "2024-02-29T10:00:00+25:00"),
        ("TIMESTAMP WITH TIME ZONE", "0001-01-01T00:00:00+01:00"),
        ("UUID", "0123456789abcdef0123456789abcdef"),
        ("INTEGER[]", "[1]"),
    ],
)
def test_other_text_is_refused_naming_column_and_type_but_not_the_text(sql_type: str, text: str) -> None:
    with pytest.raises(ParameterValueError) as raised:
        parse_value("net weight", sql_type, text)
    assert "net weight" in raised.value.message
    assert sql_type in raised.value.message
    assert len(raised.value.message) < 200
    assert raised.value.hint


def test_an_error_shows_the_form_of_a_text_only() -> None:
    assert form("Smith-1234") == "'aaaaa-9999'"
    assert form("x" * 1000) == repr("a" * 24) + "… (1,000 characters)"
    with pytest.raises(ParameterValueError) as raised:
        parse_value("c", "DATE", "secret-17")
    assert "secret" not in str(raised.value) + raised.value.hint


@pytest.mark.parametrize(
    ("sql_type", "text", "wider"),
    [
        ("DECIMAL(9,2)", "1.005", "DECIMAL(10,3)"),
        ("DECIMAL(9,2)", "123456789", "DECIMAL(11,2)"),
        ("DECIMAL(9,2)", "1.500", "DECIMAL(9,2)"),
        ("DECIMAL(9,2)", "0.0000", "DECIMAL(9,2)"),
        ("DECIMAL(9,2)", "1e-3", "DECIMAL(10,3)"),
    ],
)
def test_a_decimal_with_more_digits_than_the_column_is_not_rounded(sql_type: str, text: str, wider: str) -> None:
    assert parse_value("c", sql_type, text).sql_type == wider


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_a_decimal_compares_as_it_is_written(number: Decimal) -> None:
    found = parse_value("c", "DECIMAL(9,2)", str(number))
    row = duckdb.execute(f"SELECT CAST($1 AS {found.sql_type})", [found.value]).fetchone()
    assert row is not None and row[0] == number


@given(st.sampled_from([*SIMPLE, "DECIMAL(9,2)", "DECIMAL(38,38)", "INTERVAL"]), st.text(max_size=40))
def test_any_text_is_a_value_or_a_clear_error(sql_type: str, text: str) -> None:
    try:
        assert parse_value("c", sql_type, text).value is not None
    except ParameterValueError as error:
        assert "'c'" in error.message
