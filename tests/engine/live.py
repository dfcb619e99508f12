"""A workspace over live databases: PostgreSQL, MariaDB and SQLite with the same awkward rows, and the rows in DuckDB.

Runs are in this process, through the executor that a worker uses.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import orjson
import pyarrow as pa

from catalog.records import Connection, SourceSchema, WorkspaceCatalog
from connectors.mysql import Mysql, MysqlConfig
from connectors.postgres import Postgres, PostgresConfig
from connectors.sdk import Connector, ScanRequest, TableName
from connectors.sdk.tls import Tls
from connectors.sdk.types import arrow_type
from connectors.sqlite import Sqlite, SqliteConfig
from engine.duckdb_session import WRONG
from engine.encoders.encoding import Encoding, Format
from engine.engine import Prepared, output_names, prepared_plan
from engine.executor import Execution
from engine.job import Job, JobConnection, Statement, job_from_json, job_to_json
from engine.kept_statements import KeptStatement, KeptStatements
from engine.optimizer import RULES, Rule
from engine.parse import parse_query
from engine.plan import Plan
from engine.planner import plan_resolved
from engine.query import Parameter
from engine.resolve import resolve_workspace
from engine.scan_stream import ScanStream
from engine.source_tables import table_to_json

SEEN = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "a" * 1100
NUL = "a\u2400b"  # stands for a\0b, which PostgreSQL can't hold
TEXTS = ("", "a", "A", "a ", "abc", "ABC", "ä", "Ä", "a\u0308", "O'Neil", "100%", "{0}", "東京", "\\", LONG + "x",
         LONG + "y", "a\nb", "a_c", "a!b", "\\%", "😀b", NUL, None)  # fmt: skip
LONGS = (0, 1, -1, 7, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63), None)
INTS = (0, 1, -1, 2, 3, 2**31 - 1, -(2**31), None)
SMALL = (0, 1, 2, -3, 5, None)
MONEY = (*tuple(Decimal(t) for t in ("0.00", "-1.50", "2.50", "9999999999.99", "-9999999999.99", "0.01")), None)
EXACT = (*tuple(Decimal(t) for t in ("0.000000000", "1.000000001", "-123456789012345678901.123456789")), None)
DAYS = (date(1, 1, 1), date(1899, 12, 31), date(2024, 2, 29), date(2024, 3, 31), date(9999, 12, 31), None)
MOMENTS = (
    datetime(2024, 3, 31, 0, 59), datetime(2024, 3, 31, 1, 30), datetime(2024, 3, 31, 2, 30),
    datetime(2024, 10, 27, 0, 30), datetime(2024, 10, 27, 1, 30, 0, 1), None,
)  # fmt: skip
UUIDS = (*tuple(UUID(int=i * 0x1111_0000_0000_0000_0000_0000_0000 + i) for i in range(1, 4)), None)
DOUBLES = (0.0, -0.5, 2.5, 1e300, None)
ROWS, DIMS = 90, 7

POSTGRES_DDL = """
CREATE TABLE facts (id int PRIMARY KEY, dim int, code text, txt text, n int, small smallint, big bigint,
  money numeric(12,2), exact numeric(30,9), day date, moment timestamp, "Seen" timestamptz, u uuid, flag boolean,
  x double precision, note varchar(2000));
CREATE TABLE dims (id int PRIMARY KEY, code text NOT NULL UNIQUE, label text, kind int, rate numeric(5,3));
CREATE TABLE parts (fact int NOT NULL, no int NOT NULL, qty int, PRIMARY KEY (fact, no));
"""
MARIADB_DDL = """
CREATE TABLE facts (id int PRIMARY KEY, dim int, code varchar(30) COLLATE utf8mb4_nopad_bin,
  txt varchar(2000) COLLATE utf8mb4_nopad_bin, n int, small smallint, big bigint, money decimal(12,2),
  exact decimal(30,9), day date, moment datetime(6), `Seen` timestamp(6) NULL, u uuid, flag tinyint(1), x double,
  note varchar(2000) COLLATE utf8mb4_general_ci) CHARACTER SET utf8mb4;
CREATE TABLE dims (id int PRIMARY KEY, code varchar(30) COLLATE utf8mb4_nopad_bin NOT NULL UNIQUE,
  label varchar(30), kind int unsigned, rate decimal(5,3)) CHARACTER SET utf8mb4;
CREATE TABLE parts (fact int NOT NULL, no int NOT NULL, qty int unsigned, PRIMARY KEY (fact, no))
"""
SQLITE_DDL = """
CREATE TABLE facts (id INTEGER PRIMARY KEY, dim INTEGER, code TEXT, txt TEXT COLLATE NOCASE, n INTEGER,
  small INTEGER, big INTEGER, money DECIMAL(12,2), exact TEXT, day DATE, moment TIMESTAMP, "Seen" TEXT, u TEXT,
  flag BOOLEAN, x REAL, note TEXT COLLATE RTRIM);
