"""Which groupings go to a source, as which statement, and what stays."""

from __future__ import annotations

import pytest

from engine.explain import explain_plan
from engine.query import Parameter
from engine.scans import scan_from_json, scan_to_json
from tests.engine.fragment_plans import fragments, plan, reasons, rest

RULE = "push_aggregates"
PUSHED = {
    "SELECT count(*) FROM erp.orders": "SELECT COUNT(*) AS c0 FROM orders AS s0",
    "SELECT status, count(*), sum(total) FROM erp.orders WHERE day >= DATE '2024-01-01' GROUP BY status": (
        "SELECT s0.status AS c0, COUNT(*) AS c1, SUM(s0.total) AS c2 FROM orders AS s0 "
        "WHERE (s0.day >= CAST(%s AS date)) GROUP BY s0.status"
    ),
    "SELECT customer, avg(total) FROM mes.orders GROUP BY customer": (
        "SELECT s0.customer AS c0, SUM(s0.total) AS c1, COUNT(s0.total) AS c2 FROM orders AS s0 GROUP BY s0.customer"
    ),
    "SELECT DISTINCT status, day FROM erp.orders": (
        "SELECT s0.status AS c0, s0.day AS c1 FROM orders AS s0 GROUP BY s0.status, s0.day"
    ),
    "SELECT c.region, max(o.day) FROM erp.orders o JOIN erp.customers c ON c.id = o.customer GROUP BY c.region": (
        "SELECT s1.region AS c0, MAX(s0.day) AS c1 FROM orders AS s0 JOIN customers AS s1 "
        "ON (s1.id = s0.customer) GROUP BY s1.region"
    ),
    "SELECT c.region, count(c.id) FROM erp.orders o LEFT JOIN erp.customers c ON c.id = o.customer AND c.region = 1 "
    "GROUP BY c.region": (
        "SELECT s1.region AS c0, COUNT(s1.id) AS c1 FROM orders AS s0 LEFT JOIN customers AS s1 "
        "ON (s1.id = s0.customer) AND (s1.region = CAST(%s AS bigint)) GROUP BY s1.region"
    ),
    "SELECT c.id, count(o.id) AS n FROM erp.customers c LEFT JOIN erp.orders o ON o.customer = c.id GROUP BY c.id": (
        "SELECT s0.id AS c0, COALESCE(s1.a0, 0) AS c1 FROM customers AS s0 LEFT JOIN (SELECT s1.customer AS k0, "
        "COUNT(*) AS a0 FROM orders AS s1 GROUP BY s1.customer) AS s1 ON (s1.k0 = s0.id)"
    ),
    "SELECT v.c, sum(v.t) FROM (SELECT customer AS c, total * 2 AS t FROM erp.orders WHERE status = 'x') v "
    "WHERE v.c > 5 GROUP BY v.c": (
        "SELECT s0.customer AS c0, SUM((CAST(s0.total AS numeric) * CAST(CAST(%s AS bigint) AS numeric))) AS c1 "
        "FROM orders AS s0 WHERE (s0.customer > CAST(%s AS bigint)) AND (s0.status = CAST(%s AS text)) "
        "GROUP BY s0.customer"
    ),
    "SELECT sum(CASE WHEN status IN ('a', 'b') THEN 1 ELSE 0 END) FROM mes.orders": (
        "SELECT SUM((CASE WHEN (s0.status IN (%s, %s)) THEN %s ELSE %s END)) AS c0 FROM orders AS s0"
    ),
    "SELECT status, count(*) FROM mes.orders GROUP BY status": (
        "SELECT s0.status AS c0, COUNT(*) AS c1 FROM orders AS s0 GROUP BY s0.status"
    ),
    "SELECT count(id), avg(id), count(*), count(id + 1) FROM erp.orders": (
        "SELECT COUNT(*) AS c0, SUM(s0.id) AS c1, "
        "COUNT((CAST(s0.id AS numeric) + CAST(CAST(%s AS bigint) AS numeric))) AS c2 FROM orders AS s0"
    ),
    "SELECT count(note), count(DISTINCT status) FROM erp.orders": (
        'SELECT COUNT(s0.note) AS c0, COUNT(DISTINCT s0.status COLLATE C) AS c1 FROM orders AS s0'
    ),
}  # fmt: skip
KEPT = {
    "SELECT c.region, count(*) FROM erp.customers c LEFT JOIN erp.orders o ON o.customer = c.id "
    "LEFT JOIN erp.lines l ON l.qty = c.id GROUP BY c.region": "multiply",
    "SELECT c.region, count(*) FROM erp.customers c LEFT JOIN erp.orders o ON o.customer = c.region "
    "GROUP BY c.region": "multiply",
    "SELECT sum(weight) FROM erp.orders": "sum of float is not on",
    "SELECT weight, count(*) FROM erp.orders GROUP BY weight": "may not tell apart",
    "SELECT note, count(*) FROM erp.orders GROUP BY note": "may not tell apart",
    "SELECT count(*) FROM erp.orders WHERE note = 'x'": "eq of rough text and text",
    "SELECT count(*) FROM erp.orders WHERE lower(status) = 'x'": "lower is not on",
    "SELECT day, median(total) FROM erp.orders GROUP BY day": "median is on no list",
    "SELECT lower(status), count(*) FROM erp.orders GROUP BY lower(status)": "lower is not on",
    "SELECT total * 2, count(*) FROM erp.orders GROUP BY total * 2": "by an expression",
    "SELECT id, count(*) FROM erp.orders GROUP BY id": "each group is one row",
    "SELECT customer, median(total) FILTER (WHERE total > 1) FROM erp.orders GROUP BY customer": "with filter",
    "SELECT customer, count(*) FROM erp.orders GROUP BY ROLLUP (customer)": "rollup is not on",
    "SELECT sum(o.total + c.region) FROM erp.orders o JOIN mes.customers c ON c.id = o.customer": "one connection",
    "SELECT sum(o.total) FROM erp.orders o JOIN erp.lines l ON l.qty = o.id": "",
    "SELECT sum(o.total) FROM erp.orders o JOIN erp.customers c ON c.region = o.customer": "multiply",
    "SELECT count(*) FROM erp.orders WHERE customer NOT IN (SELECT id FROM erp.customers)": "NULL",
    "SELECT count(*) FROM (SELECT * FROM erp.orders LIMIT 5) v": "plain SELECT",
    "SELECT sum(total) FROM erp.orders WHERE total > 1e0": "floats",
    "SELECT count(*) FROM erp.orders USING SAMPLE 10": "",
}


