"""Small tables with awkward values, whose sources can do different things each time: any mix of exact, inexact and
missing operators, orders, limits, keys and sizes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from connectors.sdk import Column, Op, Support, Table, TableName
from connectors.sdk.types import family
from tests.engine.reference_source import Stored

TEXTS = ("", "a", "A", "abc", "ABC", "ab ", "ä", "Ä", "O'Neil", "100%", "a_b", "b", "zz", "東京", "\\")
KINDS = ("red", "green", "Blue", "blue ")
DAYS = (*(date(2024, 2, day) for day in (1, 27, 28, 29)), date(1899, 12, 31), date(2024, 3, 1))
INSTANTS = tuple(
    datetime(2024, month, day, hour, minute, tzinfo=UTC)
    for month, day, hour, minute in ((3, 31, 0, 59), (3, 31, 1, 0), (10, 27, 0, 30), (10, 27, 1, 30), (1, 1, 0, 0))
)
NUMBERS = tuple(Decimal(text) for text in ("0.00", "-1.50", "2.50", "2.00", "99.99", "1000.10", "-0.01"))
DOUBLES = (0.0, 0.25, -2.5, 2.5, 1e10, 4.0)
UUIDS = tuple(UUID(int=i * 0x1111_0000_0000_0000_0000_0000_0000 + i) for i in range(6))

# name → sql type, values; "key" columns count up from 1
COLUMNS: dict[str, dict[str, dict[str, tuple[str, Any]]]] = {
    "erp": {
        "customers": {
            "id": ("INTEGER", "key"), "name": ("VARCHAR", TEXTS), "region": ("VARCHAR", KINDS),
            "credit": ("DECIMAL(12,2)", NUMBERS), "active": ("BOOLEAN", (True, False)), "since": ("DATE", DAYS),
        },
        "orders": {
            "order_id": ("BIGINT", "key"), "customer_id": ("INTEGER", tuple(range(1, 12))),
            "amount": ("DECIMAL(12,2)", NUMBERS), "qty": ("SMALLINT", (0, 1, 2, 3, 5, 100)),
            "placed": ("TIMESTAMP WITH TIME ZONE", INSTANTS), "due": ("DATE", DAYS), "note": ("VARCHAR", TEXTS),
            "Late": ("BOOLEAN", (True, False)),
        },
    },
    "mes": {
        "steps": {
            "order_id": ("BIGINT", tuple(range(1, 20))), "step": ("INTEGER", (1, 2, 3)),
            "machine": ("VARCHAR", KINDS), "seconds": ("DOUBLE", DOUBLES),
            "started": ("TIMESTAMP", tuple(i.replace(tzinfo=None) for i in INSTANTS)), "result": ("VARCHAR", TEXTS),
        },
        "machines": {"Machine": ("VARCHAR", "text key"), "power": ("DOUBLE", DOUBLES), "built": ("DATE", DAYS)},
    },
    "lab": {
        "samples": {
            "sample_id": ("UUID", "uuid key"), "order_id": ("BIGINT", tuple(range(1, 20))),
            "value": ("DOUBLE", DOUBLES), "unit": ("VARCHAR", TEXTS), "ok": ("BOOLEAN", (True, False)),
            "taken": ("TIMESTAMP WITH TIME ZONE", INSTANTS), "exact": ("DECIMAL(9,3)", tuple(NUMBERS[:4])),
        },
    },
}  # fmt: skip
COUNTS = {"customers": 10, "orders": 18, "steps": 24, "machines": 4, "samples": 6}
VIEWS = {
    "open_orders": "SELECT o.order_id, o.customer_id, c.name, c.region, o.amount, o.qty, o.due, o.placed, o.note,"
    " o.Late FROM erp.orders o LEFT JOIN erp.customers c ON o.customer_id = c.id",
    "big_orders": "SELECT * FROM open_orders WHERE amount > 1",
    "all_texts": "SELECT order_id AS id, note AS text, qty AS n FROM erp.orders UNION ALL"
    " SELECT order_id, result, step FROM mes.steps",
    "per_customer": "SELECT customer_id, count(*) AS orders, sum(amount) AS total, max(due) AS last_due"
    " FROM erp.orders GROUP BY customer_id",
    "ranked": "SELECT order_id, customer_id, amount, rank() OVER (PARTITION BY customer_id ORDER BY amount) AS place"
    " FROM erp.orders",
    "top_steps": "SELECT * FROM mes.steps ORDER BY order_id, step, machine, seconds, started, result LIMIT 10",
    "kinds": "SELECT DISTINCT region AS kind FROM erp.customers",
    "lab_orders": "WITH good AS (SELECT order_id, value, unit FROM lab.samples WHERE ok)"
    " SELECT g.order_id, g.value, g.unit, o.amount FROM good g JOIN erp.orders o USING (order_id)",
}


def sources(rng: random.Random) -> dict[str, dict[str, Stored]]:
    """Rows and capabilities, both drawn."""
    return {
        connection: {name: _table(name, columns, rng) for name, columns in tables.items()}
        for connection, tables in COLUMNS.items()
    }


def _table(name: str, columns: dict[str, tuple[str, Any]], rng: random.Random) -> Stored:
    count = COUNTS[name]
    values: dict[str, list[Any]] = {}
    described = []
    able = rng.choice(("all", "all", "mixed", "mixed", "none"))
    key = None
    for column, (sql_type, domain) in columns.items():
        if isinstance(domain, str):
            key = column
            pool: tuple[Any, ...] = {"key": tuple(range(1, count + 1)), "text key": KINDS, "uuid key": UUIDS}[domain]
            values[column] = list(pool[:count])
        else:
            values[column] = [None if rng.random() < 0.15 else rng.choice(domain) for _ in range(count)]
        nullable = column != key
        plain = Column(
            column, sql_type, nullable, _operators(sql_type, able, rng), rng.random() < 0.6 and able != "none"
        )
        described.append(_with_lies(plain, rng))
    rows = tuple(dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
    table = Table(
        TableName((name,)),
        tuple(described),
        keys=((key,),) if key and rng.random() < 0.8 else (),
        limit=able != "none" and rng.random() < 0.8,
        key_lookup=rng.choice((0, 5, 1000)),
        row_estimate=rng.choice((None, 10, 2_000, 5_000_000)),
        indexed=tuple(column for column in columns if rng.random() < 0.3),
    )
    return Stored(table, rows)


def _with_lies(column: Column, rng: random.Random) -> Column:
    """A column with statistics that have nothing to do with its rows: they may change no answer."""
    low = rng.choice((None, -1e6, 0.0, 5.0, 20_000.0))
    return replace(
        column,
        distinct_estimate=rng.choice((None, 1, 3, 1_000, 10_000_000)),
        null_fraction=rng.choice((None, 0.0, 0.5, 1.0)),
        minimum=low,
        maximum=None if low is None else low + rng.choice((0.0, 1.0, 1e9)),
    )


def _operators(sql_type: str, able: str, rng: random.Random) -> dict[Op, Support]:
    ops = [Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE, Op.IN, Op.IS_NULL, Op.IS_NOT_NULL]
    if family(sql_type) == "text":
        ops += [Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS]
    if able == "none":
        return {}
    if able == "all":
        return dict.fromkeys(ops, Support.EXACT)
    chances = (Support.EXACT, Support.EXACT, Support.INEXACT, None)
    drawn = {op: rng.choice(chances) for op in ops}
    return {op: support for op, support in drawn.items() if support is not None}