CREATE TABLE dims (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, label TEXT, kind INTEGER, rate DECIMAL(5,3));
CREATE TABLE parts (fact INTEGER NOT NULL, no INTEGER NOT NULL, qty INTEGER, PRIMARY KEY (fact, no));
"""


def difference(found: pa.Table, expected: pa.Table) -> str | None:
    """None, or how two answers differ: types equal, rows as multisets, doubles within 1e-9 relative."""
    if found.schema.types != expected.schema.types:
        return f"types {found.schema.types} instead of {expected.schema.types}"
    mine, theirs = _sorted(found), _sorted(expected)
    if len(mine) != len(theirs):
        return f"{len(mine)} rows instead of {len(theirs)}"
    for (plain, floats), (its_plain, its_floats) in zip(mine, theirs, strict=True):
        close = all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(floats, its_floats, strict=True))
        if plain != its_plain or not close:
            return f"{plain} {floats} instead of {its_plain} {its_floats}"
    return None


def _sorted(table: pa.Table) -> list[tuple[str, tuple[float, ...]]]:
    rows = zip(*[column.to_pylist() for column in table.columns], strict=True)
    split = [
        (
            repr([0.0 if isinstance(v, float) else v for v in row]),
            tuple(v for v in row if isinstance(v, float)),
        )
        for row in rows
    ]
    return sorted(split)


def _pick(values: Sequence[Any], row: int, step: int) -> Any:
    return values[(row * step + row // len(values)) % len(values)]


def fact_rows() -> list[tuple[Any, ...]]:
    """Rows of `facts`: every awkward value beside many others."""
    return [
        (
            row, _pick((1, 2, 3, 4, 5, 99, None), row, 3), _pick(("a", "A", "b", "ä", "zz", None), row, 5),
            _pick(TEXTS, row, 7), _pick(INTS, row, 5), _pick(SMALL, row, 1), _pick(LONGS, row, 3),
            _pick(MONEY, row, 2), _pick(EXACT, row, 3), _pick(DAYS, row, 5), _pick(MOMENTS, row, 1),
            _pick(MOMENTS, row, 5), _pick(UUIDS, row, 3), _pick((True, False, None), row, 2),
            _pick(DOUBLES, row, 2), _pick(TEXTS, row, 11),
        )
        for row in range(1, ROWS + 1)
    ]  # fmt: skip


def dim_rows() -> list[tuple[Any, ...]]:
    codes = ("a", "A", "b", "ä", "a ", "c", "d")
    return [
        (i + 1, codes[i], _pick(TEXTS[:9], i, 1), _pick((1, 2, None), i, 1), _pick((Decimal("0.125"), None), i, 1))
        for i in range(DIMS)
    ]


def part_rows() -> list[tuple[Any, ...]]:
    return [(fact, no, _pick((0, 3, None, 2_000_000_000), fact + no, 1)) for fact in range(1, 40) for no in (1, 2)]


def _insert(execute: Any, mark: str, adapt: Any) -> None:
    for table, rows in (("facts", fact_rows()), ("dims", dim_rows()), ("parts", part_rows())):
        marks = ", ".join([mark] * len(rows[0]))
        execute(f"INSERT INTO {table} VALUES ({marks})", [tuple(map(adapt, row)) for row in rows])


def _to_sqlite(value: Any) -> Any:
    value = "a\0b" if value == NUL else value
    if isinstance(value, Decimal):
        return float(value) if abs(value) < 10**12 and value.as_tuple().exponent != -9 else str(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return str(value) if isinstance(value, date | UUID) else value


def _to_mysql(value: Any) -> Any:
    value = "a\0b" if value == NUL else value
    return str(value) if isinstance(value, UUID) else value


@contextmanager
def live_connectors(postgres: Any, mariadb: Any, directory: Path) -> Iterator[dict[str, Connector]]:
    """The three databases filled, and a connector to each: pg, my, lite."""
    with postgres.connect() as made:
        made.execute("SET timezone = 'UTC'")
        made.execute(POSTGRES_DDL)
        with made.cursor() as cursor:
            _insert(cursor.executemany, "%s", lambda value: value)
        made.execute("ANALYZE")
    with mariadb.connect() as opened, opened.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        for statement in MARIADB_DDL.split(";"):
            cursor.execute(statement)
        _insert(cursor.executemany, "%s", _to_mysql)
        cursor.execute("ANALYZE TABLE facts, dims, parts")
    lite = sqlite3.connect(directory / "live.db")
    lite.executescript(SQLITE_DDL)
    _insert(lite.executemany, "?", _to_sqlite)
    lite.commit()
    lite.close()
    at = {"port": postgres.port, "host": postgres.host, "user": postgres.user, "password": postgres.password}
    there = {"port": mariadb.port, "host": mariadb.host, "user": mariadb.user, "password": mariadb.password}
    found: dict[str, Connector] = {
        "pg": Postgres(PostgresConfig(**at, database=postgres.database, tls=Tls.DISABLE)),
        "my": Mysql(MysqlConfig(**there, database=mariadb.database, tls=Tls.DISABLE)),
        "lite": Sqlite(SqliteConfig(directory=directory, file="live.db")),
    }
    try:
        yield found
    finally:
        for connector in found.values():
            connector.close()


THREE = {"pg": "postgres", "my": "mysql", "lite": "sqlite"}


@dataclass(slots=True)
class _Bytes:
    pieces: list[bytes]

    def head(self, head: dict[str, object]) -> None:
        return None

    def data(self, data: bytes) -> None:
        self.pieces.append(data)


@dataclass(frozen=True, slots=True)
class Run:
    """An answer, and what each source was asked for: (scan, rows)."""

    table: pa.Table
    plan: Plan
    rows: Mapping[str, int]


class _Counted(KeptStatements):
    """What DuckDB has planned, and how many answers came of that."""

    found = 0

    def find(
        self, statement: Statement, encoding: Encoding | None, streams: Sequence[ScanStream]
    ) -> KeptStatement | None:
        kept = super().find(statement, encoding, streams)
        self.found += kept is not None
        return kept


class Live:
    """Connectors under a catalog, and their rows in plain DuckDB as `connection.table`.

    `estimates`: what the planner takes for the tables' sizes, in place of what the sources say.
    """

    def __init__(
        self,
        connectors: dict[str, Connector],
        estimates: Mapping[str, int] | None = None,
        kinds: Mapping[str, str] = THREE,
    ) -> None:
        self.connectors = connectors
        schemas = {}
        self.plain = duckdb.connect()
        self.plain.execute("SET GLOBAL TimeZone = 'UTC'")
        self.session = duckdb.connect()
        self.session.execute(f"SET GLOBAL TimeZone = 'UTC'; SET disabled_optimizers = '{','.join(WRONG)}'")
        self.kept = _Counted(self.session)
        for name, connector in connectors.items():
            self.plain.execute(f'CREATE SCHEMA "{name}"')
            for part in ("facts", "dims", "parts"):
                table = connector.describe(TableName(("public", part) if name == "pg" else (part,)))
                definition = orjson.loads(orjson.dumps(table_to_json(table)))
                if estimates is not None:
                    definition["row_estimate"] = estimates[part]
                schemas[name, str(table.name).lower()] = SourceSchema(name, str(table.name), definition, SEEN)
                columns = tuple((c.name, c.sql_type) for c in table.columns)
                rows = pa.Table.from_batches(
                    connector.scan(ScanRequest(table.name, columns)),
                    pa.schema([(c, arrow_type(kind)) for c, kind in columns]),
                )
                self.plain.register("rows_", rows)
                casts = ", ".join(f'CAST("{c}" AS {kind}) AS "{c}"' for c, kind in columns)
                self.plain.execute(f'CREATE TABLE "{name}"."{part}" AS SELECT {casts} FROM rows_')
                self.plain.unregister("rows_")
        connections = {name: Connection(name, kinds[name], {}) for name in connectors}
        self.catalog = WorkspaceCatalog("acme", "plant", 1, connections=connections, schemas=schemas)

    def plan(self, sql: str, parameters: tuple[Parameter, ...] = (), rules: tuple[Rule, ...] = RULES) -> Plan:
        return self.plans(sql, parameters)(rules)

    def plans(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> Callable[[tuple[Rule, ...]], Plan]:
        """A query resolved once: its plan by whatever rules."""
        resolved = resolve_workspace(parse_query(sql), self.catalog)
        types = tuple(parameter.sql_type for parameter in parameters)
        return lambda rules: plan_resolved(replace(resolved, select=resolved.select.copy()), types, rules)

    def run(self, sql: str, parameters: tuple[Parameter, ...] = (), rules: tuple[Rule, ...] = RULES) -> Run:
        """The answer of a query, planned by these rules."""
        return self.run_plan(self.plan(sql, parameters, rules), parameters)

    def run_plan(self, plan: Plan, parameters: tuple[Parameter, ...] = ()) -> Run:
        """The answer by a plan that was made before."""
        return self.run_prepared(prepared_plan(plan), parameters)

    def run_prepared(self, prepared: Prepared, parameters: tuple[Parameter, ...] = ()) -> Run:
        """The answer as a worker makes it, the job through its JSON form."""
        plan = prepared.plan
        names = output_names(plan.select, plan, self.catalog)
        connections = {name: JobConnection("", {}) for name in plan.connections}
        encoding = Encoding(Format.ARROW, names)
        made = Job("run", "r", connections, prepared.statement(parameters), encoding=encoding)
        job = job_from_json(orjson.loads(orjson.dumps(job_to_json(made))))
        sink = _Bytes([])
        execution = Execution(self.session, {n: self.connectors[n] for n in plan.connections}, job, self.kept)
        execution.run(sink)
        rows = {stream.scan.id: stream.rows for stream in execution.streams}
        return Run(pa.ipc.open_stream(b"".join(sink.pieces)).read_all(), plan, rows)

    def expected(self, sql: str) -> pa.Table:
        """The answer of plain DuckDB over the same rows. Raises duckdb.Error."""
        relation: Any = self.plain.sql(sql)
        try:
            found: pa.Table = relation.to_arrow_reader(10_000).read_all()
        except (OSError, pa.ArrowException) as error:  # what went wrong behind the first rows
            raise duckdb.Error(str(error)) from None
        return found
