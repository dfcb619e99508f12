"""Text and JSON are read as a column type without loss or not at all, one by one as all at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from connectors.sdk.columns import SourceColumn, _json_whole
from connectors.sdk.formats.csv import _cast_whole
from connectors.sdk.formats.options import TableOptions
from connectors.sdk.types import arrow_type
from connectors.sdk.values import BadValueError, json_reader, text_reader

TYPES = (
    *("BOOLEAN", "TINYINT", "BIGINT", "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "DATE", "TIME", "TIMESTAMP", "UUID"),
    *("TIMESTAMP WITH TIME ZONE", "DECIMAL(10,2)", "DECIMAL(38,10)"),
)
TEXTS = (
    *(
        "12",
        "+12",
        " 12",
        "12 ",
        "1e3",
        "1.5",
        "1.256",
        "1.50000",
        "abc",
        "",
        " ",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "Infinity",
    ),
    *("true", "T", "1", "0", "yes", "FALSE", "2024-02-01", "2024-02-30", "2024-02-01 10:00", "2024-02-01T10:00:00"),
    *("2024-02-01T10:00:00.123456789", "2024-02-01T10:00:00Z", "2024-02-01 10:00:00+02", "2024-02-01 10:00:00+0530"),
    *(
        "2024-02-01 10:00:00+25:00",
        "10:00",
        "10:00:00.5",
        "24:00:00",
        "0001-01-01",
        "9999-12-31",
        "-0",
        "0x1F",
        "1_000",
    ),
    *(
        "1,5",
        "1.234,5",
        "1.234.567",
        "1.23,4",
        "9223372036854775808",
        "-129",
        "1e400",
        "1e-400",
        "١٢",
        "1e",
        ".5",
        "5.",
    ),
    *("00000000-0000-0000-0000-00000000000A", "{00000000-0000-0000-0000-00000000000a}", "20240201", "2024-W05-1"),
    *("99999999999999999999999999999999999999", "0.0000000001", "2024-02-01 10", "12:60", "10:00:60", "2024-2-1"),
)


def one(read: Any, value: Any) -> Any:
    try:
        return read(value)
    except BadValueError as error:
        assert not (isinstance(value, str) and len(value) > 4 and value in str(error))
        return BadValueError


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("sql_type", TYPES)
def test_what_pyarrow_reads_all_at_once_we_read_alike_one_by_one(sql_type: str, comma: bool) -> None:
    column = SourceColumn("c", sql_type, "c")
    read = text_reader(sql_type, decimal_comma=comma)
    for text in TEXTS:
        whole = _cast_whole(pa.array([text]), column, TableOptions(path="a.csv", decimal_comma=comma))
        if whole is not None:
            value: Any = pa.array([one(read, text)], arrow_type(sql_type))
            assert str(whole.to_pylist()) == str(value.to_pylist()), (sql_type, text)


@pytest.mark.parametrize("sql_type", TYPES)
def test_json_read_all_at_once_is_json_read_one_by_one(sql_type: str) -> None:
    column, read = SourceColumn("c", sql_type, "c"), json_reader(sql_type)
    numbers = [
        1,
        -129,
        2**63,
        2**64,
        10**40,
        True,
        Decimal("1.50"),
        Decimal("1.256"),
        Decimal("1E+3"),
        Decimal("1E+400"),
    ]
    for found in (*TEXTS, *numbers, None, [1], {"a": Decimal("1.10")}):
        whole = _json_whole([found], column)
        if whole is not None:
            value: Any = pa.array([one(read, found)], arrow_type(sql_type))
            assert str(whole.to_pylist()) == str(value.to_pylist()), (sql_type, found)


def test_a_naive_text_needs_the_zone_and_a_decimal_never_loses_a_digit() -> None:
    with pytest.raises(BadValueError, match="time_zone"):
        text_reader("TIMESTAMP WITH TIME ZONE")("2024-02-01 10:00")
    read = text_reader("TIMESTAMP WITH TIME ZONE", zone=ZoneInfo("Europe/Berlin"))
    assert str(read("2024-10-27 02:30")) == "2024-10-27 00:30:00+00:00"  # the earlier of two
    for sql_type, text, wanted in (
        ("DECIMAL(5,2)", "999.990", "999.99"),
        ("DECIMAL(5,2)", "1000", None),
        ("DECIMAL(5,2)", "0.001", None),
        ("DECIMAL(5,2)", "-0.00", "0.00"),
        ("DECIMAL(5,0)", "1e4", "10000"),
        ("DECIMAL(5,0)", "1e5", None),
    ):
        found = one(text_reader(sql_type), text)
        assert (found is BadValueError) if wanted is None else (str(found) == wanted), (sql_type, text)
    with pytest.raises(BadValueError):
        text_reader("DECIMAL(9,2)", decimal_comma=True)("1.5")
