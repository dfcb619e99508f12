"""The order in which a statement tests its conditions."""

from __future__ import annotations

from itertools import pairwise

import pytest
import sqlglot

from connectors.sdk import Column
from engine.rules.cheap_first import cost

KINDS = {"n": "BIGINT", "day": "DATE", "sent": "DATE", "total": "DECIMAL(9,2)", "kind": "VARCHAR"}
COLUMNS = {"s0": {name: Column(name, kind) for name, kind in KINDS.items()}}
CHEAPEST_FIRST = (
    "s0.day >= DATE '2024-01-01'",
    "s0.day < s0.sent",
    "s0.n = 1 OR s0.day < s0.sent",
    "s0.kind = 'a'",
    "s0.kind IN ('a', 'b')",
    "upper(s0.kind) = 'A'",
    "s0.kind LIKE '%a%' AND s0.total > 5",
)


@pytest.mark.parametrize(("cheap", "dear"), list(pairwise(CHEAPEST_FIRST)))
def test_texts_cost_more_than_numbers_and_work_more_than_both(cheap: str, dear: str) -> None:
    one, other = (cost(sqlglot.parse_one(text, dialect="duckdb"), COLUMNS) for text in (cheap, dear))
    assert one < other


def test_columns_of_nobody_count_as_numbers() -> None:
    assert cost(sqlglot.parse_one("x.a > 1"), COLUMNS) == 1
