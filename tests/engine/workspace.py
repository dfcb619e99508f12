"""A workspace for planner tests: sources with rows in memory, a catalog over them, and the same rows in plain DuckDB.

Its runs are in this process, through the executor that a worker uses; only the process around it is left out.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from catalog.records import Connection, Publication, SourceSchema, View, WorkspaceCatalog
from connectors.sdk import Table
from connectors.sdk.types import arrow_type
from engine.check_view import ViewSource, check_view
from engine.encoders.encoding import Encoding, Format
from engine.engine import Engine, Prepared, output_names, prepared_plan, sql_literal
from engine.executor import Execution
from engine.job import Job, JobConnection, Statement, job_from_json, job_to_json
from engine.optimizer import RULES, Rule
from engine.parse import parse_query
from engine.planner import plan_query
from engine.query import Parameter, Query
from engine.source_tables import table_to_json
from tests.engine.reference_source import ReferenceSource, Stored

SEEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Bytes:
    """A sink that keeps the answer's bytes."""

    pieces: list[bytes] = field(default_factory=list)

    def head(self, head: dict[str, object]) -> None:
        return None

    def data(self, data: bytes) -> None:
        self.pieces.append(data)


class DescribingEngine(Engine):
    """The part of an engine that `check_view` uses, without workers."""

    def __init__(self) -> None:
        self.session = session()

    def run(self, job: Job, tenant: str, *args: Any, **options: Any) -> dict[str, object]:
        assert job.statement is not None
        return {"columns": Execution(self.session, {}, job).describe(job.statement)}


def session() -> duckdb.DuckDBPyConnection:
    """A DuckDB as a worker has it, without its lock."""
    connection = duckdb.connect(":memory:", config={"threads": "1"})
    connection.execute("SET GLOBAL TimeZone = 'UTC'; SET python_enable_replacements = false")
    return connection


def catalog_of(tables: Mapping[str, Sequence[Table]], version: int = 1, **more: Any) -> WorkspaceCatalog:
    """A catalog whose connections have these tables. `more`: other fields of WorkspaceCatalog."""
    schemas = {
        (name.lower(), str(table.name).lower()): SourceSchema(
            name, str(table.name), orjson.loads(orjson.dumps(table_to_json(table))), SEEN
        )
        for name, found in tables.items()
        for table in found
    }
    connections = {name.lower(): Connection(name, "reference", {}, "UTC") for name in tables}
    return WorkspaceCatalog("acme", "plant", version, connections=connections, schemas=schemas, **more)


def with_views(catalog: WorkspaceCatalog, texts: Mapping[str, str]) -> WorkspaceCatalog:
    """The catalog with these views checked and saved, in order, and each published under `pub_` and its name."""
    engine = DescribingEngine()
    views: dict[tuple[str, int], View] = {}
    publications: dict[str, Publication] = {}
    for name, text in texts.items():
        view = check_view(engine, catalog, ViewSource(name, text))
        views[name.lower(), 1] = View(
            view.name, 1, view.sql, view.expanded_sql, view.columns, view.uses_views, view.uses_tables, view.key
        )
        latest = {known: 1 for known, _ in views}
        closure = {known: 1 for known, _ in views}
        publications[f"pub_{name}".lower()] = Publication(f"pub_{name}", name, closure, view.key)
        catalog = WorkspaceCatalog(
            catalog.tenant,
            catalog.workspace,
            catalog.version,
            catalog.connections,
            catalog.schemas,
            dict(views),
            latest,
            dict(publications),
        )
    return catalog


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns by name and type, rows as Python values in the order in which they came."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def answer_of(table: pa.Table) -> Answer:
    """An Arrow answer as Python values."""
    columns: list[list[Any]] = [column.to_pylist() for column in table.columns]
    rows = tuple(zip(*columns, strict=True)) if columns else ()
    return Answer(tuple(table.column_names), tuple(str(kind) for kind in table.schema.types), rows)


