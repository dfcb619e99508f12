"""Slow clients do not pin workers and sources, and lose their answer when they are too slow; others don't notice."""

import socket
import time

import psutil
import pytest

from tests.end_to_end.conftest import Plant, settled
from tests.end_to_end.raw import exchange, get, opened, read_slowly
from tests.engine.workers import until


def test_a_slow_client_does_not_keep_its_source_open(plant: Plant) -> None:
    """The answer (50 MB) fits into the read-ahead: the worker is free while the client has hardly begun."""
    with opened(plant.site.port, receive_buffer=8192) as connection:
        connection.sendall(get("/api/v1/plant/data/big?format=csv", plant.site.key))
        assert len(connection.recv(1000)) > 0
        until(lambda: settled(plant), 15)
        taken, ended = read_slowly(connection, 20_000, 1.0)
        assert taken and not ended


def test_the_read_ahead_leaves_no_file_that_has_a_name(plant: Plant) -> None:
    with opened(plant.site.port, receive_buffer=8192) as connection:
        connection.sendall(get("/api/v1/plant/data/big?format=csv", plant.site.key))
        connection.recv(1000)
        until(lambda: settled(plant), 15)
        assert not [path for path in plant.site.files() if "read-ahead" in path.name]


def test_a_client_slower_than_its_least_rate_loses_the_answer(plant: Plant) -> None:
    with opened(plant.site.port, receive_buffer=8192) as connection:
        connection.sendall(get("/api/v1/plant/data/strict?format=csv", plant.site.key))
        began = time.monotonic()
        _, ended = read_slowly(connection, 10_000, 20)
        assert ended
        assert 0.5 < time.monotonic() - began < 15
    until(lambda: settled(plant), 5)


def test_a_source_that_is_open_longer_than_it_may_ends_with_504(plant: Plant) -> None:
    began = time.monotonic()
    heard = exchange(plant.site.port, get("/odata/plant/brief", plant.site.key))
    assert heard.status == 504
    assert time.monotonic() - began < 4
    until(lambda: settled(plant), 3)


@pytest.mark.slow
def test_sixteen_slow_clients_do_not_slow_the_key_lookups_of_others(plant: Plant) -> None:
    def lookups(count: int) -> list[float]:
        times = []
        for number in range(count):
            began = time.monotonic()
            assert plant.site.client.get(f"{plant.site.odata}numbers({number + 1})").status_code == 200
            times.append(time.monotonic() - began)
        return sorted(times)

    lookups(20)
    idle = lookups(60)
    before = psutil.Process(plant.site.pid).memory_info().rss
    slow = []
    try:
        for _ in range(16):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", plant.site.port))
            connection.sendall(get("/api/v1/plant/data/big?format=csv&limit=60000", plant.site.key))
            slow.append(connection)
        until(lambda: settled(plant), 60)
        for connection in slow:
            assert connection.recv(1024)
        busy = lookups(60)
        after = psutil.Process(plant.site.pid).memory_info().rss
    finally:
        for connection in slow:
            connection.close()
    assert busy[55] < 4 * idle[55] + 0.1  # generous: other programs share this machine
    assert after - before < 100 * 1024 * 1024
