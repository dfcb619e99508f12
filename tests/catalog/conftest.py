"""An empty catalog on each of the two databases, with two tenants that each have the workspace `plant`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from catalog.operator import ensure_workspace
from catalog.scope import Scope
from catalog.store import CatalogStore
from catalog.workspace_store import WorkspaceStore
from tests.conftest import fresh_name
from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite catalog, to copy."""
    path = tmp_path_factory.mktemp("catalog") / "template.db"
    CatalogStore(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="module")
def postgres_catalog(postgres: PostgresServer, request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A database owned by an ordinary role: row level security binds no superuser. `user` is that role."""
    name = fresh_name(request)
    with postgres.connect() as connection:
        role = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER PASSWORD {}").format(
            sql.Identifier(name), sql.Literal(postgres.password)
        )
        connection.execute(role)
    postgres.new_database(name, owner=name)
    yield as_role(postgres, name)
    postgres.drop_database(name)
    with postgres.connect() as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def as_role(server: PostgresServer, name: str) -> PostgresServer:
    """The server's database of that name, as its owner."""
    return PostgresServer(server.host, server.port, name, server.password, name, server.pid, server.log)


def empty(server: PostgresServer, superuser: PostgresServer) -> None:
    """Delete every tenant's rows; the tables stay."""
    with superuser.with_database(server.database).connect() as connection:
        if connection.execute("SELECT to_regclass('tenants')").fetchone() != (None,):
            connection.execute("TRUNCATE tenants CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty catalog."""
    if request.param == "sqlite":
        path = tmp_path / "catalog.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    server: PostgresServer = request.getfixturevalue("postgres_catalog")
    empty(server, request.getfixturevalue("postgres"))
    return server.dsn


@pytest.fixture
def store(catalog_url: str) -> Iterator[CatalogStore]:
    """An open catalog; the tenants `acme` and `bolt` have the workspace `plant` each."""
    with CatalogStore(catalog_url) as store:
        ensure_workspace(store, "acme", "plant")
        ensure_workspace(store, "bolt", "plant")
        yield store


@pytest.fixture
def acme() -> Scope:
    """An admin of acme's plant."""
    return Scope("acme", "plant", "ada", frozenset({"admin", "reader"}))


@pytest.fixture
def bolt() -> Scope:
    """An admin of bolt's plant."""
    return Scope("bolt", "plant", "bob", frozenset({"admin", "reader"}))


@pytest.fixture
def plant(store: CatalogStore, acme: Scope) -> WorkspaceStore:
    """Acme's plant, empty."""
    return store.workspace(acme)
