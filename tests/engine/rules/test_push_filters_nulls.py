"""Conditions that accept NULL, over every shape of two joins: copied where no join supplies NULLs, and only there."""

from __future__ import annotations

import itertools
import random
from functools import cache

import pytest

from connectors.sdk import Column, Op, Support, Table, TableName
from engine.rules.push_filters import push_filters
from tests.engine.compare import same
from tests.engine.reference_source import Stored
from tests.engine.workspace import Workspace

JOINS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN")
VIEWS = {
    "a_and_b": "SELECT a.k, a.v, b.v AS bv FROM s.a LEFT JOIN s.b ON b.k = a.k",
    "b_and_a": "SELECT a.k, a.v, b.v AS bv FROM s.a RIGHT JOIN s.b ON b.k = a.k",
}
TERMS = ("{0}.v IS NULL", "({0}.v <> 5 OR {0}.v IS NULL)")
OPERATORS = dict.fromkeys([Op.EQ, Op.NE, Op.LT, Op.GE, Op.IN, Op.IS_NULL, Op.IS_NOT_NULL], Support.EXACT)


@cache
def workspace() -> Workspace:
    """Three tables of a few rows, with partners, without, with several, and NULLs everywhere."""
    rng = random.Random(5)
    columns = tuple(Column(name, "INTEGER", True, OPERATORS, True) for name in ("k", "v"))
    stored = {}
    for name in "abc":
        rows = tuple({"k": rng.choice((1, 2, 3, 4, None)), "v": rng.choice((5, 7, None))} for _ in range(7))
        stored[name] = Stored(Table(TableName((name,)), columns), rows)
    return Workspace({"s": stored}, VIEWS)


def pushed(sql: str) -> dict[str, int]:
    """How many predicates each table's scan gets; the answer is DuckDB's, or the test fails."""
    prepared = workspace().prepare(sql, rules=(push_filters,))
    answer, _, _ = workspace().run(prepared)
    difference = same(answer, workspace().expected(sql), False, None)
    assert difference is None, f"{sql}\n{difference}\n{prepared.plan.scans}"
    return {str(scan.table): len(scan.predicates) for scan in prepared.plan.scans}


def visible(first: str, second: str) -> list[str]:
    """The tables whose columns WHERE can name: SEMI and ANTI joins show their left side only."""
    hidden = {name for name, join in (("b", first), ("c", second)) if join in ("SEMI JOIN", "ANTI JOIN")}
    return [name for name in "abc" if name not in hidden]


@pytest.mark.parametrize("first", JOINS)
@pytest.mark.parametrize("second", JOINS)
def test_no_shape_of_two_joins_changes_its_answer(first: str, second: str) -> None:
    joined = f"FROM s.a {first} s.b ON b.k = a.k {{}} {second} s.c ON c.k = a.k"
    for term in TERMS:
        for name in visible(first, second):
            pushed(f"SELECT a.k, a.v {joined.format('')} WHERE {term.format(name)}")
        for name in "ab":
            pushed(f"SELECT a.k {joined.format('AND ' + term.format(name))}")


@pytest.mark.parametrize(("view", "join"), list(itertools.product(VIEWS, JOINS[:4])))
def test_no_view_over_an_outer_join_changes_an_answer(view: str, join: str) -> None:
    for column in ("k", "v", "bv"):
        pushed(f"SELECT * FROM {view} WHERE {column} IS NULL")
        pushed(f"SELECT w.v, c.v FROM {view} AS w {join} s.c ON c.k = w.k WHERE w.{column} IS NULL")
        pushed(f"SELECT w.v, c.v FROM s.c {join} {view} AS w ON c.k = w.k WHERE w.{column} IS NULL")


def test_a_side_that_keeps_its_rows_is_asked_for_its_nulls() -> None:
    join = "FROM s.a LEFT JOIN s.b ON b.k = a.k LEFT JOIN s.c ON c.k = a.k"
    assert pushed(f"SELECT a.k {join} WHERE a.v IS NULL") == {"a": 1, "b": 0, "c": 0}
    assert pushed(f"SELECT a.k {join} WHERE b.v IS NULL") == {"a": 0, "b": 0, "c": 0}
    assert pushed("SELECT * FROM a_and_b WHERE v IS NULL") == {"a": 1, "b": 0}
    assert pushed("SELECT * FROM a_and_b WHERE bv IS NULL") == {"a": 0, "b": 0}
    assert pushed("SELECT * FROM b_and_a WHERE bv IS NULL") == {"a": 0, "b": 1}
    assert pushed("SELECT w.k FROM a_and_b AS w LEFT JOIN s.c ON c.k = w.k WHERE w.v IS NULL")["a"] == 1
    assert pushed("SELECT w.k FROM s.c LEFT JOIN a_and_b AS w ON c.k = w.k WHERE w.v IS NULL")["a"] == 0


def test_a_condition_within_a_join_is_copied_past_no_outer_join() -> None:
    sql = "SELECT a.k FROM s.a LEFT JOIN s.b ON b.k = a.k JOIN s.c ON c.k = a.k AND {0}.v IS NULL"
    assert pushed(sql.format("b"))["b"] == 0
