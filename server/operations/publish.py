"""Publishing a view: its closure is pinned, its key is proven by the sources or declared and checked once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import orjson
from sqlglot import exp

from catalog.errors import InvalidRecordError, NotFoundError
from catalog.names import closest, fold
from catalog.records import PROTOCOLS, Limits, Publication, View, WorkspaceCatalog
from catalog.scope import Scope
from engine.encoders.encoding import Encoding, Format
from engine.query import Query
from engine.view_keys import declared
from server.odata.edm_types import may_be_key
from server.operations.access import require_admin
from server.operations.collect import Collected
from server.operations.errors import KeyCheckError
from server.operations.windows import reading_sources
from server.state import ServerState

CHECK_SECONDS = 600.0
Key = tuple[tuple[str, ...], str | None]


def publish(
    state: ServerState,
    scope: Scope,
    view: str,
    name: str | None = None,
    key: Sequence[str] | None = None,
    protocols: frozenset[str] = frozenset(PROTOCOLS),
    limits: Limits | None = None,
    comment: str = "",
    *,
    check: bool = True,
    expected_version: int | None = None,
) -> Publication:
    """Offer a view at a URL, or move its publication to the newest versions.

    `key`: None takes what the sources prove, else what their connections declare; () says that there is none. A
    declared one is checked now by counting its duplicates and NULLs at the sources, unless `check` is False. Raises
    KeyCheckError, InvalidRecordError.
    """
    require_admin(scope)
    workspace = state.store.workspace(scope)
    catalog = workspace.read()
    found = known_view(catalog, view)
    columns, kind = choose_key(found, key, declared(found.name, catalog) if key is None else ())
    if kind == "declared" and check:
        check_key(state, catalog, found, columns)
    publication = Publication(
        name=name or found.name,
        view=found.name,
        closure=closure_of(catalog, found.name),
        key=columns,
        key_kind=kind,
        protocols=protocols,
        limits=limits or Limits(),
        comment=comment,
    )
    return workspace.save_publication(publication, expected_version)


def known_view(catalog: WorkspaceCatalog, name: str) -> View:
    """The latest version of a view. Raises NotFoundError."""
    found = catalog.view(name)
    if found is None:
        known = {view.name for view in catalog.views.values()}
        raise NotFoundError("view", name, suggestion=closest(name, known))
    return found


def closure_of(catalog: WorkspaceCatalog, view: str) -> dict[str, int]:
    """The view and every view below it, at their latest versions."""
    closure: dict[str, int] = {}
    waiting = [view]
    while waiting:
        found = known_view(catalog, waiting.pop())
        if found.name not in closure:
            closure[found.name] = found.version
            waiting += found.uses_views
    return closure


def choose_key(view: View, wanted: Sequence[str] | None, declared: Sequence[str] = ()) -> Key:
    """(columns as the view spells them, `proven`, `declared` or None). `declared`: what the connections' own
    configurations say to be a key, for a view of which nothing is proven.

    A proven key that OData can't take (floating point, binary) is left out; a wanted one is an InvalidRecordError.
    Columns beside a proven key identify rows too, but must be known never to be NULL to be called proven.
    """
    columns = {fold(column.name): column for column in view.columns}
    if wanted is None:
        for key, kind in ((view.key, "proven"), (tuple(declared), "declared")):
            if key and all(may_be_key(columns[fold(name)].sql_type) for name in key):
                return key, kind
        return (), None
    chosen = []
    for name in dict.fromkeys(wanted):
        column = columns.get(fold(name))
        if column is None:
            near = closest(name, (c.name for c in view.columns))
            hint = (
                f"Did you mean {near!r}?" if near else f"Its columns are {', '.join(c.name for c in view.columns)}."
            )
            raise InvalidRecordError("key", f"the view {view.name!r} has no column {name!r}.", hint=hint)
        if not may_be_key(column.sql_type):
            raise InvalidRecordError(
                "key",
                f"the column {column.name!r} is {column.sql_type}, which can't be (part of) a key.",
                hint="Choose columns of whole numbers, decimals, text, dates, timestamps, UUIDs or truth values.",
            )
        chosen.append(column)
    if not chosen:
        return (), None
    names = tuple(column.name for column in chosen)
    proven = set(view.key)
    certain = bool(proven) and proven <= set(names)
    certain = certain and not any(column.nullable for column in chosen if column.name not in proven)
    return names, "proven" if certain else "declared"


def check_key(state: ServerState, catalog: WorkspaceCatalog, view: View, key: Sequence[str]) -> None:
    """Count at the sources what the key does not identify. Raises KeyCheckError; it tells numbers, never values."""
    query = Query(key_query(view.name, key))
    prepared = state.engine.prepare(query, catalog, workspace_names=True)
    names = ("rows_seen", "duplicates", "nulls")
    encoding = Encoding(Format.JSON, names, prefix="[", suffix="]")
    job = state.engine.run_job(prepared, query, catalog, encoding, secrets.token_hex(12))
    sink = Collected()
    with reading_sources(catalog, prepared.plan):
        state.engine.run(job, catalog.tenant, sink, timeout=CHECK_SECONDS)
    (counted,) = orjson.loads(bytes(sink.content))
    rows, duplicates, nulls = (int(counted[name] or 0) for name in names)
    if not duplicates and not nulls:
        return
    problems = []
    if duplicates:
        problems.append(f"{duplicates:,} rows repeat the key of another row")
    if nulls:
        problems.append(f"{nulls:,} rows have no value in it")
    raise KeyCheckError(
        f"({', '.join(key)}) is not a key of {view.name!r}: of {rows:,} rows, {' and '.join(problems)}",
        hint="name more columns, group or filter in the view, or publish it without a key (no paging then)",
        details={"key": list(key), "rows": rows, "duplicates": duplicates, "nulls": nulls},
    )


def key_query(view: str, key: Sequence[str]) -> exp.Query:
    """One row: how many rows there are, how many too many for the key, how many with a NULL in it."""
    columns = [exp.column(name, quoted=True) for name in key]
    groups = (
        exp.select(*columns, exp.alias_(exp.Count(this=exp.Star()), "n"))
        .from_(exp.table_(view, quoted=True))
        .group_by(*(column.copy() for column in columns))
    )
    n = exp.column("n")
    is_null = exp.or_(*(exp.Is(this=column.copy(), expression=exp.Null()) for column in columns))
    return exp.select(
        exp.alias_(exp.Sum(this=n.copy()), "rows_seen"),
        exp.alias_(exp.Sum(this=exp.Sub(this=n.copy(), expression=exp.Literal.number(1))), "duplicates"),
        exp.alias_(exp.Sum(this=exp.Case().when(is_null, n.copy()).else_("0")), "nulls"),
    ).from_(groups.subquery("groups"))
