"""Below the protocols: dripping heads, proxies that speak HTTP/1.0, pipelines, HEAD."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.end_to_end.conftest import Plant
from tests.end_to_end.raw import exchange, get, opened, read_answer
from tests.end_to_end.server import Site
from tests.servers.fault_proxy import Faults
from tests.servers.nginx import NginxServer, start_nginx


def drip(port: int, pieces: bytes, pause: float, longest: float) -> float:
    """Send a byte now and then until the server hangs up; how long it let us."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.05) as connection:
        began, number = time.monotonic(), 0
        while time.monotonic() - began < longest:
            try:
                connection.sendall(pieces[number % len(pieces) : number % len(pieces) + 1])
                if connection.recv(4096) == b"":
                    break
            except TimeoutError:
                time.sleep(pause)
            except ConnectionError:
                break
            number += 1
        return time.monotonic() - began


def test_a_head_that_drips_is_cut_off_and_health_stays_quick(site: Site) -> None:
    """header_timeout is two seconds here."""
    lasted: list[float] = []
    heads = [b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"x" * 500, b"G", b"\r\n"]
    threads = [
        threading.Thread(target=lambda head=head: lasted.append(drip(site.port, head, 0.1, 8))) for head in heads * 10
    ]
    for thread in threads:
        thread.start()
    times = []
    for _ in range(30):
        began = time.monotonic()
        assert site.plain.get(f"{site.root}/healthz").status_code == 200
        times.append(time.monotonic() - began)
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert max(lasted) < 5
    assert sorted(times)[27] < 0.25


def test_a_kept_connection_may_pause_between_requests_but_not_within_a_head(site: Site) -> None:
    with opened(site.port) as connection:
        connection.sendall(get("/healthz", site.key))
        assert read_answer(connection).status == 200
        time.sleep(2.5)
        connection.sendall(get("/healthz", site.key))
        assert read_answer(connection).status == 200
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n")
        began = time.monotonic()
        assert connection.recv(100) == b""
        assert time.monotonic() - began < 4


def test_requests_sent_ahead_are_answered_in_order(site: Site) -> None:
    with opened(site.port) as connection:
        paths = ["/odata/plant/numbers(1)", "/healthz", "/odata/plant/numbers(2)"]
        connection.sendall(b"".join(get(path, site.key) for path in paths[:1]))
        assert b'"id":1,' in read_answer(connection).body
        connection.sendall(get(paths[1], site.key))
        assert read_answer(connection).body == b'{"status":"ok"}'
        connection.sendall(get(paths[2], site.key))
        assert b'"id":2,' in read_answer(connection).body


def test_head_has_the_headers_and_no_body(site: Site) -> None:
    for url in (
        site.odata,
        f"{site.odata}numbers?$top=3",
        f"{site.odata}$metadata",
        f"{site.data('numbers')}?limit=2",
    ):
        answer = site.client.head(url)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"]


@pytest.fixture(scope="module", params=["1.0", "1.1"])
def nginx(
    request: pytest.FixtureRequest, plant: Plant, nginx_binary: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, NginxServer]]:
    """nginx before the server, speaking HTTP/1.0 (its old default) or 1.1 to it."""
    server = start_nginx(
        tmp_path_factory.mktemp("nginx"),
        "server { listen 127.0.0.1:@PORT@; location / { "
        f"proxy_pass http://127.0.0.1:{plant.site.port}; proxy_http_version {request.param}; "
        "proxy_set_header Host $host:$server_port; } }",
    )
    yield request.param, server
    server.close()


def test_through_nginx_small_answers_work_with_either_version(plant: Plant, nginx: tuple[str, NginxServer]) -> None:
    _, server = nginx
    answer = httpx.get(f"{server.url}/odata/plant/numbers?$top=3", headers={"X-API-Key": plant.site.key})
    assert answer.status_code == 200
    assert len(answer.json()["value"]) == 3
    assert answer.json()["@odata.context"].startswith(server.url)


def test_through_nginx_a_broken_answer_never_looks_whole(plant: Plant, nginx: tuple[str, NginxServer]) -> None:
    version, server = nginx
    for form in ("csv", "json"):
        plant.proxy.set(Faults(reset_after=20_000_000))
        try:
            heard = exchange(server.port, get(f"/api/v1/plant/data/far?format={form}", plant.site.key), timeout=40)
        finally:
            plant.proxy.set(Faults())
        if version == "1.0":
            assert heard.status == 505
            assert b"proxy_http_version 1.1" in heard.body
        else:
            assert not (heard.status == 200 and heard.complete)


def test_through_nginx_a_large_answer_is_whole_with_1_1(plant: Plant, nginx: tuple[str, NginxServer]) -> None:
    version, server = nginx
    heard = exchange(server.port, get("/api/v1/plant/data/big?format=csv", plant.site.key), timeout=40)
    if version == "1.1":
        assert (heard.status, heard.complete, heard.body.count(b"\r\n")) == (200, True, 300_001)
    else:
        assert heard.status == 505
