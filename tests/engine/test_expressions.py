"""What is read and written again means what it meant: expressions of all kinds, and every function by its signatures.

sqlglot reads many dialects and has words of its own for what they share; a word that it writes otherwise for DuckDB
would change answers with and without rules alike, which no comparison of rule sets sees.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from engine.allowed import FUNCTIONS
from engine.errors import QueryError
from engine.parse import parse_query
from engine.planner import duckdb_sql, plan_resolved
from engine.resolve import resolve_workspace
from tests.engine.workspace import catalog_of

ROWS = """(VALUES
  (1, 2.50, 'abc', DATE '2024-03-31', TIMESTAMP '2024-03-31 13:45:10.123456', [3, 1, 2], {'k': 1, 'm': 'x'},
   '{"a": [1, 2]}'::JSON),
  (-7, -0.125, 'A_b%', DATE '1999-12-01', TIMESTAMP '2020-02-29 00:00:00', [5], {'k': 2, 'm': NULL}, '[1]'::JSON),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) AS t(i, d, s, day, ts, l, st, j)"""
EXPRESSIONS = Path(__file__).with_name("expressions.txt").read_text("utf-8").splitlines()
EMPTY = catalog_of({"c": []})
_TEXT = ("'Hello wörld'", "'a,b,c'", "''", "NULL::VARCHAR", "'a'", "'day'", "'%Y-%m-%d'", "'{\"a\": [1, 2]}'")
VALUES = {
    "VARCHAR": _TEXT, "BOOLEAN": ("TRUE", "NULL::BOOLEAN"), "DATE": ("DATE '2024-03-31'", "DATE '1999-12-01'"),
    "DOUBLE": ("2.5::DOUBLE", "-0.5::DOUBLE"), "DECIMAL": ("2.50", "-7.125"), "TIME": ("TIME '13:45:10.25'",),
    "TIMESTAMP": ("TIMESTAMP '2024-03-31 13:45:10.123456'", "TIMESTAMP '2020-02-29'"),
    "INTERVAL": ("INTERVAL 3 DAY", "INTERVAL '1 month 2 days'"), "BLOB": ("encode('abc')",),
    "JSON": ('\'{"a": [1, 2]}\'::JSON', "'[1, 2]'::JSON"), "T": ("7", "'a'"), "ANY": ("7", "'a'", "2.50"),
    "T[]": ("[3, 1, 2, NULL]", "['a', 'b']"), "VARCHAR[]": ("['a', 'b', 'a', NULL]",),
} | {kind: ("7", "-3", "2", f"NULL::{kind}") for kind in ("TINYINT", "INTEGER", "BIGINT")}  # fmt: skip
UNSTEADY = {"random", "gen_random_uuid", "uuid", "now", "today", "current_date", "current_timestamp",
            "transaction_timestamp"}  # fmt: skip
OF_DATES = {"date_add"}  # a macro, which takes anything that can be added; ours are dates
REFUSED = {"array_cat()", "array_concat()", "list_concat()"}  # lists of nothing, which sqlglot can't read


@pytest.fixture(scope="module")
def plain() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


def answer(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[str], list[str]]:
    relation = connection.sql(sql)
    return [str(kind) for kind in relation.types], [str(row) for row in relation.to_arrow_table().to_pylist()]


def written(sql: str) -> str:
    return duckdb_sql(plan_resolved(resolve_workspace(parse_query(sql), EMPTY)))


@pytest.mark.parametrize("block", range(8))
def test_an_expression_means_what_it_means_in_duckdb(block: int, plain: duckdb.DuckDBPyConnection) -> None:
    for expression in EXPRESSIONS[block::8]:
        sql = f"SELECT {expression} AS x FROM {ROWS}"
        assert answer(plain, written(sql)) == answer(plain, sql), expression


def calls(plain: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Calls of the functions that may be used, two for each of their signatures."""
    rng = random.Random(7)
    kinds = "('scalar', 'aggregate', 'macro')"
    listed = plain.sql(
        f"SELECT function_name, parameter_types FROM duckdb_functions() WHERE function_type IN {kinds}"
    )
    for name, types in sorted(
        {(n, tuple(p or ())) for n, p in listed.fetchall() if n in FUNCTIONS - UNSTEADY - OF_DATES}, key=str
    ):
        choices = [VALUES.get(kind or "ANY", VALUES["ANY"]) for kind in types]
        every = list(itertools.product(*choices))
        yield from (f"{name}({', '.join(chosen)})" for chosen in rng.sample(every, min(2, len(every))))


def test_a_function_means_what_it_means_in_duckdb(plain: duckdb.DuckDBPyConnection) -> None:
    tried = set()
    for call in calls(plain):
        sql = f"SELECT {call} AS x"
        try:
            expected = answer(plain, sql)
        except duckdb.Error:
            continue  # an argument that its signature allows and the function does not
        try:
            found = answer(plain, written(sql))
        except QueryError:
            assert call in REFUSED, call
            continue
        assert found == expected, call
        tried.add(call.partition("(")[0])
    assert len(tried) > 300
