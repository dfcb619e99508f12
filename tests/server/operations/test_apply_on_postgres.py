"""Apply over a catalog in PostgreSQL, and a PostgreSQL source whose statement EXPLAIN shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.operator import ensure_workspace
from server.operations.apply import apply
from server.operations.connections import try_connection
from server.operations.explain import explain
from server.operations.preview import preview
from server.settings import Settings
from server.state import ServerState, open_state
from tests.servers.postgres import PostgresServer

SCOPE = ("shop", "pg")


@pytest.fixture
def state(postgres_database: PostgresServer, tmp_path: Path) -> Iterator[ServerState]:
    server = postgres_database
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/pg").write_text(server.password)
    with server.connect() as connection:
        connection.execute("CREATE SCHEMA plant")
        connection.execute("CREATE TABLE plant.parts (part_id int PRIMARY KEY, name text, made timestamptz)")
        connection.execute("INSERT INTO plant.parts SELECT n, 'part ' || n, now() FROM generate_series(1, 50) n")
        connection.commit()
    settings = Settings(
        data_directory=tmp_path,
        catalog=server.dsn,
        workers=2,
        spare_workers=1,
        reserved_workers=0,
        worker_memory_mb=256,
    )
    opened = open_state(settings)
    yield opened
    opened.close()


def test_files_with_a_secret_by_reference_become_a_workspace_that_answers(
    state: ServerState, postgres_database: PostgresServer, tmp_path: Path
) -> None:
    server, root = postgres_database, tmp_path / "code"
    (root / "views").mkdir(parents=True)
    (root / "connections.yaml").write_text(
        "db:\n  connector: postgres\n  include: [plant.*]\n  config:\n"
        f"    host: '{server.host}'\n    port: {server.port}\n    database: {server.database}\n"
        f"    user: {server.user}\n    password: file:{tmp_path / 'secrets/pg'}\n    tls: disable\n"
    )
    (root / "views/parts.sql").write_text("CREATE VIEW parts AS SELECT part_id, name FROM db.plant.parts;\n")
    (root / "publications.yaml").write_text("- view: parts\n")
    scope = ensure_workspace(state.store, *SCOPE)
    apply(state, scope, root)
    assert not apply(state, scope, root).changes
    assert all(stage.ok for stage in try_connection(state, scope, "db"))
    assert preview(state, scope, "SELECT count(*) AS n FROM parts").rows == ({"n": 50},)
    (scan,) = explain(state, scope, "SELECT name FROM parts WHERE part_id = 7", analyze=True).scans
    assert scan.statement is not None and "plant" in scan.statement and "7" not in scan.statement
    assert scan.reading is not None and scan.reading.rows == 1
    assert server.password not in repr(state.store.workspace(scope).read().connections)
