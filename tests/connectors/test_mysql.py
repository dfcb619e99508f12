"""MySQL, against a real MariaDB: the contract, and what is MySQL's own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from connectors.mysql import Mysql, MysqlConfig
from connectors.sdk import TableName
from connectors.sdk.connector import Connector
from connectors.sdk.testing import ConnectorContract, Fault, SourceTable
from tests.servers.fault_proxy import FaultProxy, Faults, start_fault_proxy
from tests.servers.mariadb import MariaDBServer

NATIVE = {
    "VARCHAR": "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
    "BLOB": "longblob",
    "TIME": "time(6)",
    "TIMESTAMP": "datetime(6)",
    "TIMESTAMP WITH TIME ZONE": "timestamp(6) NULL",
    "BOOLEAN": "bit(1)",
    "UTINYINT": "tinyint unsigned",
    "USMALLINT": "smallint unsigned",
    "UINTEGER": "int unsigned",
    "UBIGINT": "bigint unsigned",
}


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


class TestMysqlContract(ConnectorContract):
    kind = "mysql"
    column_types = (
        *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        *("FLOAT", "DOUBLE", "DECIMAL(10,2)", "DECIMAL(38,12)", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP"),
        *("TIMESTAMP WITH TIME ZONE", "UUID"),
    )
    faults = frozenset(Fault)
    server: ClassVar[MariaDBServer]
    proxies: ClassVar[list[FaultProxy]] = []

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def use_server(cls, mariadb_database: MariaDBServer) -> Iterator[None]:
        cls.server, cls.secret = mariadb_database, mariadb_database.password
        yield
        while cls.proxies:
            cls.proxies.pop().close()

    def make(self, time_zone: ZoneInfo | None = None, **changes: Any) -> Connector:
        return Mysql(MysqlConfig.model_validate({**self.configuration(), **changes}), time_zone)

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
        columns = [f"{quoted(name)} {NATIVE.get(kind, kind)}" for name, kind in table.columns]
        if table.key:
            columns.append(f"PRIMARY KEY ({', '.join(map(quoted, table.key))})")
        name = quoted(table.name)
        with self.server.connect() as connection, connection.cursor() as cursor:
            if table.name == "big":
                cursor.execute("SHOW TABLES LIKE 'big'")
                if cursor.fetchone():
                    return TableName(("big",))
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            rows = [tuple(map(as_parameter, row)) for row in table.rows]
            if rows:
                cursor.executemany(
                    f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(columns[: len(rows[0])]))})", rows
                )
        return TableName((table.name,))

    def keeps(self, sql_type: str, value: Any) -> bool:
        if sql_type in ("FLOAT", "DOUBLE"):
            return math.isfinite(value) and str(value) != "-0.0"  # no NaN, no infinity; a literal -0.0 is stored as 0
        if sql_type == "TIMESTAMP WITH TIME ZONE":
            return 1970 < int(value.year) < 2038
        return True

    def running_statements(self) -> int:
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.PROCESSLIST "
                "WHERE DB = DATABASE() AND COMMAND = 'Query' AND ID <> CONNECTION_ID()"
            )
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])

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
        collations = ["utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "utf8mb4_unicode_nopad_ci"]
        columns = [f"`c {n}` varchar(20) CHARACTER SET utf8mb4 COLLATE {name}" for n, name in enumerate(collations)]
        columns += [
            "`l%` varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
            "fixed char(6)",
            "raw binary(4)",
        ]
        columns += ["e enum('abc', 'ABCD', 'z')", "y year", "bits bit(33)", "doc json", "tiny tinyint(1)"]
        columns += ["wide decimal(65,30)", "filled int(8) zerofill", "short datetime", "hours time"]
        values = ["", "abc", "ABC", "abc ", "é", "e", "ß", "ss", "a%c", "z", "abcd", "a\tb", None]
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS `odd ``%% one`", ())
            cursor.execute(f"CREATE TABLE `odd ``% one` (id int primary key, {', '.join(columns)})")
            for n, text in enumerate(values):
                row: tuple[Any, ...] = (
                    n,
                    *[text] * 6,
                    b"a" * (n % 5),
                    "abc",
                    2000 + n,
                    2**32 + n,
                    '{"a": 1}',
                    n % 3,
                    n,
                    n,
                )
                row = (*row, datetime(2024, 3, 31, 2, 30) + timedelta(minutes=n), f"{n}:00:00")
                cursor.execute(f"INSERT INTO `odd ``%% one` VALUES ({', '.join(['%s'] * len(row))})", row)
        return [TableName(("odd `% one",))]


def as_parameter(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.replace(tzinfo=None)
    return str(value) if isinstance(value, UUID) else value
