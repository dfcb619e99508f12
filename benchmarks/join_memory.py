"""Ten million rows of PostgreSQL joined with a million of a Parquet file: a worker's memory, much and little."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import progress
from benchmarks.report import Aim, Report, megabytes
from benchmarks.rig import Rig
from catalog.records import Connection, SourceSchema, WorkspaceCatalog
from connectors.sdk import TableName
from connectors.sdk.registry import connector_config, connector_type
from engine.encoders.encoding import Encoding, Format
from engine.engine import Engine
from engine.introspection import measured
from engine.parse import parse_query
from engine.pool import PoolSettings
from engine.query import Query
from engine.source_tables import table_to_json
from tests.engine.workers import Collected
from tests.engine.workspace import SEEN

TITLE = "A join of two sources, and a worker's memory"
# Floats: their sums are never asked of a source, so that every row has to come here.
QUESTIONS = {
    "the small side last": (
        "SELECT count(*) AS n, sum(e.amount * i.weight) AS w FROM erp.public.events e "
        "JOIN lab.items i ON i.id = e.item"
    ),
    "the small side first": (
        "SELECT count(*) AS n, sum(e.amount * i.weight) AS w FROM lab.items i "
        "JOIN erp.public.events e ON i.id = e.item"
    ),
    "many groups": (
        "SELECT count(*) AS n, sum(x) AS w FROM (SELECT e.item, max(e.amount * i.weight) AS x "
        "FROM erp.public.events e JOIN lab.items i ON i.id = e.item GROUP BY e.item) AS g"
    ),
    "both sides large": (
        "SELECT count(*) AS n, sum(a.amount * b.amount) AS w FROM erp.public.events a "
        "JOIN lab.copies b ON a.id = b.id"
    ),
    "a table with itself, read once": (
        "SELECT count(*) AS n, sum(a.amount * b.amount) AS w FROM erp.public.events a "
        "JOIN erp.public.events b ON b.id = a.item"
    ),
}
LIMITS = {"1,024": 1024, "300": 300}
EVENTS = (
    "CREATE UNLOGGED TABLE events AS SELECT g AS id, g * 7919 % {items} + 1 AS item, "
    "(g % 1000) * 0.25::float8 AS amount, 'note ' || g % 1000 AS note FROM generate_series(1::bigint, {rows}) g"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run. `peak`: the worker's resident bytes at most; `before`: as the run began; `spilled`: bytes on disk;
    `fetched`: rows of all sources."""

    seconds: float
    cpu: float
    before: int
    peak: int
    spilled: int
    fetched: int
    answer: tuple[Any, ...]


