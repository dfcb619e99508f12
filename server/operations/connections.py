"""Connections: saved when their configuration is in order, tried stage by stage, columns proposed from samples."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from catalog.connections import check_connection
from catalog.records import Connection
from catalog.scope import Scope
from connectors.sdk.registry import connector_config, connector_type
from engine.job import Job
from server.operations.access import require_admin
from server.operations.errors import RelationError
from server.state import ServerState

TEST_SECONDS = 60.0
INFER_SECONDS = 120.0
Progress = Callable[[dict[str, object]], None]


@dataclass(frozen=True, slots=True)
class StageResult:
    """One stage of a connection test. `hint`: the cure when it failed."""

    stage: str
    ok: bool
    seconds: float
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ProposedColumn:
    """A column with the type that its sampled values fit, and why."""

    name: str
    sql_type: str
    reason: str
    values: int
    nulls: int
    misfits: int = 0


@dataclass(frozen=True, slots=True)
class ProposedTable:
    """Column types proposed for a table from `rows` sampled rows."""

    table: str
    rows: int
    columns: tuple[ProposedColumn, ...]


def check_config(connection: Connection) -> None:
    """Refuse a configuration that its connector does not take; no secret is read.

    References stand in for the secrets: what they lead to is seen when a worker first connects. Raises
    SecretInlineError before ConfigurationError, so that a pasted password is named for what it is.
    """
    secret_fields = connector_type(connection.connector).secret_fields
    check_connection(connection, secret_fields)
    connector_config(connection.connector, dict(connection.config))


def save_connection(
    state: ServerState, scope: Scope, connection: Connection, expected_version: int | None = None
) -> Connection:
    """Create or change a connection; the tenant's workers forget the credentials that they hold."""
    check_config(connection)
    secret_fields = connector_type(connection.connector).secret_fields
    workspace = state.store.workspace(scope)
    before = workspace.read().connection(connection.name)
    saved = workspace.save_connection(connection, secret_fields, expected_version)
    if before is not None and before != saved:
        state.engine.pool.recycle(scope.tenant)
    return saved


def drop_connection(state: ServerState, scope: Scope, name: str) -> None:
    """Drop a connection that no view reads."""
    state.store.workspace(scope).drop_connection(name)
    state.engine.pool.recycle(scope.tenant)


def try_connection(
    state: ServerState, scope: Scope, name: str, progress: Progress | None = None
) -> tuple[StageResult, ...]:
    """Try a connection stage by stage; the last stage is the one that failed, if any did."""
    require_admin(scope)
    connection = state.store.workspace(scope).get_connection(name)
    job = Job("test", _run_id(), {connection.name: state.engine.resolved(connection)}, cpu_seconds=60)
    done = state.engine.run(job, scope.tenant, timeout=TEST_SECONDS, on_event=progress)
    return tuple(StageResult(**stage) for stage in cast("list[dict[str, object]]", done["stages"]))  # type: ignore[arg-type]


def infer(state: ServerState, scope: Scope, name: str, table: str) -> ProposedTable:
    """Column types proposed from samples of a table, for sources that declare none (files, REST)."""
    require_admin(scope)
    connection = state.store.workspace(scope).get_connection(name)
    if not hasattr(connector_type(connection.connector), "infer"):
        raise RelationError(
            f"a {connection.connector} source declares its columns' types; there is nothing to infer",
            hint=f"`viewloom refresh {connection.name}` reads them",
        )
    job = Job("infer", _run_id(), {connection.name: state.engine.resolved(connection)}, tables=(table,))
    done = state.engine.run(job, scope.tenant, timeout=INFER_SECONDS)
    proposal = cast("dict[str, object]", done["proposal"])
    columns = cast("list[dict[str, object]]", proposal["columns"])
    return ProposedTable(
        str(proposal["table"]),
        cast(int, proposal["rows"]),
        tuple(ProposedColumn(**column) for column in columns),  # type: ignore[arg-type]
    )


def _run_id() -> str:
    return secrets.token_hex(12)
