"""One server for the tests of this folder: a workspace over PostgreSQL (also through a faulty network) and HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.end_to_end.server import Site, running_site
from tests.servers.fault_proxy import FaultProxy, start_fault_proxy
from tests.servers.http_replies import invalid_json_at, json_rows
from tests.servers.http_source import HttpSource, start_http_source
from tests.servers.postgres import PostgresServer

BIG_ROWS = 300_000
CANARY = "canary-row-value"


@dataclass(frozen=True, slots=True)
class Plant:
    """The server and its sources. Publications: `numbers` (5,000 rows, key id), `big` (300,000 wide rows, key id),
    `slow` (no row for a minute), `far` (big through the proxy), `parts` and `torn` (HTTP; the second is invalid JSON
    at row 50,000), `strict` (big, with a least client rate), `brief` (big, with little time for its source)."""

    site: Site
    database: PostgresServer
    proxy: FaultProxy
    source: HttpSource

    def statements(self) -> list[str]:
        """What Viewloom runs at the database now."""
        with self.database.connect() as session:
            rows = session.execute(
                "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND state <> 'idle' AND application_name LIKE 'viewloom%'"
            ).fetchall()
        return [str(row[0]) for row in rows]


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Plant]:
    """Started once; tests leave it as they found it."""
    # One database a test process: the server is shared by all of them.
    name = f"end_to_end_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    database = postgres.new_database(name)
    fill(database)
    with (
        start_fault_proxy(database.host, database.port) as proxy,
        start_http_source() as source,
        running_site(
            tmp_path_factory.mktemp("site"), {"VIEWLOOM_SECRET_DB": database.password, "VIEWLOOM_SECRET_BAD": "wrong"}
        ) as site,
    ):
        rows = [{"id": number, "name": f"part {number}"} for number in range(60_000)]
        source.route("/parts", json_rows(rows[:50]))
        source.route("/torn", json_rows(rows))
        configure(site, database, proxy, source)
        source.route("/torn", invalid_json_at(rows, 50_000))
        yield Plant(site, database, proxy, source)
    postgres.drop_database(name)


def fill(database: PostgresServer) -> None:
    """The tables and the views that are slow."""
    with database.connect() as session:
        session.execute(
            "CREATE TABLE numbers"
            " (id integer PRIMARY KEY, name text, amount numeric(12,2), at timestamptz, ok boolean)"
        )
        session.execute(
            f"INSERT INTO numbers SELECT i, CASE WHEN i % 10 > 0 THEN '{CANARY}' || i END, i / 4.0,"
            " timestamptz '2024-01-01' + i * interval '1 hour', i % 2 = 0 FROM generate_series(1, 5000) i"
        )
        session.execute("CREATE TABLE big (id integer PRIMARY KEY, name text)")
        session.execute(f"INSERT INTO big SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, {BIG_ROWS}) i")
        session.execute("CREATE TABLE changing (id integer PRIMARY KEY, name text)")
        session.execute("INSERT INTO changing VALUES (1, 'one')")
        session.execute(
            "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(60)::text AS name WHERE pg_sleep(60) IS NOT NULL"
        )
        session.execute("CREATE VIEW nap AS SELECT 1 AS id, pg_sleep(0.3)::text AS name")
        session.execute("ANALYZE")


def configure(site: Site, database: PostgresServer, proxy: FaultProxy, source: HttpSource) -> None:
    """Connections, views and publications, over the admin API."""
    config = {
        "host": database.host, "port": database.port, "database": database.database, "user": database.user,
        "password": "env:VIEWLOOM_SECRET_DB", "tls": "disable",
    }  # fmt: skip
    include = {"include": ["public.*"]}
    site.connect("erp", "postgres", config, **include)
    site.connect(
        "away",
        "postgres",
        {**config, "host": proxy.host, "port": proxy.port, "read_timeout": 3},
        **include,
    )
    columns = {"id": "BIGINT", "name": "VARCHAR"}
    tables = {name: {"path": name, "columns": columns} for name in ("parts", "torn")}
    site.connect("web", "rest", {"base_url": source.origin, "tables": tables})
    site.publish("numbers", "SELECT id, name, amount, at, ok FROM erp.public.numbers")
    site.publish("big", "SELECT id, name FROM erp.public.big")
    site.publish("slow", "SELECT id, name FROM erp.public.slow")
    site.publish("far", "SELECT id, name FROM away.public.big")
    site.publish("patient", "SELECT id, name FROM away.public.big", limits={"max_source_time": 3})
    site.publish("changing", "SELECT id, name FROM erp.public.changing")
    site.publish("parts", "SELECT id, name FROM web.parts")
    site.publish("torn", "SELECT id, name FROM web.torn")
    site.publish("strict", "SELECT id, name FROM big", limits={"min_client_rate": 1_000_000})
    site.publish("brief", "SELECT id, name FROM erp.public.slow", limits={"max_source_time": 1.5})
    site.publish("limited", "SELECT id, name FROM big", limits={"max_rows": 1_000})
    site.publish("paged", "SELECT id, name FROM big", limits={"page_size": 1_000})


@pytest.fixture
def site(plant: Plant) -> Site:
    """The server alone."""
    return plant.site


def settled(plant: Plant) -> bool:
    """Whether nothing runs: no busy worker, nobody waiting, no statement at the database."""
    pool = plant.site.pool()
    return pool["busy"] == 0 and pool["waiting"] == 0 and not plant.statements()
