"""Which groupings go below a join, and what is then left of them."""

from __future__ import annotations

import pytest

from engine.planner import duckdb_sql
from tests.engine.fragment_plans import fragments, plan, rest

PUSHED = {
    # The customers' region decides nothing at the orders' source: grouped by what joins them.
    "SELECT c.region, sum(o.total) FROM erp.orders o JOIN mes.customers c ON c.id = o.customer "
    "WHERE o.day = DATE '2024-01-01' GROUP BY c.region": (
        ["[mes.customers]", "SELECT s0.customer AS c0, SUM(s0.total) AS c1 FROM orders AS s0 "
         "WHERE (s0.day = CAST(%s AS date)) GROUP BY s0.customer"],
        "SELECT c.region AS region, SUM(g0.a0) AS _col_1 FROM (SELECT f0.c0 AS k0, f0.c1 AS a0 FROM f0 AS f0) AS g0 "
        "JOIN s1 AS c ON c.id = g0.k0 GROUP BY c.region",
    ),
    # Two tables of one source, the third elsewhere, commas; the largest group of tables goes.
    "SELECT c.region, sum(l.qty) FROM erp.orders o, erp.lines l, rest.customers c "
    "WHERE c.id = o.customer AND l.order_id = o.id GROUP BY c.region": (
        ["[rest.customers]", "SELECT s0.customer AS c0, SUM(s1.qty) AS c1 FROM lines AS s1 "
         "JOIN orders AS s0 ON (s1.order_id = s0.id) GROUP BY s0.customer"],
        "SELECT c.region AS region, SUM(g0.a0) AS _col_1 FROM "
        "(SELECT f0.c0 AS k0, (CAST(f0.c1 AS INT128)) AS a0 FROM f0 AS f0) AS g0, s2 AS c "
        "WHERE c.id = g0.k0 GROUP BY c.region",
    ),
    # The side that an outer join fills with NULLs; nobody's orders are counted as 0.
    "SELECT c.region, count(o.id) FROM rest.customers c LEFT JOIN erp.orders o ON c.id = o.customer "
    "AND o.status = 'x' GROUP BY c.region": (
        ["[rest.customers]", "SELECT s1.customer AS c0, COUNT(*) AS c1 FROM orders AS s1 "
         "WHERE (s1.status = CAST(%s AS text)) GROUP BY s1.customer"],
        "SELECT c.region AS region, COALESCE(CAST(SUM(g0.a0) AS BIGINT), 0) AS _col_1 FROM s0 AS c LEFT JOIN "
        "(SELECT f0.c0 AS k0, f0.c1 AS a0 FROM f0 AS f0) AS g0 ON c.id = g0.k0 GROUP BY c.region",
    ),
    # Many rows, of which the customers' keys will leave few: those are worth grouping (one of KEPT has no such keys).
    "SELECT c.region, sum(o.total) FROM erp.orders o JOIN rest.customers c ON c.id = o.customer "
    "WHERE o.day >= DATE '2024-01-01' AND c.region = 3 GROUP BY c.region": (
        ["[rest.customers]", "SELECT s0.customer AS c0, SUM(s0.total) AS c1 FROM orders AS s0 "
         "WHERE (s0.day >= CAST(%s AS date)) GROUP BY s0.customer"],
        "SELECT c.region AS region, SUM(g0.a0) AS _col_1 FROM (SELECT f0.c0 AS k0, f0.c1 AS a0 FROM f0 AS f0) AS g0 "
        "JOIN s1 AS c ON c.id = g0.k0 WHERE c.region = 3 GROUP BY c.region",
    ),
    # What a CASE asks of another source is asked once per group.
    "SELECT sum(CASE WHEN c.name LIKE 'a%' THEN o.total ELSE 0 END) AS s FROM erp.orders o "
    "JOIN rest.customers c ON c.id = o.customer": (
        ["[rest.customers]", "SELECT s0.customer AS c0, SUM(s0.total) AS c1 FROM orders AS s0 GROUP BY s0.customer"],
        "SELECT SUM(CASE WHEN c.name LIKE 'a%' THEN g0.a0 ELSE 0 END) AS s FROM "
        "(SELECT f0.c0 AS k0, f0.c1 AS a0 FROM f0 AS f0) AS g0 JOIN s1 AS c ON c.id = g0.k0",
    ),
}  # fmt: skip
KEPT = {
    "many rows in many groups, which cost the source more than sending them": "SELECT c.region, sum(o.total) "
    "FROM erp.orders o JOIN mes.customers c ON c.id = o.customer WHERE o.day >= DATE '2024-01-01' GROUP BY c.region",
    "an argument of another source": "SELECT sum(o.total * c.region) FROM erp.orders o JOIN rest.customers c "
    "ON c.id = o.customer",
    "a sum of another source's values": "SELECT sum(c.region), count(o.id) FROM erp.orders o JOIN rest.customers c "
    "ON c.id = o.customer",
    "floats": "SELECT c.region, sum(o.weight) FROM erp.orders o JOIN rest.customers c ON c.id = o.customer "
    "GROUP BY c.region",
    "a key of text that is not compared byte by byte": "SELECT o.note, sum(o.total) FROM erp.orders o "
    "JOIN rest.customers c ON c.id = o.customer GROUP BY o.note",
    "each group would be one row": "SELECT o.id, sum(o.total) FROM erp.orders o "
    "JOIN rest.customers c ON c.id = o.customer GROUP BY o.id",
    "a join that multiplies rows at the source": "SELECT sum(o.total) FROM erp.orders o JOIN erp.customers c "
    "ON c.region = o.customer JOIN rest.customers r ON r.region = c.region AND r.id = o.customer "
    "AND o.id = c.id + r.id",
    "a full join": "SELECT count(o.id) FROM erp.orders o FULL JOIN rest.customers c ON c.id = o.customer",
    "NULLs of an outer join that the argument turns into values": "SELECT sum(coalesce(o.customer, 1)) "
    "FROM rest.customers c LEFT JOIN erp.orders o ON c.id = o.customer",
    "an aggregate that can't be made of parts": "SELECT median(o.customer) FROM erp.orders o "
    "JOIN rest.customers c ON c.id = o.customer",
    "values drawn for each row": "SELECT sum(o.total) FROM erp.orders o JOIN rest.customers c "
    "ON c.id = o.customer WHERE random() < 0.5",
    "a window": "SELECT o.customer, sum(sum(o.total)) OVER () FROM erp.orders o JOIN rest.customers c "
    "ON c.id = o.customer GROUP BY o.customer",
}


