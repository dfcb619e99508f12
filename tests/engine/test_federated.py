"""Random questions over five kinds of sources: with all rules, with none, with each rule off, and in plain DuckDB.

A long run, with its result in a file:
`python -m tests.engine.federated_long --queries 200000 --seed 1 --report docs/evidence/differential.md`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from engine.errors import QueryValueError
from engine.optimizer import RULES
from tests.engine.federated import LARGE, STRANGE, Federated, Tally
from tests.engine.live_five import five, five_connectors
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

IN_CI = os.environ.get("CI") == "true"
QUERIES = int(os.environ.get("VIEWLOOM_FEDERATED_QUERIES", "2000" if IN_CI else "240"))
SEED = int(os.environ.get("VIEWLOOM_SEED", "20261124"))
BLOCK = 40


@pytest.fixture(scope="module")
def federated(
    postgres_database: PostgresServer, mariadb_database: MariaDBServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federated]:
    with five_connectors(postgres_database, mariadb_database, tmp_path_factory.mktemp("five")) as connectors:
        yield Federated([five(connectors), five(connectors, LARGE), five(connectors, STRANGE)])


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