@pytest.mark.parametrize(("sql", "statement"), PUSHED.items())
def test_a_grouping_of_one_connection_becomes_its_statement(sql: str, statement: str) -> None:
    assert fragments(sql) == [statement]


@pytest.mark.parametrize(("sql", "reason"), [(sql, reason) for sql, reason in KEPT.items() if reason])
def test_what_is_not_exact_is_grouped_here_and_says_why(sql: str, reason: str) -> None:
    assert all(found.startswith("[") for found in fragments(sql))
    assert any(reason in text for text in reasons(sql, "push_aggregates")), reasons(sql, "push_aggregates")


def test_a_source_without_sql_keeps_its_scan() -> None:
    assert fragments("SELECT count(*) FROM rest.orders") == ["[rest.orders]"]


@pytest.mark.parametrize(
    ("having", "pushed"),
    [
        ("sum(total) > 300", "(SUM(s0.total) > CAST(%s AS bigint))"),
        ("sum(total) > 300.5 AND avg(total) < 7", "(SUM(s0.total) > CAST(%s AS numeric))"),
        ("sum(customer) > 5", "(SUM(s0.customer) > CAST(%s AS bigint))"),
        ("5 < count(*)", "(CAST(%s AS bigint) < COUNT(*))"),
        ("count(*) BETWEEN 2 AND 3", "((COUNT(*) >= CAST(%s AS bigint)) AND (COUNT(*) <= CAST(%s AS bigint)))"),
        ("max(day) >= DATE '2024-01-01'", "(MAX(s0.day) >= CAST(%s AS date))"),
        ("min(status) > 'a'", ""),
        ("count(*) > 2 OR sum(total) > 1", ""),
        ("sum(total) > count(*)", ""),
        ("sum(total) + 1 > 2", ""),
        ("sum(weight) > 1", None),
    ],
)
def test_conditions_on_one_aggregate_go_below_having_as_a_copy(having: str, pushed: str | None) -> None:
    sql = f"SELECT customer FROM erp.orders GROUP BY customer HAVING {having}"
    found = plan(sql).scans[0].fragment
    assert (found is None) == (pushed is None)
    if found is not None:
        assert found.sql.replace('"', "").partition(" HAVING ")[2] == pushed
        assert found.sql.count("%s") == len(found.parameters)
        assert " WHERE " in rest(sql), "the whole condition is looked at again"


@pytest.mark.parametrize(
    ("sql", "sent"),
    [
        ("SELECT order_id, sum(qty) FROM erp.lines GROUP BY order_id", True),
        ("SELECT order_id, sum(qty) FROM erp.lines GROUP BY order_id HAVING sum(qty) > 300", False),
        ("SELECT order_id, sum(qty) FROM mes.lines GROUP BY order_id", False),  # MariaDB was found to group as soon
        ("SELECT qty, count(*) FROM erp.lines GROUP BY qty", False),
        ("SELECT order_id, sum(qty) FROM erp.lines WHERE order_id = 7 GROUP BY order_id", False),
        ("SELECT no, sum(qty) FROM erp.lines GROUP BY no", False),  # nothing is known of it
        # Keys of the other scan may find a few groups.
        ("SELECT c.id, g.q FROM mes.customers c JOIN (SELECT order_id, sum(qty) AS q FROM erp.lines "
         "GROUP BY order_id) g ON g.order_id = c.id", False),
    ],
)  # fmt: skip
def test_many_groups_of_many_rows_are_made_here(sql: str, sent: bool) -> None:
    assert ("[erp.lines]" in fragments(sql)) == sent
    assert ("grouped here: grouping would cost the source more than sending the rows" in reasons(sql, RULE)) == sent


