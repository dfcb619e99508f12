"""Rows that ten queries fetch from their sources, with the rules of planning and without, beside the rows needed."""

from __future__ import annotations

import secrets
import shutil
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import duckdb

from benchmarks.measure import middle, progress
from benchmarks.questions import OFFERS, QUESTIONS, Question
from benchmarks.report import Report, megabytes, times
from benchmarks.rig import Rig
from benchmarks.workspace import Offer, database_connection, files_connection, make_workspace
from catalog.records import WorkspaceCatalog
from engine.encoders.encoding import Encoding, Format
from engine.engine import prepared_plan
from engine.optimizer import RULES, Rule
from engine.parse import parse_query
from engine.planner import plan_query
from engine.query import Query
from server.settings import Settings
from server.state import ServerState, open_state
from tests.data import flights

TITLE = "Rows fetched against rows needed"
REFERENCE = ("flights", "planes", "airlines", "weather")


@dataclass(slots=True)
class Answer:
    """A sink that keeps the rows, and what its run said of the sources."""

    lines: bytearray = field(default_factory=bytearray)
    rows: dict[str, int] = field(default_factory=dict)
    size: int = 0
    seconds: float = 0.0

    def head(self, head: dict[str, object]) -> None:
        """Nothing of it is needed."""

    def data(self, data: bytes) -> None:
        self.lines += data

    @property
    def content(self) -> list[bytes]:
        """The rows, in no order."""
        return sorted(bytes(self.lines).splitlines())


def run(rig: Rig) -> Report:
    """A table with one line per query."""
    reference = rig.directory / "flights"
    progress("making the flights")
    flights.write_reference(reference)
    postgres = rig.postgres.new_database("flights")
    flights.load_flights(postgres, reference)
    mariadb = rig.mariadb.new_database("flights")
    flights.load_planes_and_airlines(mariadb, reference)
    files = rig.directory / "historian"
    files.mkdir()
    shutil.copy(reference / "weather.parquet", files)
    data = rig.directory / "rows-moved"
    connections = [
        database_connection("ops", "postgres", postgres, data),
        database_connection("fleet", "mysql", mariadb, data),
        files_connection("history", files),
    ]
    with closing(open_state(Settings(data_directory=data), spare_workers=1)) as state:
        offers = [Offer(name, sql, ()) for name, sql in OFFERS]
        scope = make_workspace(state, connections, offers)
        catalog = state.store.workspace(scope).read()
        measured = [measure(state, catalog, question, reference, rig) for question in QUESTIONS]
    return report(measured)


@dataclass(frozen=True, slots=True)
class Measured:
    """A question with its answers' figures: rules on, rules off, and what was needed, by table."""

    question: Question
    on: Answer
    off: Answer
    needed: dict[str, int]


def measure(state: ServerState, catalog: WorkspaceCatalog, question: Question, reference: Path, rig: Rig) -> Measured:
    """Run a question both ways in turns. RuntimeError when the answers differ: a rule is wrong then."""
    runs: dict[bool, list[Answer]] = {True: [], False: []}
    for _ in range(1 if rig.quick else 3):
        for pushed in (False, True):
            runs[pushed].append(answer(state, catalog, question.sql, RULES if pushed else ()))
    on, off = runs[True][0], runs[False][0]
    if on.content != off.content:
        raise RuntimeError(f"{question.name}: the answer with rules is another than without")
    for pushed in (True, False):
        runs[pushed][0].seconds = middle(runs[pushed], lambda one: one.seconds)
    needed = rows_needed(question, reference)
    progress(f"{question.name}: {sum(on.rows.values()):,} rows with rules, {sum(off.rows.values()):,} without")
    return Measured(question, on, off, needed)


def answer(state: ServerState, catalog: WorkspaceCatalog, sql: str, rules: tuple[Rule, ...]) -> Answer:
    """Plan with these rules, run in a worker."""
    query = Query(parse_query(sql))
    prepared = prepared_plan(plan_query(query, catalog, rules=rules))
    encoding = Encoding(Format.NDJSON, tuple(prepared.plan.select.named_selects))
    job = state.engine.run_job(prepared, query, catalog, encoding, secrets.token_hex(12))
    found = Answer()
    began = time.perf_counter()
    done = state.engine.run(job, catalog.tenant, found)
    found.seconds = time.perf_counter() - began
    for source in cast("list[dict[str, Any]]", done["sources"]):
        table = str(source["table"]).rpartition(".")[2]
        found.rows[table] = found.rows.get(table, 0) + source["rows"]
        found.size += source["bytes"]
    return found


def rows_needed(question: Question, reference: Path) -> dict[str, int]:
    """How many rows of each table stand behind the answer, counted over the original files."""
    with closing(duckdb.connect()) as session:
        for name in REFERENCE:
            session.execute(f"CREATE VIEW {name} AS FROM read_parquet('{reference / name}.parquet')")
        found: dict[str, int] = {}
        for table, sql in question.needed.items():
            row = session.execute(sql).fetchone()
            found[table] = int(row[0]) if row else 0
        return found


def report(measured: list[Measured]) -> Report:
    """The summary and the queries' own texts."""
    made = Report("rows_moved", TITLE)
    made.say(
        "Ten queries over the flights of New York 2013: flights (336,776 rows) in PostgreSQL, planes (3,322) and "
        "airlines (16) in MariaDB, weather (26,115 hours) in a Parquet file. *Needed*: rows of the tables that stand "
        "behind some row of the answer, counted over the original files, before grouping and after LIMIT. The "
        "answers with rules and without are equal, row by row. Rules: "
        + ", ".join(f"`{rule.__name__}`" for rule in RULES)
        + "."
    )
    rows = []
    for number, one in enumerate(measured, 1):
        on, off, needed = (sum(part.values()) for part in (one.on.rows, one.off.rows, one.needed))
        rows.append(
            [
                f"{number}. {one.question.name}",
                f"{needed:,}",
                f"{on:,}",
                f"{off:,}",
                times(on / max(1, needed)),
                times(off / max(1, needed)),
                megabytes(one.on.size),
                megabytes(one.off.size),
                f"{one.on.seconds:.2f}",
                f"{one.off.seconds:.2f}",
            ]
        )
    heads = ["query", "needed", "fetched", "without rules", "fetched ÷ needed", "without ÷ needed"]
    made.table([*heads, "MB", "MB without", "s", "s without"], rows)
    for number, one in enumerate(measured, 1):
        made.say(f"{number}. {one.question.name}")
        made.say("```sql\n" + one.question.sql.strip() + "\n```")
        tables = sorted({*one.on.rows, *one.needed})
        made.table(
            ["table", "needed", "fetched", "without rules"],
            [
                [name, *(f"{part.get(name, 0):,}" for part in (one.needed, one.on.rows, one.off.rows))]
                for name in tables
            ],
        )
    return made
