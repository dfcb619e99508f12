"""The real server in a process of its own, set up over its admin API, and what an outsider can see of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from catalog.operator import ensure_workspace
from catalog.store import CatalogStore
from tests.engine.workers import WORKER
from tests.servers.process import free_port

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Site:
    """A running server with the workspaces `plant` of the tenant acme and `other` of bolt.

    `admin` and `client` are HTTP clients with an admin's and a reader's key of plant; `plain` has none. `log` is all
    that the server wrote.
    """

    port: int
    pid: int
    directory: Path
    log: Path
    admin_key: str
    key: str
    other_key: str
    admin: httpx.Client
    client: httpx.Client
    plain: httpx.Client

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def odata(self) -> str:
        return f"{self.root}/odata/plant/"

    @property
    def api(self) -> str:
        return f"{self.root}/api/v1/plant"

    def data(self, publication: str) -> str:
        return f"{self.api}/data/{publication}"

    def connect(self, name: str, connector: str, config: dict[str, Any], **fields: Any) -> None:
        """Register a connection and look at its tables."""
        done(
            self.admin.put(
                f"{self.api}/connections/{name}", json={"connector": connector, "config": config, **fields}
            )
        )
        found = done(self.admin.post(f"{self.api}/connections/{name}/refresh"))
        assert found["tables"] and not found["failed"], found

    def publish(self, name: str, sql: str, **publication: Any) -> None:
        """Save a view and publish it under the same name."""
        done(self.admin.put(f"{self.api}/views/{name}", json={"sql": sql}))
        done(self.admin.put(f"{self.api}/publications/{name}", json={"view": name, **publication}))

    def pool(self) -> dict[str, int]:
        """The pool's own numbers."""
        workers: dict[str, int] = self.plain.get(f"{self.root}/readyz").json()["workers"]
        return workers

    def workers(self) -> list[psutil.Process]:
        """The worker processes that live."""
        below = psutil.Process(self.pid).children(recursive=True)
        return [p for p in below if p.status() != psutil.STATUS_ZOMBIE and p.name() == WORKER]

    def descriptors(self) -> int:
        """Descriptors that the API process has open."""
        return psutil.Process(self.pid).num_fds()

    def files(self) -> list[Path]:
        """What lies in the data directory besides the catalog."""
        return [
            p for p in self.directory.rglob("*") if p.is_file() and not p.name.startswith(("catalog.db", "server."))
        ]

    def run(self, run_id: str) -> dict[str, Any]:
        """A run's record, as soon as it is written."""
        deadline = time.monotonic() + 10
        while True:
            found = self.admin.get(f"{self.api}/runs/{run_id}")
            if found.status_code == 200:
                record: dict[str, Any] = found.json()
                return record
            assert found.status_code == 404 and time.monotonic() < deadline, found.text
            time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """Environment of the server: small and impatient, so that limits are met within a test's time."""

    values: dict[str, str] = field(
        default_factory=lambda: {
            "VIEWLOOM_WORKERS": "4",
            "VIEWLOOM_SPARE_WORKERS": "1",
            "VIEWLOOM_RESERVED_WORKERS": "1",
            "VIEWLOOM_WORKER_MEMORY_MB": "256",
            "VIEWLOOM_WORKER_SPILL_MB": "256",
            "VIEWLOOM_HEADER_TIMEOUT": "2",
            "VIEWLOOM_QUEUE_TIMEOUT": "20",
            "VIEWLOOM_CLIENT_GRACE": "1",
            "VIEWLOOM_BUFFERED_ANSWER_MB": "1",
            "VIEWLOOM_BREAKER_FAILURES": "1000",
            "VIEWLOOM_TRUSTED_PROXIES": "127.0.0.2/32",
        }
    )


@contextmanager
def running_site(directory: Path, secrets: dict[str, str], settings: SiteSettings | None = None) -> Iterator[Site]:
    """Start the server, stop it in good order; what it left behind is the caller's to look at."""
    directory.mkdir(parents=True, exist_ok=True)
    store = CatalogStore(f"sqlite:///{directory.absolute() / 'catalog.db'}")
    try:
        plant = store.workspace(ensure_workspace(store, "acme", "plant"))
        other = store.workspace(ensure_workspace(store, "bolt", "other"))
        admin_key, key = plant.issue_key("operator", "admin")[1], plant.issue_key("analyst", "reader")[1]
        other_key = other.issue_key("analyst", "reader")[1]
    finally:
        store.close()
    port = free_port()
    environment = {**os.environ, **(settings or SiteSettings()).values, **secrets}
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
            httpx.Client(timeout=60) as plain,
        ):
            _wait_until_ready(plain, root, process, log)
            yield Site(port, process.pid, directory, log, admin_key, key, other_key, admin, client, plain)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM), log.read_text("utf-8")[-2000:]
        assert not [p for p in workers if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], "a worker was left"
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(client: httpx.Client, root: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text("utf-8")[-2000:]
        try:
            if client.get(f"{root}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)


def done(answer: httpx.Response) -> Any:
    """The answer's document; what went wrong is the test's message."""
    assert answer.status_code in (200, 201), f"{answer.request.method} {answer.request.url}: {answer.text}"
    return answer.json()
