"""Two API processes over one PostgreSQL catalog keep one budget together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from catalog.operator import ensure_workspace
from catalog.store import CatalogStore
from tests.end_to_end.server import SiteSettings
from tests.servers.postgres import PostgresServer
from tests.servers.process import free_port

AT_ONCE = 2


@contextlib.contextmanager
def server(directory: Path, catalog: str, password: str) -> Iterator[str]:
    """An API process; its root."""
    directory.mkdir()
    port = free_port()
    environment = {**os.environ, **SiteSettings().values, "VIEWLOOM_CATALOG": catalog, "VIEWLOOM_SECRET_DB": password}
    command = [sys.executable, "-c", "from server.cli import main; main()", "serve", "--port", str(port)]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--data-directory", str(directory)], stdout=log, stderr=log, env=environment
        )
    root = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < deadline, (directory / "log").read_text()[-2000:]
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{root}/readyz").status_code == 200:
                    break
            time.sleep(0.1)
        yield root
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(180)
def test_the_source_never_sees_more_statements_than_the_budget(postgres: PostgresServer, tmp_path: Path) -> None:
    name = f"two_servers_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    source, kept = postgres.new_database(name), postgres.new_database(f"{name}_catalog")
    with source.connect() as session:
        session.execute("CREATE VIEW nap AS SELECT 1 AS id, pg_sleep(0.4)::text AS slept")
    with CatalogStore(kept.dsn) as store:
        key = store.workspace(ensure_workspace(store, "acme", "plant")).issue_key("operator", "admin")[1]
    most, over = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        with source.connect() as session:
            while not over.is_set():
                row = session.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%nap%'"
                ).fetchone()
                most = max(most, int(row[0]) if row else 0)
                time.sleep(0.01)

    with (
        server(tmp_path / "one", kept.dsn, source.password) as one,
        server(tmp_path / "two", kept.dsn, source.password) as two,
        httpx.Client(headers={"X-API-Key": key}, timeout=60) as client,
    ):
        api = f"{one}/api/v1/plant"
        config = {
            "host": source.host, "port": source.port, "database": source.database, "user": source.user,
            "password": "env:VIEWLOOM_SECRET_DB", "tls": "disable",
        }  # fmt: skip
        body = {"connector": "postgres", "config": config, "include": ["public.*"], "budget": {"statements": AT_ONCE}}
        client.put(f"{api}/connections/erp", json=body).raise_for_status()
        client.post(f"{api}/connections/erp/refresh").raise_for_status()
        client.put(f"{api}/views/nap", json={"sql": "SELECT id, slept FROM erp.public.nap"}).raise_for_status()
        client.put(f"{api}/publications/nap", json={"view": "nap"}).raise_for_status()
        time.sleep(1.2)  # until the other server looks at the catalog again
        watcher = threading.Thread(target=watch)
        watcher.start()
        answers: list[int] = []

        def ask(root: str) -> None:
            answers.append(client.get(f"{root}/api/v1/plant/data/nap?limit=5").status_code)

        askers = [threading.Thread(target=ask, args=(root,)) for root in (one, two) * 6]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        over.set()
        watcher.join()
    for database in (name, f"{name}_catalog"):
        postgres.drop_database(database)
    assert answers == [200] * 12
    assert most == AT_ONCE
