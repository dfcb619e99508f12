"""The demo's views, run by plain DuckDB over the demo's data: do they say what an engineer would believe?"""

from decimal import Decimal
from typing import Any

import duckdb
import pytest

from server.demo.plant import BAD_BATCH, BEARING_MACHINE

from .warehouse import VIEWS, view_order

Database = duckdb.DuckDBPyConnection


def one(database: Database, sql: str) -> tuple[Any, ...]:
    row = database.execute(sql).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("name", view_order())
def test_a_view_has_rows_and_every_column_is_described(warehouse: Database, name: str) -> None:
    assert one(warehouse, f"SELECT count(*) FROM {name}")[0] > 0
    described = warehouse.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND comment IS NULL", [name]
    )
    assert described.fetchall() == []
    assert f"COMMENT ON VIEW {name} IS" in (VIEWS / f"{name}.sql").read_text()


@pytest.mark.parametrize(
    ("view", "key"),
    [
        ("order_backlog", "order_id"),
        ("oee_by_line_shift", "line, shift_date, shift"),
        ("scrap_by_product_cause", "product_code, cause_code"),
        ("orders_at_risk", "order_line_id"),
        ("lot_genealogy", "lot_id, via_lot_id, component_lot_id"),
        ("machine_health", "machine"),
        ("customer_on_time", "customer_id"),
        ("lab_results", "sample_no, characteristic"),
        ("blocked_batch_deliveries", "order_line_id, component_lot_no"),
    ],
)
def test_the_key_of_a_view_is_unique(warehouse: Database, view: str, key: str) -> None:
    doubles = warehouse.execute(f"SELECT {key} FROM {view} GROUP BY {key} HAVING count(*) > 1")
    assert doubles.fetchall() == []


def test_the_backlog_has_some_late_orders_and_says_how_late(warehouse: Database) -> None:
    late, total, wrong = one(
        warehouse,
        "SELECT count(*) FILTER (WHERE late), count(*), count(*) FILTER (WHERE late <> (days_late > 0))"
        " FROM order_backlog",
    )
    assert wrong == 0
    assert 0.01 < late / total < 0.15


def test_oee_is_plausible_on_every_line(warehouse: Database) -> None:
    for line, oee, worst, best in warehouse.execute(
        "SELECT line, avg(oee), min(oee), max(oee) FROM oee_by_line_shift GROUP BY line"
    ).fetchall():
        assert 0.55 < oee < 0.85, line
        assert worst > 0.3 and best < 1
    over = one(warehouse, "SELECT max(availability), max(performance), max(quality) FROM oee_by_line_shift")
    assert all(0 < share <= 1.01 for share in over)


def test_scrap_by_cause_adds_up_to_all_scrap(warehouse: Database) -> None:
    assert one(warehouse, "SELECT sum(scrap_count) FROM scrap_by_product_cause") == one(
        warehouse, "SELECT sum(scrap_count) FROM mes.production_counts"
    )


def test_two_to_six_orders_wait_for_a_broken_machine(warehouse: Database) -> None:
    found = warehouse.execute(
        "SELECT order_no, machine, max_vibration_24h, rejected_samples, amount FROM orders_at_risk"
    ).fetchall()
    assert 2 <= len({order for order, *_ in found}) <= 6
    worn = [row for row in found if row[1] == BEARING_MACHINE]
    assert worn
    assert all(vibration > 7.1 and rejected >= 3 for _, _, vibration, rejected, _ in worn)
    assert all(isinstance(amount, Decimal) for *_, amount in found)


def test_only_the_worn_spindle_is_in_alarm(warehouse: Database) -> None:
    found = dict(warehouse.execute("SELECT machine, vibration_condition FROM machine_health").fetchall())
    assert len(found) == 12
    assert [machine for machine, condition in found.items() if condition != "ok"] == [BEARING_MACHINE]


def test_the_blocked_batch_leads_to_customers(warehouse: Database) -> None:
    lots, customers, supplier_lots = one(
        warehouse,
        "SELECT count(DISTINCT lot_no), count(DISTINCT customer), list(DISTINCT supplier_lot)"
        " FROM blocked_batch_deliveries",
    )
    assert lots >= 5 and customers >= 5
    assert supplier_lots == [BAD_BATCH.supplier_lot]


def test_customers_differ_in_how_often_they_wait(warehouse: Database) -> None:
    worst, best = one(warehouse, "SELECT min(on_time_percent), max(on_time_percent) FROM customer_on_time")
    assert 70 < worst < best <= 100 and best - worst > 5


def test_every_lab_value_and_date_is_understood(warehouse: Database) -> None:
    unread, no_day, unmeasured, below, contradictions = one(
        warehouse,
        "SELECT count(*) FILTER (WHERE value IS NULL), count(*) FILTER (WHERE measured_on IS NULL),"
        " count(*) FILTER (WHERE accepted IS NULL), count(*) FILTER (WHERE below_detection),"
        " count(*) FILTER (WHERE accepted <> (value <= upper_limit AND value >= coalesce(lower_limit, value))"
        " AND NOT below_detection)"
        " FROM lab_results",
    )
    assert unread == unmeasured > 0
    assert no_day == 0
    assert below > 0
    assert contradictions == 0
