"""An answer streams: a slow reader makes nothing grow, neither the worker nor the API process."""

from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from connectors.sdk.scan import TableName
from engine.encoders.encoding import Encoding, Format
from engine.engine import Engine
from engine.job import Job, JobConnection
from engine.pool import PoolSettings
from engine.scans import Scan, ScanColumn
from tests.engine.workers import Talk, engine, job
from tests.servers.postgres import PostgresServer

ROWS = 3_000_000
ROW_BYTES = 41  # of COPY's CSV, on average
COLUMNS = (ScanColumn("id", "id", "INTEGER"), ScanColumn("name", "name", "VARCHAR"))


@pytest.fixture(scope="module")
def database(postgres_database: PostgresServer) -> PostgresServer:
    with postgres_database.connect() as session:
        session.execute(
            f"CREATE VIEW huge AS SELECT i::int AS id, repeat('x', 32) AS name FROM generate_series(1, {ROWS}) i"
        )
    return postgres_database


@pytest.fixture(scope="module")
def workers() -> Iterator[Engine]:
    with engine(PoolSettings(workers=1, spare=1, reserved=0, memory_mb=512, threads=2)) as made:
        yield made


def stream(server: PostgresServer, form: Format, plain: bool = False) -> Job:
    config: dict[str, object] = {
        "host": server.host,
        "port": server.port,
        "database": server.database,
        "user": server.user,
        "password": server.password,
        "tls": "disable",
    }
    made = job(
        "SELECT id AS a, name AS b FROM huge",
        scans=(Scan("huge", "pg", TableName(("public", "huge")), COLUMNS),),
        connections={"pg": JobConnection("postgres", config)},
        encoding=Encoding(form, ("a", "b"), prefix="[", suffix="]"),
    )
    assert made.statement is not None
    return replace(made, statement=replace(made.statement, plain=("id", "name"))) if plain else made


@pytest.mark.parametrize("plain", [False, True])
def test_a_slow_reader_makes_neither_side_grow(workers: Engine, database: PostgresServer, plain: bool) -> None:
    with Talk(workers.pool) as talk:
        talk.start(stream(database, Format.JSON, plain))
        talk.read(lambda event: event is None)
        worker, me = psutil.Process(talk.worker.process.pid), psutil.Process()
        before, mine = worker.memory_info().rss, me.memory_info().rss
        most = before
        over = False

        def looked(event: dict[str, object] | None) -> bool:
            nonlocal most, over
            if event is None and len(talk.frames) % 20 == 0:
                most = max(most, worker.memory_info().rss)
            over = event is not None
            return over

        talk.read(looked)
        assert sum(talk.frames) > ROWS * ROW_BYTES
        assert most - before < 100 * 1024 * 1024
        assert me.memory_info().rss - mine < 50 * 1024 * 1024
