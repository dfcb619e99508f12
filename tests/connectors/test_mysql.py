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
from connectors.sdk import ForeignKey, Op, ScanRequest, Support, TableName
from connectors.sdk.connector import Connector
from connectors.sdk.errors import ConnectorError, SourceDataError, SourceSchemaChangedError
from connectors.sdk.testing import SourceTable
from tests.connectors.database_contract import DatabaseContract
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


class TestMysqlContract(DatabaseContract):
    kind = "mysql"
    column_types = (
        *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        *("FLOAT", "DOUBLE", "DECIMAL(10,2)", "DECIMAL(38,12)", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP"),
        *("TIMESTAMP WITH TIME ZONE", "UUID"),
    )
    server: ClassVar[MariaDBServer]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def use_server(cls, mariadb_database: MariaDBServer) -> None:
        cls.server, cls.secret = mariadb_database, mariadb_database.password

    def make(self, time_zone: ZoneInfo | None = None, **changes: Any) -> Connector:
        return Mysql(MysqlConfig.model_validate({**self.configuration(), **changes}), time_zone)

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


@pytest.fixture
def source(mariadb_database: MariaDBServer) -> Iterator[Mysql]:
    made = Mysql(MysqlConfig.model_validate(values_of_configuration(mariadb_database)))
    yield made
    made.close()


def values_of_configuration(server: MariaDBServer) -> dict[str, object]:
    return {
        "host": server.host,
        "port": server.port,
        "database": server.database,
        "user": server.user,
        "password": server.password,
        "tls": "disable",
    }


def test_values_of_every_length_are_whole(source: Mysql) -> None:
    sizes = (0, 1, 250, 251, 252, 255, 256, 65_535, 65_536, 1_000_000)
    text = ", ".join(["repeat('x', %s)"] * len(sizes)) + ", NULL"
    columns = [(f"c{n}", "VARCHAR") for n in range(len(sizes) + 1)]
    (batch,) = source.query(f"SELECT {text}", sizes, columns)
    read = [array[0].as_py() for array in batch.columns]
    assert [None if value is None else len(value) for value in read] == [*sizes, None]


@pytest.mark.parametrize(
    ("native", "literal"),
    [
        *[("date", "'0000-00-00'"), ("datetime", "'0000-00-00 00:00:00'"), ("date", "'2024-00-15'")],
        *[("time", "'-01:00:00'"), ("time", "'100:00:00'")],
    ],
)
def test_a_value_without_a_form_here_is_an_error_that_names_its_column(
    source: Mysql, mariadb_database: MariaDBServer, native: str, literal: str
) -> None:
    fill(mariadb_database, f"strange {native}", literal)
    table = source.describe(TableName(("odd",)))
    columns = tuple((column.name, column.sql_type) for column in table.columns)
    with pytest.raises(SourceDataError, match="'strange' of odd"):
        list(source.scan(ScanRequest(table.name, columns)))


def fill(server: MariaDBServer, column: str, literal: str) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("DROP TABLE IF EXISTS odd")
        cursor.execute(f"CREATE TABLE odd (id int, {column})")
        cursor.execute(f"INSERT INTO odd VALUES (1, {literal})")


def test_zero_dates_are_null_where_the_configuration_says_so(mariadb_database: MariaDBServer) -> None:
    fill(mariadb_database, "strange datetime", "'0000-00-00 00:00:00'")
    made = Mysql(MysqlConfig.model_validate({**values_of_configuration(mariadb_database), "zero_dates": "null"}))
    column = made.describe(TableName(("odd",))).columns[1]
    assert column.nullable and Op.IS_NULL not in column.operators and Support.EXACT not in column.operators.values()
    (batch,) = made.scan(ScanRequest(TableName(("odd",)), (("strange", "TIMESTAMP"),)))
    assert batch.column(0).to_pylist() == [None]
    made.close()


def test_decimals_beyond_38_digits_are_text(source: Mysql, mariadb_database: MariaDBServer) -> None:
    fill(mariadb_database, "strange decimal(65,30)", "12345678901234567890.123456789012345678901234567890")
    assert source.describe(TableName(("odd",))).columns[1].sql_type == "VARCHAR"
    (batch,) = source.scan(ScanRequest(TableName(("odd",)), (("strange", "VARCHAR"),)))
    assert batch.column(0).to_pylist() == ["12345678901234567890.123456789012345678901234567890"]


def test_keys_on_prefixes_and_nullable_columns_prove_nothing(source: Mysql, mariadb_database: MariaDBServer) -> None:
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS child")
        cursor.execute("DROP TABLE IF EXISTS parent")
        cursor.execute(
            "CREATE TABLE parent (a int, b int, c varchar(9) NOT NULL, d int UNIQUE, e int NOT NULL UNIQUE, "
            "PRIMARY KEY (b, a), UNIQUE (c(3)))"
        )
        cursor.execute("CREATE TABLE child (x int, y int, FOREIGN KEY (x, y) REFERENCES parent (b, a))")
    assert source.describe(TableName(("parent",))).keys == (("b", "a"), ("e",))
    foreign = source.describe(TableName(("child",))).foreign_keys
    assert foreign == (ForeignKey(("x", "y"), TableName(("parent",)), ("b", "a")),)


def test_nothing_can_be_written(source: Mysql, mariadb_database: MariaDBServer) -> None:
    fill(mariadb_database, "n int", "1")
    with pytest.raises(ConnectorError):
        list(source.query("INSERT INTO odd VALUES (2, 2)", (), (("a", "BIGINT"),)))
    with pytest.raises(ConnectorError):
        list(source.query("DROP TABLE odd", (), (("a", "BIGINT"),)))


def test_tls_that_the_server_lacks_is_a_failed_stage(mariadb_database: MariaDBServer) -> None:
    values = {**values_of_configuration(mariadb_database), "tls": "require"}
    stages = list(Mysql(MysqlConfig.model_validate(values)).test())
    assert (stages[-1].name, stages[-1].ok) == ("tls", False)


def test_a_column_that_is_gone_is_named(source: Mysql) -> None:
    with pytest.raises(SourceSchemaChangedError, match="column 'not here' is not there any more") as caught:
        list(source.query("SELECT t.`not here` FROM (SELECT 1 AS a) t", (), (("not here", "BIGINT"),)))
    assert caught.value.details["column"] == "not here"
