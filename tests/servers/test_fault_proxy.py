"""The fault proxy, in front of the HTTP source and of PostgreSQL."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest

from tests.servers.fault_proxy import FaultProxy, Faults
from tests.servers.http_replies import json_rows
from tests.servers.http_source import HttpSource
from tests.servers.postgres import PostgresServer

ROWS = [{"id": number, "text": "x" * 100} for number in range(5000)]


@pytest.fixture
def proxy(http_source: HttpSource, fault_proxy: Callable[[str, int], FaultProxy]) -> FaultProxy:
    """A proxy to a server that answers /p with about 600 KB."""
    http_source.route("/p", json_rows(ROWS))
    return fault_proxy("127.0.0.1", http_source.port)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client that waits half a second at most and keeps no connections."""
    with httpx.Client(timeout=0.5, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        yield client


def received(client: httpx.Client, proxy: FaultProxy) -> tuple[int, str]:
    """How many bytes of the body came, and by which error of httpx it ended ("" without one)."""
    count = 0
    try:
        with client.stream("GET", f"http://127.0.0.1:{proxy.port}/p") as answer:
            for piece in answer.iter_raw():
                count += len(piece)
    except httpx.TransportError as error:
        return count, type(error).__name__
    return count, ""


def test_each_fault_shows_to_the_client_as_itself_and_goes_away(proxy: FaultProxy, client: httpx.Client) -> None:
    whole, error = received(client, proxy)
    assert (whole > 500_000, error) == (True, "")
    for faults, expected in (
        (Faults(refuse=True), "ConnectError"),
        (Faults(reset_at_once=True), "ReadError"),
        (Faults(reset_after=0), "ReadError"),
        (Faults(reset_after=50_000), "ReadError"),
        (Faults(truncate_after=50_000), "RemoteProtocolError"),
        (Faults(silent=True), "ReadTimeout"),
        (Faults(bytes_per_second=1), "ReadTimeout"),
    ):
        proxy.set(faults)
        count, error = received(client, proxy)
        assert (error, count < 50_000) == (expected, True), faults
        proxy.set(Faults())
        assert received(client, proxy) == (whole, "")


def test_bandwidth_and_latency_cost_time_and_no_bytes(proxy: FaultProxy, client: httpx.Client) -> None:
    whole, _ = received(client, proxy)
    for faults in (Faults(bytes_per_second=2_000_000), Faults(latency=0.05)):
        proxy.set(faults)
        started = time.monotonic()
        assert received(client, proxy) == (whole, "")
        assert 0.1 < time.monotonic() - started < 10


def test_faults_switch_in_the_middle_of_an_answer(
    postgres: PostgresServer, fault_proxy: Callable[[str, int], FaultProxy]
) -> None:
    proxy = fault_proxy(postgres.host, postgres.port)
    dsn = postgres.dsn.replace(f":{postgres.port}/", f":{proxy.port}/")
    with psycopg.connect(dsn) as connection:
        with connection.cursor(name="stream") as rows:
            rows.itersize = 1000
            rows.execute("SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
            assert len(rows.fetchmany(1000)) == 1000
            proxy.set(Faults(silent=True))
            back = threading.Timer(0.2, proxy.set, [Faults()])
            back.start()
            assert len(rows.fetchmany(1000)) == 1000
            back.join()
            proxy.set(Faults(reset_after=proxy.bytes_to_client + 100_000))
            with pytest.raises(psycopg.OperationalError):
                rows.fetchall()
        connection.close()


def test_cut_resets_present_connections_only(proxy: FaultProxy, client: httpx.Client) -> None:
    with socket.create_connection((proxy.host, proxy.port), timeout=2) as idle:
        deadline = time.monotonic() + 2
        while not proxy.open_connections and time.monotonic() < deadline:
            time.sleep(0.01)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            idle.recv(1)
    assert received(client, proxy)[1] == ""


def test_a_client_that_leaves_frees_the_server_even_when_all_is_silent(
    proxy: FaultProxy, http_source: HttpSource
) -> None:
    client = socket.create_connection((proxy.host, proxy.port), timeout=2)
    deadline = time.monotonic() + 2
    while not http_source.open_connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert http_source.open_connections == 1
    proxy.set(Faults(silent=True))
    client.close()
    while http_source.open_connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert http_source.open_connections == 0


def test_closing_frees_port_connections_and_thread(
    http_source: HttpSource, fault_proxy: Callable[[str, int], FaultProxy]
) -> None:
    others = set(threading.enumerate())
    proxy = fault_proxy("127.0.0.1", http_source.port)
    with socket.create_connection((proxy.host, proxy.port), timeout=2) as open_connection:
        proxy.close()
        proxy.close()
        with pytest.raises(ConnectionResetError):
            open_connection.recv(1)
    with socket.socket() as again:
        assert again.connect_ex((proxy.host, proxy.port)) != 0
    assert not [t for t in set(threading.enumerate()) - others if t.name == "fault proxy"]
