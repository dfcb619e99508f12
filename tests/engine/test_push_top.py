"""A source cuts a fragment's rows where these are the answer's, and sorts them as DuckDB does."""

from __future__ import annotations

import itertools

import pytest

from connectors.sdk import Connector
from engine.optimizer import RULES
from engine.rules.push_top import push_top
from tests.engine.fragment_plans import fragments
from tests.engine.live import Live, difference

JOINED = "SELECT o.id, o.total FROM erp.orders o JOIN erp.customers c ON c.id = o.customer WHERE c.region = 1"
KEPT = {
    "a float": "SELECT o.id, o.weight FROM erp.orders o JOIN erp.customers c ON c.id = o.customer WHERE c.region = 1 "
    "ORDER BY o.weight LIMIT 3",
    "a condition above the groups": "SELECT day, count(*) AS n FROM erp.orders GROUP BY day "
    "HAVING count(*) % 2 = 1 ORDER BY n LIMIT 3",
    "an expression": "SELECT day, count(*) AS n FROM erp.orders GROUP BY day ORDER BY n % 7 LIMIT 3",
    "a division": "SELECT day, avg(total) AS n FROM erp.orders GROUP BY day ORDER BY n LIMIT 3",
    "a window": "SELECT day, n, row_number() OVER () AS r FROM (SELECT day, count(*) AS n FROM erp.orders "
    "GROUP BY day) AS t ORDER BY n LIMIT 3",
    "no limit": "SELECT day, count(*) AS n FROM erp.orders GROUP BY day ORDER BY n",
    "DISTINCT above": "SELECT DISTINCT n FROM (SELECT day, count(*) AS n FROM erp.orders GROUP BY day) AS t "
    "ORDER BY n LIMIT 3",
}
LIVE = (
    "SELECT small, count(*) AS n, sum(n) AS s FROM {c}.facts GROUP BY small ORDER BY {o} LIMIT 3",
    "SELECT small, count(*) AS n, sum(n) AS s FROM {c}.facts GROUP BY small ORDER BY {o} LIMIT 2 OFFSET 2",
    "SELECT f.id AS n, f.small, d.id AS s FROM {c}.facts f JOIN {c}.dims d ON d.id = f.dim AND d.kind = 1 "
    "ORDER BY {o}, f.id LIMIT 5",
    "SELECT f.id AS n, f.small, max(f.day) AS s FROM {c}.facts f JOIN {c}.dims d ON d.id = f.dim "
    "GROUP BY f.id, f.small ORDER BY {o}, f.id LIMIT 5",
)
ORDERS = ("small", "n DESC, small", "s NULLS FIRST, small", "s DESC NULLS LAST, small", "small DESC NULLS FIRST",
          "3, 1", "small NULLS FIRST", "s DESC, small")  # fmt: skip
TEXTS = (
    "SELECT code, count(*) AS n FROM {c}.facts GROUP BY code ORDER BY code{o} LIMIT 3",
    "SELECT small, max(code) AS m, min(code) AS l FROM {c}.facts GROUP BY small ORDER BY m{o}, l{o}, small LIMIT 3",
    "SELECT f.id, f.code FROM {c}.facts f JOIN {c}.dims d ON d.id = f.dim AND d.kind = 1 ORDER BY 2{o}, 1 LIMIT 9",
)
COMPUTED = (
    "SELECT id, day FROM {c}.facts WHERE n < 100 ORDER BY year(day){o}, id LIMIT 7",
    "SELECT id, money FROM {c}.facts ORDER BY round(money, 1){o}, small, id LIMIT 7 OFFSET 3",
    "SELECT id, small * dim AS m FROM {c}.facts ORDER BY m{o}, id LIMIT 5",
    "SELECT id, m FROM (SELECT id, coalesce(n, 0) AS m, day FROM {c}.facts) AS v WHERE year(day) = 2024 "
    "ORDER BY m{o}, id LIMIT 5",
    "SELECT id FROM {c}.facts WHERE small < dim ORDER BY left(code, 1){o}, id LIMIT 5",
    "SELECT id, code FROM {c}.facts WHERE txt NOT LIKE 'a%' ORDER BY code{o}, id LIMIT 5",
    "SELECT id FROM {c}.facts ORDER BY date_trunc('month', day){o}, CASE WHEN n > 1 THEN 0 ELSE 1 END, id LIMIT 9",
)
HERE = ("lower(code)", "x + 1", "coalesce(code, 'zz')", "random()", "note || 'a'", "small / 2")


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources, {"facts": 5_000_000, "parts": 2_000_000, "dims": 7})


