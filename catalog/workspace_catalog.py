"""Reads a workspace as one immutable snapshot, which planning then works from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from catalog.connections import list_connections
from catalog.names import fold
from catalog.publications import list_publications
from catalog.records import SourceSchema, WorkspaceCatalog
from catalog.source_schemas import list_schemas
from catalog.tables import views
from catalog.transaction import WorkspaceTransaction
from catalog.views import kept_views

SchemaMap = Mapping[tuple[str, str], SourceSchema]


def read_catalog(tx: WorkspaceTransaction, schemas: SchemaMap | None) -> WorkspaceCatalog:
    """The workspace as this transaction sees it. `schemas`: those of an earlier snapshot that still hold."""
    latest = {row["folded"]: row["latest"] for row in tx.rows(views)}
    return WorkspaceCatalog(
        tenant=tx.scope.tenant,
        workspace=tx.scope.workspace,
        version=tx.counters()["version"],
        connections=MappingProxyType({fold(one.name): one for one in list_connections(tx)}),
        schemas=schema_map(list_schemas(tx, None)) if schemas is None else schemas,
        views=MappingProxyType({(fold(one.name), one.version): one for one in kept_views(tx)}),
        latest=MappingProxyType(dict(sorted(latest.items()))),
        publications=MappingProxyType({fold(one.name): one for one in list_publications(tx)}),
    )


def schema_map(schemas: tuple[SourceSchema, ...]) -> SchemaMap:
    """By folded names. Of tables whose names differ in case only, the others stand under their exact names."""
    found: dict[tuple[str, str], SourceSchema] = {}
    # The one in lower case comes first, so that it gets the folded name and each other keeps its own.
    for schema in sorted(
        schemas, key=lambda one: (fold(one.connection), fold(one.table), one.table != fold(one.table))
    ):
        place = (fold(schema.connection), fold(schema.table))
        found[place if place not in found else (place[0], schema.table)] = schema
    return MappingProxyType(found)
