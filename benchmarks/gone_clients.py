"""Five hundred clients that vanish at random bytes of their answers: what they leave, at the source and here."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil

from benchmarks.http_bytes import request
from benchmarks.measure import progress, quantile
from benchmarks.orders import OFFERS
from benchmarks.processes import RunningServer, settle
from benchmarks.report import Aim, Report
from benchmarks.rig import Rig
from benchmarks.workspace import Offer, database_connection, make_catalog
from tests.servers.postgres import PostgresServer

TITLE = "Five hundred clients that vanish"
GROUP = 8
MOST_SECONDS = 2.0
PATIENCE = 10.0
BYTES = (0, 1, 20, 300, 5_000, 300_000, 5_000_000)
PATHS = (
    "/odata/bench/orders",
    "/odata/bench/readings",
    "/odata/bench/waiting",
    "/api/v1/bench/data/orders?format=csv",
    "/api/v1/bench/data/orders?format=parquet",
    "/odata/bench/orders(77)",
    "/odata/bench/$metadata",
)
# Of each worker the API process has two sockets, one over which its end is told, and a descriptor of the process.
WORKER_DESCRIPTORS = 4
WAITING = "CREATE VIEW waiting AS SELECT 1 AS id, pg_sleep(60)::text AS name WHERE pg_sleep(60) IS NOT NULL"
RUNNING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND state <> 'idle' AND application_name LIKE 'viewloom%'"
)


def run(rig: Rig) -> Report:
    """How long statements outlive their clients, and what is left when all have gone."""
    clients = 80 if rig.quick else 500
    database = rig.orders
    with database.connect() as connection:
        connection.execute(WAITING)

    def make(data: Path) -> tuple[str, ...]:
        connection = database_connection("erp", "postgres", database, data)
        offers = [*OFFERS, ("waiting", "SELECT * FROM erp.public.waiting", ())]
        return make_catalog(data, [connection], [Offer(*offer) for offer in offers])

    server = rig.serving(make)
    data = server.log.parent
    server.get("/odata/bench/orders(77)")
    chance = Random(9)
    for _ in range(3):  # workers start and sessions with the catalog open when they are first wanted
        vanish_together(server, chance, GROUP)
    settle(server, 30.0)
    before = state(server, data)
    outlived = []
    for start in range(0, clients, GROUP):
        vanish_together(server, chance, min(GROUP, clients - start))
        outlived.append(seconds_until_quiet(database))
        if start // GROUP % 10 == 9:
            progress(f"{start + GROUP} clients are gone; the last statement ended after {outlived[-1]:.2f} s")
    settle(server, 30.0)
    after = state(server, data)
    server.get("/odata/bench/orders(78)")
    server.close()
    return report(clients, sorted(outlived), before, after)


def vanish_together(server: RunningServer, chance: Random, count: int) -> None:
    """So many clients at once; when this returns, the last of them has gone."""
    plans = [
        (chance.choice(PATHS), chance.choice(BYTES), chance.random() < 0.5, chance.random()) for _ in range(count)
    ]
    threads = [threading.Thread(target=_vanish, args=(server, *plan)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _vanish(server: RunningServer, path: str, wanted: int, gzip: bool, pause: float) -> None:
    """Ask, take so many bytes (or as many as come in 0.3 s), wait a little, and be gone without a word."""
    sent = request(path, server.headers(gzip))
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.3) as connection:
        connection.sendall(sent if wanted != 1 else sent[: len(sent) // 2])
        taken = 0
        with suppress(TimeoutError):
            while taken < wanted and (piece := connection.recv(min(65_536, wanted - taken))):
                taken += len(piece)
        time.sleep(pause * 0.05)


def seconds_until_quiet(database: PostgresServer) -> float:
    """Until no statement of Viewloom runs in the database; at most `PATIENCE`."""
    began = time.monotonic()
    with database.connect() as watcher:
        while (waited := time.monotonic() - began) < PATIENCE:
            (running,) = watcher.execute(RUNNING).fetchone() or (0,)
            if not running:
                return waited
            time.sleep(0.02)
    return PATIENCE


def state(server: RunningServer, data: Path) -> dict[str, int | None]:
    """What an outsider sees: processes, descriptors, clients' connections, files besides the catalog."""
    api = server.process
    try:
        descriptors: int | None = api.num_fds()
        catalog: int | None = sum("/catalog.db" in file.path for file in api.open_files())
        clients: int | None = sum(c.status == "ESTABLISHED" for c in api.net_connections("tcp"))
    except psutil.AccessDenied:  # of a process that can't be looked into, as another user than root
        descriptors = catalog = clients = None
    files = [p for p in data.rglob("*") if p.is_file() and not p.name.startswith(("catalog.db", "server."))]
    return {"workers": len(server.workers), "descriptors": descriptors, "of the catalog's sessions": catalog,
            "clients' connections": clients, "files": len(files)}  # fmt: skip


def report(
    clients: int, outlived: list[float], before: dict[str, int | None], after: dict[str, int | None]
) -> Report:
    """Two tables and the aims."""
    made = Report("gone_clients", TITLE)
    made.say(
        f"{clients} clients, {GROUP} at a time, ask for large answers, for a view whose statement sleeps for a "
        "minute, for one row and for documents, in OData, CSV and Parquet, half of them with gzip; each is gone "
        "after a random number of bytes: before it has asked in full, before the first row, in mid-stream. Looked "
        "at from the source (`pg_stat_activity`), from when the last of the group has gone until none of their "
        "statements runs."
    )
    made.table(
        ["", "median s", "p95 s", "longest s"],
        [
            [
                "statements outlive their clients by",
                *(f"{quantile(outlived, part):.2f}" for part in (0.5, 0.95)),
                f"{outlived[-1]:.2f}",
            ]
        ],
    )
    shown = {name: ("not visible" if value is None else value) for name, value in after.items()}
    rows = [[name, "not visible" if value is None else value, shown[name]] for name, value in before.items()]
    made.table(["", "before", "after"], rows)
    made.aims.append(
        Aim("statements are gone within 2 s", f"{outlived[-1]:.2f} s at most", outlived[-1] <= MOST_SECONDS)
    )
    workers, catalog, descriptors = (
        (after[name] or 0) - (before[name] or 0) for name in ("workers", "of the catalog's sessions", "descriptors")
    )
    # Sessions with the catalog are kept for reuse, as many as were wanted at once, up to the pool's size.
    more = descriptors - WORKER_DESCRIPTORS * workers - catalog
    left = f"{more} descriptors besides those of {workers:+} workers and {catalog:+} of the catalog's sessions"
    left += f", {after['files']} files"
    clean = more <= 0 and after["files"] == before["files"] and not after["clients' connections"]
    made.aims.append(Aim("no process, file, descriptor or connection is left", left, clean))
    return made
