"""Nothing of one tenant is reachable by another, through any method; and PostgreSQL holds it a second time."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from catalog.database import begin
from catalog.errors import CatalogRaceError, NotAdminError, NotFoundError
from catalog.operator import ensure_workspace
from catalog.records import Draft, Publication
from catalog.runs import add_runs
from catalog.scope import Scope
from catalog.store import CatalogStore
from catalog.tables import SCOPED, metadata, tenants, workspaces
from catalog.transaction import write_workspace
from catalog.workspace_store import WorkspaceStore
from tests.catalog.sample import ERP, fill, run, schema, view
from tests.servers.postgres import PostgresServer


def sizes(plant: WorkspaceStore) -> list[int]:
    """How much each mapping of a snapshot holds."""
    catalog = plant.read()
    mappings = (catalog.connections, catalog.schemas, catalog.views, catalog.latest, catalog.publications)
    return [len(mapping) for mapping in mappings]


FUTURE = datetime(2100, 1, 1, tzinfo=UTC)
# Each method that names an object, called by acme with a name (or id) that only bolt has.
REACHING: dict[str, Callable[[WorkspaceStore, str], object]] = {
    "get_connection": lambda plant, _id: plant.get_connection("erp"),
    "drop_connection": lambda plant, _id: plant.drop_connection("erp"),
    "save_schemas": lambda plant, _id: plant.save_schemas([schema("t")]),
    "drop_schemas": lambda plant, _id: plant.drop_schemas("erp"),
    "get_draft": lambda plant, _id: plant.get_draft("draft"),
    "drop_draft": lambda plant, _id: plant.drop_draft("draft"),
    "save_view": lambda plant, _id: plant.save_view(view("mine", uses_views=("orders",))),
    "get_view": lambda plant, _id: plant.get_view("orders"),
    "view_history": lambda plant, _id: plant.view_history("orders"),
    "drop_view": lambda plant, _id: plant.drop_view("orders"),
    "save_publication": lambda plant, _id: plant.save_publication(Publication("p", "orders", {"orders": 1})),
    "get_publication": lambda plant, _id: plant.get_publication("late"),
    "drop_publication": lambda plant, _id: plant.drop_publication("late"),
    "issue_key": lambda plant, _id: plant.issue_key("k", publications=["Late"]),
    "revoke_key": lambda plant, key_id: plant.revoke_key(key_id),
    "get_run": lambda plant, _id: plant.get_run("bolts"),
}
# Each method that lists or counts: what it gives in an empty workspace.
LISTING: dict[str, tuple[Callable[[WorkspaceStore], object], object]] = {
    "list_connections": (lambda plant: plant.list_connections(), ()),
    "list_schemas": (lambda plant: plant.list_schemas(), ()),
    "list_drafts": (lambda plant: plant.list_drafts(), ()),
    "list_views": (lambda plant: plant.list_views(), ()),
    "list_publications": (lambda plant: plant.list_publications(), ()),
    "list_keys": (lambda plant: plant.list_keys(), ()),
    "list_runs": (lambda plant: plant.list_runs(), ()),
    "save_statistics": (lambda plant: plant.save_statistics([schema("main.orders")], replan=True), 0),
    "drop_runs": (lambda plant: plant.drop_runs(FUTURE), 0),
    "read": (sizes, [0, 0, 0, 0, 0]),
}
# They create an object under a free name.
CREATING = {"save_connection", "save_draft", "together"}


@pytest.fixture
def bolts_key(store: CatalogStore, bolt: Scope) -> str:
    """Bolt's plant is full; the id of its key."""
    theirs = store.workspace(bolt)
    fill(theirs)
    theirs.save_draft(Draft("draft", "SELECT 1"))
    with write_workspace(store.engine, bolt) as tx:
        add_runs(tx, [run("bolts", "bolt")])
    return theirs.issue_key("theirs")[0].id


def test_every_method_is_tried_below() -> None:
    methods = {name for name, _member in inspect.getmembers(WorkspaceStore, inspect.isfunction) if name[0] != "_"}
    assert methods == REACHING.keys() | LISTING.keys() | CREATING


def test_what_is_another_tenants_is_not_there(
    plant: WorkspaceStore, store: CatalogStore, bolt: Scope, bolts_key: str
) -> None:
    before = everything(store, bolt)
    for method, call in REACHING.items():
        try:
            reached = call(plant, bolts_key)
        except NotFoundError:
            continue
        pytest.fail(f"{method} reached {reached!r}")
    assert everything(store, bolt) == before


def test_lists_hold_nothing_of_another_tenant(
    plant: WorkspaceStore, store: CatalogStore, bolt: Scope, bolts_key: str
) -> None:
    before = everything(store, bolt)
    assert {method: call(plant) for method, (call, _empty) in LISTING.items()} == {
        method: nothing for method, (_call, nothing) in LISTING.items()
    }
    assert everything(store, bolt) == before


