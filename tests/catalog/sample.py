"""Small catalog records for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from catalog.records import Connection, Publication, RunRecord, SourceSchema, SourceUse, View, ViewColumn
from catalog.workspace_store import WorkspaceStore

NOON = datetime(2026, 5, 1, 12, 0, 0, 123456, UTC)
ERP = Connection(
    name="erp",
    connector="sqlite",
    config={"path": "erp.db", "password": "env:ERP_PASSWORD", "options": {"size": 2**53 + 1, "on": True}},
    time_zone="Europe/Berlin",
    include=("main.*",),
    exclude=("main.tmp_*",),
    comment="the plant’s ERP",
)


def view(name: str, sql: str = "SELECT 1 AS a", **fields: object) -> View:
    """A checked view with one column."""
    given: dict[str, object] = {"columns": (ViewColumn("a", "INTEGER", False, "the one"),), **fields}
    return View(name=name, version=0, sql=sql, expanded_sql=sql, **given)  # type: ignore[arg-type]


def schema(table: str, connection: str = "erp", seen_at: datetime = NOON) -> SourceSchema:
    """A table as a connector described it."""
    return SourceSchema(connection, table, {"columns": [{"name": "id", "type": "int64"}]}, seen_at)


def run(run_id: str, tenant: str = "acme", **fields: object) -> RunRecord:
    """A run of a tenant's plant."""
    given: dict[str, object] = {"status": "ok", "started_at": NOON, "seconds": 0.25, **fields}
    return RunRecord(
        id=run_id,
        tenant=tenant,
        workspace="plant",
        principal="key:1",
        protocol="odata",
        publications=("orders",),
        statement="SELECT * FROM orders WHERE id = ?",
        sources=(
            SourceUse(
                "s1",
                "erp",
                "main.orders",
                "SELECT … WHERE id = ?",
                3,
                100,
                0.01,
                0.2,
                True,
                False,
                ("lower(note) = ?",),
                datetime(2026, 11, 20, 8, tzinfo=UTC),
                2,
                1,
            ),
        ),
        **given,  # type: ignore[arg-type]
    )


def fill(workspace: WorkspaceStore) -> None:
    """A connection with a table, a view over it, a view over that view, and a publication of the upper one."""
    workspace.save_connection(ERP, ["password"])
    workspace.save_schemas([schema("main.orders")])
    workspace.save_view(view("orders", "SELECT id AS a FROM erp.orders", uses_tables=("erp.main.orders",)))
    workspace.save_view(view("late", "SELECT a FROM orders", uses_views=("orders",)))
    workspace.save_publication(Publication("Late", "late", {"late": 1, "orders": 1}, ("a",), "proven"))
