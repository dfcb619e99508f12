"""One HTTP request on its way through the server."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.scope import Scope
from server.answer import RequestContext
from server.receipt import Outcome
from server.streaming import Receive, Send

_PLAIN = re.compile(r"[A-Za-z0-9._\-]{1,64}")


@dataclass(slots=True, eq=False)
class Request:
    """One HTTP request on its way through the server."""

    scope: Any
    receive: Receive
    send: Send
    run_id: str
    path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]
    protocol: str = "http"
    route: str = ""
    principal: Scope | None = None
    publications: tuple[str, ...] = ()
    context: RequestContext | None = None
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def request_id(self) -> str:
        """The caller's own name for the request (X-Request-ID) when it is a plain one, else the run id."""
        given = self.headers.get(b"x-request-id", b"").decode("latin-1")
        return given if _PLAIN.fullmatch(given) else self.run_id

    def text_headers(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers.items()}


def takes_at_once(transport: Any) -> bool:
    """Whether a small piece can be written without waiting: at most an answer's head stands before it. uvicorn makes
    a sender wait above 64 KB."""
    return transport is not None and transport.get_write_buffer_size() < 4_096


def reset(transport: Any) -> None:
    """Drop a connection with what it has not taken yet; a plain close would keep that in the kernel for minutes."""
    if transport is None:
        return
    channel = transport.get_extra_info("socket")
    if channel is not None:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
