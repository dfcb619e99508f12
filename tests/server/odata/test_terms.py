"""Constants and the types in which they are bound."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlglot import exp

from connectors.sdk.types import SIMPLE
from engine.query import Parameter, parameter
from server.odata.errors import ODataTypeError
from server.odata.terms import Term, constant, digits, kind_of, parameter_node, sql


@pytest.mark.parametrize("sql_type", [*SIMPLE, "HUGEINT", "UHUGEINT", "DECIMAL(38,0)", "DECIMAL(12,2)"])
def test_a_parameter_is_the_one_that_the_engine_knows(sql_type: str) -> None:
    built, known = parameter_node(4, sql_type), parameter(4, sql_type)
    assert built == known
    assert built.sql("duckdb") == known.sql("duckdb")
    assert hash(built) == hash(known)


@pytest.mark.parametrize(
    ("value", "column", "bound"),
    [
        (5, "SMALLINT", Parameter("SMALLINT", 5)),
        (70_000, "SMALLINT", Parameter("BIGINT", 70_000)),
        (-1, "UINTEGER", Parameter("BIGINT", -1)),
        (2**64, "BIGINT", Parameter("HUGEINT", 2**64)),
        (5, "DECIMAL(12,2)", Parameter("DECIMAL(12,2)", Decimal(5))),
        (Decimal("5.00"), "INTEGER", Parameter("INTEGER", 5)),
        (Decimal("5.5"), "INTEGER", Parameter("DECIMAL(11,1)", Decimal("5.5"))),
        (Decimal("1.234"), "DECIMAL(12,2)", Parameter("DECIMAL(13,3)", Decimal("1.234"))),
        (Decimal("1.234"), "DECIMAL(38,2)", Parameter("DECIMAL(38,3)", Decimal("1.234"))),
        (Decimal("0.1"), "FLOAT", Parameter("FLOAT", 0.1)),
        (Decimal("1e300"), "FLOAT", Parameter("DOUBLE", 1e300)),
        (10**400, "DOUBLE", Parameter("DOUBLE", float("inf"))),
        (1.5, "INTEGER", Parameter("DOUBLE", 1.5)),
        (True, "BOOLEAN", Parameter("BOOLEAN", True)),
    ],
)
def test_a_number_is_bound_as_its_column_or_as_what_holds_both(value: object, column: str, bound: Parameter) -> None:
    parameters: list[Parameter] = []
    like = Term(kind_of(column), column, exp.column("x"))
    sql(constant(value, 0), parameters, like)  # type: ignore[arg-type]
    assert parameters == [bound]


def test_a_number_of_more_digits_than_there_are_is_refused() -> None:
    with pytest.raises(ODataTypeError, match="too many digits"):
        sql(constant(Decimal("9" * 39)), [], Term("integer", "BIGINT", exp.column("x")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", (0, 0)), ("0.000", (0, 0)), ("5", (1, 0)), ("1.50", (1, 1)), ("0.05", (0, 2)), ("1E+3", (4, 0)),
     ("1234567890123456789012345678901234567.1", (37, 1))],
)  # fmt: skip
def test_digits_are_counted_without_rounding(text: str, expected: tuple[int, int]) -> None:
    assert digits(Decimal(text)) == expected


def test_a_node_that_stands_somewhere_is_copied_when_it_is_used_again() -> None:
    term = Term("integer", "INTEGER", exp.column("x"))
    first = exp.Not(this=sql(term, []))
    assert sql(term, []) is not first.this
    assert sql(term, []) == first.this
