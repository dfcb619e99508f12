"""What the catalog holds, as plain frozen records. None of them can reach the database.

Names of connections, views and publications are unique in a workspace without regard to case; connections and
views share one space of names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

PROTOCOLS = ("odata", "rest", "sql")


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which a source may be asked less, in the connection's zone. `days`: `mon`, `mon-fri`, `15`, `25-31`,
    `last` (of the month), () for every day; `start`, `end`: "HH:MM". `statements`: at once, 0 closes it."""

    name: str = ""
    days: tuple[str, ...] = ()
    start: str = "00:00"
    end: str = "24:00"
    statements: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """What a connection's source may be asked for. None: the server's own setting, or no bound.

    `statements`: at once; `statements_per_second`: new ones; `rows`, `bytes` (as Arrow), `timeout` (seconds): of one
    statement, which fails when it passes one."""

    statements: int | None = None
    statements_per_second: float | None = None
    rows: int | None = None
    bytes: int | None = None
    timeout: float | None = None
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Connection:
    """A workspace's configured source.

    `config`: the connector's fields as JSON; a secret stands there only as a reference, `env:NAME` or `file:PATH`.
    `time_zone`: IANA name, what naive timestamps of the source mean; None: not stated.
    `include`, `exclude`: globs over dotted table names. `version` counts changes.
    """

    name: str
    connector: str
    config: Mapping[str, object]
    time_zone: str | None = None
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    comment: str = ""
    version: int = 1
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class SourceSchema:
    """A table of a connection as it was last seen. `table`: the dotted name in the source's own spelling.
    `definition`: the engine's JSON form of the description; the catalog does not look inside."""

    connection: str
    table: str
    definition: Mapping[str, object]
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column of a view as checked when the view was saved. `name` keeps the case it was written in."""

    name: str
    sql_type: str
    nullable: bool = True
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a view's SQL: where (1-based line and column) and what to do."""

    code: str
    message: str
    line: int = 1
    column: int = 1
    hint: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """One version of a view. `sql` is what its author wrote, byte for byte; `expanded_sql` is the same with
    `SELECT *` spelled out. `uses_views`, `uses_tables` ("connection.table"): what it reads directly.
    `key`: columns proven unique and NOT NULL by the sources' keys, () when nothing is proven.
    `source`: the whole text of the file that it came from (catalog as code), "" when it came from none."""

    name: str
    version: int
    sql: str
    expanded_sql: str
    columns: tuple[ViewColumn, ...]
    uses_views: tuple[str, ...] = ()
    uses_tables: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    comment: str = ""
    created_at: datetime | None = None
    created_by: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A view's text that is not (yet) a version: it may be invalid, and says why."""

    name: str
    sql: str
    problems: tuple[Problem, ...] = ()
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer of a publication may cost. None: the server's own setting holds.

    `page_size`: rows of an OData or REST page. `max_rows`, `max_bytes`: an answer past them is broken, or ends an
    OData page with a next link. `timeout`: seconds for the whole answer. `min_client_rate`: bytes per second that a
    client must take. `max_source_time`: seconds that a source may stay open.
    """

    page_size: int | None = None
    max_rows: int | None = None
    max_bytes: int | None = None
    timeout: float | None = None
    min_client_rate: int | None = None
    max_source_time: float | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """A view offered at a URL. `closure` pins the version of the view and of every view below it.
    `key`: columns that identify a row; `key_kind`: `proven` (from the sources' keys), `declared` (checked when
    published, may not hold later) or None when there is no key."""

    name: str
    view: str
    closure: Mapping[str, int]
    key: tuple[str, ...] = ()
    key_kind: str | None = None
    protocols: frozenset[str] = frozenset(PROTOCOLS)
    limits: Limits = field(default_factory=Limits)
    comment: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A credential's record; the key itself is shown once and only its SHA-256 kept. `label`: first characters,
    for recognising it. `publications`: the only ones it may read; None: all of the workspace."""

    id: str
    name: str
    label: str
    tenant: str
    workspace: str
    role: str
    issuer: str
    created_at: datetime
    publications: tuple[str, ...] | None = None
    last_used_at: datetime | None = None
    uses: int = 0
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceUse:
    """What one scan of a run cost. `statement`: its shape with placeholders and key counts, never literals.

    `counting`: it served the number of all rows, not the rows. `left`: what DuckDB had to do, and why, as shapes.
    `as_of`: no row is older than this. `snapshot`: all scans of the connection saw one moment. `nulls_made`: values
    that could not be read and became NULL. `requests`, `retries`: of the connection in this run, its
    scans together; `requests` is 0 where a scan is one statement.
    """

    scan: str
    connection: str
    table: str
    statement: str = ""
    rows: int = 0
    bytes: int = 0
    seconds_to_first_row: float | None = None
    seconds: float = 0.0
    snapshot: bool = False
    counting: bool = False
    left: tuple[str, ...] = ()
    as_of: datetime | None = None
    nulls_made: int = 0
    retries: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is kept of one execution: never rows, never literals."""

    id: str
    tenant: str
    workspace: str
    principal: str
    protocol: str
    publications: tuple[str, ...]
    statement: str
    status: str
    started_at: datetime
    seconds: float
    rows: int = 0
    bytes: int = 0
    error: str = ""
    sources: tuple[SourceUse, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkspaceCatalog:
    """One workspace's catalog, read at one moment and bound to one scope: all that planning may look at.

    Built by `catalog.store`; immutable, holds no database session. `views`: by (name, version), every version that
    a publication pins and every latest one; `latest`: name → version. Names are as written, looked up in lower case.
    """

    tenant: str
    workspace: str
    version: int
    connections: Mapping[str, Connection] = field(default_factory=dict)
    schemas: Mapping[tuple[str, str], SourceSchema] = field(default_factory=dict)
    views: Mapping[tuple[str, int], View] = field(default_factory=dict)
    latest: Mapping[str, int] = field(default_factory=dict)
    publications: Mapping[str, Publication] = field(default_factory=dict)

    def connection(self, name: str) -> Connection | None:
        return self.connections.get(name.lower())

    def schema(self, connection: str, table: str) -> SourceSchema | None:
        """A table by connection and dotted name, case ignored; of two that differ in case only, the exact one."""
        exact = self.schemas.get((connection.lower(), table))
        return exact if exact is not None else self.schemas.get((connection.lower(), table.lower()))

    def view(self, name: str, version: int | None = None) -> View | None:
        """A view's pinned version, or its latest."""
        found = self.latest.get(name.lower()) if version is None else version
        return None if found is None else self.views.get((name.lower(), found))

    def publication(self, name: str) -> Publication | None:
        return self.publications.get(name.lower())
