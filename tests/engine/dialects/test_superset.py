"""`superset_condition` lets everything through that the condition lets through, and says when it is the same."""

from __future__ import annotations

import sqlite3

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from connectors.sdk import Column, Op, Support, Table, TableName
from engine.dialects import DIALECTS
from engine.dialects.render import Context, InexactError, condition, superset_condition
from engine.dialects.table import Term

EXACT = dict.fromkeys(Op, Support.EXACT)
ROUGH = {Op.IS_NULL: Support.EXACT, Op.EQ: Support.INEXACT}
TABLE = Table(
    TableName(("t",)),
    (
        Column("n", "BIGINT", operators=EXACT, orders=True),
        Column("s", "VARCHAR", operators=EXACT, orders=True, binary_text=True),
        Column("r", "VARCHAR", operators=ROUGH),
        Column("x", "VARCHAR"),
    ),
)
TEXTS = ("", "a", "A", "abc", "aXbYc", "a\0b", "a%b", "ba", None)


def context(dialect: str) -> Context:
    def column(node: exp.Column) -> Term:
        described = TABLE.column(node.name)
        if described is None:
            raise InexactError("a column of another source")
        return DIALECTS[dialect].column("t", TABLE, described)

    return Context(DIALECTS[dialect], column, ())


def parsed(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, dialect="duckdb")


def found(text: str, dialect: str = "postgres") -> tuple[str, bool] | None:
    term = superset_condition(parsed(text), context(dialect))
    return None if term is None else (term.sql.replace('"', "").replace("`", "").replace("t.", ""), term.exact)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n = 1", ("(n = CAST(%s AS bigint))", True)),
        ("n = 1 AND x = 'a'", ("(n = CAST(%s AS bigint))", False)),
        ("n = 1 OR x = 'a'", None),
        ("NOT (n = 1 OR x = 'a')", ("(NOT (n = CAST(%s AS bigint)))", False)),
        ("NOT (n = 1 AND x = 'a')", None),
        ("NOT NOT n = 1", ("(n = CAST(%s AS bigint))", True)),
        ("(n = 1 AND upper(s) = 'A') OR (n = 2 AND other = 1)",
         ("((n = CAST(%s AS bigint)) OR (n = CAST(%s AS bigint)))", False)),
        ("r = 'a'", ('(rtrim(CAST(r AS text)) COLLATE C = rtrim(CAST(%s AS text)))', False)),
        ("NOT r = 'a'", None),
        ("r <> 'a'", None),
        ("r IS DISTINCT FROM 'a'", None),
        ("CASE WHEN r = 'a' THEN 1 ELSE 0 END = 0", None),
        ("x = 'a'", None),
    ],
)  # fmt: skip
def test_terms_that_the_source_has_not_are_left_out(text: str, expected: tuple[str, bool] | None) -> None:
    assert found(text) == expected


@pytest.mark.parametrize("text", ["r = 'a'", "NOT r = 'a'", "s LIKE 'a%b_' OR r IN ('a')"])
def test_an_exact_condition_is_never_made_of_a_superset(text: str) -> None:
    with pytest.raises(InexactError):
        condition(parsed(text), context("postgres"))
    with pytest.raises(InexactError):
        condition(parsed("s LIKE 'a%b%c'"), context("sqlite"))


@pytest.mark.parametrize(
    "pattern", ["a%b%c", "%a%b%", "a_c", "_", "__%", "%b_", "a%", "%b%", "%c", "", "a\\%b", "_%a"]
)
def test_a_superset_lets_through_all_that_sqlite_has_of_it(pattern: str) -> None:
    term = superset_condition(parsed(f"s LIKE '{pattern}'"), context("sqlite"))
    assert term is not None
    lite, duck = sqlite3.connect(":memory:"), duckdb.connect()
    lite.execute("CREATE TABLE t (s TEXT COLLATE NOCASE)")
    lite.executemany("INSERT INTO t VALUES (?)", [(text,) for text in TEXTS])
    sql = f"SELECT s FROM t WHERE {term.sql}"
    through = {row[0] for row in lite.execute(sql, term.values).fetchall()}
    right = {text for text in TEXTS if duck.execute("SELECT ? LIKE ?", [text, pattern]).fetchall() == [(True,)]}
    assert through == right if term.exact else through >= right
