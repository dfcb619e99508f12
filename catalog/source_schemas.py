"""What was last seen of the connections' tables, each with its age."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import RowMapping

from catalog.connections import get_connection
from catalog.names import check_text, fold
from catalog.records import SourceSchema
from catalog.relations import spellings
from catalog.tables import source_schemas
from catalog.transaction import WorkspaceTransaction

CHUNK = 500  # SQLite takes 32,766 parameters in one statement


def save_schemas(tx: WorkspaceTransaction, schemas: Iterable[SourceSchema]) -> int:
    """Keep tables as they were just seen, in place of what was known of the same tables; how many."""
    by_connection: dict[str, dict[str, SourceSchema]] = {}
    for schema in schemas:
        check_text("table", schema.table)
        by_connection.setdefault(schema.connection, {})[schema.table] = schema
    for name, tables in by_connection.items():
        folded = fold(get_connection(tx, name).name)
        _forget(tx, folded, tables)
        rows = [
            {
                "connection": folded,
                "table_name": schema.table,
                "definition": schema.definition,
                "seen_at": schema.seen_at,
            }
            for schema in tables.values()
        ]
        tx.add(source_schemas, *rows)
        tx.changed = tx.schemas_changed = True
    return sum(map(len, by_connection.values()))


def save_statistics(tx: WorkspaceTransaction, schemas: Iterable[SourceSchema], *, replan: bool) -> int:
    """Keep definitions that differ from what is known in statistics only; how many. Tables that are gone stay away.

    `replan`: plans are to be made anew: they see a new version of the workspace. Else they stay as they are, and the
    snapshots that are held keep the old numbers until something else changes.
    """
    kept = 0
    for schema in schemas:
        place = (source_schemas.c.connection == fold(schema.connection), source_schemas.c.table_name == schema.table)
        kept += tx.change(source_schemas, {"definition": schema.definition}, *place)
    if kept and replan:
        tx.changed = tx.schemas_changed = True
    return kept


def list_schemas(tx: WorkspaceTransaction, connection: str | None) -> tuple[SourceSchema, ...]:
    """What is known of one connection's tables, or of all, by connection and table."""
    known = spellings(tx, "connection")
    conditions = []
    if connection is not None:
        conditions.append(source_schemas.c.connection == fold(get_connection(tx, connection).name))
    records = [_record(row, known[row["connection"]]) for row in tx.rows(source_schemas, *conditions)]
    return tuple(sorted(records, key=lambda schema: (fold(schema.connection), schema.table)))


def drop_schemas(tx: WorkspaceTransaction, connection: str, tables: Collection[str] | None) -> int:
    """Forget tables of a connection, or all of them; how many there were."""
    folded = fold(get_connection(tx, connection).name)
    if tables is None:
        dropped = tx.remove(source_schemas, source_schemas.c.connection == folded)
    else:
        dropped = _forget(tx, folded, tables)
    if dropped:
        tx.changed = tx.schemas_changed = True
    return dropped


def _forget(tx: WorkspaceTransaction, folded: str, tables: Iterable[str]) -> int:
    names = list(tables)
    dropped = 0
    for start in range(0, len(names), CHUNK):
        dropped += tx.remove(
            source_schemas,
            source_schemas.c.connection == folded,
            source_schemas.c.table_name.in_(names[start : start + CHUNK]),
        )
    return dropped


def _record(row: RowMapping, connection: str) -> SourceSchema:
    return SourceSchema(connection, row["table_name"], row["definition"], row["seen_at"])
