"""Random questions over five kinds of sources: with all rules, with none, with each rule off, and in plain DuckDB.

A long run, with its result in a file:
`python -m tests.engine.federated_long --queries 200000 --seed 1 --report docs/evidence/differential.md`.
"""

from __future__ import annotations

import os

import pytest

from connectors.sdk import Connector
from engine.errors import QueryValueError
from engine.optimizer import RULES
from tests.engine.federated import LARGE, STRANGE, Federated, Tally
from tests.engine.live_five import five

IN_CI = os.environ.get("CI") == "true"
QUERIES = int(os.environ.get("VIEWLOOM_FEDERATED_QUERIES", "2000" if IN_CI else "240"))
SEED = int(os.environ.get("VIEWLOOM_SEED", "20261124"))
BLOCK = 40


@pytest.fixture(scope="module")
def federated(five_sources: dict[str, Connector]) -> Federated:
    return Federated([five(five_sources), five(five_sources, LARGE), five(five_sources, STRANGE)])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", range(-(-QUERIES // BLOCK)))
def test_rules_change_no_answer_over_five_kinds_of_sources(block: int, federated: Federated) -> None:
    tally = Tally()
    for number in range(SEED + block * BLOCK, SEED + (block + 1) * BLOCK):
        problem = federated.check(number, tally)
        assert problem is None, problem
    assert tally.refused <= BLOCK // 4
    assert tally.made + tally.keys > BLOCK // 5
    assert tally.kept > BLOCK // 8


def test_a_value_that_cannot_be_computed_is_an_error_with_and_without_rules(federated: Federated) -> None:
    live = federated.lives[1]
    for name in ("pg", "my", "lite"):
        sql = f"SELECT sum(CAST(f.code AS INTEGER)) AS s FROM {name}.facts AS f JOIN {name}.dims AS d ON d.id = f.dim"
        for rules in (RULES, ()):
            with pytest.raises(QueryValueError):
                live.run(sql, (), rules)
