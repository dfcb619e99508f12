"""Fragments change no answer: random joins and groupings over live databases, with the rules on, off and one by one.

A long run: VIEWLOOM_FRAGMENT_QUERIES=5000 VIEWLOOM_SEED=1 pytest tests/engine/test_fragments_random.py
"""

from __future__ import annotations

import os
import random

import duckdb
import pytest

from connectors.sdk import Connector, TableName
from engine.engine import sql_literal
from engine.optimizer import RULES
from engine.query import Parameter
from engine.rules.push_aggregates import push_aggregates
from engine.rules.push_joins import push_joins
from tests.engine.fragment_queries import FragmentQueries
from tests.engine.live import Live, difference

QUERIES = int(os.environ.get("VIEWLOOM_FRAGMENT_QUERIES", "60"))
SEED = int(os.environ.get("VIEWLOOM_SEED", "20261123"))


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources)


def check(live: Live, sql: str, parameters: tuple[Parameter, ...]) -> bool:
    """Compare with plain DuckDB; whether a fragment was made. Queries that DuckDB refuses prove nothing."""
    plain = sql
    for index in reversed(range(len(parameters))):
        plain = plain.replace(f"${index + 1} ", sql_literal(parameters[index].value) + " ")
    try:
        expected = live.expected(plain)
    except duckdb.Error:
        return False
    fewer = tuple(rule for rule in RULES if rule not in (push_aggregates, push_joins))
    made = False
    for rules in (RULES, tuple(r for r in RULES if r is not push_joins), fewer):
        found = live.run(sql, parameters, rules)
        made = made or any(scan.fragment is not None for scan in found.plan.scans)
        shown = "\n".join([sql, repr(parameters), *[repr(scan) for scan in found.plan.scans]])
        assert difference(found.table, expected) is None, shown
    return made


@pytest.mark.timeout(3_600)
def test_fragments_change_no_answer(live: Live) -> None:
    tables = {
        name: {
            part: connector.describe(TableName(("public", part) if name == "pg" else (part,)))
            for part in ("facts", "dims", "parts")
        }
        for name, connector in live.connectors.items()
    }
    pretended = Live(live.connectors, {"facts": 5_000_000, "parts": 2_000_000, "dims": 7})
    made = 0
    for number in range(QUERIES):
        sql, parameters = FragmentQueries(random.Random(SEED + number), tables).query()
        try:
            made += check(pretended if number % 2 else live, sql, parameters)
        except Exception as error:
            raise AssertionError(f"query {number}: {sql}\n{parameters}\n{error}") from error
    assert made > QUERIES / 4


def test_keys_of_one_source_restrict_the_groups_of_another(live: Live) -> None:
    pretended = Live(live.connectors, {"facts": 5_000_000, "parts": 2_000_000, "dims": 7})
    for name in live.connectors:
        for other in live.connectors:
            sql = (
                f"SELECT g.dim, g.k, g.s, d.label FROM {other}.dims d "
                f"JOIN (SELECT dim, count(*) AS k, sum(n) AS s FROM {name}.facts GROUP BY dim) g ON g.dim = d.id "
                "WHERE d.id < 3"
            )
            found = pretended.run(sql)
            assert difference(found.table, pretended.expected(sql)) is None
            (fragment,) = [scan for scan in found.plan.scans if scan.fragment is not None]
            assert [keys.target for keys in fragment.keys_from] == ["c0"]
            assert found.rows[fragment.id] == 2  # of seven groups
