"""Which joins go to a source, as which statement, and what stays."""

from __future__ import annotations

import pytest

from tests.engine.fragment_plans import fragments, plan, reasons, rest

JOIN = "FROM erp.orders o JOIN erp.customers c ON c.id = o.customer"
PUSHED = {
    f"SELECT o.id, c.name {JOIN} WHERE c.region = 1": [
        "SELECT s0.id AS c0, s1.name AS c1 FROM orders AS s0 JOIN customers AS s1 "
        "ON (s1.id = s0.customer) AND (s1.region = CAST(%s AS bigint))"
    ],
    "SELECT o.id, c.name FROM erp.customers c, erp.orders o WHERE c.id = o.customer AND o.id = 7": [
        "SELECT s1.id AS c0, s0.name AS c1 FROM customers AS s0 JOIN orders AS s1 ON (s0.id = s1.customer) "
        "AND (s1.id = CAST(%s AS bigint))"
    ],
    "SELECT l.qty, o.day FROM erp.lines l JOIN erp.orders o ON o.id = l.order_id JOIN erp.customers c "
    "ON c.id = o.customer WHERE c.region = 3": [
        "SELECT s0.qty AS c0, s1.day AS c1 FROM lines AS s0 JOIN orders AS s1 "
        "ON (s1.id = s0.order_id) JOIN customers AS s2 ON (s2.id = s1.customer) AND (s2.region = CAST(%s AS bigint))"
    ],
    "SELECT o.id, c.name, l.no FROM erp.orders o LEFT JOIN erp.customers c ON c.id = o.customer "
    "FULL JOIN erp.lines l ON l.order_id = o.id": [
        "[erp.lines]",
        "SELECT s0.id AS c0, s1.name AS c1 FROM orders AS s0 LEFT JOIN customers AS s1 ON (s1.id = s0.customer)",
    ],
    f"SELECT o.id, c.name, m.qty {JOIN} JOIN mes.lines m ON m.order_id = o.id WHERE c.region = 1": [
        "[mes.lines]",
        "SELECT s0.id AS c0, s1.name AS c1 FROM orders AS s0 JOIN customers AS s1 "
        "ON (s1.id = s0.customer) AND (s1.region = CAST(%s AS bigint))",
    ],
}  # fmt: skip
KEPT = {
    "SELECT o.id, c.id AS x FROM erp.orders o JOIN erp.customers c ON c.region = o.customer": "by a key",
    "SELECT o.id, l.no FROM erp.orders o LEFT JOIN erp.lines l ON l.order_id = o.id": "multiply",
    "SELECT o.id, c.id AS x FROM erp.orders o RIGHT JOIN erp.customers c ON c.id = o.customer": "RIGHT",
    "SELECT o.id, c.id AS x FROM erp.orders o FULL JOIN erp.customers c ON c.id = o.customer": "FULL",
    "SELECT o.id, o.note, c.name FROM mes.orders o JOIN mes.customers c ON c.name = o.status": "by a key",
    "SELECT o.id, o.note, c.name FROM erp.orders o JOIN erp.customers c ON c.id = o.customer WHERE c.region = 1": (
        "a form of its own"
    ),
}


@pytest.mark.parametrize(("sql", "statements"), PUSHED.items())
def test_a_join_by_keys_of_one_connection_becomes_its_statement(sql: str, statements: list[str]) -> None:
    assert fragments(sql) == statements


@pytest.mark.parametrize(("sql", "reason"), KEPT.items())
def test_what_may_multiply_rows_or_differ_is_joined_here_and_says_why(sql: str, reason: str) -> None:
    assert all(found.startswith("[") for found in fragments(sql))
    assert any(reason in text for text in reasons(sql, "push_joins")), reasons(sql, "push_joins")


@pytest.mark.parametrize(
    ("value", "join", "joined"),
    [
        ("c.region IS NULL", "FULL JOIN", False),
        ("'pg'", "RIGHT JOIN", False),
        ("coalesce(c.region, 0)", "FULL JOIN", False),
        ("c.region", "FULL JOIN", True),
        ("c.region + 1", "RIGHT JOIN", True),
        ("c.region IS NULL", "LEFT JOIN", True),
    ],
)
def test_what_is_not_null_without_rows_is_not_computed_behind_an_outer_join(
    value: str, join: str, joined: bool
) -> None:
    view = f"SELECT c.id, {value} AS v FROM erp.customers c WHERE c.region < 9"
    sql = f"SELECT o.day, v.v, l.no FROM erp.orders o JOIN ({view}) v ON v.id = o.customer "
    found = fragments(f"{sql} {join} mes.lines l ON l.order_id = o.id")
    assert any("customers" in text and "orders" in text for text in found) == joined, found


def test_a_condition_that_the_source_does_leaves_the_tree_and_others_stay() -> None:
    sql = f"SELECT o.id, c.name {JOIN} WHERE c.region = 1 AND lower(c.name) = 'x'"
    assert rest(sql) == "SELECT f0.c0 AS id, f0.c1 AS name FROM f0 AS f0 WHERE (LOWER(f0.c1) = 'x')"


def test_keys_of_another_source_reach_the_fragment() -> None:
    sql = f"SELECT o.id, c.name, r.qty {JOIN} JOIN rest.lines r ON r.order_id = o.id WHERE c.region = 1 AND r.no = 7"
    (fragment,) = [scan for scan in plan(sql).scans if scan.fragment is not None]
    assert fragment.fragment is not None and "c0" in fragment.fragment.lookups


def test_a_join_that_would_only_widen_what_is_read_stays_here() -> None:
    sql = f"SELECT o.id, o.day, o.total, c.id AS cid, c.name, c.region {JOIN}"
    assert fragments(sql) == ["[erp.orders]", "[erp.customers]"]
    assert any("more to read" in text for text in reasons(sql, "push_joins"))