@pytest.mark.parametrize(("sql", "found"), PUSHED.items())
def test_a_source_groups_before_its_rows_are_joined(sql: str, found: tuple[list[str], str]) -> None:
    statements, left = found
    assert fragments(sql) == statements
    assert rest(sql) == left


@pytest.mark.parametrize("sql", KEPT.values(), ids=KEPT)
def test_what_would_be_another_answer_or_no_fewer_values_is_joined_first(sql: str) -> None:
    assert "GROUP BY" not in " ".join(fragments(sql))
    assert not any(note.rule == "group_below_joins" for note in plan(sql).notes)


def test_a_subquerys_own_table_of_the_same_name_is_left_alone() -> None:
    sql = "SELECT c.region, sum(o.total) FROM erp.orders o JOIN rest.customers c ON c.id = o.customer "
    sql += "WHERE o.total > (SELECT avg(o.total) FROM mes.orders o WHERE o.customer = c.id) GROUP BY c.region"
    assert "g0.k" not in duckdb_sql(plan(sql)) or "AVG(g0" not in duckdb_sql(plan(sql))


def test_keys_of_the_other_side_reach_the_groups() -> None:
    sql = "SELECT c.region, sum(o.total) FROM erp.orders o JOIN rest.customers c ON c.id = o.customer "
    sql += "WHERE c.id IN (1, 2) GROUP BY c.region"
    (fragment,) = [scan for scan in plan(sql).scans if scan.fragment is not None]
    assert [(keys.scan, keys.target) for keys in fragment.keys_from] == [("s1", "c0")]
