"""A workspace's connections: kept, and not dropped while views read them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping

from catalog import views
from catalog.budget import budget_of, budget_values, check_budget
from catalog.errors import ConflictError, ConnectionInUseError, InvalidRecordError, NotFoundError
from catalog.names import check_name, check_text, closest, fold
from catalog.records import Connection
from catalog.relations import claim_name, release_name, spellings
from catalog.secrets import check_references
from catalog.tables import connections, source_paces, source_schemas
from catalog.transaction import WorkspaceTransaction


def save_connection(
    tx: WorkspaceTransaction, connection: Connection, secret_fields: Collection[str], expected_version: int | None
) -> Connection:
    """Create or change a connection; it comes back with its version, unchanged when nothing changed."""
    check_connection(connection, secret_fields)
    folded = claim_name(tx, "connection", connection.name)
    row = tx.row(connections, connections.c.folded == folded)
    found = 0 if row is None else int(row["version"])
    if expected_version is not None and expected_version != found:
        raise ConflictError("connection", connection.name, expected_version, found)
    wanted = dataclasses.replace(connection, version=found + 1, config=json.loads(json.dumps(connection.config)))
    if row is not None:
        present = _record(row, connection.name)
        # JSON's text is compared: for Python, true and 1 are the same.
        same_config = json.dumps(wanted.config) == json.dumps(present.config)
        if same_config and dataclasses.replace(wanted, version=found) == present:
            return present
    tx.changed = True
    values = {
        "kind": "connection",
        "connector": wanted.connector,
        "config": wanted.config,
        "time_zone": wanted.time_zone,
        "include": list(wanted.include),
        "exclude": list(wanted.exclude),
        "budget": budget_values(wanted.budget),
        "comment": wanted.comment,
        "version": wanted.version,
    }
    if row is None:
        tx.add(connections, {"folded": folded, **values})
    else:
        tx.change(connections, values, connections.c.folded == folded)
    return wanted


def check_connection(connection: Connection, secret_fields: Collection[str] = ()) -> None:
    """Refuse a connection that can't be kept: InvalidNameError, InvalidRecordError, SecretInlineError."""
    check_name("connection", connection.name)
    check_text("connector", connection.connector)
    check_text("comment", connection.comment)
    for pattern in (*connection.include, *connection.exclude):
        check_text("include or exclude", pattern)
    if not connection.connector:
        raise InvalidRecordError("connector", "it is empty.", hint="Name the kind of source, for example postgres.")
    if connection.time_zone is not None:
        try:
            ZoneInfo(connection.time_zone)
        except (KeyError, ValueError, OSError):
            raise InvalidRecordError(
                "time_zone",
                f"{connection.time_zone[:60]!r} is not the name of a time zone.",
                hint="Use a name of the IANA list, such as Europe/Berlin or UTC.",
            ) from None
    check_budget(connection.budget, connection.time_zone)
    try:
        json.dumps(connection.config, allow_nan=False)
    except (TypeError, ValueError, RecursionError):  # its message may quote a value
        raise InvalidRecordError(
            "config", "it holds something that JSON can't.", hint="Use text, numbers, true, false, null, lists, maps."
        ) from None
    check_references(connection.config, secret_fields)


def get_connection(tx: WorkspaceTransaction, name: str) -> Connection:
    """A connection by name, case ignored."""
    check_name("connection", name)
    row = tx.row(connections, connections.c.folded == fold(name))
    known = spellings(tx, "connection")
    if row is None:
        raise NotFoundError("connection", name, suggestion=closest(name, known.values()))
    return _record(row, known[row["folded"]])


def list_connections(tx: WorkspaceTransaction) -> tuple[Connection, ...]:
    """All connections, by name."""
    known = spellings(tx, "connection")
    rows = {row["folded"]: row for row in tx.rows(connections)}
    return tuple(_record(rows[folded], name) for folded, name in known.items())


def drop_connection(tx: WorkspaceTransaction, name: str) -> None:
    """Drop a connection and what was seen of its tables. ConnectionInUseError names the views that read it."""
    connection = get_connection(tx, name)
    folded = fold(connection.name)
    users = {view.name for view in views.kept_views(tx) if reads_connection(view.uses_tables, folded)}
    if users:
        raise ConnectionInUseError("connection", connection.name, views=sorted(users))
    tx.changed = tx.schemas_changed = True
    tx.remove(source_schemas, source_schemas.c.connection == folded)
    tx.remove(source_paces, source_paces.c.connection == folded)
    tx.remove(connections, connections.c.folded == folded)
    release_name(tx, folded)


def reads_connection(uses_tables: Collection[str], folded: str) -> bool:
    """Whether one of the tables ("connection.table") is the connection's.

    A dot may stand in both names, so "a.b.c" counts for the connections `a` and `a.b`: better one refusal too many.
    """
    return any(fold(used).startswith(f"{folded}.") for used in uses_tables)


def _record(row: RowMapping, name: str) -> Connection:
    return Connection(
        name=name,
        connector=row["connector"],
        config=row["config"],
        time_zone=row["time_zone"],
        include=tuple(row["include"]),
        exclude=tuple(row["exclude"]),
        comment=row["comment"],
        version=row["version"],
        budget=budget_of(row["budget"]),
    )
