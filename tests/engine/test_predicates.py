"""A condition becomes the strongest predicate that its source declares, and never one that says more."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from connectors.sdk import AllOf, AnyOf, Column, Comparison, Op, Predicate, Support, Table, TableName, Value
from engine.conversions import convert, convertible, from_text
from engine.parse import parse_query
from engine.predicates import push, rejects_null

EXACT = dict.fromkeys(Op, Support.EXACT)
TABLE = Table(
    TableName(("t",)),
    (
        Column("n", "INTEGER", operators=EXACT), Column("u", "UBIGINT", operators=EXACT),
        Column("m", "DECIMAL(5,2)", operators=EXACT), Column("x", "DOUBLE", operators=EXACT),
        Column("f", "FLOAT", operators=EXACT), Column("s", "VARCHAR", operators=EXACT),
        Column("b", "BOOLEAN", operators=EXACT), Column("d", "DATE", operators=EXACT),
        Column("ts", "TIMESTAMP", operators=EXACT), Column("tz", "TIMESTAMP WITH TIME ZONE", operators=EXACT),
        Column("id", "UUID", operators=EXACT), Column("bin", "BLOB", operators=EXACT),
        Column("rough", "VARCHAR", operators=dict.fromkeys((Op.EQ, Op.STARTS_WITH), Support.INEXACT)),
        Column("none", "INTEGER"),
    ),
)  # fmt: skip


def pushed(condition: str) -> tuple[Predicate, bool] | None:
    where = parse_query(f"SELECT 1 FROM t WHERE {condition}").args["where"].this
    found = push(where, TABLE, lambda column: column.name.lower(), ())
    return None if found is None else (found.predicate, found.exact)


@pytest.mark.parametrize(
    ("condition", "op", "values"),
    [
        ("n = 5", Op.EQ, (5,)), ("5 < n", Op.GT, (5,)), ("n = 2.0", Op.EQ, (2,)), ("n = -3", Op.EQ, (-3,)),
        ("n = '5'", Op.EQ, (5,)), ("n IN (1, 2)", Op.IN, (1, 2)), ("NOT n = 5", Op.NE, (5,)),
        ("NOT n < 5", Op.GE, (5,)),
        ("m = 1.5", Op.EQ, (Decimal("1.5"),)), ("x = 0.1", Op.EQ, (0.1,)), ("x = 3", Op.EQ, (3.0,)),
        ("s = 'a'", Op.EQ, ("a",)), ("s LIKE 'a%'", Op.STARTS_WITH, ("a",)), ("s LIKE '%a'", Op.ENDS_WITH, ("a",)),
        ("s LIKE '%a%'", Op.CONTAINS, ("a",)), ("s LIKE 'a'", Op.EQ, ("a",)), ("s ^@ 'a'", Op.STARTS_WITH, ("a",)),
        ("b", Op.EQ, (True,)), ("NOT b", Op.EQ, (False,)), ("b = FALSE", Op.EQ, (False,)),
        ("b IS TRUE", Op.EQ, (True,)),
        ("d = '2024-02-29'", Op.EQ, (date(2024, 2, 29),)), ("d > DATE '2024-02-29'", Op.GT, (date(2024, 2, 29),)),
        ("ts = DATE '2024-02-29'", Op.EQ, (datetime(2024, 2, 29),)),
        ("tz = '2024-02-29 10:00:00+02'", Op.EQ, (datetime(2024, 2, 29, 8, tzinfo=UTC),)),
        ("tz = TIMESTAMP '2024-02-29 10:00:00'", Op.EQ, (datetime(2024, 2, 29, 10, tzinfo=UTC),)),
        ("id = '00000000-0000-0000-0000-00000000000A'", Op.EQ, (UUID(int=10),)),
        ("n IS NULL", Op.IS_NULL, ()), ("n IS NOT NULL", Op.IS_NOT_NULL, ()), ("(n) = (5)", Op.EQ, (5,)),
        ("n IS NOT DISTINCT FROM 5", Op.EQ, (5,)),
    ],
)  # fmt: skip
def test_a_comparison_with_a_constant_is_exact(condition: str, op: Op, values: tuple[Value, ...]) -> None:
    found = pushed(condition)
    assert found is not None
    predicate, exact = found
    assert isinstance(predicate, Comparison)
    assert (predicate.op, predicate.values, exact) == (op, values, True)
    assert [type(value) for value in predicate.values] == [type(value) for value in values]


@pytest.mark.parametrize(
    "condition",
    ["n = 2.5", "n = 1e0", "n = NULL", "n = n", "n + 1 = 2", "n NOT IN (1)", "n IN (1, NULL)", "n IN (1, 2.5)",
     "n = '2.5'", "n = ' 5'", "n = '99999999999999999999'", "u = 18446744073709551615", "m = 1.005", "m = 99999",
     "x = 0.12345678901234567", "x = 1e400", "f = 0.1", "f = 1", "bin = 'a'", "s = 5", "s NOT LIKE 'a%'",
     "s LIKE 'a_b'",
     "s LIKE 'a%b'", "s LIKE '%'", "s LIKE 'a\\%'", "s LIKE 'a!%' ESCAPE '!'", "s ILIKE 'a%'", "NOT s LIKE 'a%'",
     "NOT s NOT LIKE 'a%'", "n LIKE '05'", "NOT (s ^@ 'a')", "upper(s) = 'A'", "s = NULL", "s < s",
     "d = '2024-W09-4'", "d = '2024-2-29'",
     "d = TIMESTAMP '2024-02-29 00:00:00'",
     "ts = '2024-02-29 10:00:00.1234567'", "ts = '2024-02-29T10'", "ts = '2024-02-29 10:00:00+02'", "b IS NOT TRUE",
     "id = '{00000000-0000-0000-0000-0000000000}'", "id = 'x'", "none = 1", "none IS NULL", "n IS DISTINCT FROM 5",
     "n = 5 OR none = 1", "rough < 'a'", "NOT rough = 'a'", "NOT (n = 1 AND none = 2)", "CASE WHEN n = 1 THEN b END",
     "n = (SELECT 1)", "n = ANY (SELECT 1)", "n % 2 = 1"],
)  # fmt: skip
def test_what_may_be_compared_otherwise_stays_here(condition: str) -> None:
    assert pushed(condition) is None


def test_rough_operators_and_lost_terms_make_a_predicate_inexact() -> None:
    assert pushed("rough = 'a'") == (Comparison("rough", Op.EQ, ("a",)), False)
    assert pushed("rough LIKE 'a%'") == (Comparison("rough", Op.STARTS_WITH, ("a",)), False)
    assert pushed("n = 1 AND none = 2") == (Comparison("n", Op.EQ, (1,)), False)
    one, two = Comparison("n", Op.EQ, (1,)), Comparison("s", Op.EQ, ("a",))
    assert pushed("n = 1 AND s = 'a'") == (AllOf((one, two)), True)
    assert pushed("n = 1 OR (s = 'a' AND none = 2)") == (AnyOf((one, two)), False)
    assert pushed("NOT (n <> 1 OR s <> 'a')") == (AllOf((one, two)), True)
    assert pushed("n BETWEEN 1 AND none") == (Comparison("n", Op.GE, (1,)), False)


def test_what_rejects_null() -> None:
    null, one = Comparison("n", Op.IS_NULL), Comparison("n", Op.EQ, (1,))
    assert rejects_null(one) and not rejects_null(null)
    assert rejects_null(AllOf((one, null))) and not rejects_null(AnyOf((one, null)))


@pytest.mark.parametrize(
    ("value", "given", "wanted", "found"),
    [
        (Decimal("0.00"), "DECIMAL(3,2)", "DECIMAL(2,2)", Decimal("0.00")),
        (Decimal("9.995"), "DECIMAL(4,3)", "DECIMAL(4,2)", None),
        (Decimal("1234567890123456789012345678.123456789"), "DECIMAL(38,9)", "DECIMAL(38,5)", None),
        (Decimal("1E+3"), "DECIMAL(4,0)", "INTEGER", 1000),
        (2**53 + 1, "BIGINT", "DOUBLE", None),
        (float("nan"), "DOUBLE", "DOUBLE", None),
        (float("inf"), "DOUBLE", "DOUBLE", None),
        (2.5, "DOUBLE", "INTEGER", None),
        (0.5, "DOUBLE", "FLOAT", None),
        ("x", "VARCHAR", "INTEGER", None),
        (True, "BOOLEAN", "INTEGER", None),
        (b"a", "BLOB", "BLOB", None),
        (date(2024, 1, 1), "DATE", "TIMESTAMP WITH TIME ZONE", datetime(2024, 1, 1, tzinfo=UTC)),
        (datetime(2024, 1, 1, tzinfo=UTC), "TIMESTAMP WITH TIME ZONE", "TIMESTAMP", None),
    ],
)
def test_a_value_is_converted_only_when_it_survives(
    value: Value, given: str, wanted: str, found: Value | None
) -> None:
    assert convert(value, given, wanted) == found
    assert found is None or convertible(given, wanted)


@pytest.mark.parametrize("text", ["2024-01-01 25:00:00", "2024-13-01", "0000-01-01", "2024-01-01 10:00:00,5"])
def test_text_that_is_no_instant_is_none(text: str) -> None:
    assert from_text(text, "TIMESTAMP") is None
