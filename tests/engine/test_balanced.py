"""Chains of AND and OR keep their meaning and lose their depth."""

from __future__ import annotations

import duckdb
import sqlglot
from sqlglot import exp

from engine.balanced import balance


def depth(node: exp.Expr) -> int:
    return 1 + max((depth(child) for child in node.iter_expressions()), default=0)


def balanced(sql: str) -> exp.Expr:
    return balance(sqlglot.parse_one(sql, dialect="duckdb"))


def test_a_long_chain_becomes_a_shallow_tree() -> None:
    terms = " AND ".join(f"a > {number}" for number in range(500))
    assert depth(balanced(f"SELECT 1 AS x FROM t WHERE {terms}")) < 20


def test_the_text_of_a_chain_stays_the_same() -> None:
    for word in ("AND", "OR"):
        sql = "SELECT 1 AS x FROM t WHERE " + f" {word} ".join(f"a > {number}" for number in range(30))
        assert balanced(sql).sql(dialect="duckdb") == sql


def test_brackets_inside_a_chain_are_kept() -> None:
    ors = " AND ".join(f"(a = {n} OR b = {n})" for n in range(12))
    sql = f"SELECT 1 AS x FROM t WHERE {ors}"
    assert balanced(sql).sql(dialect="duckdb") == sql


def test_three_valued_logic_is_the_same() -> None:
    terms = [f"(a = {n % 3}) IS DISTINCT FROM (b = {n % 5})" if n % 4 else f"a <> {n}" for n in range(40)]
    for word in ("AND", "OR"):
        sql = f"SELECT a, b, {f' {word} '.join(terms)} AS found FROM t ORDER BY ALL"
        rows = "(SELECT unnest([1, NULL, 2, 40]) AS a) CROSS JOIN (SELECT unnest([0, 1, NULL]) AS b)"
        source = f"WITH t AS (SELECT * FROM {rows}) "
        with duckdb.connect() as session:
            found = session.execute(source + balanced(sql).sql("duckdb")).fetchall()
            assert found == session.execute(source + sql).fetchall()


def test_short_chains_are_left_alone() -> None:
    tree = sqlglot.parse_one("SELECT 1 AS x FROM t WHERE a AND b AND c", dialect="duckdb")
    assert balance(tree.copy()) == tree