@pytest.mark.parametrize(
    ("sql", "many"),
    [
        ("SELECT order_id FROM erp.lines GROUP BY order_id HAVING sum(qty) > 300", True),
        ("SELECT order_id FROM mes.lines GROUP BY order_id HAVING sum(qty) > 300", False),
        ("SELECT qty FROM erp.lines GROUP BY qty HAVING sum(no) > 300", False),
        ("SELECT order_id, qty FROM erp.lines GROUP BY order_id, qty HAVING sum(no) > 300", False),  # hashed as soon
        ("SELECT no FROM erp.lines GROUP BY no HAVING sum(qty) > 300", False),  # nothing is known of it
        ("SELECT order_id FROM erp.lines WHERE order_id = 7 GROUP BY order_id HAVING sum(qty) > 3", False),
    ],
)
def test_many_groups_are_to_be_sorted_where_postgresql_makes_them(sql: str, many: bool) -> None:
    found = plan(sql).scans[0]
    assert found.fragment is not None and found.fragment.many_groups == many
    assert scan_from_json(scan_to_json(found)) == found
    (shown,) = explain_plan(plan(sql)).scans
    assert ("many groups: they are to be sorted" in shown.pushed) == many


def test_without_groups_there_is_nothing_to_leave_out() -> None:
    assert fragments("SELECT sum(total) AS s FROM erp.orders HAVING count(*) > 2") == [
        "SELECT SUM(s0.total) AS c0, COUNT(*) AS c1 FROM orders AS s0"
    ]


def test_having_order_and_expressions_over_groups_stay_in_duckdb() -> None:
    sql = "SELECT day, sum(total) / count(*) AS mean FROM erp.orders GROUP BY day HAVING count(*) > 2 ORDER BY 2"
    sql += " LIMIT 3"
    assert fragments(sql) == [
        "SELECT s0.day AS c0, SUM(s0.total) AS c1, COUNT(*) AS c2 FROM orders AS s0 GROUP BY s0.day "
        "HAVING (COUNT(*) > CAST(%s AS bigint))"
    ]
    assert rest(sql) == (
        "SELECT f0.c0 AS day, f0.c1 / f0.c2 AS mean FROM f0 AS f0 WHERE f0.c2 > 2 ORDER BY mean LIMIT 3"
    )


def test_a_views_constant_may_be_among_parameters() -> None:
    sql = "SELECT count(*) FROM (SELECT 'pg' AS site, id FROM erp.orders) v WHERE site IN "
    (found,) = fragments(f"{sql}(CAST($1 AS VARCHAR), CAST($2 AS VARCHAR))", (Parameter("VARCHAR", "pg"),) * 2)
    equal = "(CAST(%s AS text) = CAST(%s AS text))"
    assert found == f"SELECT COUNT(*) AS c0 FROM orders AS s0 WHERE ({equal} OR {equal})"


def test_average_is_the_sum_by_the_number() -> None:
    assert rest("SELECT avg(customer) AS a FROM erp.orders") == (
        "SELECT (CAST(CAST(f0.c0 AS INT128) AS DOUBLE) / f0.c1) AS a FROM f0 AS f0"
    )


def test_literals_and_the_callers_values_are_parameters() -> None:
    sql = "SELECT count(*) FROM erp.orders WHERE customer = CAST($1 AS BIGINT) AND status = 'secret'"
    found = plan(sql, (Parameter("BIGINT", 4711),))
    fragment = found.scans[0].fragment
    assert fragment is not None
    assert "secret" not in fragment.sql and fragment.sql.count("%s") == len(fragment.parameters)
    assert list(fragment.bound([4711, None, None]).parameters)[:2] == [4711, "secret"]


def test_a_common_table_expression_that_is_read_twice_is_not_seen_through() -> None:
    sql = "WITH v AS (SELECT customer, total FROM erp.orders) SELECT a.s, (SELECT count(*) FROM v)"
    sql += " FROM (SELECT sum(total) AS s FROM v) AS a"
    assert fragments(sql) == ["[erp.orders]"]


def test_a_common_table_expression_that_is_read_once_leaves_with_the_grouping() -> None:
    sql = "WITH v AS (SELECT customer, total FROM erp.orders) SELECT sum(total) FROM v"
    assert fragments(sql) == ["SELECT SUM(s0.total) AS c0 FROM orders AS s0"]
    assert "WITH" not in rest(sql)


def test_a_name_of_the_query_is_never_a_fragments_name() -> None:
    sql = "SELECT f0.n FROM (SELECT day, count(*) AS n FROM erp.orders GROUP BY day) f0"
    assert plan(sql).scans[0].id == "f1"
