"""A connection's tables looked at again: what is new, gone or changed, and which views that hits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from catalog.names import fold
from catalog.records import Connection, Draft, Problem, SourceSchema, View, WorkspaceCatalog
from catalog.scope import Scope
from catalog.workspace_store import WorkspaceStore
from engine.check_view import check_view
from engine.errors import ViewProblemsError
from engine.job import Job
from server.operations.access import require_admin
from server.operations.connections import Progress
from server.operations.schema_diff import Definition, SchemaDiff, schema_diff
from server.operations.statistics import oldest_statistics
from server.operations.views import source_of
from server.state import ServerState

INTROSPECT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class FailedTable:
    """A table that is listed but can't be described."""

    table: str
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Introspection:
    """Tables by dotted name as they are now. `left_out`: how many more there are beyond the cap."""

    tables: Mapping[str, Definition]
    failed: tuple[FailedTable, ...] = ()
    left_out: int = 0

    @property
    def naive(self) -> dict[str, tuple[str, ...]]:
        """Tables with timestamps that have no zone, and which columns these are."""
        found: dict[str, tuple[str, ...]] = {}
        for name, definition in self.tables.items():
            columns: Any = definition["naive_timestamps"]
            if columns:
                found[name] = tuple(columns)
        return found


@dataclass(frozen=True, slots=True)
class ViewHit:
    """A view that reads a table that is gone or changed; `problem`: why it can't be saved any more, or which of its
    columns would have another type; "" when it is what it was."""

    view: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found and kept. `warnings` are sentences for people. `statistics_age`: seconds since the oldest
    statistics that it renewed were read; None where there were none."""

    connection: str
    tables: int
    diff: SchemaDiff
    failed: tuple[FailedTable, ...] = ()
    views: tuple[ViewHit, ...] = ()
    warnings: tuple[str, ...] = ()
    statistics_age: float | None = None


def introspect(
    state: ServerState, tenant: str, connection: Connection, progress: Progress | None = None
) -> Introspection:
    """Describe the connection's tables in a worker; the catalog is not touched."""
    job = Job(
        "introspect",
        secrets.token_hex(12),
        {connection.name: state.engine.resolved(connection)},
        tables=connection.include,
        exclude=connection.exclude,
    )
    done: dict[str, Any] = state.engine.run(job, tenant, timeout=INTROSPECT_SECONDS, on_event=progress)
    return Introspection(
        {".".join(table["name"]): table for table in done["tables"]},
        tuple(FailedTable(**failed) for failed in done["failed"]),
        cast(int, done["left_out"]),
    )


def refresh(state: ServerState, scope: Scope, name: str, progress: Progress | None = None) -> Refreshed:
    """Look at a connection's tables again and keep what was seen.

    A table that can't be described now keeps its old description, and is reported. Views are not changed: those that
    read a table that is gone or changed are checked again, their problems reported and kept as drafts of the views,
    until they are saved again or a later refresh finds them well.
    """
    require_admin(scope)
    workspace = state.store.workspace(scope)
    connection = workspace.get_connection(name)
    found = introspect(state, scope.tenant, connection, progress)
    known = {schema.table: schema.definition for schema in workspace.list_schemas(connection.name)}
    diff = seen_diff(known, found)
    old = oldest_statistics([definition for name, definition in known.items() if name in found.tables])
    with workspace.together() as writing:
        writing.save_schemas(seen_schemas(connection, found))
        if diff.gone:
            writing.drop_schemas(connection.name, diff.gone)
    hits = _hits(state, workspace.read(), connection, diff)
    _mark(workspace, hits)
    return Refreshed(
        connection.name,
        len(found.tables),
        diff,
        found.failed,
        hits,
        warnings_of(connection, found),
        old,
    )


def seen_diff(known: Mapping[str, Definition], found: Introspection) -> SchemaDiff:
    """The differences to what was known; tables that could not be described count as unchanged."""
    failed = {failed.table for failed in found.failed}
    before = {name: definition for name, definition in known.items() if name not in failed}
    return schema_diff(before, found.tables, whole=not found.left_out)


def seen_schemas(connection: Connection, found: Introspection) -> list[SourceSchema]:
    """The descriptions as the catalog keeps them, seen now."""
    now = datetime.now(UTC)
    return [SourceSchema(connection.name, name, table, now) for name, table in found.tables.items()]


def warnings_of(connection: Connection, found: Introspection) -> tuple[str, ...]:
    """What an admin should know: timestamps that mean nothing yet, tables that were left out."""
    warnings = []
    if found.naive and connection.time_zone is None:
        table, columns = next(iter(found.naive.items()))
        more = f" and {len(found.naive) - 1} more tables" if len(found.naive) > 1 else ""
        warnings.append(
            f"connection {connection.name!r} has timestamps without a zone "
            f"({table}: {', '.join(columns[:3])}{more}): set its time_zone (for example Europe/Berlin) "
            "and refresh it; until then no view can use these tables"
        )
    if found.left_out:
        warnings.append(
            f"connection {connection.name!r} has {found.left_out} more tables than are kept: "
            "name those that you need in `include`"
        )
    if not found.tables and not found.failed:
        patterns = ", ".join(connection.include)
        warnings.append(f"connection {connection.name!r} has no table that `include` ({patterns}) matches")
    return tuple(warnings)


def retyped(view: View, now: View) -> str:
    """What a view's columns would be now, where that is not what it was saved with."""
    types = {fold(column.name): column.sql_type for column in now.columns}
    changed = [
        f"{column.name!r} was {column.sql_type} and would be {types[fold(column.name)]}"
        for column in view.columns
        if types.get(fold(column.name), column.sql_type) != column.sql_type
    ]
    return f"column {'; column '.join(changed)}" if changed else ""


def _hits(
    state: ServerState, catalog: WorkspaceCatalog, connection: Connection, diff: SchemaDiff
) -> tuple[ViewHit, ...]:
    """The latest views that read a table that is gone or changed, directly or through other views, checked again."""
    names = [*diff.gone, *(change.table for change in diff.changed if change.breaks)]
    tables = {fold(f"{connection.name}.{name}") for name in names}
    views = [catalog.views[place] for place in catalog.latest.items()]
    hit = {fold(view.name) for view in views if tables & set(map(fold, view.uses_tables))}
    while more := {fold(v.name) for v in views if fold(v.name) not in hit and hit & set(map(fold, v.uses_views))}:
        hit |= more
    found = []
    for view in views:
        if fold(view.name) in hit:
            try:
                now = check_view(state.engine, catalog, source_of(view))
                changed = retyped(view, now)
                found.append(ViewHit(view.name, f"save it again and publish it: {changed}" if changed else ""))
            except ViewProblemsError as error:
                found.append(ViewHit(view.name, error.problems[0].message))
    return tuple(found)


def _mark(workspace: WorkspaceStore, hits: tuple[ViewHit, ...]) -> None:
    """Keep what is wrong with views as their drafts; a draft of another text is somebody's work and stays."""
    drafts = {fold(draft.name): draft for draft in workspace.list_drafts()}
    for hit in hits:
        view, draft = workspace.get_view(hit.view), drafts.get(fold(hit.view))
        if draft is not None and draft.sql != view.sql:
            continue
        if hit.problem:
            problem = Problem("source_schema_changed", hit.problem, hint="correct the view, save it and publish it")
            workspace.save_draft(Draft(view.name, view.sql, (problem,)))
        elif draft is not None:
            workspace.drop_draft(view.name)
