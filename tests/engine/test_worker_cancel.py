"""A cancelled or killed run frees its worker and ends the statement at the source within two seconds."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.sdk.scan import TableName
from engine.engine import Engine
from engine.job import Job, JobConnection
from engine.pool import PoolSettings
from engine.scans import Scan, ScanColumn
from tests.engine.workers import Talk, answer, engine, job, until
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

ROWS = 300_000
COLUMNS = (ScanColumn("id", "id", "INTEGER"), ScanColumn("name", "name", "VARCHAR"))
SLOW = "SELECT id AS a FROM slow"  # never gives a row
BIG = "SELECT id AS a, name AS b FROM big"
ALIVE = "SELECT count(*) AS a FROM little"


def scan(table: str, connection: str) -> Scan:
    parts = ("public", table) if connection == "pg" else (table,)
    return Scan(table, connection, TableName(parts), COLUMNS)


class Source:
    """A database with a table, a view that sleeps before its first row, and a look at what runs in it."""

    def __init__(self, name: str, connection: JobConnection, running: Callable[[], list[str]]) -> None:
        self.name = name
        self.connection = connection
        self.running = running

    def job(self, sql: str, run: str | None = None) -> Job:
        table = sql.rsplit(" ", 1)[1]
        names = ("a", "b") if " AS b" in sql else ("a",)
        return job(sql, run=run, names=names, scans=(scan(table, self.name),),
                   connections={self.name: self.connection})  # fmt: skip


@pytest.fixture(scope="module")
def pg(postgres_database: PostgresServer) -> Iterator[Source]:
    server = postgres_database
    with server.connect() as session:
        session.execute("CREATE TABLE little AS SELECT 1 AS id, 'x'::text AS name")
        session.execute(
            "CREATE VIEW big AS SELECT i::int AS id, repeat(md5(i::text), 4) AS name "
            f"FROM generate_series(1, {ROWS}) i"
        )
        session.execute(
            "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(60)::text AS name WHERE pg_sleep(60) IS NOT NULL"
        )

    def running() -> list[str]:
        with server.connect() as session:
            rows = session.execute(
                "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND state <> 'idle' AND application_name LIKE 'viewloom%'"
            ).fetchall()
        return [str(row[0]) for row in rows]

    config: dict[str, object] = {
        "host": server.host, "port": server.port, "database": server.database, "user": server.user,
        "password": server.password, "tls": "disable",
    }  # fmt: skip
    yield Source("pg", JobConnection("postgres", config), running)


@pytest.fixture(scope="module")
def maria(mariadb_database: MariaDBServer) -> Iterator[Source]:
    server = mariadb_database
    with server.connect() as session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE little AS SELECT 1 AS id, 'x' AS name")
        cursor.execute("CREATE TABLE big (id INTEGER NOT NULL, name VARCHAR(200))")
        cursor.execute(f"INSERT INTO big SELECT seq, repeat(md5(seq), 4) FROM seq_1_to_{ROWS}")
        cursor.execute(
            "CREATE VIEW slow AS SELECT id, CAST(sleep(60) AS CHAR) AS name FROM little WHERE sleep(60) = 0"
        )

    def running() -> list[str]:
        with server.connect() as session, session.cursor() as cursor:
            cursor.execute(
                "SELECT info FROM information_schema.processlist WHERE db = %s AND command = 'Query'"
                " AND id <> connection_id()",
                (server.database,),
            )
            return [str(row[0]) for row in cursor.fetchall()]

    config: dict[str, object] = {
        "host": server.host, "port": server.port, "database": server.database, "user": server.user,
        "password": server.password, "tls": "disable",
    }  # fmt: skip
    yield Source("maria", JobConnection("mysql", config), running)


@pytest.fixture(params=["pg", "maria"])
def source(request: pytest.FixtureRequest) -> Source:
    found: Source = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def workers() -> Iterator[Engine]:
    with engine(PoolSettings(workers=2, spare=1, reserved=0, memory_mb=256, threads=2)) as made:
        yield made


def is_data(event: dict[str, Any] | None) -> bool:
    return event is None


def test_cancel_before_the_first_row_ends_the_statement_and_frees_the_worker(workers: Engine, source: Source) -> None:
    with Talk(workers.pool) as talk:
        talk.start(source.job(SLOW))
        until(source.running, 10)
        talk.cancel()
        took = until(lambda: not source.running(), 2)
        assert talk.end()["code"] == "query_cancelled"
        assert took < 2
        talk.start(source.job(ALIVE))
        assert talk.end()["event"] == "done"


def test_cancel_in_mid_stream_ends_the_statement_and_frees_the_worker(workers: Engine, source: Source) -> None:
    with Talk(workers.pool) as talk:
        talk.start(source.job(BIG))
        talk.read(is_data)
        assert source.running()
        talk.cancel()
        assert talk.end()["code"] == "query_cancelled"
        until(lambda: not source.running(), 2)
        talk.start(source.job(ALIVE))
        assert talk.end()["event"] == "done"


def test_cancel_while_nobody_reads_the_answer(workers: Engine, source: Source) -> None:
    """The worker is blocked in writing to the API process; the listening thread ends the statement all the same."""
    with Talk(workers.pool) as talk:
        talk.start(source.job(BIG))
        until(source.running, 10)
        until(lambda: _is_blocked(talk), 20)
        talk.cancel()
        until(lambda: not source.running(), 2)
        assert talk.end()["code"] == "query_cancelled"


def _is_blocked(talk: Talk) -> bool:
    import time

    import psutil

    process = psutil.Process(talk.worker.process.pid)
    before = process.cpu_times().user
    time.sleep(0.3)
    return process.cpu_times().user - before < 0.02


def test_a_run_cancelled_before_it_was_started_never_asks_the_source(workers: Engine, source: Source) -> None:
    with Talk(workers.pool) as talk:
        talk.worker.cancel("early")
        talk.start(source.job(SLOW, run="early"))
        assert talk.end()["code"] == "query_cancelled"
        assert not source.running()
        talk.start(source.job(ALIVE))
        assert talk.end()["event"] == "done"


def test_a_late_cancel_does_not_disturb_the_next_query_of_the_same_session(workers: Engine, source: Source) -> None:
    with Talk(workers.pool) as talk:
        for number in range(15):
            talk.start(source.job(ALIVE, run=f"run {number}"))
            talk.worker.cancel(f"run {number}")
            assert talk.end()["event"] in ("done", "error")
            talk.start(source.job(ALIVE, run=f"next {number}"))
            assert talk.end()["event"] == "done"


def test_a_query_that_needs_few_rows_ends_the_statement_by_itself(workers: Engine, source: Source) -> None:
    few = job("SELECT id AS a FROM big LIMIT 2", scans=(scan("big", source.name),),
              connections={source.name: source.connection})  # fmt: skip
    assert answer(workers, few).count("\n") == 2
    until(lambda: not source.running(), 2)


def test_a_killed_worker_takes_the_statement_of_postgresql_with_it(workers: Engine, pg: Source) -> None:
    for sql in (SLOW, BIG):
        with Talk(workers.pool) as talk:
            talk.start(pg.job(sql))
            until(pg.running, 10)
            os.kill(talk.worker.process.pid, signal.SIGKILL)
            until(lambda: not pg.running(), 2.2)
            talk.release(healthy=False)


def test_a_killed_worker_takes_a_streaming_statement_of_mariadb_with_it(workers: Engine, maria: Source) -> None:
    with Talk(workers.pool) as talk:
        talk.start(maria.job(BIG))
        until(maria.running, 10)
        os.kill(talk.worker.process.pid, signal.SIGKILL)
        until(lambda: not maria.running(), 2)
        talk.release(healthy=False)


def test_a_snapshot_is_given_back_when_another_source_cannot_begin(
    workers: Engine, pg: Source, postgres_database: PostgresServer
) -> None:
    """Two scans share a transaction; the second connection's error must not leave it open."""
    with Talk(workers.pool) as talk:
        broken = JobConnection("postgres", {**pg.connection.config, "port": 1})
        wanted = job(
            "SELECT count(*) AS a FROM little, again, other, more",
            scans=(
                Scan("little", "pg", TableName(("public", "little")), COLUMNS),
                Scan("again", "pg", TableName(("public", "little")), COLUMNS),
                Scan("other", "zz", TableName(("public", "little")), COLUMNS),
                Scan("more", "zz", TableName(("public", "little")), COLUMNS),
            ),
            connections={"pg": pg.connection, "zz": broken},
        )
        talk.start(wanted)
        assert talk.end()["connection"] == "zz"
        assert not pg.running()
