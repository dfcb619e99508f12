"""A join by two columns: their pairs as keys, beside the keys of one of them, in PostgreSQL and MariaDB."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import middle, progress
from benchmarks.report import Report
from benchmarks.rig import Rig
from benchmarks.workspace import Offer, database_connection, files_connection, make_workspace
from catalog.records import WorkspaceCatalog
from engine.encoders.encoding import Encoding, Format
from engine.engine import prepared_plan
from engine.parse import parse_query
from engine.plan import Plan
from engine.planner import plan_query
from engine.query import Query
from server.settings import Settings
from server.state import ServerState, open_state
from tests.engine.workers import Collected

TITLE = "Pairs of columns as keys of a join"
PLANTS = 20
STOCK = "CREATE TABLE {name} (plant int NOT NULL, material int NOT NULL, amount double precision{key})"
KEYS = {"keyed": ", PRIMARY KEY (plant, material)", "plain": ""}
QUESTION = (
    "SELECT count(*) AS n, sum(s.amount + o.amount) AS a FROM {stock} s JOIN orders o "
    "ON s.plant = o.plant AND s.material = o.material"
)
PLACES = {"PostgreSQL": "erp.public", "MariaDB": "shop"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One run: what the stock's statement cost."""

    rows: int
    seconds: float
    whole: float
    answer: str


def run(rig: Rig) -> Report:
    """A line for each database, table and number of orders, with pairs and without."""
    materials = 5_000 if rig.quick else 50_000
    many = (50, 500) if rig.quick else (50, 500, 5_000)
    data = rig.directory / "pair-keys"
    files = data / "files"
    files.mkdir(parents=True)
    for number in many:
        columns = {
            "plant": pa.array([i * 7 % PLANTS for i in range(number)], pa.int32()),
            "material": pa.array([i * 7919 % materials for i in range(number)], pa.int32()),
            "amount": pa.array([float(i) for i in range(number)]),
        }
        pq.write_table(pa.table(columns), files / f"orders{number}.parquet")
    connections = [*_databases(rig, data, materials), files_connection("lab", files)]
    rounds = 1 if rig.quick else 3
    table = []
    with closing(open_state(Settings(data_directory=data), spare_workers=1)) as state:
        offers = [Offer(f"orders{n}", f"SELECT * FROM lab.orders{n}", ()) for n in many]
        offers += [
            Offer(f"{kind}_{place.split('.')[0]}", f"SELECT * FROM {place}.{kind}", ())
            for place in PLACES.values()
            for kind in KEYS
        ]
        catalog = state.store.workspace(make_workspace(state, connections, offers)).read()
        for name, place in PLACES.items():
            for kind in KEYS:
                for number in many:
                    table.append([f"{name}, {kind}, {number:,}", *_line(state, catalog, place, kind, number, rounds)])
                    progress(" ".join(table[-1]))
    made = Report("pair_keys", TITLE)
    made.say(
        f"Stock of {PLANTS} plants × {materials:,} materials in PostgreSQL and in MariaDB, with (plant, material) as "
        "its primary key and without any; so many orders in a Parquet file, joined by both columns. *Material*: only "
        f"its values are keys. Seconds of the stock's statement until its last row, the middle of {rounds}, in turns."
    )
    heads = ["database, table, orders", "rows by pairs", "rows by material", "s by pairs", "s by material"]
    made.table(heads, table)
    return made


def _databases(rig: Rig, data: Any, materials: int) -> list[Any]:
    erp, shop = rig.postgres.new_database("pair_keys"), rig.mariadb.new_database("pair_keys")
    progress(f"making {2 * PLANTS * materials:,} rows in each database")
    for kind, key in KEYS.items():
        create = STOCK.format(name=kind, key=key)
        with erp.connect() as connection:
            connection.execute(create.encode())
            rows = f"generate_series(0, {PLANTS - 1}) p, generate_series(0, {materials - 1}) m"
            connection.execute(f"INSERT INTO {kind} SELECT p, m, m / 4.0 FROM {rows}".encode())
            connection.execute(f"ANALYZE {kind}".encode())
        with shop.connect() as opened, opened.cursor() as cursor:
            cursor.execute(create.replace("precision", ""))
            rows = f"seq_0_to_{PLANTS - 1} p, seq_0_to_{materials - 1} m"
            cursor.execute(f"INSERT INTO {kind} SELECT p.seq, m.seq, m.seq / 4.0 FROM {rows}")
            opened.commit()
            cursor.execute(f"ANALYZE TABLE {kind} PERSISTENT FOR ALL")
    return [database_connection("erp", "postgres", erp, data), database_connection("shop", "mysql", shop, data)]


def _line(
    state: ServerState, catalog: WorkspaceCatalog, place: str, kind: str, number: int, rounds: int
) -> list[str]:
    sql = QUESTION.format(stock=f"{kind}_{place.split('.')[0]}").replace("orders", f"orders{number}")
    query = Query(parse_query(sql))
    plan = plan_query(query, catalog)
    runs: dict[bool, list[Asked]] = {True: [], False: []}
    for _ in range(rounds):
        for pairs in (True, False):
            runs[pairs].append(_ask(state, catalog, query, _by_material(plan, pairs)))
    answers = {one.answer for of in runs.values() for one in of}
    if len(answers) != 1:
        raise RuntimeError(f"{sql}: the answers differ")
    found = [middle(runs[pairs], lambda one: one.seconds) for pairs in (True, False)]
    return [*(f"{runs[pairs][0].rows:,}" for pairs in (True, False)), *(f"{seconds:.3f}" for seconds in found)]


def _by_material(plan: Plan, pairs: bool) -> Plan:
    """The plan with the material's keys, with the plant's beside them or without."""
    scans = []
    for scan in plan.scans:
        keys = tuple(
            replace(one, column="material", target="material", beside="plant", with_target="plant")
            if pairs
            else replace(one, column="material", target="material", beside="", with_target="")
            for one in scan.keys_from[:1]
        )
        scans.append(replace(scan, keys_from=keys))
    return plan.with_scans(scans)


def _ask(state: ServerState, catalog: WorkspaceCatalog, query: Query, plan: Plan) -> Asked:
    if not any(scan.keys_from for scan in plan.scans):
        raise RuntimeError("no keys are sent")
    prepared = prepared_plan(plan)
    job = state.engine.run_job(
        prepared, query, catalog, Encoding(Format.NDJSON, tuple(plan.select.named_selects)), secrets.token_hex(12)
    )
    sink, began = Collected(), time.perf_counter()
    done = state.engine.run(job, catalog.tenant, sink)
    sources = cast("list[Mapping[str, Any]]", done["sources"])
    (stock,) = [source for source in sources if source["connection"] != "lab"]
    return Asked(int(stock["rows"]), float(stock["seconds"]), time.perf_counter() - began, str(sink.text))
