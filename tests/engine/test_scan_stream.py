"""What a scan asks of its source, and in which thread its rows are read."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.mysql import Mysql, MysqlConfig
from connectors.postgres import Postgres, PostgresConfig
from connectors.sdk import Connector, TableName
from connectors.sdk.tls import Tls
from connectors.sqlite import Sqlite, SqliteConfig
from engine.scan_source import SizedSource
from engine.scan_stream import ScanStream
from engine.scans import KeysFrom, Scan, ScanColumn
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer


class Asked:
    """A source that must not be asked."""

    def __init__(self) -> None:
        self.requests: list[object] = []

    def scan(self, request: object) -> Any:
        self.requests.append(request)
        raise AssertionError("the source was asked")


def test_without_keys_no_source_is_asked_however_often_duckdb_reads_the_relation() -> None:
    source: Any = Asked()
    scan = Scan("s0", "erp", TableName(("customers",)), (ScanColumn("id", "id", "INTEGER"),))
    stream = ScanStream(scan, source, threading.Event())
    stream.restrict(KeysFrom("s1", "id", "id", 10), ())
    cursor: Any = duckdb.connect()
    cursor.register("s0", SizedSource(stream))
    sql = "SELECT (SELECT count(*) FROM s0), (SELECT max(id) FROM s0)"
    assert cursor.sql(sql).fetchall() == [(0, None)]
    assert not source.requests


ROWS = 30_000


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def connector(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A source with a table `many`."""
    if request.param == "sqlite":
        with sqlite3.connect(tmp_path / "many.db") as lite:
            lite.execute("CREATE TABLE many (id INTEGER PRIMARY KEY)")
            lite.executemany("INSERT INTO many VALUES (?)", [(n,) for n in range(ROWS)])
        lite.close()
        made: Connector = Sqlite(SqliteConfig(directory=tmp_path, file="many.db"))
    elif request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_database")
        with server.connect() as session:
            session.execute(
                f"CREATE TABLE IF NOT EXISTS many AS SELECT g AS id FROM generate_series(0, {ROWS - 1}) g"
            )
        made = Postgres(PostgresConfig(**login(server)))
    else:
        maria: MariaDBServer = request.getfixturevalue("mariadb_database")
        with maria.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS many AS SELECT seq AS id FROM seq_0_to_{ROWS - 1}")
        made = Mysql(MysqlConfig(**login(maria)))
    yield made
    made.close()


def login(server: PostgresServer | MariaDBServer) -> Any:
    return {
        "host": server.host, "port": server.port, "database": server.database, "user": server.user,
        "password": server.password, "tls": Tls.DISABLE,
    }  # fmt: skip


def many(connector: Connector) -> ScanStream:
    parts = ("public", "many") if connector.kind == "postgres" else ("many",)
    (column,) = connector.describe(TableName(parts)).columns
    columns = (ScanColumn("id", column.name, column.sql_type),)
    return ScanStream(Scan("s0", "c", TableName(parts), columns, expected_rows=10), connector, threading.Event())


@pytest.mark.parametrize("most", [10, ROWS])
def test_what_this_thread_began_to_read_another_reads_to_its_end(connector: Connector, most: int) -> None:
    for _ in range(2):
        connector.begin("r", 1)
        stream = many(connector)
        stream.read_here(most)
        assert stream.gather(ROWS)
        cursor: Any = duckdb.connect()
        cursor.register("s0", SizedSource(stream))
        for _ in range(2):
            assert cursor.sql("SELECT count(*), count(DISTINCT id), sum(id) FROM s0").fetchall() == [
                (ROWS, ROWS, ROWS * (ROWS - 1) // 2)
            ]
        assert stream.rows == ROWS
        connector.end()


def test_more_rows_than_may_be_held_stay_a_stream(connector: Connector) -> None:
    connector.begin("r", 1)
    stream = many(connector)
    stream.read_here(10)
    assert not stream.gather(10)
    cursor: Any = duckdb.connect()
    cursor.register("s0", SizedSource(stream))
    assert cursor.sql("SELECT count(*), sum(id) FROM s0").fetchall() == [(ROWS, ROWS * (ROWS - 1) // 2)]
    stream.stop()
    assert stream.join(5)
    connector.end()


def test_a_stream_that_is_stopped_half_read_frees_its_session(connector: Connector) -> None:
    for _ in range(3):
        connector.begin("r", 1)
        stream = many(connector)
        stream.read_here(10)
        stream.stop()
        assert stream.join(5)
        connector.end()
    connector.begin("r", 1)
    stream = many(connector)
    stream.read_here(ROWS)
    assert stream.gather(ROWS)
