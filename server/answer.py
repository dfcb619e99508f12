"""What a protocol hands to `server.streaming`: one query, and how its answer looks on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field

from catalog.records import Limits, WorkspaceCatalog
from catalog.scope import Scope
from engine.encoders.encoding import Encoding
from engine.query import Query


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One authenticated request for data. `base_url`: scheme, host, port and key prefix as the client sees them,
    without a trailing slash; links in answers start with it. `run_id` goes into the answer's headers."""

    scope: Scope
    catalog: WorkspaceCatalog
    base_url: str
    run_id: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`count`: a query of one row and column whose number goes into the encoding's count place, and into the header
    `count_header` when that is set.
    `headers`: besides those that every data answer has. `empty_is_missing`: no row means 404 (key access)."""

    query: Query
    encoding: Encoding
    content_type: str
    publications: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)
    count: Query | None = None
    count_header: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    empty_is_missing: bool = False