def run(rig: Rig) -> Report:
    """Each question with each memory limit; all answers of one question must agree."""
    rows, items = (1_000_000, 100_000) if rig.quick else (10_000_000, 1_000_000)
    catalog, configurations = _sources(rig, rows, items)
    made = Report("join_memory", TITLE)
    made.say(
        f"`events`: {rows:,} rows in PostgreSQL; `items`: {items:,} rows in a Parquet file, joined by the item's "
        "number; `copies`: a Parquet file as long as `events`. A real worker per run, its size sampled every 20 ms."
    )
    table, peaks = [], dict[tuple[str, str], Sample]()
    for name, sql in QUESTIONS.items():
        for limit, megabyte in LIMITS.items():
            peaks[name, limit] = sample = _measure(sql, catalog, configurations, megabyte)
            progress(f"{name}, {limit} MB: {sample.seconds:.1f} s, peak {megabytes(sample.peak)} MB")
            sizes = (sample.before, sample.peak, sample.spilled)
            cells = [*map(megabytes, sizes), f"{sample.fetched:,}"]
            table.append([f"{name}, {limit} MB", f"{sample.seconds:.1f}", f"{sample.cpu:.1f}", *cells])
    made.table(
        ["question, memory limit", "s", "worker's CPU s", "MB before", "MB at most", "MB spilled", "rows fetched"],
        table,
    )
    most = max(peaks[name, "1,024"].peak for name in list(QUESTIONS)[:2])
    made.aims.append(Aim("worker ≤ 600 MB, 10 M rows joined with 1 M", f"{megabytes(most)} MB", most <= 600e6))
    same = all(_alike(peaks[name, "1,024"].answer, peaks[name, "300"].answer) for name in QUESTIONS)
    most = max(peaks[name, "300"].peak for name in QUESTIONS)
    words = f"{'the same answers' if same else 'OTHER ANSWERS'}, at most {megabytes(most)} MB resident"
    made.aims.append(Aim("right with a memory limit of 300 MB", words, same))
    return made


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Sums of floats depend on the order of the rows."""
    return one[0] == other[0] and abs(one[1] - other[1]) <= 1e-9 * abs(one[1])


def _measure(
    sql: str, catalog: WorkspaceCatalog, configurations: dict[str, dict[str, object]], megabyte: int
) -> Sample:
    settings = PoolSettings(workers=1, spare=1, reserved=0, memory_mb=megabyte)
    engine = Engine(settings, lambda connection: configurations[connection.name])
    try:
        query = Query(parse_query(sql))
        prepared = engine.prepare(query, catalog, workspace_names=True)
        job = engine.run_job(prepared, query, catalog, Encoding(Format.NDJSON, prepared.names), "r")
        engine.run(engine.run_job(*_first(engine, catalog), "w"), "acme", Collected())  # the worker and its sessions
        (worker,) = engine.pool._workers
        with _Watch(psutil.Process(worker.process.pid), worker.spill) as watch:
            sink, began = Collected(), time.monotonic()
            done: Any = engine.run(job, "acme", sink, timeout=1800)
            seconds = time.monotonic() - began
        row = orjson.loads(sink.text)
        fetched = sum(source["rows"] for source in done["sources"])
        answer = (int(row["n"]), float(row["w"]))
        return Sample(seconds, watch.cpu, watch.before, watch.peak, watch.spilled, fetched, answer)
    finally:
        engine.close()


def _first(engine: Engine, catalog: WorkspaceCatalog) -> tuple[Any, ...]:
    query = Query(parse_query("SELECT e.id, i.weight FROM erp.public.events e, lab.items i LIMIT 1"))
    prepared = engine.prepare(query, catalog, workspace_names=True)
    return prepared, query, catalog, Encoding(Format.NDJSON, prepared.names)


class _Watch:
    """Samples a worker's resident size, and what it has on disk, until the block ends."""

    def __init__(self, process: psutil.Process, spill: Path) -> None:
        self._process = process
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="join-memory")
        self.before = self.peak = process.memory_info().rss
        self.spilled = 0
        self._cpu = sum(process.cpu_times()[:2])
        self.cpu = 0.0
        self._spill = spill

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        with contextlib.suppress(psutil.NoSuchProcess):  # ended because it had become too large
            self.cpu = sum(self._process.cpu_times()[:2]) - self._cpu

    def _sample(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            while not self._stopping.wait(0.02):
                self.peak = max(self.peak, self._process.memory_info().rss)
                self.spilled = max(self.spilled, _size(self._spill))


def _size(directory: Path) -> int:
    """Bytes of the files below; some may go meanwhile."""
    size = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(OSError):
            size += path.stat().st_size
    return size


def _sources(rig: Rig, rows: int, items: int) -> tuple[WorkspaceCatalog, dict[str, dict[str, object]]]:
    progress(f"making {rows:,} events")
    database = rig.postgres.new_database("join_memory")
    with database.connect() as connection:
        connection.execute(EVENTS.format(rows=rows, items=items).encode())
        connection.execute("ANALYZE events")
    directory = rig.directory / "join_memory"
    directory.mkdir(mode=0o755)
    numbers = pa.array(range(1, items + 1), pa.int64())
    weights = pa.array([n % 997 / 8 for n in range(items)], pa.float64())
    names = pa.array([f"item number {n}" for n in range(items)])
    pq.write_table(pa.table({"id": numbers, "weight": weights, "name": names}), directory / "items.parquet")
    schema = pa.schema([("id", pa.int64()), ("amount", pa.float64())])
    with pq.ParquetWriter(directory / "copies.parquet", schema) as writer:
        for start in range(1, rows + 1, 1_000_000):
            ids = range(start, min(start + 1_000_000, rows + 1))
            writer.write_table(pa.table({"id": pa.array(ids), "amount": [i % 64 / 4 for i in ids]}, schema))
    login = {name: getattr(database, name) for name in ("host", "port", "database", "user", "password")}
    configurations: dict[str, tuple[str, dict[str, object]]] = {
        "erp": ("postgres", {**login, "tls": "disable"}),
        "lab": ("files", {"directory": str(directory)}),
    }
    tables = {"erp": ("public.events",), "lab": ("items", "copies")}
    schemas = {}
    for name, (kind, configuration) in configurations.items():
        connector = connector_type(kind)(connector_config(kind, configuration), None)
        for table in tables[name]:
            described = measured(connector, connector.describe(TableName(tuple(table.split(".")))))
            schemas[name, table] = SourceSchema(name, table, table_to_json(described), SEEN)
        connector.close()
    connections = {name: Connection(name, kind, {}) for name, (kind, _) in configurations.items()}
    catalog = WorkspaceCatalog("acme", "plant", 1, connections=connections, schemas=schemas)
    return catalog, {name: configuration for name, (_, configuration) in configurations.items()}
