from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from catalog import migrate
from catalog.database import begin, open_engine
from catalog.errors import CatalogVersionError
from catalog.operator import ensure_workspace
from catalog.store import CatalogStore
from catalog.tables import metadata
from tests.catalog.conftest import as_role
from tests.conftest import fresh_name
from tests.servers.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new folder/catalog.db"
    owner: PostgresServer = request.getfixturevalue("postgres_catalog")
    name = fresh_name(request)
    request.getfixturevalue("postgres").new_database(name, owner=owner.user)
    server: PostgresServer = request.getfixturevalue("postgres")
    request.addfinalizer(lambda: server.drop_database(name))
    return as_role(owner, owner.user).with_database(name).dsn


def test_an_empty_database_gets_exactly_the_tables_of_the_program(empty_url: str) -> None:
    with CatalogStore(empty_url) as store, begin(store.engine, {}, writes=False) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert migrate.current_revision(connection) == migrate.HEAD


def test_the_newest_migration_is_the_one_that_the_program_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


def test_opening_again_finds_what_was_kept(empty_url: str) -> None:
    with CatalogStore(empty_url) as store:
        scope = ensure_workspace(store, "acme", "plant")
    with CatalogStore(empty_url) as store:
        assert store.version(scope) == 1


def test_a_database_of_a_newer_program_is_refused(empty_url: str) -> None:
    with CatalogStore(empty_url) as store, begin(store.engine, {}, writes=True) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogVersionError, match="'9999'"):
        CatalogStore(empty_url)


def test_servers_that_start_at_once_migrate_once(empty_url: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            CatalogStore(empty_url).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: object) -> None:
        run(connection)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    run = migrate.run_migrations
    monkeypatch.setattr(migrate, "run_migrations", fail)
    with pytest.raises(RuntimeError):
        CatalogStore(empty_url)
    engine: Engine = open_engine(empty_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
