"""Grouping before a join changes no answer: random groupings over three live databases at once.

A long run: VIEWLOOM_GROUPINGS=5000 VIEWLOOM_SEED=1 pytest tests/engine/test_cross_groupings.py
"""

from __future__ import annotations

import os
import random

import duckdb
import pytest

from connectors.sdk import Connector
from engine.optimizer import RULES
from engine.rules.group_below_joins import group_below_joins
from engine.rules.group_below_unions import group_below_unions
from tests.engine.cross_groupings import CrossGroupings
from tests.engine.live import Live, difference

QUERIES = int(os.environ.get("VIEWLOOM_GROUPINGS", "80"))
SEED = int(os.environ.get("VIEWLOOM_SEED", "20261124"))
WITHOUT = tuple(rule for rule in RULES if rule not in (group_below_joins, group_below_unions))
LARGE = {"facts": 5_000_000, "parts": 2_000_000, "dims": 7}


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources, LARGE)


def rewritten(live: Live, sql: str) -> bool:
    """Whether the rule did something; the answers with it, without it and without any rule are DuckDB's."""
    try:
        expected = live.expected(sql)
    except duckdb.Error:
        return False
    found = live.run(sql)
    made = any(note.rule in ("group_below_joins", "group_below_unions") for note in found.plan.notes)
    answers = [
        found,
        *([live.run(sql, (), WITHOUT)] if made else []),
        live.run(sql, (), ()),
    ]
    for answer in answers:
        shown = "\n".join([sql, answer.plan.select.sql("duckdb"), *[repr(scan) for scan in answer.plan.scans]])
        assert difference(answer.table, expected) is None, shown + "\n" + str(difference(answer.table, expected))
    return made


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("form", ["query", "over_union"])
def test_grouping_before_a_join_or_a_union_changes_no_answer(live: Live, form: str) -> None:
    made = 0
    for number in range(QUERIES):
        sql = getattr(CrossGroupings(random.Random(SEED + number)), form)()
        try:
            made += rewritten(live, sql)
        except Exception as error:
            raise AssertionError(f"query {number}: {sql}\n{error}") from error
    assert made > QUERIES / 20
