"""The HTTP source, its replies, and nginx in front of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.http_replies import (
    Paging,
    Tokens,
    drip,
    endless_pages,
    gzip_bomb,
    gzipped,
    invalid_json_at,
    json_rows,
    pages,
    redirect,
    reset,
    throttled,
    truncated,
)
from tests.servers.http_source import HttpSource, Reply, Request, start_http_source
from tests.servers.nginx import start_nginx
from tests.servers.process import ServerStartError

ROWS: list[dict[str, Any]] = [{"id": number, "name": "Märklin", "kind": number % 2} for number in range(25)]


def test_requests_are_logged_with_query_and_headers(http_source: HttpSource) -> None:
    http_source.route("/parts", json_rows(ROWS))
    assert httpx.get(http_source.url("/parts?a=1&b="), headers={"X-Who": "me"}).json() == ROWS
    assert httpx.get(http_source.url("/none")).status_code == 404
    asked = [(r.method, r.path, dict(r.query)) for r in http_source.requests]
    assert asked == [("GET", "/parts", {"a": "1", "b": ""}), ("GET", "/none", {})]
    assert http_source.requests[0].headers["x-who"] == "me"


def test_every_paging_style_gives_all_rows_once(http_source: HttpSource) -> None:
    with httpx.Client() as client:
        for style in Paging:
            http_source.route(f"/{style}", pages(ROWS, style, size=10))
            address: str | None = http_source.url(f"/{style}")
            seen: list[dict[str, Any]] = []
            while address is not None:
                answer = client.get(address)
                content = answer.json()
                seen += content if style is Paging.LINK_HEADER else content["items"]
                address = next_address(http_source.url(f"/{style}"), style, answer, len(seen))
            assert seen == ROWS


def next_address(base: str, style: Paging, answer: httpx.Response, seen: int) -> str | None:
    """Where a client of this style goes next."""
    if style is Paging.LINK_HEADER:
        return answer.links.get("next", {}).get("url")
    content = answer.json()
    if style is Paging.NEXT_LINK:
        link: str | None = content["next"]
        return link
    if style is Paging.CURSOR:
        return None if content["next_cursor"] is None else f"{base}?cursor={content['next_cursor']}"
    if seen >= content["total"]:
        return None
    return f"{base}?page={content['page'] + 1}" if style is Paging.PAGE else f"{base}?offset={seen}"


def test_pages_filter_by_the_named_fields(http_source: HttpSource) -> None:
    http_source.route("/p", pages(ROWS, Paging.OFFSET, filters=["kind"]))
    assert len(httpx.get(http_source.url("/p?kind=1&limit=7")).json()["items"]) == 7
    assert httpx.get(http_source.url("/p?kind=1")).json()["total"] == 12
    assert httpx.get(http_source.url("/p?offset=x")).status_code == 400


def test_throttling_ends_after_its_number_of_refusals(http_source: HttpSource) -> None:
    http_source.route("/p", throttled(json_rows(ROWS), times=2, retry_after="3"))
    answers = [httpx.get(http_source.url("/p")) for _ in range(3)]
    assert [a.status_code for a in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "3"


def test_a_token_is_refused_when_used_up_or_expired(http_source: HttpSource) -> None:
    tokens = Tokens(uses=1)
    http_source.route("/token", tokens.issue)
    http_source.route("/p", tokens.required(json_rows(ROWS)))

    def ask(token: str) -> int:
        return httpx.get(http_source.url("/p"), headers={"Authorization": f"Bearer {token}"}).status_code

    first = httpx.post(http_source.url("/token")).json()["access_token"]
    assert [ask("wrong"), ask(first), ask(first)] == [401, 200, 401]
    second = httpx.post(http_source.url("/token")).json()["access_token"]
    tokens.expire()
    assert ask(second) == 401
    assert tokens.issued == 2


def test_faulty_bodies_are_faulty_in_the_way_they_say(http_source: HttpSource) -> None:
    rows = json_rows(ROWS)
    http_source.route("/truncated", truncated(rows, after=100))
    http_source.route("/chunked", truncated(rows, after=100, chunked=True))
    http_source.route("/reset", reset(rows, after=100))
    http_source.route("/invalid", invalid_json_at(ROWS, 3))
    for path, kind in (("/truncated", httpx.RemoteProtocolError), ("/chunked", httpx.RemoteProtocolError)):
        with pytest.raises(kind, match="without sending complete"):
            httpx.get(http_source.url(path))
    received = b""
    with httpx.stream("GET", http_source.url("/reset")) as answer, pytest.raises(httpx.ReadError):
        for piece in answer.iter_raw():
            received += piece
    assert len(received) == 100
    text = httpx.get(http_source.url("/invalid")).text
    assert text.count('"id"') == len(ROWS)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_endless_pages_go_on_with_new_or_repeated_links(http_source: HttpSource) -> None:
    http_source.route("/new", endless_pages(ROWS[0]))
    http_source.route("/same", endless_pages(ROWS[0], repeat_link=True))
    for path, different in (("/new", 3), ("/same", 1)):
        links = {httpx.get(http_source.url(path)).json()["next"] for _ in range(3)}
        assert len(links) == different


def test_gzip_bodies_and_bombs_decode_to_json(http_source: HttpSource) -> None:
    http_source.route("/gz", gzipped(json_rows(ROWS)))
    http_source.route("/bomb", gzip_bomb(20))
    assert httpx.get(http_source.url("/gz")).json() == ROWS
    wire = size = 0
    with httpx.stream("GET", http_source.url("/bomb")) as answer:
        for piece in answer.iter_bytes():
            size += len(piece)
        wire = answer.num_bytes_downloaded
    assert size == 20 * 1_048_576 + 2
    assert wire < 25_000


def test_a_drip_is_slow_and_closing_does_not_wait_for_it() -> None:
    with start_http_source() as source:
        source.route("/p", drip(json_rows(ROWS), pause=0.2))
        started = time.monotonic()
        with httpx.stream("GET", source.url("/p")) as answer:
            assert next(answer.iter_raw(1)) == b"["
            assert source.open_connections == 1
    assert 0.15 < time.monotonic() - started < 3


def test_a_redirect_leads_to_another_origin(http_source: HttpSource) -> None:
    with start_http_source() as other:
        other.route("/p", json_rows(ROWS))
        http_source.route("/p", redirect(other.url("/p")))
        assert httpx.get(http_source.url("/p"), follow_redirects=True).json() == ROWS
        assert len(other.requests) == 1


def test_a_failing_handler_is_reported_on_closing() -> None:
    def handler(request: Request) -> Reply:
        raise KeyError("mistake in the test")

    source = start_http_source()
    source.route("/p", handler)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(source.url("/p"))
    with pytest.raises(ExceptionGroup, match="handler"):
        source.close()


def test_nginx_passes_requests_on(http_source: HttpSource, nginx_binary: str, tmp_path: Path) -> None:
    http_source.route("/p", json_rows(ROWS))
    proxy = start_nginx(
        tmp_path / "nginx",
        f"server {{ listen 127.0.0.1:@PORT@; location / {{ proxy_pass {http_source.origin}; }} }}",
    )
    assert httpx.get(f"{proxy.url}/p").json() == ROWS
    proxy.close()


def test_a_wrong_nginx_configuration_is_quoted(nginx_binary: str, tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="unknown directive"):
        start_nginx(tmp_path / "nginx", "nonsense on;")
