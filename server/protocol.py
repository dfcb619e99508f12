"""The HTTP/1.1 protocol of the server: uvicorn's, with a deadline for request heads and a way to cut a connection.

uvicorn has no time limit for the arrival of a request (measured: a client that drips a header byte every 0.7 s stays
for ever); and an application that wants a broken answer to be seen as broken must be able to close the connection.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_TIMEOUT = 10.0
MAX_HEAD_BYTES = 1024 * 1024  # the parser has no bound of its own; a URL too long is told so within this one
MAX_URL_BYTES = 65_535  # the parser of URLs counts in 16 bits


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol; `scope["viewloom.transport"]` is the connection, `header_timeout` in seconds."""

    header_timeout = HEADER_TIMEOUT
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.header_timeout, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # A kept-alive connection is idle until its next request begins; from then on its head has a deadline.
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._deadline = self.loop.call_later(self.header_timeout, self.transport.abort)
        if self._deadline is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.abort()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: Any = self.scope
        scope["viewloom.transport"] = self.transport

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with a request that can't be parsed: a URL past the parser's bound gets its own words."""
        if len(self.url) <= MAX_URL_BYTES:
            super().send_400_response(msg)
            return
        hint = "use POST …/sql for long queries"
        told: dict[str, object] = {
            "code": "request_size",
            "message": f"the URL is longer than {MAX_URL_BYTES:,} bytes ({hint})",
        }
        told = {"error": told} if self.url.startswith(b"/odata/") else told | {"hint": hint, "details": {}}
        body = json.dumps(told, ensure_ascii=False).encode()
        head = (
            "HTTP/1.1 413 Content Too Large\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\ncache-control: private, no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _disarm(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
