"""Which numbers a source computes in place of their columns, with which types, and that answers stay the same."""

from __future__ import annotations

import random
from itertools import product

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from connectors.sdk import Connector
from engine.rules.computed_outputs import decimal_type
from tests.engine.fragment_plans import fragments, rest
from tests.engine.live import Live, difference

TYPES = [(1, 0), (5, 3), (9, 9), (12, 2), (15, 2), (18, 0), (18, 6), (19, 4), (25, 5), (30, 9), (37, 2), (38, 0)]
FORMS = ("a + b", "a - b", "a * b", "a * (1 - b)", "0.5 * a + b", "-a * b", "a * 2 - 100000 * b", "a * b * 1.25",
         "-2 * a - b", "a * (1 - b) * (1 + b)", "0.05 + b", "123456789 - a", "12.345678901 * b - a")  # fmt: skip


def test_types_are_duckdbs_own() -> None:
    session = duckdb.connect()
    checked = 0
    for (one, other), form in product(product(TYPES, TYPES), FORMS):
        types = {name: f"DECIMAL({w},{s})" for name, (w, s) in zip("ab", (one, other), strict=True)}
        tree = sqlglot.parse_one(form, dialect="duckdb")
        found = decimal_type(tree, lambda column, types=types: types[column.name])  # type: ignore[misc]
        given = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in types.items())
        try:
            ((wanted,),) = session.sql(f"SELECT typeof({form}) FROM (SELECT {given})").fetchall()
        except duckdb.Error:
            continue  # more digits behind the point than a decimal has
        assert found is not None and f"DECIMAL({found.width},{found.scale})" == wanted, (form, types, wanted, found)
        checked += 1
    assert checked > 1_000


@pytest.mark.parametrize(
    "text", ["i * 2", "a / b", "a * x", "a * '2'", "a * 1e2", "a * 12345678901", "a % b", "abs(a) * b"]
)
def test_of_other_expressions_it_says_nothing(text: str) -> None:
    kinds = {"a": "DECIMAL(5,2)", "b": "DECIMAL(5,2)", "i": "INTEGER", "x": "DOUBLE"}
    assert decimal_type(sqlglot.parse_one(text, dialect="duckdb"), lambda column: kinds[column.name]) is None


PRICE = "o.total * (1 - o.share)"
JOIN = "FROM erp.orders o JOIN erp.customers c ON c.id = o.customer JOIN mes.lines l ON l.order_id = o.id"


def test_a_product_is_read_in_place_of_its_columns() -> None:
    sql = f"SELECT l.no, sum({PRICE}) AS s, sum(({PRICE}) * l.qty) AS t {JOIN} WHERE c.region = 1 GROUP BY l.no"
    assert fragments(sql)[1] == (
        "SELECT (CAST(s0.total AS numeric) * CAST((CAST(CAST(%s AS bigint) AS numeric) - CAST(s0.share AS numeric)) "
        "AS numeric)) AS c0, s0.id AS c1 FROM orders AS s0 JOIN customers AS s1 ON "
        "(s1.id = s0.customer) AND (s1.region = CAST(%s AS bigint))"
    )
    assert "SUM(CAST(f0.c0 AS DECIMAL(18, 6))) AS s, SUM((CAST(f0.c0 AS DECIMAL(18, 6))) * l.qty) AS t" in rest(sql)


@pytest.mark.parametrize(
    "asked",
    [
        f"{PRICE} AS p, o.total, o.share",  # both columns are read anyway
        f"{PRICE} AS p, o.total",  # one column less and one more
        "o.total * 2 AS p",  # of one column
        "o.total * (1 - o.share) * o.total * o.total AS p",  # more digits than a decimal holds
        "o.total * (1 - o.share) / 3 AS p, o.share, o.total",
        "o.total * l.qty * o.share AS p",  # of two sources
        "o.total * (1 - o.share) AS p, count(*) AS n GROUP BY o.total, o.share",
        "DISTINCT o.total * (1 - o.share) AS p",
    ],
)
def test_else_the_columns_are_read(asked: str) -> None:
    shown, _, group = asked.partition(" GROUP BY ")
    sql = f"SELECT {shown} {JOIN} WHERE c.region = 1" + (f" GROUP BY {group}" if group else "")
    found = next(text for text in fragments(sql) if "customers" in text)
    assert "numeric)" not in found.partition(" FROM ")[0]


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources, {"facts": 1_000_000, "dims": 5_000, "parts": 100_000})


def test_answers_stay_what_they_are(live: Live) -> None:
    rng, computed = random.Random(20261125), 0
    values = ("f.money * (1 - d.rate)", "f.money + d.rate", "d.rate * 2 - f.money", "-f.money * d.rate",
              "f.money * d.rate * d.rate", "f.money * (0.5 - d.rate)")  # fmt: skip
    for _ in range(80):
        home, other = rng.sample(("pg", "my", "lite"), 2)
        value = rng.choice(values)
        asked = rng.choice((
            f"sum({value}) AS s, max(p.qty) AS q", f"p.no, sum(({value}) * p.qty) AS s", f"{value} AS v, p.no",
            f"CASE WHEN p.no = 1 THEN {value} ELSE 0 END AS v", f"count(DISTINCT {value}) AS n",
            f"rank() OVER (ORDER BY {value}) AS v, p.no",
        ))  # fmt: skip
        join = rng.choice(("JOIN", "LEFT JOIN"))
        sql = f"SELECT {asked} FROM {home}.facts f {join} {home}.dims d ON d.id = f.dim {rng.choice((join, 'JOIN'))} "
        sql += f"{other}.parts p ON p.fact = f.id" + rng.choice(("", " WHERE d.kind > 0", " WHERE p.qty > 1"))
        sql += " GROUP BY p.no" if asked.startswith("p.no, sum") else ""
        try:
            expected = live.expected(sql)
        except duckdb.Error:
            continue  # DuckDB multiplies in 18 digits, which some of these products don't fit
        found = live.run(sql)
        assert difference(found.table, expected) is None, sql
        statement = found.plan.select
        computed += any(cast.to.is_type(exp.DType.DECIMAL) for cast in statement.find_all(exp.Cast))
    assert computed > 15