def test_groups_and_joined_rows_are_cut_at_the_source() -> None:
    sql = "SELECT day, sum(customer) AS s FROM erp.orders GROUP BY day "
    sql += "ORDER BY s DESC, day NULLS FIRST LIMIT 3 OFFSET 1"
    assert fragments(sql) == [
        "SELECT * FROM (SELECT s0.day AS c0, SUM(s0.customer) AS c1 FROM orders AS s0 GROUP BY s0.day) AS f "
        "ORDER BY (c1 IS NULL), c1 DESC, (c0 IS NULL) DESC, c0 LIMIT 4"
    ]
    (joined,) = fragments(f"{JOINED} ORDER BY o.total LIMIT 10")
    assert joined.endswith(" AS f ORDER BY (c1 IS NULL), c1 LIMIT 10")
    (some,) = fragments(f"{JOINED} LIMIT 10")
    assert some.endswith(" AS f LIMIT 10")


@pytest.mark.parametrize("sql", KEPT.values(), ids=KEPT)
def test_what_stands_between_or_sorts_otherwise_keeps_all_rows(sql: str) -> None:
    assert "LIMIT" not in " ".join(fragments(sql))


@pytest.mark.parametrize("connection", ["pg", "my", "lite"])
def test_no_answer_changes(live: Live, connection: str) -> None:
    cut = 0
    for form, order in itertools.product(LIVE, ORDERS):
        sql = form.format(c=connection, o=order)
        expected = live.expected(sql)
        for rules in (RULES, tuple(rule for rule in RULES if rule is not push_top)):
            found = live.run(sql, (), rules)
            assert difference(found.table, expected) is None, sql
            assert found.table.to_pylist() == expected.to_pylist(), sql
        cut += any("LIMIT" in s.fragment.sql for s in live.plan(sql).scans if s.fragment is not None)
    assert cut >= len(ORDERS)


@pytest.mark.parametrize("connection", ["pg", "my", "lite"])
def test_texts_are_cut_in_the_order_of_their_bytes(live: Live, connection: str) -> None:
    for form, order in itertools.product(TEXTS, ("", " DESC", " NULLS FIRST", " DESC NULLS LAST")):
        sql = form.format(c=connection, o=order)
        found = live.run(sql)
        assert found.table.to_pylist() == live.expected(sql).to_pylist(), sql
        (scan,) = found.plan.scans
        assert scan.fragment is not None and "LIMIT" in scan.fragment.sql, sql


@pytest.mark.parametrize("connection", ["pg", "my"])
def test_a_table_is_cut_in_the_order_of_an_expression(live: Live, connection: str) -> None:
    for form, order in itertools.product(COMPUTED, ("", " DESC", " NULLS FIRST", " DESC NULLS LAST")):
        sql = form.format(c=connection, o=order)
        found = live.run(sql)
        assert found.table.to_pylist() == live.expected(sql).to_pylist(), sql
        assert sum(found.rows.values()) <= 10, (sql, [note.text for note in found.plan.notes])
    for expression in HERE:
        sql = f"SELECT id FROM {connection}.facts ORDER BY {expression}, id LIMIT 5"
        assert [scan.limit for scan in live.plan(sql).scans] == [None], expression
