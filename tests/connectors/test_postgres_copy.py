"""PostgreSQL's large answers through asyncpg: TLS, session settings, silence, cancel; against a real server."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.postgres import Postgres, PostgresConfig
from connectors.sdk import Comparison, Op, ScanRequest, TableName
from connectors.sdk.errors import (
    ScanCancelledError,
    SourceLoginError,
    SourceTimeoutError,
    SourceUnavailableError,
)
from tests.servers.fault_proxy import FaultProxy, Faults, start_fault_proxy
from tests.servers.postgres import PostgresServer

ONE = [("a", "VARCHAR")]


def source(server: PostgresServer, **changes: Any) -> Postgres:
    values = {name: getattr(server, name) for name in ("host", "port", "database", "user", "password")}
    return Postgres(PostgresConfig.model_validate({**values, "tls": "disable", **changes}))


@pytest.fixture
def made(postgres_database: PostgresServer) -> Iterator[Postgres]:
    opened = source(postgres_database)
    yield opened
    opened.close()


@pytest.fixture
def proxy(postgres_database: PostgresServer) -> Iterator[FaultProxy]:
    opened = start_fault_proxy(postgres_database.host, postgres_database.port)
    yield opened
    opened.close()


def texts(made: Postgres, sql: str) -> list[Any]:
    return [value for batch in made.query(sql, (), ONE) for value in batch.column(0).to_pylist()]


def test_rows_of_every_size_are_whole(made: Postgres) -> None:
    """Blocks end where rows end, whatever their length and whatever line ends they hold."""
    text = "repeat(E'x\n\"', n %% 7) || repeat('y', (n %% 11) * n / 10) || n"
    wanted = ['x\n"' * (n % 7) + "y" * ((n % 11) * n // 10) + str(n) for n in range(1, 30_001)]
    assert texts(made, f"SELECT {text} FROM generate_series(1, 30000) AS g(n)") == wanted
    assert [len(text) for text in texts(made, "SELECT repeat('z', 5000000) FROM generate_series(1, 3)")] == [
        5_000_000
    ] * 3


def test_the_session_is_read_only_named_and_in_utc(made: Postgres) -> None:
    made.begin("run-7", 1)
    names = ("transaction_read_only", "transaction_isolation", "TimeZone", "application_name", "statement_timeout")
    found = texts(made, " UNION ALL ".join(f"SELECT current_setting('{name}')" for name in names))
    made.end()
    assert found == ["on", "repeatable read", "UTC", "viewloom run-7", "5min"]


def test_a_session_is_used_again_and_one_that_was_ended_is_not(
    made: Postgres, postgres_database: PostgresServer
) -> None:
    first, second = (texts(made, "SELECT pg_backend_pid()::text")[0] for _ in range(2))
    assert first == second
    with postgres_database.connect() as other:
        other.execute("SELECT pg_terminate_backend(%s)", (int(first),))
    time.sleep(0.3)
    assert texts(made, "SELECT pg_backend_pid()::text")[0] != first


@pytest.mark.parametrize("rows", [1, 90, 20_000, 5_000_000])
def test_a_reader_who_leaves_early_waits_for_nobody(
    made: Postgres, postgres_database: PostgresServer, rows: int
) -> None:
    """Also when the server has sent all rows, and so has nothing to cancel."""
    session = made._open_copying()
    blocks = session.copy(f"SELECT n::text FROM generate_series(1, {rows}) AS g(n)", 9, 9, "t")
    next(blocks)
    blocks.close()
    session.execute("SELECT 1", 9, "read_timeout")  # which it would wait for
    session.close()
    with postgres_database.connect() as other:
        running = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT n::text%' AND state = 'active'"
        )
        deadline = time.monotonic() + 2
        while other.execute(running).fetchone() != (0,):
            assert time.monotonic() < deadline, "the statement is still running"
            time.sleep(0.05)


def test_silence_before_the_first_row_names_statement_timeout(
    proxy: FaultProxy, postgres_database: PostgresServer
) -> None:
    slow = source(postgres_database, port=proxy.port, statement_timeout=0.5, connect_timeout=1, read_timeout=1)
    texts(slow, "SELECT '1'")
    proxy.set(Faults(silent=True))
    with pytest.raises(SourceTimeoutError, match="fell silent"):
        list(slow.query("SELECT pg_sleep(30)::text", (), ONE))
    slow.close()


@pytest.mark.parametrize(("small", "scans"), [(True, 1), (True, 2), (False, 2)])
def test_silence_of_a_small_answer_or_of_the_snapshot_ends_in_time(
    proxy: FaultProxy, postgres_database: PostgresServer, small: bool, scans: int
) -> None:
    slow = source(postgres_database, port=proxy.port, statement_timeout=0.5, connect_timeout=1, read_timeout=1)
    list(slow.query("SELECT '1'", (), ONE, small=True))
    proxy.set(Faults(silent=True))
    began = time.monotonic()
    with pytest.raises(SourceTimeoutError, match="statement_timeout|read_timeout" if scans == 1 else "read_timeout"):
        slow.begin("silent", scans)
        list(slow.query("SELECT '1'", (), ONE, small=small))
    assert time.monotonic() - began < 4
    slow.end()
    proxy.set(Faults())
    assert texts(slow, "SELECT 'again'") == ["again"]
    slow.close()


def test_a_login_that_is_not_answered_names_connect_timeout(
    proxy: FaultProxy, postgres_database: PostgresServer
) -> None:
    proxy.set(Faults(silent=True))
    slow = source(postgres_database, port=proxy.port, connect_timeout=1)
    with pytest.raises(SourceTimeoutError, match="connect_timeout"):
        texts(slow, "SELECT '1'")
    slow.close()


def test_a_cancel_ends_a_statement_that_has_no_row_yet(made: Postgres, postgres_database: PostgresServer) -> None:
    made.begin("slow", 1)
    threading.Timer(0.5, made.cancel).start()
    began = time.monotonic()
    with pytest.raises(ScanCancelledError):
        texts(made, "SELECT pg_sleep(61)::text")
    assert time.monotonic() - began < 3
    made.end()
    with postgres_database.connect() as other:
        running = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(61)%' AND pid <> pg_backend_pid()"
        )
        assert other.execute(running + " AND state = 'active'").fetchone() == (0,)
    assert texts(made, "SELECT 'again'") == ["again"]


def test_a_wrong_password_is_a_refused_login(postgres_database: PostgresServer) -> None:
    with pytest.raises(SourceLoginError):
        texts(source(postgres_database, password="not it"), "SELECT '1'")


def test_many_values_are_one_parameter(made: Postgres, postgres_database: PostgresServer) -> None:
    with postgres_database.connect() as other:
        other.execute("DROP TABLE IF EXISTS keyed")
        other.execute("CREATE TABLE keyed (id bigint, word varchar(20), day date, fixed char(5))")
        rows = "SELECT n, 'w' || n, date '2020-01-01' + n::int, n FROM generate_series(1, 60000) AS g(n)"
        other.execute(f"INSERT INTO keyed {rows}")
    name = TableName(("public", "keyed"))
    for column, values in (
        ("id", tuple(range(0, 100_000, 2))),
        ("word", ("w7", "w'", '"', "{", "NULL", "w8,", "\\", "w59999")),
        ("day", (date(2020, 1, 2), date(2020, 1, 3), date(1, 1, 1))),
        ("fixed", ("7    ", "8", "x")),
    ):
        for limit in (None,) if column == "fixed" else (None, 900):  # inexact: no limit goes with it
            request = ScanRequest(name, (("id", "BIGINT"),), (Comparison(column, Op.IN, values),), limit=limit)
            found = {value for batch in made.scan(request) for value in batch.column(0).to_pylist()}
            wanted = {"id": set(range(2, 60_001, 2)), "word": {7, 59_999}, "day": {1, 2}, "fixed": {7, 8}}[column]
            assert found == wanted if limit is None else found <= wanted and len(found) == min(900, len(wanted))
        assert ("= ANY(%s::" in str(made.statement(request))) == (column != "fixed")


# TLS: the test server has none, so a door in front of it speaks it, as PostgreSQL does (SSLRequest, then TLS).


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here to make a certificate")
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@pytest.fixture
def door(certificate: Path, postgres_database: PostgresServer) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(plain: socket.socket) -> None:
        with suppress(OSError):
            assert plain.recv(8) == bytes.fromhex("0000000804d2162f")  # SSLRequest
            plain.sendall(b"S")
            secure = context.wrap_socket(plain, server_side=True)
            inside = socket.create_connection((postgres_database.host, postgres_database.port))
            threading.Thread(target=pump, args=(inside, secure), daemon=True).start()
            pump(secure, inside)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def pump(one: socket.socket, other: socket.socket) -> None:
    with one, suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("tls", ["require", "verify-full"])
def test_large_answers_come_through_tls(
    door: int, certificate: Path, postgres_database: PostgresServer, tls: str
) -> None:
    made = source(postgres_database, port=door, tls=tls, ca_file=f"{certificate}.crt")
    assert len(texts(made, "SELECT repeat('x', 100) || n FROM generate_series(1, 50000) AS g(n)")) == 50_000
    made.close()


def test_another_authority_is_refused(door: int, postgres_database: PostgresServer, tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other",
         "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "other.crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    made = source(postgres_database, port=door, tls="verify-full", ca_file=str(tmp_path / "other.crt"))
    with pytest.raises(SourceUnavailableError, match="TLS"):
        texts(made, "SELECT '1'")
    made.close()


def test_a_server_without_tls_is_refused(postgres_database: PostgresServer) -> None:
    made = source(postgres_database, tls="require")
    with pytest.raises(SourceUnavailableError, match="TLS"):
        texts(made, "SELECT '1'")
    made.close()
