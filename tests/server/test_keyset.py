"""Paging by key over real rows: each row once and in order, whatever the order, the ties and the NULLs."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from engine.encoders.page_token import write_token
from engine.errors import ParameterValueError
from engine.query import Parameter
from server.keyset import OrderTerm, behind, can_page, ordered, page_of, read_after, with_key

TABLE = "the orders"
TYPES = {"k": "INTEGER", "j": "VARCHAR", "a": "INTEGER", "b": "VARCHAR", "c": "DOUBLE", "d": "DECIMAL(9,2)"}
Row = tuple[Any, ...]


def term(name: str, descending: bool = False, nulls_first: bool = False, nullable: bool = True) -> OrderTerm:
    column = exp.column(name, table=TABLE, quoted=True)
    return OrderTerm(column, TYPES[name], descending, nulls_first, nullable)


def run(connection: duckdb.DuckDBPyConnection, select: exp.Select, parameters: Sequence[Parameter] = ()) -> list[Row]:
    return connection.execute(select.sql("duckdb"), [p.value for p in parameters]).fetchall()


def base() -> exp.Select:
    columns = [exp.column(name, table=TABLE, quoted=True) for name in TYPES]
    return exp.select(*columns).from_(exp.to_identifier(TABLE, quoted=True))


def pages(connection: duckdb.DuckDBPyConnection, terms: Sequence[OrderTerm], size: int) -> list[Row]:
    """Every row, page by page, as a client reads them: through tokens."""
    rows: list[Row] = []
    token: str | None = None
    for _ in range(1000):
        parameters: list[Parameter] = []
        after = None if token is None else read_after(token, terms)
        found = run(connection, page_of(base(), terms, size, parameters, after), parameters)
        assert len(found) <= size + 1
        rows += [row[: len(TYPES)] for row in found[:size]]
        if len(found) <= size:
            return rows
        token = write_token(found[size - 1][len(TYPES) :])
    raise AssertionError("the pages have no end")


def table(rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f'CREATE TABLE "{TABLE}" ({", ".join(f"{n} {t}" for n, t in TYPES.items())})')
    if rows:
        connection.executemany(f'INSERT INTO "{TABLE}" VALUES (?, ?, ?, ?, ?, ?)', rows)
    return connection


def random_rows(count: int, seed: int) -> list[Row]:
    """Few different values, so that ties are the rule; (k, j) is the key."""
    pick = random.Random(seed)
    keys = [(k, j) for k in range(count) for j in ("", "x", "Ä")]
    return [
        (
            k,
            j,
            pick.choice([None, 1, 2, 3]),
            pick.choice([None, "", "a", "B", "ä", "a%"]),
            pick.choice([None, math.nan, math.inf, -math.inf, 0.0, -0.0, 0.1, 1e300]),
            pick.choice([None, Decimal("1.10"), Decimal("-0.01"), Decimal(5)]),
        )
        for k, j in pick.sample(keys, count)
    ]


def key(nullable: bool = False, descending: bool = False) -> tuple[OrderTerm, ...]:
    return term("k", descending, nullable=nullable), term("j", nullable=nullable)


DIRECTIONS = list(itertools.product([False, True], [False, True]))


@pytest.mark.parametrize(("first", "second"), list(itertools.product(DIRECTIONS, DIRECTIONS)))
def test_each_row_comes_once_and_in_order_in_every_direction(
    first: tuple[bool, bool], second: tuple[bool, bool]
) -> None:
    connection = table(random_rows(23, 7))
    terms = with_key([term("a", *first), term("c", *second)], key())
    expected = [row[: len(TYPES)] for row in run(connection, ordered(base(), terms))]
    assert len(expected) == 23
    for size in (1, 2, 5, 22, 23, 24):
        assert repr(pages(connection, terms, size)) == repr(expected)


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.sampled_from("abcd"), min_size=1, max_size=4),
    directions=st.lists(st.sampled_from(DIRECTIONS), min_size=4, max_size=4),
    nullable=st.booleans(),
    size=st.integers(1, 31),
    count=st.integers(0, 30),
    seed=st.integers(0, 10),
)
def test_each_row_comes_once_and_in_order_in_any_order(
    names: list[str], directions: list[tuple[bool, bool]], nullable: bool, size: int, count: int, seed: int
) -> None:
    connection = table(random_rows(count, seed))
    order = [term(name, *direction) for name, direction in zip(names, directions, strict=False)]
    terms = with_key(order, key(nullable, directions[3][0]))
    expected = [row[: len(TYPES)] for row in run(connection, ordered(base(), terms))]
    assert repr(pages(connection, terms, size)) == repr(expected)


@pytest.mark.parametrize(("descending", "nulls_first"), DIRECTIONS)
def test_a_declared_key_that_holds_null_after_all_loses_no_row(descending: bool, nulls_first: bool) -> None:
    connection = table([(None, "x", 1, "a", 0.0, None), *[(n, "x", 1, "a", 0.0, None) for n in range(4)]])
    terms = [term("k", descending, nulls_first)]
    assert sorted(str(row[0]) for row in pages(connection, terms, 2)) == ["0", "1", "2", "3", "None"]


def condition(terms: Sequence[OrderTerm], values: Sequence[Any]) -> str:
    return behind(terms, values, []).sql("duckdb").replace(f'"{TABLE}".', "").replace('"', "")


def test_the_condition_starts_with_a_term_that_a_source_can_take() -> None:
    terms = with_key([term("a", nullable=False)], [term("k", nullable=False)])
    one, two = "CAST($1 AS INT)", "CAST($2 AS INT)"
    assert condition(terms, (1, 2)) == f"a >= {one} AND (a > {one} OR (a = {one} AND (k > {two})))"


def test_the_condition_of_one_column_is_one_comparison() -> None:
    assert condition([term("k", nullable=False)], (1,)) == "k > CAST($1 AS INT)"
    assert condition([term("k", descending=True, nullable=False)], (1,)) == "k < CAST($1 AS INT)"


def test_nothing_comes_behind_a_last_null() -> None:
    assert condition([term("a")], (None,)) == "FALSE"


def test_every_value_is_one_parameter_and_none_is_text() -> None:
    parameters: list[Parameter] = []
    behind([term("b"), term("k")], ("'; DROP", 3), parameters)
    assert parameters == [Parameter("VARCHAR", "'; DROP"), Parameter("INTEGER", 3)]


def test_a_key_column_that_orders_already_is_not_repeated() -> None:
    terms = with_key([term("j", descending=True)], key())
    assert [(t.expression.name, t.descending, t.nullable) for t in terms] == [("j", True, False), ("k", False, False)]


def test_hidden_columns_have_names_of_their_own() -> None:
    select = base().select(exp.alias_(exp.column("a", table=TABLE, quoted=True), "__AFTER_1", quoted=True))
    names = page_of(select, [term("k")], 1, []).named_selects
    assert names[-2:] == ["__AFTER_1", "__after_1_"]


def test_an_order_by_an_expression_pages_too() -> None:
    connection = table(random_rows(20, 3))
    length = exp.Length(this=exp.column("b", table=TABLE, quoted=True))
    terms = with_key([OrderTerm(length, "BIGINT", descending=True, nulls_first=True)], key())
    expected = [row[: len(TYPES)] for row in run(connection, ordered(base(), terms))]
    assert repr(pages(connection, terms, 3)) == repr(expected)


VALUES: dict[str, list[Any]] = {
    "BOOLEAN": [True, False],
    "TINYINT": [-128, 127],
    "UBIGINT": [0, 2**64 - 1],
    "HUGEINT": [2**126],
    "DECIMAL(9,2)": [Decimal("1234567.89"), Decimal("-0.10")],
    "DECIMAL(38,0)": [Decimal(10**37)],
    "FLOAT": [0.5, math.inf],
    "VARCHAR": ["", "Ä'\n"],
    "BLOB": [b"", b"\x00\xff"],
    "DATE": [date(1, 1, 1), date(9999, 12, 31)],
    "TIME": [time(23, 59, 59, 999999)],
    "TIMESTAMP": [datetime(1850, 1, 1, 0, 0, 0, 1)],
    "TIMESTAMP WITH TIME ZONE": [datetime(2024, 2, 29, tzinfo=UTC)],
    "UUID": [UUID(int=5)],
}


@pytest.mark.parametrize("sql_type", VALUES)
def test_values_of_every_type_come_back_from_a_token_and_others_do_not(sql_type: str) -> None:
    one = [OrderTerm(exp.column("x", quoted=True), sql_type)]
    assert can_page(one)
    for value in VALUES[sql_type]:
        assert read_after(write_token([value]), one) == (value,)
    assert read_after(write_token([None]), one) == (None,)
    others = {
        repr(v): v
        for other, values in VALUES.items()
        for v in values
        if not isinstance(v, type(VALUES[sql_type][0])) or isinstance(v, bool) != (sql_type == "BOOLEAN")
        if not (sql_type.startswith("DECIMAL") and isinstance(v, int) and not isinstance(v, bool))
        if not (sql_type == "DATE" and not isinstance(v, datetime) and isinstance(v, date))
        if other != sql_type
    }
    for value in others.values():
        with pytest.raises(ParameterValueError):
            read_after(write_token([value]), one)


@pytest.mark.parametrize(
    ("sql_type", "value"),
    [
        ("TINYINT", 128),
        ("UINTEGER", -1),
        ("DECIMAL(9,2)", Decimal("0.001")),
        ("DECIMAL(9,2)", Decimal("12345678")),
        ("DECIMAL(9,2)", Decimal("NaN")),
        ("DATE", datetime(2024, 1, 1)),
        ("TIMESTAMP", datetime(2024, 1, 1, tzinfo=UTC)),
        ("TIMESTAMP WITH TIME ZONE", datetime(2024, 1, 1)),
        ("UUID", "not one"),
    ],
)
def test_a_value_that_the_type_cannot_hold_is_refused(sql_type: str, value: Any) -> None:
    with pytest.raises(ParameterValueError):
        read_after(write_token([value]), [OrderTerm(exp.column("x", quoted=True), sql_type)])


@pytest.mark.parametrize("token", ["", "!", "e30", "W10", write_token([1, 2]), write_token([None]), "W3siaW50IjoxfQ"])
def test_a_token_that_was_not_given_for_this_order_is_refused(token: str) -> None:
    with pytest.raises(ParameterValueError):
        read_after(token, [term("k", nullable=False)])


def test_nested_values_cannot_be_paged_by() -> None:
    assert not can_page([OrderTerm(exp.column("x"), "INTEGER[]")])
