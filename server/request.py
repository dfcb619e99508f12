"""One HTTP request on its way through the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.scope import Scope
from server.answer import RequestContext
from server.streaming import Outcome, Receive, Send


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

    def text_headers(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers.items()}
