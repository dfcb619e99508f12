"""Random filters over nullable columns: the rows that SQL leaves are those for which the oracle says true."""

from __future__ import annotations

import math
import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.odata.syntax import (
    Argument,
    Binary,
    Call,
    Expression,
    ListExpression,
    Literal,
    Logical,
    Name,
    Path,
    Unary,
)
from tests.server.odata.oracle import evaluated
from tests.server.odata.printer import print_expression
from tests.server.odata.service import Service

COLUMNS = {
    "k": "INTEGER", "i": "INTEGER", "j": "BIGINT", "u": "UINTEGER", "m": "DECIMAL(9,2)", "f": "DOUBLE",
    "t": "VARCHAR", "s": "VARCHAR", "d": "DATE", "e": "DATE", "b": "BOOLEAN", "c": "BOOLEAN",
}  # fmt: skip
INTEGERS = [0, 1, 2, 5, -5]
DECIMALS = [Decimal("0.00"), Decimal("1.50"), Decimal("-2.50"), Decimal("5.00")]
FLOATS = [0.0, 1.5, -2.5, 5.0, math.nan, math.inf, -math.inf]
TEXTS = ["", "a", "A", "ab", "it's", "50%", "a_b", " x ", "ä", "🙂b"]
DATES = [date(2024, 1, 1), date(2024, 2, 29), date(1899, 12, 31)]
VALUES: dict[str, list[Any]] = {
    "i": INTEGERS, "j": INTEGERS, "u": [0, 1, 2, 5], "m": DECIMALS, "f": FLOATS, "t": TEXTS, "s": TEXTS,
    "d": DATES, "e": DATES, "b": [True, False], "c": [True, False],
}  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """Seeded; every third value is null, so that each combination of two columns occurs."""
    pick = random.Random(5)
    return [
        {"k": k, **{n: None if pick.random() < 0.33 else pick.choice(values) for n, values in VALUES.items()}}
        for k in range(60)
    ]


ROWS = rows()


@pytest.fixture(scope="module")
def service() -> Service:
    return Service(list(COLUMNS.items()), [[row[name] for name in COLUMNS] for row in ROWS])


def literals(values: list[Any], type_name: str) -> st.SearchStrategy[Expression]:
    return st.sampled_from(values).map(lambda value: Literal(value, type_name))


def columns(names: str) -> st.SearchStrategy[Expression]:
    return st.sampled_from(names.split()).map(lambda name: Path((Name(name),)))


NULL = st.just(Literal(None, "null"))
CONSTANTS = st.one_of(
    literals(INTEGERS, "Edm.Int32"), literals(DECIMALS, "Edm.Decimal"), literals(FLOATS, "Edm.Double")
)


def calls(names: str, *arguments: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.builds(
        lambda name, values: Call(name, tuple(Argument(value) for value in values)),
        st.sampled_from(names.split()),
        st.tuples(*arguments),
    )


def binaries(
    operators: str, left: st.SearchStrategy[Expression], right: st.SearchStrategy[Expression]
) -> st.SearchStrategy[Expression]:
    return st.builds(Binary, st.sampled_from(operators.split()), left, right)


WHOLE = st.one_of(columns("i j u"), literals(INTEGERS, "Edm.Int32"))
TEXT = st.recursive(
    st.one_of(columns("t s"), literals(TEXTS, "Edm.String")),
    lambda inner: st.one_of(
        calls("concat", inner, inner),
        calls("toupper trim", columns("t s")),
        calls("substring", inner, literals([0, 1, 3, -1, -9], "Edm.Int32")),
        calls("substring", inner, WHOLE, literals([0, 1, 9], "Edm.Int32")),
    ),
    max_leaves=3,
)
NUMBER = st.recursive(
    st.one_of(columns("i j u m f"), CONSTANTS, NULL),
    lambda inner: st.one_of(
        binaries("add sub mul", inner, inner),
        binaries("mod", inner, literals([2, -3], "Edm.Int32")),
        binaries("div", WHOLE, literals([2, -3], "Edm.Int32")),
        st.builds(lambda operand: Unary("-", operand), inner),
        calls("floor ceiling round", columns("m f i")),
        calls("length", TEXT),
        calls("indexof", TEXT, TEXT),
        calls("year month day", columns("d e")),
    ),
    max_leaves=4,
)
DATE = st.one_of(columns("d e"), literals(DATES, "Edm.Date"), NULL)
COMPARISONS = "eq ne gt ge lt le"


def memberships(
    left: st.SearchStrategy[Expression], items: st.SearchStrategy[Expression]
) -> st.SearchStrategy[Expression]:
    lists = st.lists(st.one_of(items, NULL), max_size=4).map(lambda found: ListExpression(tuple(found)))
    return st.builds(lambda value, found: Binary("in", value, found), left, lists)


SIMPLE = st.one_of(
    columns("b c"),
    literals([True, False], "Edm.Boolean"),
    NULL,
    binaries(COMPARISONS, NUMBER, NUMBER),
    binaries(COMPARISONS, TEXT, TEXT),
    binaries(COMPARISONS, DATE, DATE),
    calls("contains startswith endswith", TEXT, TEXT),
    memberships(columns("i j m f"), CONSTANTS),
    memberships(TEXT, literals(TEXTS, "Edm.String")),
    memberships(columns("t"), TEXT),
)
CONDITIONS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.builds(lambda operator, parts: Logical(operator, tuple(parts)), st.sampled_from(["and", "or"]),
                  st.lists(inner, min_size=2, max_size=4)),
        st.builds(lambda operand: Unary("not", operand), inner),
        binaries(COMPARISONS, inner, inner),
    ),
    max_leaves=6,
)  # fmt: skip


def text_of(tree: Expression) -> str:
    """As a URL has it; the printer writes lists as JSON, which the standard allows behind `in` too."""
    return print_expression(tree)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=CONDITIONS)
def test_a_filter_leaves_the_rows_for_which_it_is_true(service: Service, tree: Expression) -> None:
    expected = [row["k"] for row in ROWS if evaluated(tree, row) is True]
    assert service.filter(text_of(tree)) == expected


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=CONDITIONS)
def test_a_condition_as_a_value_is_true_false_or_null_as_the_oracle_says(service: Service, tree: Expression) -> None:
    for wanted in (True, False, None):
        expected = [row["k"] for row in ROWS if evaluated(tree, row) is wanted]
        asked = Binary("eq", tree, Literal(wanted, "null" if wanted is None else "Edm.Boolean"))
        assert service.filter(text_of(asked)) == expected
