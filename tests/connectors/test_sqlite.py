"""SQLite, against real files: the contract, and what is SQLite's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from connectors.sdk import ScanRequest, TableName
from connectors.sdk.connector import Connector
from connectors.sdk.errors import ConnectorError, SourceDataError, SourceProtocolError, SourceSchemaChangedError
from connectors.sdk.testing import ConnectorContract, SourceTable
from connectors.sqlite import Sqlite, SqliteConfig


def as_stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" " if value.microsecond else "T")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, UUID | Decimal) else value


class TestSqliteContract(ConnectorContract):
    kind = "sqlite"
    column_types = (
        *("BOOLEAN", "BIGINT", "DOUBLE", "DECIMAL(10,2)", "DECIMAL(15,4)", "VARCHAR", "BLOB", "DATE", "TIME"),
        *("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UUID"),
    )
    directory: ClassVar[Path]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def use_directory(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        cls.directory = tmp_path_factory.mktemp("sqlite")
        sqlite3.connect(cls.directory / "plant.db").close()
        yield

    def make(self, time_zone: ZoneInfo | None = None) -> Connector:
        return Sqlite(SqliteConfig.model_validate(self.configuration()), time_zone)

    def configuration(self) -> dict[str, object]:
        return {"directory": str(self.directory), "file": "plant.db"}

    def create(self, table: SourceTable) -> TableName:
        columns = [f'"{name}" {kind}{" NOT NULL" if name in table.key else ""}' for name, kind in table.columns]
        if table.key:
            columns.append(f"PRIMARY KEY ({', '.join(table.key)})")
        with sqlite3.connect(self.directory / "plant.db") as connection:
            found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'big'").fetchone()
            if not (table.name == "big" and found):
                connection.execute(f'DROP TABLE IF EXISTS "{table.name}"')
                connection.execute(f'CREATE TABLE "{table.name}" ({", ".join(columns)})')
                holders = ", ".join("?" * len(table.columns))
                rows = (tuple(map(as_stored, row)) for row in table.rows)
                connection.executemany(f'INSERT INTO "{table.name}" VALUES ({holders})', rows)
        connection.close()
        return TableName((table.name,))

    def keeps(self, sql_type: str, value: Any) -> bool:
        return str(value) not in ("nan", "-0.0")  # SQLite stores NaN as NULL and -0.0 as the integer 0

    def more_tables(self) -> Sequence[TableName]:
        with sqlite3.connect(self.directory / "plant.db") as connection:
            connection.execute('DROP TABLE IF EXISTS "odd ""one"')
            connection.execute(
                'CREATE TABLE "odd ""one" (id INTEGER PRIMARY KEY, "no %case" TEXT COLLATE NOCASE, '
                "trimmed VARCHAR(9) COLLATE RTRIM, small SMALLINT, plain NUMERIC, anything, "
                "n NVARCHAR(5), f FLOAT, money DECIMAL(12,2))"
            )
            for n, text in enumerate(["", "abc", "ABC", "abc ", "a\0b", "é", "\U0010ffff", "퟿x", "10", None]):
                row = (n, text, text, n, n / 2, [n, text, n / 4][n % 3], text, n / 8, n * 0.1)
                connection.execute('INSERT INTO "odd ""one" VALUES (?,?,?,?,?,?,?,?,round(?,2))', row)
        connection.close()
        return [TableName(('odd "one',))]


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, Sqlite]]:
    connection = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    made = Sqlite(SqliteConfig(directory=tmp_path, file="p.db"))
    yield connection, made
    made.close()
    connection.close()


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        *[("INTEGER", "ten"), ("INTEGER", 1.5), ("TEXT", b"bytes"), ("BOOLEAN", 2), ("DATE", "2024-02-30")],
        *[("DATE", 19_000), ("TIMESTAMP", 1_700_000_000), ("TIMESTAMP", "2024-01-01T00:00:00Z"), ("BLOB", "text")],
        *[("DECIMAL(6,2)", 0.125), ("DECIMAL(6,2)", "a lot"), ("TIME", "24:00"), ("UUID", "x"), ("REAL", "x")],
    ],
)
def test_a_value_that_is_not_of_the_declared_type_is_named_and_not_shown(
    plant: tuple[sqlite3.Connection, Sqlite], declared: str, value: Any
) -> None:
    connection, source = plant
    connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, odd {declared})")
    connection.executemany("INSERT INTO t (odd) VALUES (?)", [(None,), (value,)])
    table = source.describe(TableName(("t",)))
    columns = tuple((column.name, column.sql_type) for column in table.columns)
    with pytest.raises(SourceDataError, match=r"'odd' of t, row 2") as caught:
        list(source.scan(ScanRequest(table.name, columns)))
    assert str(value) not in caught.value.message.replace("row 2", "")


def test_only_not_null_keys_whose_values_stay_distinct_are_proven(plant: tuple[sqlite3.Connection, Sqlite]) -> None:
    connection, source = plant
    for n, (columns, wanted) in enumerate(
        {
            "a INTEGER PRIMARY KEY, b TEXT NOT NULL UNIQUE": (("a",), ("b",)),
            "a TEXT PRIMARY KEY, b TEXT UNIQUE": (),
            "a TIMESTAMP NOT NULL PRIMARY KEY": (),
            "a INT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (b, a)": (("b", "a"),),
        }.items()
    ):
        connection.execute(f"CREATE TABLE k{n} ({columns})")
        assert source.describe(TableName((f"k{n}",))).keys == wanted, columns
    connection.execute("CREATE UNIQUE INDEX partial ON k1 (b) WHERE b > 'x'")
    assert source.describe(TableName(("k1",))).keys == ()


@pytest.mark.parametrize(
    "file", ["../p.db", "/etc/passwd", "link.db", "sub/../p.db", "inner/p.db", "file:p.db?mode=rw"]
)
def test_no_path_leads_out_of_the_directory(tmp_path: Path, file: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    sqlite3.connect(tmp_path / "p.db").close()
    (inside / "link.db").symlink_to(tmp_path / "p.db")
    (inside / "inner").symlink_to(tmp_path)
    source = Sqlite(SqliteConfig(directory=inside, file=file))
    with pytest.raises(ConnectorError):
        source.list_tables()
    assert not (inside / "file:p.db").exists()


def test_nothing_can_be_written_or_attached(plant: tuple[sqlite3.Connection, Sqlite], tmp_path: Path) -> None:
    connection, source = plant
    connection.execute("CREATE TABLE t (a)")
    for statement in ("INSERT INTO t VALUES (1)", f"ATTACH '{tmp_path / 'other.db'}' AS x", "CREATE TABLE u (a)"):
        with pytest.raises(ConnectorError):
            list(source.query(statement, (), (("a", "VARCHAR"),)))
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert not (tmp_path / "other.db").exists()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "p.db").write_bytes(b"PK" * 2_000)
    stages = list(Sqlite(SqliteConfig(directory=tmp_path, file="p.db")).test())
    assert not stages[-1].ok and "not a database" in stages[-1].message
    with pytest.raises(SourceProtocolError):
        Sqlite(SqliteConfig(directory=tmp_path, file="p.db")).list_tables()


def test_a_column_that_is_gone_is_named(plant: tuple[sqlite3.Connection, Sqlite]) -> None:
    with pytest.raises(SourceSchemaChangedError, match="column 'gone' is not there any more") as caught:
        list(plant[1].query("SELECT m.gone FROM sqlite_schema m", (), (("gone", "BIGINT"),)))
    assert caught.value.details["column"] == "gone"
