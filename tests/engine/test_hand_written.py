"""Queries of all kinds, written by hand, over five kinds of sources: no rule changes an answer of plain DuckDB."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.sdk import Connector
from engine.engine import prepared_plan
from engine.optimizer import RULES
from tests.engine.federated import LARGE, STRANGE
from tests.engine.live import Live, difference
from tests.engine.live_five import five

QUERIES = [
    line.removesuffix(";")
    for line in Path(__file__).with_name("hand_written.sql").read_text("utf-8").splitlines()
    if not line.startswith("--")
]
WAYS = [RULES, (), *(tuple(rule for rule in RULES if rule is not off) for off in RULES)]


@pytest.fixture(scope="module")
def lives(five_sources: dict[str, Connector]) -> list[Live]:
    return [five(five_sources), five(five_sources, LARGE), five(five_sources, STRANGE)]


@pytest.mark.parametrize("block", range(12))
def test_no_rule_changes_the_answer_of_a_query_that_people_write(block: int, lives: list[Live]) -> None:
    for number in range(block, len(QUERIES), 12):
        sql, live = QUERIES[number], lives[number % len(lives)]
        expected, plans, seen = lives[0].expected(sql), live.plans(sql), list[object]()
        for rules in WAYS:
            prepared = prepared_plan(plans(rules))
            plan = prepared.pieces, prepared.plan.scans
            if plan in seen:
                continue
            seen.append(plan)
            problem = difference(live.run_prepared(prepared).table, expected)
            off = [rule.__name__ for rule in RULES if rule not in rules]
            assert problem is None, f"{sql}\nwithout {off}: {problem}"


def test_a_limit_holds_over_a_join_whose_other_side_is_empty(lives: list[Live]) -> None:
    # DuckDB 2.0.0 drops it over tables whose least and greatest values it knows; over streams it knows none.
    for condition in ("d.kind > 100", "month(d.day) = 13", "d.kind IS NULL AND d.kind > 1", "FALSE"):
        for order in ("ORDER BY f.id LIMIT 5", "LIMIT 5"):
            sql = (
                "SELECT f.id, d.n FROM pg.facts f LEFT JOIN (SELECT id, small AS kind, n, day FROM my.facts) d "
                f"ON f.dim = d.id AND {condition} WHERE f.id < 50 OR d.n = 1 {order}"
            )
            for rules in WAYS:
                assert lives[0].run(sql, (), rules).table.num_rows == 5
