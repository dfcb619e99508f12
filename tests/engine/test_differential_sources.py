"""Random queries through real workers and real sources, against plain DuckDB over the same rows."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.engine.compare import same
from tests.engine.random_queries import Writer
from tests.engine.real_sources import RealSources
from tests.servers.http_source import start_http_source

QUERIES = int(os.environ.get("VIEWLOOM_QUERIES", "120"))
FIRST = int(os.environ.get("VIEWLOOM_SEED", "0"))


@pytest.fixture(scope="module")
def real(
    postgres_database: Any, mariadb_database: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealSources]:
    """All kinds of sources, filled."""
    with start_http_source() as http:
        made = RealSources(postgres_database, mariadb_database, http, tmp_path_factory.mktemp("real"))
        yield made
        made.close()


def test_all_kinds_of_sources_answer_one_query(real: RealSources) -> None:
    sql = (
        "SELECT o.order_id, c.name, s.step, m.power, l.value, n.text, k.rank FROM erp.orders o"
        " JOIN erp.customers c ON c.id = o.customer_id LEFT JOIN mes.steps s ON s.order_id = o.order_id"
        " LEFT JOIN mes.machines m ON m.machine = s.machine LEFT JOIN lab.samples l ON l.order_id = o.order_id"
        " LEFT JOIN local.notes n ON n.text = o.note LEFT JOIN api.kinds k ON k.kind = c.region"
        " WHERE o.order_id < 15 AND (n.text IS NULL OR n.text <> 'a') AND coalesce(k.rank, 0) < 3"
    )
    expected = real.expected(sql)
    assert expected.rows
    assert same(real.answer(sql), expected, False) is None


@pytest.mark.parametrize("block", range(QUERIES // 20))
def test_rules_change_no_answer_of_real_sources(block: int, real: RealSources) -> None:
    for seed in range(FIRST + block * 20, FIRST + block * 20 + 20):
        query = Writer(random.Random(seed)).query()
        try:
            expected = real.expected(query.sql, query.parameters)
            unlimited = real.expected(query.unlimited, query.parameters) if query.unlimited else None
        except duckdb.Error:
            continue  # types that random terms mixed
        found = same(real.answer(query.sql, query.parameters), expected, query.ordered, unlimited)
        values = [(p.sql_type, p.value) for p in query.parameters]
        assert found is None, f"seed {seed}: {query.sql}\nparameters {values}\n{found}"
