"""A connection's statistics read anew: of the tables that views read, in a worker, on one session of the source."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from catalog.names import fold
from catalog.records import WorkspaceCatalog
from catalog.scope import Scope
from engine.job import Job
from engine.statistics import age, changed_much, with_new_statistics
from server.operations.access import require_admin
from server.state import ServerState

STATISTICS_SECONDS = 120.0
WITHOUT = frozenset({"rest"})  # sources that know nothing of their size: asking would only cost them requests


@dataclass(frozen=True, slots=True)
class Renewed:
    """`tables`: with new statistics. `replanned`: they differ so much that plans are made anew."""

    tables: int
    replanned: bool


def due_connections(
    catalog: WorkspaceCatalog, now: datetime, most: timedelta
) -> dict[str, tuple[tuple[str, ...], ...]]:
    """The connections of which some table that a view reads has older statistics than that, or none; each with the
    names of those tables."""
    latest = (catalog.views[place] for place in catalog.latest.items())
    used = {fold(table) for view in latest for table in view.uses_tables}
    found: dict[str, list[tuple[str, ...]]] = {}
    for schema in catalog.schemas.values():
        connection = catalog.connection(schema.connection)
        if connection is None or connection.connector in WITHOUT:
            continue
        known = age(schema.definition, now)
        if fold(f"{schema.connection}.{schema.table}") in used and (known is None or known > most):
            parts = tuple(cast("list[str]", schema.definition["name"]))
            found.setdefault(connection.name, []).append(parts)
    return {connection: tuple(sorted(names)) for connection, names in found.items()}


def renew_statistics(state: ServerState, scope: Scope, name: str, tables: tuple[tuple[str, ...], ...]) -> Renewed:
    """Read the statistics of some tables of a connection and keep them. Blocks; raises EngineError, CatalogError.

    The catalog is read and written in one transaction at the end, so that a refresh that came between stays.
    """
    require_admin(scope)
    workspace = state.store.workspace(scope)
    connection = workspace.get_connection(name)
    job = Job(
        "statistics",
        secrets.token_hex(12),
        {connection.name: state.engine.resolved(connection)},
        names=tables,
        cpu_seconds=int(STATISTICS_SECONDS),
    )
    done: dict[str, Any] = state.engine.run(job, scope.tenant, timeout=STATISTICS_SECONDS, small=False)
    seen: Mapping[str, Mapping[str, object]] = {".".join(table["name"]): table for table in done["tables"]}
    with workspace.together() as writing:
        known = [schema for schema in writing.list_schemas(connection.name) if schema.table in seen]
        renewed = [
            replace(schema, definition=with_new_statistics(schema.definition, seen[schema.table])) for schema in known
        ]
        pairs = zip(known, renewed, strict=True)
        replan = any(changed_much(before.definition, now.definition) for before, now in pairs)
        return Renewed(writing.save_statistics(renewed, replan=replan), replan)


def oldest_statistics(definitions: list[Mapping[str, object]]) -> float | None:
    """Seconds since the oldest of these tables' statistics were read; None where none have any."""
    now = datetime.now(UTC)
    ages = [found for definition in definitions if (found := age(definition, now)) is not None]
    return max(ages).total_seconds() if ages else None
