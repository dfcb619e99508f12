"""A transaction bound to one workspace: the only way to its rows, and it can't forget whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, Table, and_, select, update
from sqlalchemy.sql.elements import UnaryExpression

from catalog import database
from catalog.errors import NotFoundError
from catalog.scope import Scope
from catalog.tables import SCOPED, workspaces

Condition = ColumnElement[bool]
Order = ColumnElement[Any] | UnaryExpression[Any]


@dataclass(slots=True)
class WorkspaceTransaction:
    """Reads and writes the rows of one workspace; each statement gets the workspace's condition from here."""

    connection: Connection
    scope: Scope
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    changed: bool = False
    schemas_changed: bool = False

    def _mine(self, table: Table, conditions: Sequence[Condition]) -> Condition:
        if table not in SCOPED:
            raise TypeError(f"{table.name} is not a workspace's table")
        return and_(table.c.tenant_id == self.scope.tenant, table.c.workspace_id == self.scope.workspace, *conditions)

    def rows(
        self, table: Table, *conditions: Condition, order_by: Sequence[Order] = (), limit: int | None = None
    ) -> Sequence[RowMapping]:
        """The workspace's rows of a table that meet all conditions."""
        query = select(table).where(self._mine(table, conditions)).order_by(*order_by).limit(limit)
        return self.connection.execute(query).mappings().all()

    def row(self, table: Table, *conditions: Condition) -> RowMapping | None:
        """The workspace's first row of a table that meets all conditions, or None."""
        found = self.rows(table, *conditions, limit=1)
        return found[0] if found else None

    def add(self, table: Table, *rows: Mapping[str, object]) -> None:
        """Insert rows, as the workspace's own."""
        if not rows:
            return
        self._mine(table, ())
        place = {"tenant_id": self.scope.tenant, "workspace_id": self.scope.workspace}
        self.connection.execute(table.insert(), [{**row, **place} for row in rows])

    def change(self, table: Table, values: Mapping[str, object], *conditions: Condition) -> int:
        """Update the workspace's rows that meet all conditions; how many there were."""
        return self.connection.execute(table.update().where(self._mine(table, conditions)).values(**values)).rowcount

    def remove(self, table: Table, *conditions: Condition) -> int:
        """Delete the workspace's rows that meet all conditions; how many there were."""
        return self.connection.execute(table.delete().where(self._mine(table, conditions))).rowcount

    def counters(self, *, lock: bool = False) -> RowMapping:
        """The workspace's own row. NotFoundError when there is no such workspace.

        `lock`: keep other writers of this workspace out until the end (SQLite: they are out already).
        """
        query = select(workspaces).where(
            workspaces.c.tenant_id == self.scope.tenant, workspaces.c.workspace_id == self.scope.workspace
        )
        found = self.connection.execute(query.with_for_update() if lock else query).mappings().first()
        if found is None:
            raise NotFoundError("workspace", self.scope.workspace)
        return found

    def count_up(self) -> None:
        """Raise the workspace's version when something changed that planning can see."""
        if not self.changed:
            return
        values: dict[str, object] = {"version": workspaces.c.version + 1}
        if self.schemas_changed:
            values["schemas_version"] = workspaces.c.schemas_version + 1
        mine = (workspaces.c.tenant_id == self.scope.tenant, workspaces.c.workspace_id == self.scope.workspace)
        self.connection.execute(update(workspaces).where(*mine).values(**values))


@contextmanager
def read_workspace(engine: Engine, scope: Scope) -> Iterator[WorkspaceTransaction]:
    """A transaction that sees one moment of the workspace."""
    with database.begin(engine, settings_of(scope), writes=False, snapshot=True) as connection:
        yield WorkspaceTransaction(connection, scope)


@contextmanager
def write_workspace(engine: Engine, scope: Scope) -> Iterator[WorkspaceTransaction]:
    """A transaction that is the only one writing to the workspace, so what it checks holds until it commits."""
    with database.begin(engine, settings_of(scope), writes=True) as connection:
        transaction = WorkspaceTransaction(connection, scope)
        transaction.counters(lock=True)
        yield transaction
        transaction.count_up()


def settings_of(scope: Scope) -> dict[str, str]:
    """What PostgreSQL's row policies compare with."""
    return {"viewloom.tenant": scope.tenant, "viewloom.workspace": scope.workspace}
