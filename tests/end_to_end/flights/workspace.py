"""The flights' four sources registered at a running server, the views published, and the same in plain DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import httpx

from tests.data.flights import SCHEMAS
from tests.end_to_end.flights.views import VIEWS
from tests.end_to_end.server import Site, done
from tests.servers.http_source import HttpSource
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

AIRPORT_COLUMNS = {
    "faa": "VARCHAR", "name": "VARCHAR", "lat": "DOUBLE", "lon": "DOUBLE", "alt": "INTEGER", "tz": "INTEGER",
    "dst": "VARCHAR", "tzone": "VARCHAR",
}  # fmt: skip
AIRPORT_FILTERS = ("faa", "tzone")


@dataclass(frozen=True, slots=True)
class FlightsServer:
    """The server, and the rows as they should be.

    `reference` names the views of `views.py` and the connections' tables as the workspace does.
    """

    site: Site
    reference: duckdb.DuckDBPyConnection

    @property
    def client(self) -> httpx.Client:
        return self.site.client

    @property
    def odata(self) -> str:
        return self.site.odata

    @property
    def api(self) -> str:
        return self.site.api

    def expected(self, sql: str) -> list[dict[str, Any]]:
        """What DuckDB answers over the original files."""
        rows: list[dict[str, Any]] = self.reference.cursor().sql(sql).to_arrow_table().to_pylist()
        return rows

    def run(self, answer: httpx.Response) -> dict[str, Any]:
        """The record of the run that an answer came from."""
        return self.site.run(answer.headers["viewloom-run"])


def connect_sources(
    site: Site, postgres: PostgresServer, mariadb: MariaDBServer, weather: Path, airports: HttpSource
) -> None:
    """Register the four connections; the passwords are in the server's environment."""
    database = {
        "host": postgres.host, "port": postgres.port, "database": postgres.database, "user": postgres.user,
        "password": "env:VIEWLOOM_SECRET_OPS", "tls": "disable",
    }  # fmt: skip
    site.connect("ops", "postgres", database, include=["public.*"])
    database = {
        "host": mariadb.host, "port": mariadb.port, "database": mariadb.database, "user": mariadb.user,
        "password": "env:VIEWLOOM_SECRET_FLEET", "tls": "disable",
    }  # fmt: skip
    site.connect("fleet", "mysql", database)
    files = {"directory": str(weather.parent), "tables": {"weather": {"path": weather.name}}}
    site.connect("climate", "files", files, include=["weather"])
    table = {
        "path": "airports",
        "rows": "items",
        "columns": AIRPORT_COLUMNS,
        "filters": {name: {"parameter": name, "exact": True} for name in AIRPORT_FILTERS},
        "paging": {"style": "next_link", "path": "next"},
    }
    site.connect("airfields", "rest", {"base_url": airports.url("/v2"), "tables": {"airports": table}})
    for name in ("ops", "fleet", "climate", "airfields"):
        tried = done(site.admin.post(f"{site.api}/connections/{name}/test"))
        assert tried["ok"], tried


def publish_views(site: Site) -> None:
    """Save and publish each view; declared keys are counted at the sources."""
    for view in VIEWS:
        site.publish(view.name, view.sql, **({} if view.key is None else {"key": view.key}))


def fill_reference(reference: duckdb.DuckDBPyConnection, files: Path) -> None:
    """The same names over the original files, without anything of ours between them and DuckDB."""
    reference.execute("SET GLOBAL TimeZone = 'UTC'")
    places = {"flights": "ops", "planes": "fleet", "airlines": "fleet", "weather": "climate", "airports": "airfields"}
    for table in SCHEMAS:
        reference.execute(f"CREATE SCHEMA IF NOT EXISTS {places[table]}")
        reference.execute(f"CREATE VIEW {places[table]}.{table} AS FROM '{files / f'{table}.parquet'}'")
    for view in VIEWS:
        reference.execute(f"CREATE VIEW {view.name} AS {view.sql}")
