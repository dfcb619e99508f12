"""Contracts: their forms, and that each is proven by the plan alone."""

from datetime import UTC, datetime

import pytest

from catalog.records import Connection, SourceSchema, View, ViewColumn, WorkspaceCatalog
from connectors.sdk import Column, Op, Support, Table, TableName
from engine.contracts import Contract, contracts_in, prove
from engine.errors import SqlSyntaxError
from engine.source_tables import table_to_json

EXACT = dict.fromkeys((Op.EQ, Op.IN, Op.GT, Op.GE, Op.LT, Op.LE), Support.EXACT)
ORDERS = Table(
    TableName(("main", "orders")),
    (
        Column("order_id", "BIGINT", nullable=False, operators=EXACT, orders=True),
        Column("customer_id", "BIGINT", nullable=False, operators=EXACT),
        Column("order_date", "DATE", operators=EXACT),
        Column("status", "VARCHAR"),
    ),
    keys=(("order_id",),),
    limit=True,
    row_estimate=5_000_000,
    key_lookup=1_000,
)
CUSTOMERS = Table(
    TableName(("customers",)),
    (Column("customer_id", "BIGINT", nullable=False, operators=EXACT), Column("name", "VARCHAR", operators=EXACT)),
    keys=(("customer_id",),),
    row_estimate=80_000,
    key_lookup=1_000,
)
EVENTS = Table(TableName(("events",)), (Column("order_id", "BIGINT", operators=EXACT), Column("x", "VARCHAR")))
TYPES = {"order_id": "BIGINT", "customer_id": "BIGINT", "order_date": "DATE"}


def verdicts(sql: str, *columns: str) -> list[str]:
    """The problem of each contract of a view with this SQL."""
    tables = {("erp", ORDERS.name.parts[-1]): ORDERS, ("mes", "customers"): CUSTOMERS, ("log", "events"): EVENTS}
    now = datetime.now(UTC)
    schemas = {
        (connection, str(table.name)): SourceSchema(connection, str(table.name), table_to_json(table), now)
        for (connection, _), table in tables.items()
    }
    connections = {name: Connection(name, "sqlite", {}) for name in ("erp", "mes", "log")}
    view = View("v", 1, sql, sql, tuple(ViewColumn(name, TYPES.get(name, "VARCHAR")) for name in columns))
    catalog = WorkspaceCatalog("t", "w", 1, connections, schemas, {("v", 1): view}, {"v": 1})
    return [verdict.problem for verdict in prove(view, catalog)]


def test_the_three_forms_are_read_with_their_lines() -> None:
    sql = (
        "-- contract: a filter on order_date reaches erp\nSELECT a, -- CONTRACT: at most 1 row fetched\n"
        "'\n-- contract: no contract' AS b\n"
        '  -- contract: a range on "my ""date" reaches erp.public.orders\n'
        "FROM t\n-- contract: at most 10,000 rows fetched from erp for a lookup by order_id, line\n"
    )
    assert contracts_in(sql) == (
        Contract("a filter on order_date reaches erp", 1, "filter", ("order_date",), "erp"),
        Contract("at most 1 row fetched", 2, "lookup", (), "", most=1),
        Contract(
            'a range on "my ""date" reaches erp.public.orders', 5, "range", ('my "date',), "erp", "public.orders"
        ),
        Contract(
            "at most 10,000 rows fetched from erp for a lookup by order_id, line",
            7, "lookup", ("order_id", "line"), "erp", most=10_000,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["filters reach erp", "at most many rows fetched", "a filter on reaches erp", ""])
def test_what_is_no_contract_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(SqlSyntaxError) as caught:
        contracts_in(f"SELECT 1 AS a\n-- contract: {text}")
    assert caught.value.details["line"] == 2 and "at most N rows" in caught.value.hint


@pytest.mark.parametrize(
    "contract", ["a filter on order_date reaches erp", "a range on order_date reaches erp.orders"]
)
def test_a_filter_on_a_plain_column_reaches_its_source(contract: str) -> None:
    assert verdicts(
        f"-- contract: {contract}\nSELECT order_id, order_date FROM erp.orders", "order_id", "order_date"
    ) == [""]


def test_a_filter_on_a_computed_column_does_not() -> None:
    (problem,) = verdicts(
        "-- contract: a filter on order_date reaches erp\n"
        "SELECT order_id, order_date + INTERVAL 1 DAY AS order_date FROM erp.orders",
        "order_id", "order_date",
    )  # fmt: skip
    assert problem == "the filter on order_date does not reach s0"


def test_a_column_that_takes_no_range_breaks_the_contract() -> None:
    (problem,) = verdicts("-- contract: a range on status reaches erp\nSELECT status FROM erp.orders", "status")
    assert problem == "the range on status does not reach s0"


def test_a_table_is_reached_when_all_its_scans_are() -> None:
    twice = (
        "SELECT a.order_id, a.order_date FROM erp.orders a JOIN erp.orders b ON b.customer_id = a.customer_id"
        " AND b.order_id <> a.order_id"
    )
    filter_on_date = "-- contract: a filter on order_date reaches "
    one, whole = verdicts(f"{filter_on_date}erp\n{filter_on_date}erp.orders\n{twice}", "order_id", "order_date")
    assert one == "" and whole.startswith("the filter on order_date does not reach s")


def test_a_connection_that_is_not_read_and_a_column_that_is_not_there_are_told() -> None:
    other, column = verdicts(
        "-- contract: a filter on order_id reaches mes\n-- contract: a filter on nope reaches erp\n"
        "SELECT order_id FROM erp.orders",
        "order_id",
    )
    assert other == "the view does not read mes; it reads erp.main.orders"
    assert column == "the view has no column 'nope'"


JOIN = "SELECT o.order_id, c.name FROM erp.orders o JOIN mes.customers c ON c.customer_id = o.customer_id"


def test_a_lookup_by_key_is_bounded_by_the_keys_on_both_sides_of_a_join() -> None:
    contract = "-- contract: at most 2 rows fetched for a lookup by order_id\n"
    assert verdicts(contract + JOIN, "order_id", "name") == [""]


def test_rows_that_no_key_bounds_are_estimated_by_statistics() -> None:
    tight, wide, part = verdicts(
        "-- contract: at most 100 rows fetched for a lookup by name\n"
        "-- contract: at most 5,100,000 rows fetched for a lookup by name\n"
        "-- contract: at most 80,000 rows fetched from mes\n" + JOIN,
        "order_id", "name",
    )  # fmt: skip
    assert tight.startswith("about ") and "rows would be fetched (s0 about" in tight
    assert wide == part == ""


def test_a_size_that_nobody_knows_breaks_the_contract() -> None:
    unknown, limited = verdicts(
        "-- contract: at most 1,000,000 rows fetched\nSELECT x FROM log.events", "x"
    ) + verdicts("-- contract: at most 1,000,000 rows fetched for a lookup by x\nSELECT x FROM log.events", "x")
    assert "nobody knows how many rows" in unknown and "nobody knows how many rows" in limited
