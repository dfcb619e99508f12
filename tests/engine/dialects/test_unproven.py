"""The tables without a live database: their texts, held in golden files, and that a parser takes them.

VIEWLOOM_WRITE_GOLDEN=1 pytest tests/engine/dialects/test_unproven.py writes the files anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from connectors.sdk import Column, Op, Support, Table, TableName
from engine.dialects import DIALECTS, UNPROVEN
from engine.dialects.render import Context, InexactError, superset_condition
from engine.dialects.render import render as rendered
from engine.dialects.table import CONDITION, Term

GOLDEN = Path(__file__).parent / "golden"
EXACT = dict.fromkeys(Op, Support.EXACT)
TABLE = Table(
    TableName(("t",)),
    tuple(
        Column(name, kind, operators=EXACT, orders=True, binary_text=kind == "VARCHAR")
        for name, kind in {
            "n": "BIGINT", "small": "SMALLINT", "money": "DECIMAL(12,2)", "day": "DATE", "moment": "TIMESTAMP",
            "seen": "TIMESTAMP WITH TIME ZONE", "code": "VARCHAR", "flag": "BOOLEAN", "x": "DOUBLE",
            'odd]"n': "BIGINT",
        }.items()
    ),
)  # fmt: skip
TEXTS = (
    "n = 1", "n <> 1 AND money >= 2.50", "NOT (n = 1 OR small IS NULL)", "n BETWEEN 1 AND 3", "n IN (1, 2)",
    "n IN (1, NULL)", "money = n", '"odd]""n" = 1', "flag", "NOT flag", "flag = TRUE", "x > 2.5", "code = 'a'",
    "code <> 'a'", "code = ''", "code IN ('a', 'b')", "code < 'b'", "code LIKE 'a%'", "code LIKE '%_b'",
    "NOT code LIKE 'a%'", "code = code", "length(code) > 2", "substring(code, 1, 2) = 'ab'", "upper(code) = 'A'",
    "day = DATE '2024-02-29'", "day < DATE '2024-01-31' + INTERVAL '1' MONTH", "moment >= DATE '2024-03-31'",
    "moment < TIMESTAMP '2024-03-31 02:30:00'", "seen > TIMESTAMPTZ '2024-03-31 00:30:00+00'", "year(day) = 2024",
    "extract(week FROM day) = 1", "dayofweek(day) = 0", "hour(moment) = 3",
    "date_trunc('month', day) = DATE '2024-02-01'",
    "date_trunc('day', moment) = DATE '2024-02-01'", "day + INTERVAL '3' DAY > DATE '2024-01-01'",
    "cast(moment AS DATE) = DATE '2024-01-01'", "cast(money AS DECIMAL(15,3)) > 1", "money + n > 2", "n * n = 4",
    "money * (1 - money) * (1 + money) > 2", "abs(n) = 1", "n % 7 = 0", "n / 2 = 1", "round(money, 1) = 1.5",
    "floor(money) = 1", "sign(n) = 1", "CASE WHEN n > 0 THEN small ELSE 0 END = 1", "coalesce(n, 0) = 0",
    "nullif(n, 2) = 1", "n IS DISTINCT FROM 1", "cast(n AS VARCHAR) = '1'",
)  # fmt: skip


def context(name: str) -> Context:
    def column(node: exp.Column) -> Term:
        described = TABLE.column(node.name)
        assert described is not None
        return UNPROVEN[name].column("t", TABLE, described)

    return Context(UNPROVEN[name], column, ())


def written(name: str, text: str) -> str:
    term = superset_condition(sqlglot.parse_one(text, dialect="duckdb"), context(name))
    if term is None:
        return "stays here"
    return ("" if term.exact else "superset: ") + term.sql


def page(name: str) -> str:
    table = UNPROVEN[name]
    lines = [f"{text}\n    {written(name, text)}" for text in TEXTS]
    select = f"SELECT {table.quote('n')} FROM t"
    lines.append("the first 5 rows\n    " + table.first_rows(select, 5))
    for down, first in ((False, False), (False, True), (True, False), (True, True)):
        wanted = f"ORDER BY n {'DESC' if down else 'ASC'} NULLS {'FIRST' if first else 'LAST'}"
        lines.append(f"{wanted}\n    {table.order('t.n', down, first)}")
    for (function, kind), aggregate in sorted(table.aggregates.items()):
        lines.append(f"{function}({kind})\n    " + ", ".join(part.text for part in aggregate.parts))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", UNPROVEN)
def test_the_texts_are_those_of_the_golden_file(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("VIEWLOOM_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(page(name), "utf-8")
    assert path.read_text("utf-8") == page(name)


@pytest.mark.parametrize("name", ("tsql", "oracle"))
def test_a_parser_of_the_dialect_takes_every_text(name: str) -> None:
    table = UNPROVEN[name]
    for text in TEXTS:
        try:
            term = superset_condition(sqlglot.parse_one(text, dialect="duckdb"), context(name))
        except InexactError:
            continue
        if term is not None:
            sql = table.first_rows(f"SELECT t.{table.quote('n')} FROM t WHERE {term.sql}", 5)
            assert sqlglot.parse_one(sql, dialect=name).find(exp.Where)
            assert len(term.values) == term.sql.count(table.placeholder)


def test_no_rule_sees_a_table_that_is_not_proven() -> None:
    assert not DIALECTS.keys() & UNPROVEN.keys()
    assert all(table.proven for table in DIALECTS.values())
    assert not any(table.proven for table in UNPROVEN.values())


def test_oracle_takes_no_text_that_is_empty_or_may_be() -> None:
    for text in ("code = ''", "code IN ('a', '')", "code LIKE ''", "coalesce(code, '') = 'a'"):
        with pytest.raises(InexactError):
            rendered(sqlglot.parse_one(text, dialect="duckdb"), context("oracle"))


@pytest.mark.parametrize("name", ("tsql", "db2"))
def test_equality_of_padded_texts_is_a_superset(name: str) -> None:
    assert written(name, "code = 'a'").startswith("superset: ")
    assert written(name, "code <> 'a'") == "stays here"


@pytest.mark.parametrize("name", UNPROVEN)
def test_there_is_no_bare_boolean(name: str) -> None:
    try:
        found = rendered(sqlglot.parse_one("NOT flag", dialect="duckdb"), context(name))
    except InexactError:
        return
    assert found.family == CONDITION and "= 1" in found.sql
