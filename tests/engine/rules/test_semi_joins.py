"""Which EXISTS and IN (subquery) go to a source, as which condition, and what stays."""

from __future__ import annotations

import pytest

from tests.engine.fragment_plans import fragments, reasons, rest

PUSHED = {
    "SELECT o.id FROM erp.orders o WHERE EXISTS (SELECT * FROM erp.lines l WHERE l.order_id = o.id AND l.qty > 5)": [
        "SELECT s0.id AS c0 FROM orders AS s0 WHERE EXISTS (SELECT 1 FROM lines AS s1 "
        "WHERE (s1.order_id = s0.id) AND (s1.qty > CAST(%s AS bigint)))"
    ],
    "SELECT l.qty FROM erp.lines l WHERE NOT EXISTS "
    "(SELECT 1 FROM erp.lines m WHERE m.order_id = l.order_id AND m.no <> l.no)": [
        "SELECT s0.qty AS c0 FROM lines AS s0 WHERE (NOT EXISTS (SELECT 1 FROM lines AS s1 "
        "WHERE (s1.order_id = s0.order_id) AND (s1.no <> s0.no)))"
    ],
    "SELECT o.day FROM erp.orders o WHERE o.customer IN "
    "(SELECT DISTINCT c.id FROM erp.customers c WHERE c.region = 1)": [
        "SELECT s0.day AS c0 FROM orders AS s0 WHERE EXISTS (SELECT 1 FROM customers AS s1 "
        "WHERE (s1.region = CAST(%s AS bigint)) AND (s1.id = s0.customer))"
    ],
    "SELECT l.qty FROM mes.lines l WHERE l.order_id NOT IN (SELECT id FROM mes.orders)": [
        "SELECT s0.qty AS c0 FROM lines AS s0 WHERE (NOT EXISTS (SELECT 1 FROM orders AS s1 "
        "WHERE (s1.id = s0.order_id)))"
    ],
    # To MariaDB as IN, which it joins in a derived table too: one equality of whole numbers, one table.
    "SELECT o.day FROM mes.orders o WHERE EXISTS (SELECT 1 FROM mes.lines l WHERE l.order_id = o.id AND l.qty > 5)": [
        "SELECT s0.day AS c0 FROM orders AS s0 WHERE s0.id IN "
        "(SELECT s1.order_id FROM lines AS s1 WHERE (s1.qty > %s))"
    ],
    "SELECT o.day FROM mes.orders o WHERE o.customer IN (SELECT c.id FROM mes.customers c)": [
        "SELECT s0.day AS c0 FROM orders AS s0 WHERE s0.customer IN (SELECT s1.id FROM customers AS s1)"
    ],
    "SELECT l.no FROM mes.lines l WHERE EXISTS "
    "(SELECT 1 FROM mes.lines m WHERE m.order_id = l.order_id AND m.no <> l.no)": [
        "SELECT s0.no AS c0 FROM lines AS s0 WHERE EXISTS (SELECT 1 FROM lines AS s1 "
        "WHERE (s1.order_id = s0.order_id) AND (s1.no <> s0.no))"
    ],
    "SELECT o.id FROM mes.orders o WHERE EXISTS (SELECT 1 FROM mes.orders p WHERE p.day = o.day)": [
        "SELECT s0.id AS c0 FROM orders AS s0 WHERE EXISTS (SELECT 1 FROM orders AS s1 WHERE (s1.day = s0.day))"
    ],
    "SELECT o.status, count(*) AS n FROM erp.orders o "
    "WHERE EXISTS (SELECT 1 FROM erp.lines l WHERE l.order_id = o.id AND l.qty = 1) GROUP BY o.status": [
        "SELECT s0.status AS c0, COUNT(*) AS c1 FROM orders AS s0 WHERE EXISTS (SELECT 1 FROM lines AS s1 "
        "WHERE (s1.order_id = s0.id) AND (s1.qty = CAST(%s AS bigint))) GROUP BY s0.status"
    ],
    "SELECT l.qty, o.day FROM erp.lines l JOIN erp.orders o ON o.id = l.order_id WHERE o.day = '2024-01-01' AND "
    "EXISTS (SELECT 1 FROM erp.lines m JOIN erp.orders p ON p.id = m.order_id WHERE p.customer = o.customer)": [
        "SELECT s0.qty AS c0, s1.day AS c1 FROM lines AS s0 JOIN orders AS s1 ON (s1.id = s0.order_id) AND "
        "(s1.day = CAST(%s AS date)) WHERE EXISTS (SELECT 1 FROM lines AS s2 CROSS JOIN orders AS s3 "
        "WHERE (s3.id = s2.order_id) AND (s3.customer = s1.customer))"
    ],
    "SELECT r.qty FROM rest.lines r JOIN erp.orders o ON o.id = r.order_id "
    "WHERE o.customer IN (SELECT id FROM erp.customers) AND r.no NOT IN (SELECT no FROM rest.lines)": [
        "[rest.lines]",
        "SELECT s1.id AS c0 FROM orders AS s1 WHERE "
        "EXISTS (SELECT 1 FROM customers AS s2 WHERE (s2.id = s1.customer))",
    ],
}  # fmt: skip
ORDERS = "SELECT o.id FROM erp.orders o WHERE "
KEPT = {
    ORDERS + "o.customer NOT IN (SELECT id FROM erp.customers)": "NULL",
    "SELECT l.no FROM erp.lines l WHERE l.no NOT IN (SELECT customer FROM erp.orders)": "NULL",
    ORDERS + "EXISTS (SELECT 1 FROM erp.lines l WHERE l.no = 3)": "no equality",
    ORDERS + "EXISTS (SELECT 1 FROM erp.lines)": "no equality",
    ORDERS + "EXISTS (SELECT 1 FROM erp.lines l WHERE l.no > o.customer)": "no equality",
    ORDERS + "EXISTS (SELECT 1 FROM erp.lines l, erp.customers c WHERE l.no = o.id)": "no equality",
    ORDERS + "EXISTS (SELECT 1 FROM erp.lines l WHERE l.order_id = o.id LIMIT 0)": "limits",
    ORDERS + "EXISTS (SELECT count(*) FROM erp.lines l WHERE l.order_id = o.id)": "groups",
    ORDERS + "EXISTS (SELECT 1 FROM erp.lines l JOIN mes.lines m ON m.no = l.no WHERE l.no = o.id)": "connection",
    ORDERS + "EXISTS (SELECT 1 FROM erp.lines l WHERE l.order_id = o.id AND lower(o.status) = 'x')": "list",
    ORDERS + "(o.id, o.customer) IN (SELECT order_id, no FROM erp.lines)": "several columns",
    "SELECT o.id FROM mes.orders o WHERE "
    "EXISTS (SELECT 1 FROM mes.orders p WHERE p.customer = o.customer AND p.id <> o.id)": "for each row",
}  # fmt: skip


@pytest.mark.parametrize(("sql", "statements"), PUSHED.items())
def test_a_semi_join_of_one_connection_is_a_condition_of_its_statement(sql: str, statements: list[str]) -> None:
    assert fragments(sql) == statements


@pytest.mark.parametrize(("sql", "reason"), KEPT.items())
def test_what_may_differ_or_cost_too_much_stays_and_says_why(sql: str, reason: str) -> None:
    assert all(" WHERE " not in found or "EXISTS" not in found for found in fragments(sql))
    assert any(reason in text for text in reasons(sql, "push_joins")), reasons(sql, "push_joins")


def test_a_semi_join_of_another_connection_stays_and_its_columns_are_read() -> None:
    sql = ORDERS + (
        "EXISTS (SELECT 1 FROM erp.lines l WHERE l.order_id = o.id) "
        "AND EXISTS (SELECT 1 FROM rest.lines m WHERE m.order_id = o.customer)"
    )
    assert len(fragments(sql)) == 2
    assert rest(sql) == (
        "SELECT f0.c0 AS id FROM f0 AS f0 WHERE EXISTS(SELECT 1 AS one FROM s2 AS m WHERE m.order_id = f0.c1)"
    )
