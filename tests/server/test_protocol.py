"""The HTTP protocol by itself: a tiny application behind the real one, asked over a bare socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvicorn

from server.protocol import MAX_URL_BYTES, GuardedProtocol
from tests.end_to_end.raw import exchange
from tests.servers.process import free_port


async def say_yes(scope: Any, receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"yes"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    found = free_port()
    server = uvicorn.Server(
        uvicorn.Config(say_yes, port=found, http=GuardedProtocol, lifespan="off", log_config=None, ws="none")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield found
    server.should_exit = True
    thread.join(10)


def request(start: str, length: int) -> bytes:
    return f"GET {start}{'a' * (length - len(start))} HTTP/1.1\r\nHost: plant\r\n\r\n".encode()


def test_the_longest_url_is_answered(port: int) -> None:
    assert exchange(port, request("/?x=", MAX_URL_BYTES)).body == b"yes"


@pytest.mark.parametrize("length", [MAX_URL_BYTES + 1, 300_000])
def test_a_longer_url_is_told_so_in_the_words_of_the_api(port: int, length: int) -> None:
    heard = exchange(port, request("/api/v1/w/data/p?x=", length))
    assert (heard.status, heard.complete, heard.header("connection")) == (413, True, "close")
    told = json.loads(heard.body)
    assert told["code"] == "request_size"
    assert "65,535 bytes" in told["message"] and "POST" in told["hint"]


def test_a_longer_odata_url_is_told_so_in_odatas_form(port: int) -> None:
    heard = exchange(port, request("/odata/w/p?$filter=", 300_000))
    assert json.loads(heard.body)["error"]["code"] == "request_size"


def test_what_is_no_http_is_a_plain_400(port: int) -> None:
    assert exchange(port, b"\x16\x03\x01 hello\r\n\r\n").status == 400
