"""TPC-H at scale 0.01, split over PostgreSQL, MariaDB and Parquet: all 22 right, whatever rules are on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.tpch.ask import Reference, ask, rules_without
from benchmarks.tpch.least import FETCHED, least
from benchmarks.tpch.queries import QUERIES, query
from benchmarks.tpch.runners import different
from benchmarks.tpch.sources import Sources, fill
from benchmarks.tpch.workspace import TpchWorkspace, opened
from tests.conftest import missing
from tests.engine.workspace import Answer
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerMissingError

SCALE = 0.01


@pytest.fixture(scope="module")
def sources(
    postgres_database: PostgresServer, mariadb_database: MariaDBServer, tmp_path_factory: pytest.TempPathFactory
) -> Sources:
    """The three sources, filled."""
    try:
        return fill(tmp_path_factory.mktemp("tpch"), SCALE, postgres_database, mariadb_database)
    except ServerMissingError as error:
        missing(error)


@pytest.fixture(scope="module")
def workspace(sources: Sources) -> Iterator[TpchWorkspace]:
    """Views over them, and an engine with a worker."""
    with opened(sources) as found:
        yield found


@pytest.fixture(scope="module")
def reference(sources: Sources) -> Reference:
    """DuckDB over the same rows."""
    return Reference(sources.reference)


@pytest.mark.parametrize("number", QUERIES)
def test_a_query_of_tpch_is_right_with_all_rules_and_with_none(
    number: int, workspace: TpchWorkspace, reference: Reference
) -> None:
    sql = query(number, SCALE)
    for left_out in ((), ("all",)):
        asked = ask(workspace, sql, rules_without(left_out))
        assert reference.difference(asked.answer, sql) is None, left_out


def test_a_peers_rows_are_told_apart_by_any_number_text_or_missing_row() -> None:
    right = Answer(("a", "b"), ("int64", "string"), ((1, "x"), (2, "y")))
    assert different([[["2.0"], "y"], [["1.0000000001"], "x"]], right) == ""
    for rows in (
        [[["2"], "y"]],
        [[["2"], "y"], [["1.00001"], "x"]],
        [[["2"], "y"], [["1"], "X"]],
        [[["2"], "y"], [None, "x"]],
        [[["2"], "y"], [["1"], "x"], [["1"], "x"]],
    ):
        assert different(rows, right)


def test_the_least_by_hand_is_less_than_what_a_plan_without_rules_fetches(
    workspace: TpchWorkspace, reference: Reference
) -> None:
    for number in FETCHED:
        rows, size = least(reference, number)
        asked = ask(workspace, query(number, SCALE), ())
        assert rows < asked.rows and size < asked.bytes


def test_the_22_together_fetch_little_of_what_the_sources_hold(workspace: TpchWorkspace) -> None:
    # A ceiling over what they fetch (25,000 rows, 1.5 MB): without rules they fetch 1.5 million rows, 230 MB.
    asked = [ask(workspace, query(number, SCALE)) for number in QUERIES]
    assert sum(one.rows for one in asked) < 50_000
    assert sum(one.bytes for one in asked) < 3_000_000
