"""What a REST request asks is what a source is asked: filters, order, limit and the start of a page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from catalog.records import Connection, SourceSchema
from connectors.sdk import Column, Op, Support, Table, TableName
from connectors.sdk.scan import comparisons
from engine.encoders.page_token import write_token
from engine.planner import plan_query
from engine.scans import Scan
from engine.source_tables import table_to_json
from server.rest.routes import rest_answer
from tests.server.sample import ORDER_COLUMNS, orders_context

EXACT = dict.fromkeys(Op, Support.EXACT)


def scan_of(text: str) -> Scan:
    """The one scan of a request on a view over a source that can do everything."""
    columns = tuple(
        Column(c.name, c.sql_type, c.nullable, EXACT, orders=True, binary_text=True) for c in ORDER_COLUMNS
    )
    table = Table(TableName(("public", "orders")), columns, keys=(("order_id",),), limit=True)
    where = orders_context()
    names = ", ".join('"' + c.name.replace('"', '""') + '"' for c in ORDER_COLUMNS)
    (view,) = where.catalog.views.values()
    catalog = replace(
        where.catalog,
        connections={"pg": Connection("pg", "postgres", {})},
        schemas={
            ("pg", "public.orders"): SourceSchema("pg", "public.orders", table_to_json(table), datetime.now(UTC))
        },
        views={("v_orders", 1): replace(view, expanded_sql=f"SELECT {names} FROM pg.public.orders")},
    )
    found = rest_answer(replace(where, catalog=catalog), "orders", text.encode())
    (scan,) = plan_query(found.query, catalog).scans
    return scan


def pushed(scan: Scan) -> list[tuple[str, Op]]:
    return [(c.column, c.op) for predicate in scan.predicates for c in comparisons(predicate)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order_id=eq.5", [("order_id", Op.EQ)]),
        ("order_id=in.(1,2)", [("order_id", Op.IN)]),
        ("customer=like.A*", [("customer", Op.STARTS_WITH)]),
        ("customer=like.*A", [("customer", Op.ENDS_WITH)]),
        ("customer=like.*A*", [("customer", Op.CONTAINS)]),
        ("total=gte.1&total=is.not_null", [("total", Op.GE), ("total", Op.IS_NOT_NULL)]),
        ("or=(total.gt.5,late.is.true)", [("total", Op.GT), ("late", Op.EQ)]),
        ("not.or=(total.gt.5,order.lt.3)", [("total", Op.LE), ("order", Op.GE)]),
        ("total=not.gt.5", [("total", Op.LE)]),
        ("seen=lt.2024-01-01T00:00:00Z", [("seen", Op.LT)]),
        ("lot=eq.01234567-89ab-cdef-0123-456789abcdef", [("lot", Op.EQ)]),
    ],
)
def test_filters_reach_the_source(text: str, expected: list[tuple[str, Op]]) -> None:
    assert pushed(scan_of(text)) == expected


def test_a_page_reaches_the_source_with_its_order_and_one_row_more() -> None:
    scan = scan_of("order=total.desc&limit=5")
    assert [(key.column, key.descending, key.nulls_first) for key in scan.order_by] == [
        ("total", True, True),
        ("order_id", False, False),
    ]
    assert scan.limit == 6


def test_the_start_of_a_page_reaches_the_source() -> None:
    first = scan_of(f"limit=5&after={write_token([7])}")
    assert pushed(first) == [("order_id", Op.GT)]
    assert first.limit == 6
    second = scan_of(f"order=total.desc&limit=5&after={write_token([Decimal(5), 7])}")
    assert pushed(second) == [("total", Op.LE), ("total", Op.LT), ("total", Op.EQ), ("order_id", Op.GT)]
    assert second.limit == 6
