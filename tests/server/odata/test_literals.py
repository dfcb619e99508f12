"""Every literal of OData 4.01, as the value and the type that the tree has for it."""

import datetime
import math
import uuid
from decimal import Decimal

import pytest

from server.odata.errors import ODataSyntaxError
from server.odata.expression import parse_expression
from server.odata.syntax import LexicalValue, Literal

UTC = datetime.UTC
HOUR = datetime.timezone(datetime.timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "value", "type_name"),
    [
        ("null", None, "null"),
        ("true", True, "Edm.Boolean"),
        ("false", False, "Edm.Boolean"),
        ("0", 0, "Edm.Int32"),
        ("-128", -128, "Edm.Int32"),
        ("+5", 5, "Edm.Int32"),
        ("2147483647", 2**31 - 1, "Edm.Int32"),
        ("2147483648", 2**31, "Edm.Int64"),
        ("-9223372036854775808", -(2**63), "Edm.Int64"),
        ("9223372036854775808", Decimal(2**63), "Edm.Decimal"),
        ("34.950", Decimal("34.950"), "Edm.Decimal"),
        ("0.31415926535897931e1", 3.1415926535897931, "Edm.Double"),
        ("1E+5", 1e5, "Edm.Double"),
        ("1e999", Decimal("1e999"), "Edm.Decimal"),
        ("INF", math.inf, "Edm.Double"),
        ("-INF", -math.inf, "Edm.Double"),
        ("''", "", "Edm.String"),
        ("'O''Neil'", "O'Neil", "Edm.String"),
        ("''''", "'", "Edm.String"),
        ("'a,b;c&d/e(f)=\"g\" [h]{i}#$@'", 'a,b;c&d/e(f)="g" [h]{i}#$@', "Edm.String"),
        (
            "01234567-89AB-cdef-0123-456789abcdef",
            uuid.UUID("01234567-89ab-cdef-0123-456789abcdef"),
            "Edm.Guid",
        ),
        (
            "abcdef01-89ab-cdef-0123-456789abcdef",
            uuid.UUID("abcdef01-89ab-cdef-0123-456789abcdef"),
            "Edm.Guid",
        ),
        ("2012-12-03", datetime.date(2012, 12, 3), "Edm.Date"),
        ("0999-02-28", datetime.date(999, 2, 28), "Edm.Date"),
        ("2024-02-29", datetime.date(2024, 2, 29), "Edm.Date"),
        ("0000-02-29", LexicalValue("0000-02-29"), "Edm.Date"),
        ("-0044-03-15", LexicalValue("-0044-03-15"), "Edm.Date"),
        ("12024-01-01", LexicalValue("12024-01-01"), "Edm.Date"),
        ("2012-12-03T07:16Z", datetime.datetime(2012, 12, 3, 7, 16, tzinfo=UTC), "Edm.DateTimeOffset"),
        (
            "2012-12-03T07:16:23.5+01:00",
            datetime.datetime(2012, 12, 3, 7, 16, 23, 500000, HOUR),
            "Edm.DateTimeOffset",
        ),
        (
            "2012-12-03t07:16:23.1234560z",
            datetime.datetime(2012, 12, 3, 7, 16, 23, 123456, UTC),
            "Edm.DateTimeOffset",
        ),
        (
            "2012-12-03T07:16:23.1234567Z",
            LexicalValue("2012-12-03T07:16:23.1234567Z"),
            "Edm.DateTimeOffset",
        ),
        ("0001-01-01T00:00:00+10:00", LexicalValue("0001-01-01T00:00:00+10:00"), "Edm.DateTimeOffset"),
        ("07:59:59.999", datetime.time(7, 59, 59, 999000), "Edm.TimeOfDay"),
        ("07:59", datetime.time(7, 59), "Edm.TimeOfDay"),
        ("23:59:60", LexicalValue("23:59:60"), "Edm.TimeOfDay"),
        (
            "duration'P12DT23H59M59.999999S'",
            datetime.timedelta(12, 86399, 999999),
            "Edm.Duration",
        ),
        ("duration'-PT5M'", datetime.timedelta(minutes=-5), "Edm.Duration"),
        ("DURATION'pt1h'", datetime.timedelta(hours=1), "Edm.Duration"),
        ("duration'PT0.9999999S'", LexicalValue("PT0.9999999S"), "Edm.Duration"),
        ("duration'P9999999999D'", LexicalValue("P9999999999D"), "Edm.Duration"),
        ("'P1D'", "P1D", "Edm.String"),
        ("binary''", b"", "Edm.Binary"),
        ("binary'Zm8='", b"fo", "Edm.Binary"),
        ("binary'Zm8'", b"fo", "Edm.Binary"),
        ("binary'-_-_'", b"\xfb\xff\xbf", "Edm.Binary"),
        ("Sales.Pattern'Yellow,-42'", LexicalValue("Yellow,-42"), "Sales.Pattern"),
        (
            "geography'SRID=0;Point(142.1 64.1)'",
            LexicalValue("SRID=0;Point(142.1 64.1)"),
            "Edm.Geography",
        ),
        (
            "geometry'SRID=12;Polygon((1 1,1 2,2 2,1 1))'",
            LexicalValue("SRID=12;Polygon((1 1,1 2,2 2,1 1))"),
            "Edm.Geometry",
        ),
    ],
)
def test_literal_has_value_and_type(text: str, value: object, type_name: str) -> None:
    tree = parse_expression(text)
    assert isinstance(tree, Literal)
    assert (tree.value, tree.type) == (value, type_name)
    assert type(tree.value) is type(value)


def test_nan_is_a_double() -> None:
    tree = parse_expression("NaN")
    assert isinstance(tree, Literal) and isinstance(tree.value, float) and math.isnan(tree.value)


@pytest.mark.parametrize(
    "text",
    [
        "2022-02-31",
        "2023-02-29",
        "1900-02-29",
        "2022-13-01",
        "2012-12-03T24:00Z",
        "2012-12-03T07:60Z",
        "2012-12-03T07:16:23",
        "2012-12-03T07:16:23+25:00",
        "2012-12-03T",
        "24:00:00",
        "1e99999",
        "5L",
        "5.0M",
        "1.",
        ".5",
        "1e",
        "9" * 501,
        "01234g67-89ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-456789abcdef",
        "'open",
        "'it's'",
        "duration'P'",
        "duration'P1DT'",
        "duration'P1Y'",
        "duration'+P1D'",
        "binary'Z'",
        "binary'Zm8=='",
        "binary'Zm9/'",
        "guid'01234567-89ab-cdef-0123-456789abcdef'",
        "datetime'2012-12-03T07:16:23'",
        "Sales.Pattern'a b'",
        "geography'Point(1 2)'",
        "١٢",
    ],
)
def test_what_is_no_literal_is_a_syntax_error(text: str) -> None:
    with pytest.raises(ODataSyntaxError) as caught:
        parse_expression(text)
    assert caught.value.option == "$filter"


def test_local_time_is_refused_with_a_hint_about_the_zone() -> None:
    with pytest.raises(ODataSyntaxError) as caught:
        parse_expression("CreatedAt ge 2024-01-01T00:00:00")
    assert caught.value.position == 13
    assert "Z" in caught.value.hint


def test_error_never_repeats_the_content_of_a_string() -> None:
    with pytest.raises(ODataSyntaxError) as caught:
        parse_expression("Name eq 'secret one' 'secret two'")
    assert "secret" not in str(caught.value)
