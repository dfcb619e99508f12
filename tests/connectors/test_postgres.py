"""PostgreSQL, against a real server: the contract, and what is PostgreSQL's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from psycopg import sql

from connectors.postgres import Postgres, PostgresConfig
from connectors.sdk import TableName
from connectors.sdk.connector import Connector
from connectors.sdk.testing import ConnectorContract, Fault, SourceTable
from tests.servers.fault_proxy import FaultProxy, Faults, start_fault_proxy
from tests.servers.postgres import PostgresServer

NATIVE = {
    "VARCHAR": "text",
    "BLOB": "bytea",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    "TIMESTAMP": "timestamp(6)",
}


class TestPostgresContract(ConnectorContract):
    kind = "postgres"
    column_types = (
        *("BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(10,2)", "DECIMAL(38,12)"),
        *("VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UUID"),
    )
    faults = frozenset(Fault)
    server: ClassVar[PostgresServer]
    proxies: ClassVar[list[FaultProxy]] = []

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def use_server(cls, postgres_database: PostgresServer) -> Iterator[None]:
        cls.server, cls.secret = postgres_database, postgres_database.password
        yield
        while cls.proxies:
            cls.proxies.pop().close()

    def make(self, time_zone: ZoneInfo | None = None, **changes: Any) -> Connector:
        return Postgres(PostgresConfig.model_validate({**self.configuration(), **changes}), time_zone)

    def configuration(self) -> dict[str, object]:
        server = self.server
        return {
            "host": server.host,
            "port": server.port,
            "database": server.database,
            "user": server.user,
            "password": server.password,
            "tls": "disable",
        }

    def create(self, table: SourceTable) -> TableName:
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(NATIVE.get(kind, kind)))
            for name, kind in table.columns
        ]
        if table.key:
            columns.append(sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(map(sql.Identifier, table.key))))
        name = sql.Identifier(table.name)
        with self.server.connect() as connection:
            if table.name == "big" and self.exists(connection, "big", len(table.rows)):
                return TableName(("public", "big"))
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
            connection.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(", ").join(columns)))
            with (
                connection.cursor() as cursor,
                cursor.copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy,
            ):
                for row in table.rows:
                    copy.write_row(row)
        return TableName(("public", table.name))

    def exists(self, connection: Any, name: str, rows: int) -> bool:
        found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()[0]
        return bool(found and connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] == rows)

    def keeps(self, sql_type: str, value: Any) -> bool:
        # PostgreSQL's text can't hold U+0000; it holds all of the rest.
        return True

    def insert(self, name: TableName, rows: Sequence[tuple[Any, ...]]) -> None:
        with self.server.connect() as connection, connection.cursor() as cursor:
            holders = sql.SQL(", ").join([sql.Placeholder()] * len(rows[0]))
            cursor.executemany(
                sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier(*name.parts), holders), rows
            )

    def running_statements(self) -> int:
        with self.server.connect() as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
                "AND datname = current_database() AND application_name LIKE 'viewloom%'"
            ).fetchone()
        assert found is not None
        return int(str(found[0]))

    def broken(self, fault: Fault) -> Connector:
        if fault is Fault.WRONG_PASSWORD:
            return self.make(password="not it")
        faults = {
            Fault.DEAD_HOST: Faults(refuse=True),
            Fault.SLOW_HOST: Faults(silent=True),
            Fault.CUT: Faults(reset_after=1_000_000),
            Fault.TRUNCATED: Faults(truncate_after=1_000_000),
        }[fault]
        proxy = start_fault_proxy(self.server.host, self.server.port)
        self.proxies.append(proxy)
        proxy.set(faults)
        return self.make(host=proxy.host, port=proxy.port, connect_timeout=2)

    def more_tables(self) -> Sequence[TableName]:
        with self.server.connect() as connection:
            connection.execute('DROP TABLE IF EXISTS "Odd % ""one"""')
            connection.execute("DROP TYPE IF EXISTS mood CASCADE; CREATE TYPE mood AS ENUM ('sad', 'ok', 'ABC')")
            connection.execute("DROP DOMAIN IF EXISTS label CASCADE; CREATE DOMAIN label AS text")
            connection.execute(
                'CREATE TABLE "Odd % ""one""" (id int, "per % cent" text COLLATE "C", padded char(6), '
                "short varchar(9), "
                '"a ""b""" mood, amount numeric, whole numeric(5), ids int[], doc jsonb, gap interval, dom label)'
            )
            for n, text in enumerate(["", "abc", "ABC", "abc ", "a%c", "é", "z", None]):
                connection.execute(
                    'INSERT INTO "Odd % ""one""" VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)'.replace(
                        '% ""one', '%% ""one'
                    ),
                    (n, text, text, text, "sad", n / 8, n, [n], '{"a": 1}', "1 day", text),
                )
        return [TableName(("public", 'Odd % "one"'))]
