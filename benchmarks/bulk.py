"""A million rows of PostgreSQL as OData JSON, beside COPY of the same rows over the same kind of socket."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from functools import partial

import psycopg
from psycopg import pq

from benchmarks.http_bytes import HEAD_END, refuse_error, request
from benchmarks.measure import finish_child, in_turns, middle, start_child
from benchmarks.orders import SELECT
from benchmarks.processes import RunningServer
from benchmarks.report import Aim, Report, megabytes, ms, times
from benchmarks.rig import Rig
from tests.servers.postgres import PostgresServer

TITLE = "A million rows from PostgreSQL to OData JSON"
PATH = "/odata/bench/orders"
COPY = f"COPY ({SELECT}) TO STDOUT"
FLOOR = "COPY, psycopg"
Sample = dict[str, float]


def run(rig: Rig) -> Report:
    """Rows per second, time to the first byte, and how far the source was by then."""
    server = rig.viewloom()
    read_all(server, f"{PATH}?$top=5000")  # a worker loads what it needs on first use
    variants: dict[str, Callable[[], Sample]] = {
        FLOOR: partial(copy_by_psycopg, rig.orders),
        "COPY, libpq": partial(copy_by_libpq, rig.orders),
        "OData": partial(read_all, server, PATH),
        "OData gzip": partial(read_all, server, PATH, gzip=True),
    }
    samples = in_turns(variants, max(rig.rounds, 1), lambda s: f"{s['rows'] / s['seconds']:,.0f} rows/s")
    for name, found in samples.items():
        for sample in found:
            if sample["rows"] != rig.rows:
                raise RuntimeError(f"{name} gave {sample['rows']:,} rows of {rig.rows:,}")
    ahead = [rows_at_first_byte(rig.orders, server) for _ in range(max(rig.rounds, 3))]
    server.close()
    return report(samples, sorted(ahead)[len(ahead) // 2], rig)


def report(samples: dict[str, list[Sample]], ahead: float, rig: Rig) -> Report:
    """The table and the aims."""
    made = Report("bulk", TITLE)
    made.say(
        f"`GET {PATH}`: {rig.rows:,} rows of 12 mixed columns (integers, text, decimal, double, boolean, date, "
        "timestamp, UUID, NULLs), read by a client process that counts them. Floors: `COPY (SELECT …) TO STDOUT` of "
        "the same rows over TCP, read by psycopg's `copy()` and by libpq's `get_copy_data`, and discarded. "
        f"Median of {rig.rounds} rounds, in turns."
    )
    rates = {name: middle(found, lambda s: s["rows"] / s["seconds"]) for name, found in samples.items()}
    rows = []
    for name, found in samples.items():
        size = middle(found, lambda s: s["bytes"])
        first, seconds = (middle(found, lambda s, key=key: s[key]) for key in ("first", "seconds"))  # type: ignore[misc]
        ratios = [times(rates[name] / rates[floor]) for floor in (FLOOR, "COPY, libpq")]
        rows.append([name, f"{seconds:.2f}", f"{rates[name]:,.0f}", megabytes(size), ms(first), *ratios])
    heads = ["", "s", "rows/s", "MB on the wire", "first byte ms", "rows/s ÷ psycopg", "rows/s ÷ libpq"]
    made.table(heads, rows)
    ahead = min(ahead, rig.rows)
    share = ahead / rig.rows
    made.say(
        f"When the first byte of the answer was there, PostgreSQL had produced {ahead:,.0f} rows, {share:.1%} of all "
        "(its own `pg_stat_progress_copy`, asked after the byte, so rather too many than too few)."
    )
    for name in ("OData", "OData gzip"):
        ratio = rates[name] / rates[FLOOR]
        made.aims.append(Aim(f"≥ 0.5 of COPY's rows/s, {name}", f"{ratio:.2f}", ratio >= 0.5))
    made.aims.append(Aim("first byte before 5 % of the rows are read", f"{share:.1%}", share < 0.05))
    return made


def read_all(server: RunningServer, path: str, gzip: bool = False, rate: float | None = None) -> Sample:
    """One answer, read by a client process; `rate` in bytes per second."""
    order = {"port": server.port, "path": path, "headers": server.headers(gzip), "rate": rate}
    return finish_child(start_child("benchmarks.read_stream", order), timeout=1800)


def copy_by_psycopg(database: PostgresServer) -> Sample:
    """The floor: psycopg's own copy, row blocks thrown away."""
    with database.connect() as connection, connection.cursor() as cursor:
        began = time.perf_counter()
        rows = size = 0
        first = 0.0
        with cursor.copy(COPY) as copy:
            for block in copy:
                first = first or time.perf_counter() - began
                rows += 1
                size += len(block)
        return {"seconds": time.perf_counter() - began, "first": first, "rows": rows, "bytes": size}


def copy_by_libpq(database: PostgresServer) -> Sample:
    """The lowest floor that Python can have: libpq, blocking, rows thrown away."""
    with database.connect() as connection:
        low = connection.pgconn
        began = time.perf_counter()
        result: pq.abc.PGresult | None = low.exec_(COPY.encode())
        if result is None or result.status != pq.ExecStatus.COPY_OUT:
            raise psycopg.OperationalError("COPY did not start")
        rows = size = 0
        first = 0.0
        while (length := low.get_copy_data(0)[0]) > 0:
            first = first or time.perf_counter() - began
            rows += 1
            size += length
        while (result := low.get_result()) is not None:
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise psycopg.OperationalError("COPY broke")
        return {"seconds": time.perf_counter() - began, "first": first, "rows": rows, "bytes": size}


def rows_at_first_byte(database: PostgresServer, server: RunningServer) -> float:
    """How many rows PostgreSQL had produced when the first byte of the body was there."""
    with database.connect() as watcher, socket.create_connection(("127.0.0.1", server.port)) as client:
        watcher.execute("SELECT 1 FROM pg_stat_progress_copy")
        client.sendall(request(PATH, server.headers(), keep=False))
        received = b""
        while not -1 < received.find(HEAD_END) < len(received) - len(HEAD_END):
            piece = client.recv(65_536)
            if not piece:
                raise RuntimeError("the answer ended before its body")
            received += piece
        refuse_error(received)
        row = watcher.execute("SELECT max(tuples_processed) FROM pg_stat_progress_copy").fetchone()
        # None: the COPY is over already.
        return math.inf if row is None or row[0] is None else float(str(row[0]))
