"""The sample rows in real sources behind real workers: erp in PostgreSQL, mes in MariaDB, lab in Parquet, two more
tables in SQLite and behind HTTP, and all of it once more in plain DuckDB."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from catalog.records import Connection, SourceSchema, WorkspaceCatalog
from connectors.sdk import TableName
from connectors.sdk.registry import connector_config, connector_type
from engine.encoders.encoding import Encoding, Format
from engine.engine import Engine, sql_literal
from engine.parse import parse_query
from engine.query import Parameter, Query
from engine.source_tables import table_to_json
from tests.engine.reference_source import Stored
from tests.engine.sample_rows import VIEWS, sources
from tests.engine.workers import SMALL_POOL, Collected
from tests.engine.workspace import SEEN, Answer, answer_of, session, with_views
from tests.servers.http_replies import json_rows
from tests.servers.http_source import HttpSource

POSTGRES = """
CREATE TABLE customers (id int PRIMARY KEY, name text, region text COLLATE "C", credit numeric(12,2), active boolean,
  since date);
CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id int, amount numeric(12,2), qty smallint,
  placed timestamptz, due date, note varchar(50), "Late" boolean)
"""
MARIADB = """
CREATE TABLE steps (order_id bigint, step int, machine varchar(40), seconds double, started datetime(6),
  result varchar(40) COLLATE utf8mb4_nopad_bin) CHARACTER SET utf8mb4;
CREATE TABLE machines (Machine varchar(40) COLLATE utf8mb4_nopad_bin PRIMARY KEY, power double, built date)
  CHARACTER SET utf8mb4
"""
KINDS = [{"kind": kind, "rank": rank} for rank, kind in enumerate(("red", "green", "Blue", "x"))]
NOTES = [(number, text) for number, text in enumerate(("a", "A", "O'Neil", None, ""), 1)]


class RealSources:
    """`answer` runs a query in a worker, `expected` in plain DuckDB."""

    def __init__(self, postgres: Any, mariadb: Any, http: HttpSource, directory: Path) -> None:
        self.plain = session()
        stored = sources(random.Random(1))
        self._plain_tables(stored)
        _fill(postgres, mariadb, stored)
        for name, table in stored["lab"].items():
            pq.write_table(table.arrow(), directory / f"{name}.parquet")
        _fill_sqlite(directory / "local.db")
        http.route("/kinds", json_rows(KINDS))
        self.configurations: dict[str, tuple[str, dict[str, object]]] = {
            "erp": ("postgres", _login(postgres)),
            "mes": ("mysql", _login(mariadb)),
            "lab": ("files", {"directory": str(directory)}),
            "local": ("sqlite", {"directory": str(directory), "file": "local.db"}),
            "api": ("rest", {"base_url": http.origin, "tls": "disable", "tables": {"kinds": {
                "path": "/kinds", "columns": {"kind": {"type": "VARCHAR"}, "rank": {"type": "INTEGER"}}}}}),
        }  # fmt: skip
        tables = {"erp": ("public.customers", "public.orders"), "mes": ("steps", "machines"), "lab": ("samples",),
                  "local": ("notes",), "api": ("kinds",)}  # fmt: skip
        schemas = {}
        for connection, (kind, configuration) in self.configurations.items():
            zone = ZoneInfo("UTC") if connection == "mes" else None
            connector = connector_type(kind)(connector_config(kind, configuration), zone)
            for name in tables[connection]:
                table = connector.describe(TableName(tuple(name.split("."))))
                definition = orjson.loads(orjson.dumps(table_to_json(table)))
                schemas[connection, name] = SourceSchema(connection, name, definition, SEEN)
            connector.close()
        connections = {name: Connection(name, kind, {}, None) for name, (kind, _) in self.configurations.items()}
        connections["mes"] = Connection("mes", "mysql", {}, "UTC")
        catalog = WorkspaceCatalog("acme", "plant", 1, connections=connections, schemas=schemas)
        self.engine = Engine(SMALL_POOL, lambda connection: self.configurations[connection.name][1])
        self.catalog = with_views(catalog, VIEWS)

    def answer(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> Answer:
        """What a worker answers."""
        query = Query(parse_query(sql), parameters)
        prepared = self.engine.prepare(query, self.catalog, workspace_names=True)
        encoding = Encoding(Format.ARROW, prepared.names)
        sink = Collected()
        self.engine.run(self.engine.run_job(prepared, query, self.catalog, encoding, "r"), "acme", sink)
        return answer_of(pa.ipc.open_stream(b"".join(sink.pieces)).read_all())

    def expected(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> Answer:
        """What plain DuckDB answers."""
        for index in reversed(range(len(parameters))):
            sql = sql.replace(f"${index + 1}", sql_literal(parameters[index].value))
        relation: Any = self.plain.sql(sql)
        return answer_of(relation.to_arrow_reader(10_000).read_all())

    def close(self) -> None:
        """End the workers."""
        self.engine.close()

    def _plain_tables(self, stored: dict[str, dict[str, Stored]]) -> None:
        for connection in (*stored, "local", "api"):
            self.plain.execute(f"CREATE SCHEMA {connection}")
        for connection, tables in stored.items():
            for name, table in tables.items():
                self.plain.register("rows_", table.arrow())
                kinds = ((c.name, _plain_type(connection, c.sql_type)) for c in table.table.columns)
                columns = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in kinds)
                self.plain.execute(f"CREATE TABLE {connection}.{name} AS SELECT {columns} FROM rows_")
                self.plain.unregister("rows_")
        self.plain.execute("CREATE TABLE local.notes (id BIGINT, text VARCHAR)")
        self.plain.executemany("INSERT INTO local.notes VALUES (?, ?)", NOTES)
        self.plain.execute("CREATE TABLE api.kinds (kind VARCHAR, rank INTEGER)")
        self.plain.executemany("INSERT INTO api.kinds VALUES (?, ?)", [(k["kind"], k["rank"]) for k in KINDS])
        for name, text in VIEWS.items():
            self.plain.execute(f"CREATE VIEW {name} AS {text}")


def _plain_type(connection: str, sql_type: str) -> str:
    """A Parquet file of ours has UUIDs as text; MariaDB's naive timestamps are instants of the connection's zone."""
    if connection == "lab" and sql_type == "UUID":
        return "VARCHAR"
    return "TIMESTAMP WITH TIME ZONE" if connection == "mes" and sql_type == "TIMESTAMP" else sql_type


def _login(server: Any) -> dict[str, object]:
    return {"host": server.host, "port": server.port, "database": server.database, "user": server.user,
            "password": server.password, "tls": "disable"}  # fmt: skip


def _fill(postgres: Any, mariadb: Any, stored: dict[str, dict[str, Stored]]) -> None:
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute(POSTGRES)
        for name, table in stored["erp"].items():
            marks = ", ".join(["%s"] * len(table.table.columns))
            cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", [tuple(row.values()) for row in table.rows])
        cursor.execute("ANALYZE")
    with mariadb.connect() as opened, opened.cursor() as cursor:
        for statement in MARIADB.split(";"):
            cursor.execute(statement)
        for name, table in stored["mes"].items():
            marks = ", ".join(["%s"] * len(table.table.columns))
            cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", [tuple(row.values()) for row in table.rows])
        opened.commit()


def _fill_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    connection.executemany("INSERT INTO notes VALUES (?, ?)", NOTES)
    connection.commit()
    connection.close()
