"""A grouping in ranges of its key: when, as which statement, and that its answer is the same wherever they end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.sdk import Column, Connector, Table, TableName
from engine.rules.key_ranges import range_key
from tests.engine.live import Live, difference

ORDERS = Column("order_id", "BIGINT", nullable=False, minimum=1.0, maximum=9_000_001.0, in_order=1.0)
TABLE = Table(TableName(("lines",)), (ORDERS,), keys=(("order_id", "no"),), row_estimate=6_000_000)


def test_a_key_in_whose_order_the_rows_stand_is_divided() -> None:
    assert range_key({"c0": ORDERS}, TABLE) == ("c0", (3_000_001, 6_000_001))
    assert range_key({"c0": replace(ORDERS, in_order=-0.95)}, TABLE) is not None
    assert range_key({"c0": ORDERS}, replace(TABLE, keys=(), indexed=("order_id",))) is not None


@pytest.mark.parametrize(
    "change",
    [{"in_order": 0.3}, {"in_order": None}, {"nullable": True}, {"minimum": None}, {"maximum": 2.0},
     {"maximum": 9e18}, {"sql_type": "VARCHAR"}, {"sql_type": "DECIMAL(9,2)"}],
)  # fmt: skip
def test_others_are_not(change: dict[str, Any]) -> None:
    assert range_key({"c0": replace(ORDERS, **change)}, TABLE) is None


def test_small_tables_and_keys_without_an_index_are_not() -> None:
    assert range_key({"c0": ORDERS}, replace(TABLE, row_estimate=900_000)) is None
    assert range_key({"c0": ORDERS}, replace(TABLE, keys=(("no", "order_id"),))) is None


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources, {"facts": 2_000_000, "dims": 5_000, "parts": 2_000_000})


def lie(live: Live, low: float, high: float) -> None:
    """What the catalog says of pg.parts: many facts, from low to high."""
    definition: Any = live.catalog.schemas["pg", "public.parts"].definition
    for column in definition["columns"]:
        if column["name"] == "fact":
            known = {"distinct_estimate": 600_000, "minimum": low, "maximum": high, "in_order": 1.0}
            column["statistics"] = known


@pytest.mark.parametrize(("low", "high"), [(0, 90), (-50, -40), (10_000, 20_000), (0, 4), (-1e15, 1e15)])
def test_answers_stay_what_they_are(live: Live, low: float, high: float) -> None:
    lie(live, low, high)
    for sql in (
        "SELECT fact, sum(qty) AS s, count(*) AS n FROM pg.parts GROUP BY fact HAVING count(*) > 1",
        "SELECT fact, sum(qty) AS s FROM pg.parts GROUP BY fact",
        "SELECT v.s, count(*) AS n FROM (SELECT fact, sum(qty) AS s FROM pg.parts WHERE qty IS NULL OR no = 1 "
        "GROUP BY fact) v GROUP BY v.s",
        "SELECT fact, no, max(qty) AS s FROM pg.parts WHERE no < 2 GROUP BY fact, no HAVING max(qty) <> 3",
        "SELECT d.id, v.s FROM my.dims d JOIN (SELECT fact, sum(qty) AS s FROM pg.parts GROUP BY fact "
        "HAVING sum(qty) > 2) v ON v.fact = d.id",
        "SELECT fact, avg(qty) AS s FROM pg.parts GROUP BY fact HAVING count(*) > 1 ORDER BY fact DESC LIMIT 3",
        "SELECT f.id, f.dim FROM pg.facts f WHERE f.id IN "
        "(SELECT fact FROM pg.parts GROUP BY fact HAVING count(*) > 1)",
    ):
        found = live.run(sql)
        assert difference(found.table, live.expected(sql)) is None, sql
        statements = [scan.fragment.sql for scan in found.plan.scans if scan.fragment is not None]
        whole_key = "GROUP BY fact, no" in sql  # each group is one row
        assert any(text.count(" UNION ALL ") == 2 for text in statements) != whole_key, statements
