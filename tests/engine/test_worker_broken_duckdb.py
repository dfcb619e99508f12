"""DuckDB's own internal errors: the instance is lost, the answer is not, nor is the worker."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from connectors.sdk import Connector
from connectors.sqlite import Sqlite, SqliteConfig
from engine.duckdb_session import is_sound
from engine.encoders.encoding import Encoding, Format
from engine.engine import Engine
from engine.parse import parse_query
from engine.query import Query
from tests.engine.live import SQLITE_DDL, Live, _insert, _to_sqlite, difference
from tests.engine.workers import SMALL_POOL, Collected

# "INTERNAL Error: dict-surviving cache: global dictionary column 0 changed identity", DuckDB 2.0.0: with these sizes
# and two threads every second time or so.
BREAKS = (
    "SELECT DISTINCT f.flag, f.big, f.exact, f.moment FROM lite.dims AS d CROSS JOIN lite.facts AS f "
    "WHERE f.note IN (SELECT DISTINCT g.code FROM lite.facts AS g)"
)
SIZES = {"facts": 5_000_000, "parts": 2_000_000, "dims": 7}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """SQLite alone, under sizes that make DuckDB choose the order of joins that breaks it."""
    with sqlite3.connect(tmp_path / "live.db") as lite:
        lite.executescript(SQLITE_DDL)
        _insert(lite.executemany, "?", _to_sqlite)
    lite.close()
    connectors: dict[str, Connector] = {"lite": Sqlite(SqliteConfig(directory=tmp_path, file="live.db"))}
    yield Live(connectors, SIZES)
    connectors["lite"].close()


def ask(engine: Engine, live: Live, sql: str) -> pa.Table:
    query = Query(parse_query(sql))
    prepared = engine.prepare(query, live.catalog, workspace_names=True)
    sink = Collected()
    engine.run(
        engine.run_job(prepared, query, live.catalog, Encoding(Format.ARROW, prepared.names), "r"), "acme", sink
    )
    return pa.ipc.open_stream(b"".join(sink.pieces)).read_all()


def test_an_internal_error_of_duckdb_loses_neither_the_answer_nor_the_worker(live: Live, tmp_path: Path) -> None:
    engine = Engine(SMALL_POOL, lambda connection: {"directory": str(tmp_path), "file": "live.db"})
    try:
        for _ in range(12):
            assert difference(ask(engine, live, BREAKS), live.expected(BREAKS)) is None
            after = "SELECT count(*) AS n FROM lite.facts"
            assert difference(ask(engine, live, after), live.expected(after)) is None
    finally:
        engine.close()


def test_an_instance_that_works_is_sound() -> None:
    session = duckdb.connect()
    assert is_sound(session)
    session.close()
    assert not is_sound(session)
