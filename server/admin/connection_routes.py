"""Connections: kept, tried, and their tables looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic.dataclasses import dataclass

from catalog.budget import budget_of
from catalog.records import Connection
from engine.source_tables import without_bounds
from server.admin.access import Admin
from server.admin.bodies import ConnectionBody, Expected, InferBody
from server.operations import connections as operations
from server.operations.connections import ProposedTable, StageResult
from server.operations.refresh import Refreshed, refresh
from server.state import ServerState


@dataclass(frozen=True)
class SeenTable:
    """A table of a connection as it was last seen."""

    table: str
    seen_at: datetime
    definition: dict[str, Any]


@dataclass(frozen=True)
class ConnectionTest:
    """The stages of a connection test, up to the one that failed."""

    ok: bool
    stages: tuple[StageResult, ...]


def connection_routes(state: ServerState) -> APIRouter:
    """Routes below `/connections`."""
    router = APIRouter(prefix="/connections", tags=["connections"])

    @router.get("", summary="All connections")
    def list_connections(scope: Admin) -> list[Connection]:
        """Secrets are shown as the references that they are kept as."""
        return list(state.store.workspace(scope).list_connections())

    @router.get("/{name}", summary="One connection")
    def get_connection(scope: Admin, name: str) -> Connection:
        return state.store.workspace(scope).get_connection(name)

    @router.put("/{name}", summary="Create or change a connection")
    def put_connection(
        scope: Admin, name: str, body: ConnectionBody, expected_version: Expected = None
    ) -> Connection:
        """Its tables are looked at by `refresh`, not here."""
        connection = Connection(
            name,
            body.connector,
            body.config,
            body.time_zone,
            body.include,
            body.exclude,
            body.comment,
            budget=budget_of(body.budget),
        )
        return operations.save_connection(state, scope, connection, expected_version)

    @router.delete("/{name}", status_code=204, summary="Drop a connection that no view reads")
    def delete_connection(scope: Admin, name: str) -> None:
        operations.drop_connection(state, scope, name)

    @router.post("/{name}/test", summary="Try a connection stage by stage")
    def post_test(scope: Admin, name: str) -> ConnectionTest:
        """DNS, TCP, TLS, login, permission, first row: which one fails, how long each took, and the cure."""
        stages = operations.try_connection(state, scope, name)
        return ConnectionTest(bool(stages) and all(stage.ok for stage in stages), stages)

    @router.post("/{name}/refresh", summary="Look at the connection's tables again")
    def post_refresh(scope: Admin, name: str) -> Refreshed:
        """What is new, gone or changed, and which views that hits."""
        return refresh(state, scope, name)

    @router.get("/{name}/tables", summary="The connection's tables as last seen")
    def list_tables(scope: Admin, name: str) -> list[SeenTable]:
        schemas = state.store.workspace(scope).list_schemas(name)
        return [SeenTable(schema.table, schema.seen_at, without_bounds(schema.definition)) for schema in schemas]

    @router.post("/{name}/infer", summary="Propose column types from samples")
    def post_infer(scope: Admin, name: str, body: InferBody) -> ProposedTable:
        return operations.infer(state, scope, name, body.table)

    return router