@dataclass(slots=True)
class Workspace:
    """Sources with rows (connection → table name → stored) under views."""

    sources: dict[str, dict[str, Stored]]
    views: dict[str, str]
    catalog: WorkspaceCatalog = field(init=False)
    plain: duckdb.DuckDBPyConnection = field(init=False)
    session: duckdb.DuckDBPyConnection = field(init=False)

    def __post_init__(self) -> None:
        tables = {name: [stored.table for stored in found.values()] for name, found in self.sources.items()}
        self.catalog = with_views(catalog_of(tables), self.views)
        self.session = session()
        self.plain = session()
        for connection, found in self.sources.items():
            self.plain.execute(f'CREATE SCHEMA "{connection}"')
            for name, stored in found.items():
                self.plain.register("rows_", stored.arrow())
                columns = ", ".join(f'CAST("{c.name}" AS {c.sql_type}) AS "{c.name}"' for c in stored.table.columns)
                self.plain.execute(f'CREATE TABLE "{connection}"."{name}" AS SELECT {columns} FROM rows_')
                self.plain.unregister("rows_")
        for name, text in self.views.items():
            self.plain.execute(f'CREATE VIEW "{name}" AS {text}')
            self.plain.execute(f'CREATE VIEW "pub_{name}" AS SELECT * FROM "{name}"')

    def prepare(
        self,
        sql: str,
        parameters: tuple[Parameter, ...] = (),
        rules: tuple[Rule, ...] = RULES,
        publications: bool = False,
    ) -> Prepared:
        """The query's plan with its names, as the engine makes it."""
        query = Query(parse_query(sql), parameters)
        plan = plan_query(query, self.catalog, workspace_names=not publications, rules=rules)
        prepared = prepared_plan(plan)
        return Prepared(plan, prepared.pieces, sql, output_names(query.select, plan, self.catalog))

    def run(
        self, prepared: Prepared, parameters: tuple[Parameter, ...] = (), seed: int = 0
    ) -> tuple[Answer, dict[str, ReferenceSource], Statement]:
        """Run a plan as a worker does; the answer, the sources as they were asked, the statement as it was sent."""
        rng = random.Random(seed)
        sources = {name: ReferenceSource(tables, rng) for name, tables in self.sources.items()}
        statement = prepared.statement(parameters)
        names = {name: JobConnection("reference", {}) for name in prepared.plan.connections}
        encoding = Encoding(Format.ARROW, prepared.names)
        job = job_from_json(
            orjson.loads(orjson.dumps(job_to_json(Job("run", "r", names, statement, encoding=encoding))))
        )
        assert job.statement == statement
        sink = Bytes()
        used = {name: sources[name] for name in prepared.plan.connections}
        Execution(self.session, used, job).run(sink)
        found = pa.ipc.open_stream(b"".join(sink.pieces)).read_all()
        faults = [fault for source in used.values() for fault in source.faults]
        assert not faults, faults
        return answer_of(found), used, statement

    def expected(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> Answer:
        """The answer of plain DuckDB, with the parameters' values written into the text."""
        for index in reversed(range(len(parameters))):
            sql = sql.replace(f"${index + 1}", sql_literal(parameters[index].value))
        relation: Any = self.plain.sql(sql)
        return answer_of(relation.to_arrow_reader(10_000).read_all())

    def plain_rows(self, prepared: Prepared, statement: Statement, seed: int = 0) -> list[tuple[Any, ...]] | None:
        """What the source alone answers, where the plan says that this is the answer."""
        if statement.plain is None:
            return None
        (scan,) = statement.scans
        source = ReferenceSource(self.sources[scan.connection], random.Random(seed))
        table = pa.Table.from_batches(list(source.scan(scan.request())))
        renamed: Any = table.rename_columns([column.name for column in scan.columns])
        columns = [renamed.column(name).to_pylist() for name in statement.plain]
        assert all(arrow_type(c.sql_type) == renamed.schema.field(c.name).type for c in scan.columns)
        return list(zip(*columns, strict=True))
