"""A running server whose workspace `flights` was set up over the admin API, and the same data in plain DuckDB."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import httpx

from catalog.operator import ensure_workspace
from catalog.store import CatalogStore
from tests.data.flights import SCHEMAS
from tests.end_to_end.flights.views import VIEWS
from tests.servers.http_replies import Paging, pages
from tests.servers.http_source import HttpSource
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import free_port

WORKSPACE = "flights"
START_SECONDS = 60.0
AIRPORT_PAGE = 200
MEMORY_MB = 768
AIRPORT_COLUMNS = {
    "faa": "VARCHAR", "name": "VARCHAR", "lat": "DOUBLE", "lon": "DOUBLE", "alt": "INTEGER", "tz": "INTEGER",
    "dst": "VARCHAR", "tzone": "VARCHAR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FlightsServer:
    """The server's root address, a key of an admin, one of a reader, and the rows as they should be.

    `reference` names the views of `views.py` and the connections' tables as the workspace does.
    """

    root: str
    admin: httpx.Client
    client: httpx.Client
    key: str
    reference: duckdb.DuckDBPyConnection
    airports: HttpSource

    @property
    def odata(self) -> str:
        return f"{self.root}/odata/{WORKSPACE}/"

    @property
    def api(self) -> str:
        return f"{self.root}/api/v1/{WORKSPACE}"

    def expected(self, sql: str) -> list[dict[str, Any]]:
        """What DuckDB answers over the original files."""
        return self.reference.cursor().sql(sql).to_arrow_table().to_pylist()  # type: ignore[no-any-return]

    def run(self, run_id: str) -> dict[str, Any]:
        """A run's record; they are written in batches, shortly after the answer."""
        deadline = time.monotonic() + 10
        while True:
            found = self.admin.get(f"{self.api}/runs/{run_id}")
            if found.status_code == 200:
                record: dict[str, Any] = found.json()
                return record
            assert found.status_code == 404 and time.monotonic() < deadline, found.text
            time.sleep(0.02)


@contextmanager
def flights_server(
    directory: Path,
    postgres: PostgresServer,
    mariadb: MariaDBServer,
    weather: Path,
    airports: list[dict[str, Any]],
    source: HttpSource,
) -> Iterator[FlightsServer]:
    """Start the server in a process of its own, and publish the views over the four sources."""
    source.route("/v2/airports", pages(airports, Paging.NEXT_LINK, size=AIRPORT_PAGE, filters=("faa", "tzone")))
    admin_key, key = new_workspace(directory)
    port = free_port()
    environment = {
        **os.environ,
        "VIEWLOOM_WORKERS": "4",
        "VIEWLOOM_WORKER_MEMORY_MB": str(MEMORY_MB),
        "VIEWLOOM_SECRET_OPS": postgres.password,
        "VIEWLOOM_SECRET_FLEET": mariadb.password,
    }
    command = [sys.executable, "-c", "from server.cli import main; main()", "serve"]
    command += ["--port", str(port), "--data-directory", str(directory)]
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    root = f"http://127.0.0.1:{port}"
    try:
        with (
            httpx.Client(headers={"X-API-Key": admin_key}, timeout=60) as admin,
            httpx.Client(headers={"X-API-Key": key}, timeout=60) as client,
        ):
            wait_until_ready(admin, root, process, log)
            fill_workspace(admin, f"{root}/api/v1/{WORKSPACE}", postgres, mariadb, weather, source)
            with duckdb.connect() as reference:
                fill_reference(reference, weather.parent)
                yield FlightsServer(root, admin, client, key, reference, source)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130, -signal.SIGINT), log.read_text("utf-8")[-2000:]
    finally:
        process.kill()
        process.wait()


def new_workspace(directory: Path) -> tuple[str, str]:
    """An empty workspace, and keys of an admin and a reader."""
    directory.mkdir(parents=True, exist_ok=True)
    store = CatalogStore(f"sqlite:///{directory.absolute() / 'catalog.db'}")
    try:
        workspace = store.workspace(ensure_workspace(store, "airline", WORKSPACE))
        return workspace.issue_key("operator", "admin")[1], workspace.issue_key("analyst", "reader")[1]
    finally:
        store.close()


def wait_until_ready(client: httpx.Client, root: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text("utf-8")[-2000:]
        try:
            if client.get(f"{root}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)


def connections(
    postgres: PostgresServer, mariadb: MariaDBServer, weather: Path, source: HttpSource
) -> dict[str, dict[str, object]]:
    """The four sources, as bodies of the admin API."""
    return {
        "ops": {
            "connector": "postgres",
            "config": {
                "host": postgres.host, "port": postgres.port, "database": postgres.database, "user": postgres.user,
                "password": "env:VIEWLOOM_SECRET_OPS", "tls": "disable",
            },
            "include": ["public.*"],
        },
        "fleet": {
            "connector": "mysql",
            "config": {
                "host": mariadb.host, "port": mariadb.port, "database": mariadb.database, "user": mariadb.user,
                "password": "env:VIEWLOOM_SECRET_FLEET", "tls": "disable",
            },
        },
        "climate": {
            "connector": "files",
            "config": {"directory": str(weather.parent), "tables": {"weather": {"path": weather.name}}},
            "include": ["weather"],
        },
        "airfields": {
            "connector": "rest",
            "config": {
                "base_url": source.url("/v2"),
                "tables": {
                    "airports": {
                        "path": "airports",
                        "rows": "items",
                        "columns": AIRPORT_COLUMNS,
                        "filters": {name: {"parameter": name, "exact": True} for name in ("faa", "tzone")},
                        "paging": {"style": "next_link", "path": "next"},
                    }
                },
            },
        },
    }  # fmt: skip


def fill_workspace(
    admin: httpx.Client,
    api: str,
    postgres: PostgresServer,
    mariadb: MariaDBServer,
    weather: Path,
    source: HttpSource,
) -> None:
    """Register, test and look at the connections; save the views; publish them."""
    for name, body in connections(postgres, mariadb, weather, source).items():
        done(admin.put(f"{api}/connections/{name}", json=body))
        tried = done(admin.post(f"{api}/connections/{name}/test"))
        assert tried["ok"], tried
        seen = done(admin.post(f"{api}/connections/{name}/refresh"))
        assert seen["tables"] and not seen["failed"] and not seen["warnings"], seen
    for view in VIEWS:
        done(admin.put(f"{api}/views/{view.name}", json={"sql": view.sql}))
        key: Mapping[str, object] = {} if view.key is None else {"key": view.key}
        done(admin.put(f"{api}/publications/{view.name}", json={"view": view.name, **key}))


def done(answer: httpx.Response) -> Any:
    """The answer's document; what went wrong is the test's message."""
    assert answer.status_code == 200, f"{answer.request.method} {answer.request.url}: {answer.text}"
    return answer.json()


def fill_reference(reference: duckdb.DuckDBPyConnection, files: Path) -> None:
    """The same names over the original files, without anything of ours between them and DuckDB."""
    reference.execute("SET GLOBAL TimeZone = 'UTC'")
    places = {"flights": "ops", "planes": "fleet", "airlines": "fleet", "weather": "climate", "airports": "airfields"}
    for table in SCHEMAS:
        reference.execute(f"CREATE SCHEMA IF NOT EXISTS {places[table]}")
        reference.execute(f"CREATE VIEW {places[table]}.{table} AS FROM '{files / f'{table}.parquet'}'")
    for view in VIEWS:
        reference.execute(f"CREATE VIEW {view.name} AS {view.sql}")
