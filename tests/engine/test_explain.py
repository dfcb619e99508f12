"""EXPLAIN as data and as text, from a plan alone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from catalog.records import Connection, SourceSchema, WorkspaceCatalog
from connectors.sdk import Column, Op, Support, Table, TableName
from engine.explain import (
    NativeStatement,
    Step,
    explain_plan,
    explanation_text,
    size_text,
    step,
    with_run,
    with_statements,
)
from engine.parse import parse_query
from engine.plan import Plan
from engine.planner import plan_query
from engine.query import Parameter, Query, parameter
from engine.scans import KeysFrom
from engine.source_tables import table_to_json

EXACT = dict.fromkeys((Op.EQ, Op.IN, Op.GT), Support.EXACT)


def plan_of(sql: str, *parameters: Parameter, steps: list[Step] | None = None) -> Plan:
    table = Table(
        TableName(("main", "orders")),
        (
            Column("Order_ID", "BIGINT", operators=EXACT, orders=True),
            Column("status", "VARCHAR", operators=EXACT),
            Column("note", "VARCHAR"),
        ),
        limit=True,
        row_estimate=1_200,
    )
    schema = SourceSchema("erp", "main.orders", table_to_json(table), datetime.now(UTC))
    catalog = WorkspaceCatalog(
        "t", "w", 1, {"erp": Connection("erp", "sqlite", {})}, {("erp", "main.orders"): schema}
    )
    tree = parse_query(sql)
    for node in list(tree.find_all(type(parameter(0, "BIGINT").this))):
        node.replace(parameter(int(str(node.this)) - 1, parameters[int(str(node.this)) - 1].sql_type))

    def observe(rule: str, plan: Plan) -> None:
        if steps is not None:
            steps.append(step(rule, plan))

    return plan_query(Query(tree, parameters), catalog, workspace_names=True, observe=observe)


def test_what_was_pushed_and_what_stayed_is_in_words_without_values() -> None:
    plan = plan_of("SELECT order_id FROM erp.orders WHERE status IN ('open', 'late') AND note LIKE '%secret%'")
    (scan,) = explain_plan(plan).scans
    assert (scan.connection, scan.table, scan.row_estimate) == ("erp", "main.orders", 1_200)
    assert scan.pushed == ("status in (2 values)",)
    assert any("note" in text for text in scan.stayed)
    assert not any("secret" in text for text in (*scan.pushed, *scan.stayed))
    assert scan.columns == ("Order_ID", "status", "note")


def test_the_values_of_the_caller_are_numbers_with_a_dollar() -> None:
    found = explain_plan(plan_of("SELECT status FROM erp.orders WHERE order_id = $1", Parameter("BIGINT", 4711)))
    assert "$1" in found.duckdb and "4711" not in explanation_text(found)


def test_limit_order_and_columns_are_told() -> None:
    text = explanation_text(explain_plan(plan_of("SELECT order_id FROM erp.orders ORDER BY order_id LIMIT 3")))
    assert "limit      3" in text and "order by   Order_ID" in text and "1 of 3: Order_ID" in text


def test_statements_and_a_run_are_added_to_their_scans() -> None:
    found = explain_plan(plan_of("SELECT order_id FROM erp.orders"))
    found = with_statements(found, {"s0": NativeStatement('SELECT "Order_ID" FROM "main"."orders"')})
    source = {
        "scan": "s0",
        "rows": 1_200,
        "bytes": 9_600,
        "seconds_to_first_row": 0.004,
        "seconds": 0.02,
        "snapshot": True,
    }
    found = with_run(found, {"rows": 1_200, "bytes": 20_000, "sources": [source]}, 0.05)
    text = explanation_text(found)
    assert 'statement  SELECT "Order_ID" FROM "main"."orders"' in text
    assert "read       1,200 rows, 9.4 KB, first after 0.004 s, all after 0.020 s; shares a snapshot" in text
    assert "answer  1,200 rows, 19.5 KB in 0.050 s; 1,200 rows read from sources" in text


def test_a_statement_that_could_not_be_told_says_why() -> None:
    found = explain_plan(plan_of("SELECT order_id FROM erp.orders"))
    text = explanation_text(with_statements(found, {"s0": NativeStatement(None, "the file is gone")}))
    assert "statement  not known: the file is gone" in text


def test_each_rule_is_a_step() -> None:
    steps: list[Step] = []
    plan = plan_of("SELECT order_id FROM erp.orders WHERE status = 'open'", steps=steps)
    assert {"push_filters", "push_limit", "prune_columns"} <= {one.rule for one in steps}
    assert any("status eq ?" in one.scans[0] for one in steps)
    assert ": push_filters" in explanation_text(explain_plan(plan, steps))


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KB"), (3 << 30, "3.0 GB"), (5 << 40, "5120.0 GB")],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert size_text(size) == text


def test_keys_that_another_scan_gives_are_told() -> None:
    plan = plan_of("SELECT order_id FROM erp.orders")
    scan = replace(plan.scans[0], keys_from=(KeysFrom("s1", "nr", "Order_ID", 10_000),))
    text = explanation_text(explain_plan(plan.with_scans([scan])))
    assert "keys       Order_ID in (the values of s1.nr, if at most 10,000)" in text
