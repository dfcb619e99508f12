"""PostgreSQL, against a real server: the contract, and what is PostgreSQL's own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from pydantic import SecretStr

from connectors.postgres import Postgres, PostgresConfig
from connectors.sdk import ForeignKey, ScanRequest, Table, TableName
from connectors.sdk.connector import Connector
from connectors.sdk.errors import ConnectorError, SourceDataError, SourceSchemaChangedError, SourceTimeoutError
from connectors.sdk.testing import SourceTable
from connectors.sdk.tls import Tls
from tests.connectors.database_contract import DatabaseContract
from tests.servers.postgres import PostgresServer

NATIVE = {
    "VARCHAR": "text",
    "BLOB": "bytea",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    "TIMESTAMP": "timestamp(6)",
}


class TestPostgresContract(DatabaseContract):
    kind = "postgres"
    column_types = (
        *("BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(10,2)", "DECIMAL(38,12)"),
        *("VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UUID"),
    )
    server: ClassVar[PostgresServer]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def use_server(cls, postgres_database: PostgresServer) -> None:
        cls.server, cls.secret = postgres_database, postgres_database.password

    def make(self, time_zone: ZoneInfo | None = None, **changes: Any) -> Connector:
        return Postgres(PostgresConfig.model_validate({**self.configuration(), **changes}), time_zone)

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


@pytest.fixture
def source(postgres_database: PostgresServer) -> Iterator[Postgres]:
    server = postgres_database
    made = Postgres(
        PostgresConfig(
            host=server.host,
            port=server.port,
            database=server.database,
            user=server.user,
            password=SecretStr(server.password),
            tls=Tls.DISABLE,
        )
    )
    yield made
    made.close()


def typed(table: Table) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.sql_type) for column in table.columns)


@pytest.mark.parametrize(
    ("native", "value"),
    [
        *[("timestamp", "infinity"), ("timestamptz", "-infinity"), ("date", "infinity"), ("date", "0044-03-15 BC")],
        *[("numeric(10,2)", "NaN"), ("numeric", "1e30"), ("time", "24:00"), ("timestamp", "20000-01-01")],
    ],
)
@pytest.mark.parametrize("limit", [None, 5])
def test_a_value_without_a_form_here_is_an_error_that_names_its_column(
    source: Postgres, postgres_database: PostgresServer, native: str, value: str, limit: int | None
) -> None:
    with postgres_database.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS odd")
        connection.execute(f"CREATE TABLE odd (id int, strange {native})")
        connection.execute("INSERT INTO odd VALUES (1, NULL), (2, %s)", (value,))
    table = source.describe(TableName(("public", "odd")))
    with pytest.raises(SourceDataError, match=r"'strange' of public\.odd") as caught:
        list(source.scan(ScanRequest(table.name, typed(table), limit=limit)))
    assert value not in f"{caught.value.message} {caught.value.details}"


def test_only_whole_valid_not_null_unique_keys_are_proven(
    source: Postgres, postgres_database: PostgresServer
) -> None:
    with postgres_database.connect() as connection:
        connection.execute(
            "DROP TABLE IF EXISTS child, parent;"
            "CREATE TABLE parent (a int, b int NOT NULL, c int, d int NOT NULL, e int NOT NULL, f int NOT NULL, "
            "PRIMARY KEY (b, a), UNIQUE (d), UNIQUE (c), UNIQUE (e) DEFERRABLE);"
            "CREATE UNIQUE INDEX ON parent (f) WHERE f > 0; CREATE UNIQUE INDEX ON parent ((f + 1));"
            "CREATE UNIQUE INDEX ON parent (f) INCLUDE (d);"
            "CREATE TABLE child (x int, y int, FOREIGN KEY (x, y) REFERENCES parent (b, a));"
            "COMMENT ON TABLE child IS 'a child'; COMMENT ON COLUMN child.x IS 'an x'"
        )
    assert source.describe(TableName(("public", "parent"))).keys == (("b", "a"), ("d",), ("f",))
    child = source.describe(TableName(("public", "child")))
    assert child.foreign_keys == (ForeignKey(("x", "y"), TableName(("public", "parent")), ("b", "a")),)
    assert (child.comment, child.columns[0].comment, child.keys) == ("a child", "an x", ())


def test_not_null_counts_where_it_was_proven(source: Postgres, postgres_database: PostgresServer) -> None:
    with postgres_database.connect() as connection:
        connection.execute(
            "DROP TABLE IF EXISTS proven;"
            "CREATE TABLE proven (a int NOT NULL, b int, c int UNIQUE); INSERT INTO proven VALUES (1, NULL, NULL);"
            "ALTER TABLE proven ADD CONSTRAINT b_later NOT NULL b NOT VALID;"
            "ALTER TABLE proven ADD CONSTRAINT c_later NOT NULL c NOT VALID"
        )
    found = source.describe(TableName(("public", "proven")))
    assert [column.nullable for column in found.columns] == [False, True, True]
    assert found.keys == ()


def test_a_killed_worker_leaves_no_statement_behind(postgres_database: PostgresServer) -> None:
    server = postgres_database
    program = (
        "import sys; from connectors.postgres import *\n"
        "values = dict(zip(('host', 'port', 'database', 'user', 'password', 'tls'), sys.argv[1:]))\n"
        "source = Postgres(PostgresConfig(**{**values, 'port': int(values['port'])}))\n"
        "list(source.query('SELECT pg_sleep(60)::text', (), (('a', 'VARCHAR'),)))\n"
    )
    arguments = [server.host, str(server.port), server.database, server.user, server.password, "disable"]
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(60)%%' AND pid <> pg_backend_pid()"
    with subprocess.Popen([sys.executable, "-c", program, *arguments]) as worker, server.connect() as connection:
        try:
            wait_for(lambda: connection.execute(running).fetchone() == (1,), 15)
        finally:
            worker.kill()
        worker.wait()
        wait_for(lambda: connection.execute(running).fetchone() == (0,), 3)


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_statement_is_ended_when_its_time_is_up(postgres_database: PostgresServer) -> None:
    server = postgres_database
    made = Postgres(
        PostgresConfig(
            host=server.host,
            port=server.port,
            database=server.database,
            user=server.user,
            password=SecretStr(server.password),
            tls=Tls.DISABLE,
            statement_timeout=0.2,
        )
    )
    with pytest.raises(SourceTimeoutError):
        list(made.query("SELECT pg_sleep(30)::text", (), (("a", "VARCHAR"),)))
    made.close()


def test_many_groups_are_sorted_by_that_statement_alone(source: Postgres) -> None:
    asked = "SELECT current_setting('enable_hashagg') AS a"
    for many, setting in ((True, "off"), (False, "on"), (True, "off")):
        (batch,) = source.query(asked, (), (("a", "VARCHAR"),), many_groups=many)
        assert batch.column(0).to_pylist() == [setting]


def test_a_session_can_write_nothing(source: Postgres) -> None:
    with pytest.raises(ConnectorError):
        list(source.query("SELECT nextval('missing')", (), (("a", "BIGINT"),)))
    with pytest.raises(ConnectorError):
        list(source.query("WITH x AS (INSERT INTO reference (id) VALUES (-1) RETURNING id) SELECT id FROM x", (), ()))


@given(st.lists(st.text() | st.binary() | st.integers() | st.floats() | st.booleans(), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_literal_written_for_copy_is_the_value_itself(source: Postgres, values: list[Any]) -> None:
    """COPY takes no parameters: what psycopg writes in their place must come back unchanged."""
    values = [
        value for value in values if not isinstance(value, str) or value.encode("utf-8", "replace").decode() == value
    ]
    values = [value.replace("\0", "") if isinstance(value, str) else value for value in values]
    # PostgreSQL reads -0.0 as a numeric zero, which has no sign; both zeros are equal.
    values = [0.0 if type(value) is float and value == 0 else value for value in values]
    kinds = {str: "VARCHAR", bytes: "BLOB", int: "VARCHAR", float: "DOUBLE", bool: "BOOLEAN"}
    casts = {str: "text", bytes: "bytea", int: "numeric::text", float: "float8", bool: "boolean"}
    columns = [(f"c{n}", kinds[type(value)]) for n, value in enumerate(values)]
    text = ", ".join(f"(%s)::{casts[type(value)]}" for value in values) or "1"
    (batch,) = source.query(f"SELECT {text}", values, columns or [("one", "BIGINT")])
    read = [array[0].as_py() for array in batch.columns]
    wanted = [str(value) if type(value) is int else value for value in values]
    assert list(map(repr, read)) == list(map(repr, wanted)) or not values


@pytest.mark.parametrize("asked", ['t."not here"', '"not here"'])
def test_a_column_that_is_gone_is_named(source: Postgres, asked: str) -> None:
    with pytest.raises(SourceSchemaChangedError, match="column 'not here' is not there any more") as caught:
        list(source.query(f"SELECT {asked} FROM (SELECT 1 AS a) t", (), (("not here", "BIGINT"),)))
    assert caught.value.details["column"] == "not here"