def test_both_tenants_may_use_the_same_names(store: CatalogStore, plant: WorkspaceStore, bolt: Scope) -> None:
    theirs = store.workspace(bolt)
    fill(theirs)
    before = everything(store, bolt)
    fill(plant)
    # Both are at one version: a snapshot kept for the one must not be handed to the other.
    assert (plant.read().version, plant.read().tenant) == (theirs.read().version, "acme")
    assert theirs.read().tenant == "bolt"
    plant.save_view(view("orders", "SELECT 9 AS a"))
    plant.save_draft(Draft("draft", "SELECT 1"))
    plant.drop_publication("Late")
    plant.drop_view("late")
    plant.drop_view("orders")
    plant.drop_connection("erp")
    assert everything(store, bolt) == before


def test_another_workspace_of_the_same_tenant_is_as_far_away(store: CatalogStore, plant: WorkspaceStore) -> None:
    fill(plant)
    office = store.workspace(ensure_workspace(store, "acme", "office"))
    assert office.list_views() == ()
    with pytest.raises(NotFoundError):
        office.get_view("orders")


def everything(store: CatalogStore, scope: Scope) -> list[object]:
    """All that a workspace holds."""
    theirs = store.workspace(scope)
    lists = [theirs.list_connections(), theirs.list_schemas(), theirs.list_drafts(), theirs.list_views()]
    return [theirs.read(), *lists, theirs.list_publications(), theirs.list_keys(), theirs.list_runs()]


def test_a_reader_changes_nothing(store: CatalogStore) -> None:
    reader = store.workspace(Scope("acme", "plant", "eve"))
    with pytest.raises(NotAdminError, match="'eve'"):
        reader.save_connection(ERP)
    with pytest.raises(NotAdminError), reader.together():
        pass
    assert reader.list_connections() == ()


def test_a_workspace_that_is_not_there_is_not_found(store: CatalogStore) -> None:
    nowhere = Scope("acme", "nowhere", "ada", frozenset({"admin"}))
    with pytest.raises(NotFoundError):
        store.workspace(nowhere).read()
    with pytest.raises(NotFoundError):
        store.workspace(nowhere).save_connection(ERP)
    with pytest.raises(NotFoundError):
        store.version(nowhere)


def test_every_table_and_foreign_key_carries_the_scope() -> None:
    for table in SCOPED:
        assert [column.name for column in table.primary_key][:2] == ["tenant_id", "workspace_id"]
        for key in table.foreign_key_constraints:
            assert key.column_keys[:2] == ["tenant_id", "workspace_id"]
    assert set(metadata.tables.values()) == {*SCOPED, tenants, workspaces}


def test_a_transaction_touches_no_table_without_scope(store: CatalogStore, acme: Scope) -> None:
    with write_workspace(store.engine, acme) as tx:
        for attempt in (lambda: tx.rows(tenants), lambda: tx.remove(workspaces), lambda: tx.add(tenants, {})):
            with pytest.raises(TypeError):
                attempt()


def test_the_database_refuses_a_row_that_refers_to_another_tenants(store: CatalogStore, bolts_key: str) -> None:
    insert = text(
        "INSERT INTO source_schemas (tenant_id, workspace_id, connection, table_name, definition, seen_at) "
        "VALUES ('acme', 'plant', 'erp', 't', '{}', '2026-01-01 00:00:00')"
    )
    settings = {"viewloom.tenant": "acme", "viewloom.workspace": "plant"}
    with pytest.raises(CatalogRaceError) as caught, begin(store.engine, settings, writes=True) as connection:
        connection.execute(insert)
    assert isinstance(caught.value.__cause__, IntegrityError)


@pytest.fixture
def full_postgres(postgres_catalog: PostgresServer, bolt: Scope) -> PostgresServer:
    """Bolt's plant on PostgreSQL, full; as the role that the server would use."""
    with CatalogStore(postgres_catalog.dsn) as store:
        ensure_workspace(store, "bolt", "plant")
        if not store.workspace(bolt).list_views():
            fill(store.workspace(bolt))
    return postgres_catalog


def test_row_level_security_is_forced_on_every_table(full_postgres: PostgresServer) -> None:
    query = (
        "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
    )
    with full_postgres.connect() as connection:
        found = sorted(connection.execute(query).fetchall())
    assert found == [(table, True) for table in sorted(metadata.tables)]


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_a_statement_that_forgot_its_tenant_finds_no_rows(full_postgres: PostgresServer, table: str) -> None:
    with full_postgres.connect() as connection, connection.transaction():
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        connection.execute("SELECT set_config('viewloom.tenant', 'acme', true)")
        connection.execute("SELECT set_config('viewloom.workspace', 'plant', true)")
        assert connection.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = 'bolt'").fetchone() == (0,)
        assert connection.execute(f"DELETE FROM {table} WHERE tenant_id = 'bolt'").rowcount == 0


def test_a_row_of_another_tenant_cannot_be_written(full_postgres: PostgresServer) -> None:
    with full_postgres.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("SELECT set_config('viewloom.tenant', 'acme', true)")
        connection.execute("SELECT set_config('viewloom.workspace', 'plant', true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO relations VALUES ('bolt', 'plant', 'x', 'view', 'x')")
