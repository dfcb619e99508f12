"""Replies for `http_source.py`: rows and pages as REST services send them, and everything that goes wrong.

Each function gives a handler (request → reply); those that take a handler wrap it.
"""

from __future__ import annotations

import gzip
import itertools
import json
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from urllib.parse import urlencode

from tests.servers.http_source import Ending, Handler, Reply, Request

Row = Mapping[str, object]
JSON = {"Content-Type": "application/json"}
MEGABYTE = 1 << 20


class Paging(StrEnum):
    """How a service splits an answer.

    next_link: `{"items": […], "next": absolute address or null}`; link_header: an array and a Link header;
    page: `?page=1&per_page=…`; offset: `?offset=0&limit=…`; cursor: `?cursor=…` from "next_cursor".
    """

    NEXT_LINK = "next_link"
    LINK_HEADER = "link_header"
    PAGE = "page"
    OFFSET = "offset"
    CURSOR = "cursor"


def encoded(value: object) -> bytes:
    """JSON in UTF-8; dates and decimals as text."""
    return json.dumps(value, default=str, ensure_ascii=False).encode()


def body(content: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A whole body with its length."""
    return Reply(status, dict(headers or JSON), [content], len(content))


def json_rows(rows: Sequence[Row], *, under: str | None = None) -> Handler:
    """All rows as one array, or as an object with the array under this name."""
    content = encoded(list(rows) if under is None else {under: list(rows)})
    return lambda request: body(content)


def pages(
    rows: Sequence[Row], style: Paging, *, size: int = 100, under: str = "items", filters: Sequence[str] = ()
) -> Handler:
    """The rows in pages of at most `size`; a smaller size may be asked for by per_page or limit.

    A query parameter named in `filters` keeps the rows whose field, as text, equals it.
    """

    def handle(request: Request) -> Reply:
        kept = [r for r in rows if all(str(r.get(f)) == request.query[f] for f in filters if f in request.query)]
        asked = request.query.get("per_page", request.query.get("limit", str(size)))
        start_text = request.query.get("offset", request.query.get("after", "0"))
        if not asked.isdigit() or not start_text.isdigit() or not request.query.get("page", "1").isdigit():
            return body(encoded({"error": "page, limit and offset are whole numbers"}), status=400)
        count = max(1, min(int(asked), size))
        start = int(start_text)
        if style is Paging.PAGE:
            start = (int(request.query.get("page", "1")) - 1) * count
        elif style is Paging.CURSOR and "cursor" in request.query:
            start = int(request.query["cursor"].removeprefix("c"), 16)
        items = kept[start : start + count]
        following = start + count if start + count < len(kept) else None
        link = None if following is None else link_to(request, after=str(following))
        match style:
            case Paging.LINK_HEADER:
                headers = JSON if link is None else JSON | {"Link": f'<{link}>; rel="next"'}
                return body(encoded(items), headers=headers)
            case Paging.NEXT_LINK:
                answer: dict[str, object] = {under: items, "next": link}
            case Paging.PAGE:
                page_count = -(-len(kept) // count)
                answer = {under: items, "page": start // count + 1, "pages": page_count, "total": len(kept)}
            case Paging.OFFSET:
                answer = {under: items, "offset": start, "total": len(kept)}
            case Paging.CURSOR:
                answer = {under: items, "next_cursor": None if following is None else f"c{following:x}"}
        return body(encoded(answer))

    return handle


def link_to(request: Request, **query: str) -> str:
    """The request's own absolute address with some query parameters replaced."""
    return f"http://{request.headers['host']}{request.path}?{urlencode({**request.query, **query})}"


def endless_pages(row: Row, *, repeat_link: bool = False, under: str = "items") -> Handler:
    """Pages of one row whose next link never ends: always a new one, or always the same one."""
    numbers = itertools.count(1)

    def handle(request: Request) -> Reply:
        after = "again" if repeat_link else str(next(numbers))
        return body(encoded({under: [row], "next": link_to(request, after=after)}))

    return handle


def throttled(then: Handler, *, times: int, retry_after: str = "1", status: int = 429) -> Handler:
    """Refuse the first requests with 429 and Retry-After (seconds or an HTTP date), then go on."""
    left = itertools.count(times, -1)

    def handle(request: Request) -> Reply:
        if next(left) > 0:
            return body(
                encoded({"error": "too many requests"}), status=status, headers=JSON | {"Retry-After": retry_after}
            )
        return then(request)

    return handle


class Tokens:
    """Access tokens of a service: each is good for some seconds and some requests, then refused with 401."""

    def __init__(self, *, seconds: float = 3600.0, uses: int = 1_000_000) -> None:
        self.seconds = seconds
        self.uses = uses
        self.issued = 0
        self._valid: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def issue(self, request: Request) -> Reply:
        """Handler of the token address: a new token, as OAuth's client credentials grant answers."""
        with self._lock:
            self.issued += 1
            token = f"token-{self.issued}"
            self._valid[token] = (time.monotonic() + self.seconds, self.uses)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": max(1, int(self.seconds))}
        return body(encoded(answer))

    def expire(self) -> None:
        """Make every token issued so far invalid."""
        with self._lock:
            self._valid.clear()

    def required(self, then: Handler) -> Handler:
        """The handler behind a check of `Authorization: Bearer …`."""

        def handle(request: Request) -> Reply:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            with self._lock:
                until, uses = self._valid.get(token, (0.0, 0))
                good = uses > 0 and time.monotonic() < until
                if good:
                    self._valid[token] = (until, uses - 1)
            if not good:
                headers = JSON | {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                return body(encoded({"error": "invalid_token"}), status=401, headers=headers)
            return then(request)

        return handle


def changed(then: Handler, change: Callable[[bytes], Reply]) -> Handler:
    """The handler with its whole body given to `change`; used by the functions below."""
    return lambda request: change(b"".join(then(request).chunks))


def drip(then: Handler, *, pause: float, size: int = 1) -> Handler:
    """The same answer, `size` bytes at a time with a pause (seconds) before each."""

    def change(content: bytes) -> Reply:
        pieces = [content[i : i + size] for i in range(0, len(content), size)]
        return Reply(200, JSON, pieces, len(content), pause=pause)

    return changed(then, change)


def truncated(then: Handler, *, after: int, chunked: bool = False) -> Handler:
    """The same answer, closed after some bytes; announced with its whole length, or chunked without an end."""

    def change(content: bytes) -> Reply:
        return Reply(200, JSON, [content[:after]], None if chunked else len(content), ending=Ending.TRUNCATED)

    return changed(then, change)


def reset(then: Handler, *, after: int) -> Handler:
    """The same answer, with the connection reset (RST) after some bytes of the body."""

    def change(content: bytes) -> Reply:
        # The pause lets the bytes leave before the reset discards what the client has not read.
        return Reply(200, JSON, [content[:after], b""], len(content), pause=0.05, ending=Ending.RESET)

    return changed(then, change)


def invalid_json_at(rows: Sequence[Row], broken: int) -> Handler:
    """An array of the rows in which the row of this number (from 0) is cut in its middle: no longer JSON."""
    texts = [encoded(dict(row)) for row in rows]
    texts[broken] = texts[broken][: len(texts[broken]) // 2]
    content = b"[" + b",".join(texts) + b"]"
    return lambda request: body(content)


def gzipped(then: Handler) -> Handler:
    """The same answer, compressed by gzip."""

    def change(content: bytes) -> Reply:
        return body(gzip.compress(content, 6), headers=JSON | {"Content-Encoding": "gzip"})

    return changed(then, change)


def gzip_bomb(megabytes: int) -> Handler:
    """A JSON array that is a thousandth of its size on the wire: blanks between its two brackets."""
    headers = JSON | {"Content-Encoding": "gzip"}
    return lambda request: Reply(200, headers, blanks_in_gzip(megabytes))


def blanks_in_gzip(megabytes: int) -> Iterator[bytes]:
    """One gzip member of '[', the blanks and ']', a piece for each megabyte.

    A flushed deflate block can be repeated as it is, so that making the bomb costs next to nothing.
    """
    blanks = b" " * MEGABYTE
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + flushed(b"[")
    block = flushed(blanks)
    checksum = zlib.crc32(b"[")
    for _ in range(megabytes):
        checksum = zlib.crc32(blanks, checksum)
        yield block
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    checksum = zlib.crc32(b"]", checksum)
    yield last.compress(b"]") + last.flush() + struct.pack("<II", checksum, (megabytes * MEGABYTE + 2) & 0xFFFFFFFF)


def flushed(content: bytes) -> bytes:
    """Raw deflate blocks of the content, ended at a byte and without the mark of the last block."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeezer.compress(content) + squeezer.flush(zlib.Z_FULL_FLUSH)


def redirect(to: str, *, status: int = 302) -> Handler:
    """Send the client to another address, of this origin or of another."""
    return lambda request: Reply(status, {"Location": to}, (), 0)
