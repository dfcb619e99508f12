"""A look at the first rows of a query, a view or a source's table; they are kept nowhere."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from catalog.errors import InvalidRecordError
from catalog.records import WorkspaceCatalog
from catalog.scope import Scope
from engine.check_view import expand_stars
from engine.encoders.encoding import Encoding, Format
from engine.parse import parse_query
from engine.query import Query
from server.operations.access import require_admin
from server.operations.collect import Collected
from server.operations.windows import reading_sources
from server.state import ServerState

MAX_ROWS = 100
PREVIEW_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Preview:
    """`columns`: (name, type). `rows`: objects by column name, values as our JSON writes them."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[Mapping[str, Any], ...]


def preview(state: ServerState, scope: Scope, text: str, limit: int = MAX_ROWS) -> Preview:
    """At most `limit` (≤ 100) rows of a SELECT over views and tables, or of one of them named alone."""
    require_admin(scope)
    if not 1 <= limit <= MAX_ROWS:
        raise InvalidRecordError("limit", f"a preview shows 1 to {MAX_ROWS} rows.")
    catalog = state.store.workspace(scope).read()
    select = workspace_select(text, catalog)
    query = Query(_limited(select, limit))
    prepared = state.engine.prepare(query, catalog, workspace_names=True)
    _, spellings = expand_stars(select, catalog)  # after planning, which says what is not there
    names = tuple(spellings.get(name.lower(), name) for name in prepared.plan.select.named_selects)
    encoding = Encoding(Format.JSON, names, prefix="[", suffix="]")
    job = state.engine.run_job(prepared, query, catalog, encoding, secrets.token_hex(12), cpu_seconds=120)
    described = state.engine.run(replace(job, kind="describe"), scope.tenant, timeout=PREVIEW_SECONDS)
    types = [kind for _, kind in cast("list[tuple[str, str]]", described["columns"])]
    sink = Collected()
    with reading_sources(catalog, prepared.plan):
        state.engine.run(job, scope.tenant, sink, timeout=PREVIEW_SECONDS)
    return Preview(tuple(zip(names, types, strict=True)), tuple(orjson.loads(bytes(sink.content) or b"[]")))


def workspace_select(text: str, catalog: WorkspaceCatalog) -> exp.Query:
    """The SELECT that a text means: itself, or all of the view or table that it names."""
    bare = text.strip()
    view = catalog.view(bare)
    if view is not None:
        return exp.select("*").from_(exp.table_(view.name, quoted=True))
    table = _table(bare)
    return exp.select("*").from_(table) if table is not None else parse_query(text)


def _table(text: str) -> exp.Table | None:
    """A dotted name, parts quoted or not; None for anything longer."""
    if len(text) > 1_000 or any(mark in text for mark in "();\n"):
        return None
    try:
        table = sqlglot.parse_one(text, into=exp.Table, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return None
    plain = isinstance(table, exp.Table) and {k for k, v in table.args.items() if v} <= {"this", "db", "catalog"}
    return table if plain and isinstance(table.this, exp.Identifier | exp.Dot) else None


def _limited(select: exp.Query, limit: int) -> exp.Query:
    if select.args.get("limit") is None and isinstance(select, exp.Select):
        return select.limit(limit)
    return exp.select("*").from_(select.subquery("preview")).limit(limit)
