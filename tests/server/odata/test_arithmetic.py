"""Arithmetic: promotion, integers beyond 64 bits, decimals to their scale, dates, moments and durations."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

from server.odata.errors import ODataNotImplementedError, ODataTypeError
from tests.server.odata.service import one_row

ROW = one_row(
    {
        "Rating": ("INTEGER", 5),
        "Small": ("TINYINT", 127),
        "Unsigned": ("UINTEGER", 7),
        "Big": ("BIGINT", 2**63 - 1),
        "Price": ("DECIMAL(9,2)", Decimal("2.55")),
        "Wide": ("DECIMAL(38,10)", Decimal("1.0000000001")),
        "Sum": ("DECIMAL(38,2)", Decimal("12345678901234567890.12")),
        "Ratio": ("DOUBLE", 0.5),
        "Zero": ("INTEGER", 0),
        "None": ("INTEGER", None),
        "Day": ("DATE", date(2024, 2, 29)),
        "Later": ("DATE", date(2024, 3, 1)),
        "Start": ("TIMESTAMP WITH TIME ZONE", datetime(2024, 1, 1, 12, tzinfo=UTC)),
        "End": ("TIMESTAMP", datetime(2024, 1, 1, 13, 30)),
        "Name": ("VARCHAR", "x"),
        "Flag": ("BOOLEAN", True),
    }
)


@pytest.mark.parametrize(
    "text",
    [
        "Price add 2.45 eq 5.00", "Price sub 0.55 eq 2.00", "Price mul 2.0 eq 5.10", "Price div 2.55 eq 1",
        "Rating div 2 eq 2", "Rating divby 2 eq 2.5", "Rating mod 5 eq 0", "(4 add 5) mod (4 sub 1) eq 0",
        "-Rating div 2 eq -2", "-7 mod 3 eq -1", "7 mod -3 eq 1", "Price mod 1 eq 0.55", "-Unsigned eq -7",
        "Small add Small eq 254", "Small add 1 eq 128", "Big add 1 eq 9223372036854775808", "Big mul 2 gt Big",
        "Big mul Big gt Big", "Unsigned sub 8 eq -1", "Wide add Price eq 3.5500000001", "Wide mul 2 eq 2.0000000002",
        "Sum add 0.01 eq 12345678901234567890.13", "Sum mul 1.1 gt Sum", "Wide mul Wide eq 1.00000000020000000001",
        "Ratio add Rating eq 5.5", "Ratio mul Price eq 1.275", "Rating add 0.5 eq 5.5", "Rating mul 1.5e0 eq 7.5",
        "1 add 2 mul 3 eq 7", "(1 add 2) mul 3 eq 9", "10 sub 3 sub 2 eq 5", "-(Rating) eq -5", "-(-5) eq Rating",
        "-Price eq -2.55", "-(Price add 1) eq -3.55", "None add 1 eq null", "null add 1 eq null", "-None eq null",
        "Rating divby Zero eq INF", "Ratio div 0 eq INF", "-Ratio div 0 eq -INF", "2.0 gt 1", "Rating add 1 lt 6.5",
        "Later sub Day eq duration'P1D'", "Day add duration'P1D' eq Later", "Day add duration'PT1H' eq Day",
        "Day sub duration'PT1H' eq 2024-02-28", "2024-02-29 sub duration'PT1H' eq 2024-02-28",
        "Start add duration'PT1H30M' eq End", "End sub Start eq duration'PT1H30M'", "Start sub duration'P1D' lt End",
        "End sub Start gt duration'PT1H29M59.999999S'", "-(End sub Start) eq duration'-PT1H30M'",
        "Start ge 2024-01-02T12:00:00Z sub duration'P1D'", "duration'PT1H' add duration'PT1H' eq duration'PT2H'",
        "(End sub Start) add duration'PT30M' eq duration'PT2H'", "Rating sub -5 eq 10",
    ],
)  # fmt: skip
def test_operators_compute_what_the_standard_says(text: str) -> None:
    assert ROW.filter(text) == [1]


@pytest.mark.parametrize("text", ["Rating div 0 eq 1", "Rating div Zero eq 1", "Rating mod 0 eq 1"])
def test_integers_divided_by_zero_fail_the_request(text: str) -> None:
    with pytest.raises(duckdb.InvalidInputException):
        ROW.filter(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Name add 1 eq 2", ODataTypeError),
        ("Flag mul 2 eq 2", ODataTypeError),
        ("-Name eq 'x'", ODataTypeError),
        ("Day add 1 eq Later", ODataTypeError),
        ("Day add Later eq Day", ODataTypeError),
        ("duration'PT1H' sub Start eq Start", ODataTypeError),
        ("(End sub Start) mul 2 eq duration'PT3H'", ODataNotImplementedError),
        ("Start gt 9999-12-31T00:00:00Z add duration'P2D'", ODataTypeError),
        ("Rating eq 1.00000000000000000000000000000000000000001", ODataTypeError),
    ],
)
def test_operands_that_do_not_go_together_are_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        ROW.filter(text)
