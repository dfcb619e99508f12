"""Large answers of MariaDB as lines: the same values as rows read plainly, whatever they are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from connectors.mysql import DIALECT, Mysql, MysqlConfig
from connectors.parts.mysql_packed import packed
from connectors.sdk import ScanRequest, SortKey, TableName
from connectors.sdk.errors import SourceDataError, SourceLimitError, SourceTimeoutError
from connectors.sdk.select import Statement
from connectors.sdk.sql import Reading
from connectors.sdk.testing_values import TEXT
from tests.servers.mariadb import MariaDBServer

BERLIN = ZoneInfo("Europe/Berlin")
WORDS = (*TEXT, "a\0b", "\0", '"', '""', ",", "\r", "\n\n", "x" * 240, "x" * 251, "é" * 300, None)
COLUMNS = (
    *("id bigint PRIMARY KEY", "tiny tinyint unsigned", "flag bit(1)", "bits bit(40)", "money decimal(38,12)"),
    *("real_ double", "short float", "day date", "hour time(6)", "naive datetime(6)", "at timestamp(6) NULL"),
    *("word varchar(400) COLLATE utf8mb4_nopad_bin", "latin varchar(400) CHARACTER SET latin1", "fixed char(9)"),
    *("wide varchar(400) CHARACTER SET ucs2", "small tinytext", "kind enum('a', 'b,\"c\"')", "many set('x', 'y')"),
    *(
        "body longtext COLLATE utf8mb4_bin",
        "raw varbinary(400)",
        "blob_ longblob",
        "which uuid",
        "filled int zerofill",
    ),
)


@pytest.fixture(scope="module")
def table(mariadb_database: MariaDBServer) -> TableName:
    """A table of 3,000 rows with any of these in any column, more than a first batch."""
    draw = random.Random(21)
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("DROP TABLE IF EXISTS packed")
        cursor.execute(f"CREATE TABLE packed ({', '.join(COLUMNS)}) CHARACTER SET utf8mb4")
        marks = ", ".join(["%s"] * len(COLUMNS))
        cursor.executemany(f"INSERT INTO packed VALUES ({marks})", [row(n, draw) for n in range(3_000)])
    return TableName(("packed",))


def row(number: int, draw: random.Random) -> tuple[Any, ...]:
    def some(*values: Any) -> Any:
        return draw.choice((*values, None))

    def word(most: int = 400) -> Any:
        text = draw.choice(WORDS)
        return None if text is None else text[:most]

    def plain(encoding: str) -> Any:
        text = word()
        return None if text is None else text.encode(encoding, "ignore").decode(encoding)

    at = datetime(2024, 3, 31, 1, 30) + timedelta(seconds=number * 7, microseconds=draw.choice((0, 1, 999_999)))
    raw = draw.choice((b"", b'\x00\xff,"\n', b"a" * 250, b"b" * 251, b"c" * 300, None))
    return (
        *(number, some(0, 255), some(0, 1), some(0, 2**40 - 1)),
        *(some("0", "-99999999999999999999999999.999999999999", "0.000000000001"),),
        *(some(0.1, 1.7976931348623157e308, 5e-324, 9007199254740993.0, -1.5), some(0.1, 3.4028234663852886e38, -7)),
        *(some("0001-01-01", "9999-12-31", at.date()), some("00:00:00", "23:59:59.999999"), some(at), some(at)),
        *(word(), plain("latin1"), word(9), word(), word(60), some("a", 'b,"c"'), some("", "x", "x,y")),
        *(draw.choice((word(), "z" * draw.choice((65_535, 65_536, 70_000)) if number % 500 == 0 else word())),),
        *(raw, raw, some("abcdef00-1122-3344-5566-77889900aabb"), some(0, 7)),
    )  # fmt: skip


def source(server: MariaDBServer, zone: ZoneInfo | None = BERLIN, **changes: Any) -> Mysql:
    values = {name: getattr(server, name) for name in ("host", "port", "database", "user", "password")}
    return Mysql(MysqlConfig.model_validate({**values, "tls": "disable", **changes}), zone)


@pytest.fixture
def made(mariadb_database: MariaDBServer) -> Iterator[Mysql]:
    opened = source(mariadb_database)
    yield opened
    opened.close()


def rows_of(batches: Iterator[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(list(batches)).sort_by("id")


def test_lines_hold_what_plain_rows_hold(made: Mysql, table: TableName) -> None:
    columns = tuple((column.name, column.sql_type) for column in made.describe(table).columns)
    request = ScanRequest(table, columns)
    plain = ScanRequest(table, columns, order_by=(SortKey("id"),))
    assert rows_of(made.scan(request)).equals(rows_of(made.scan(plain)))
    assert next(iter(made.scan(request))).num_rows < 3_000


def test_a_fragment_in_lines_holds_what_plain_rows_hold(made: Mysql, table: TableName) -> None:
    columns = [
        (name, kind) for name, kind in described(made, table) if name not in ("flag", "bits", "short", "naive")
    ]
    chosen = ", ".join(f"p.`{name}` AS `{name}`" for name, _ in columns)
    sql = f"SELECT {chosen} FROM packed AS p JOIN packed AS q ON p.id = q.id WHERE p.word <> %s OR p.word IS NULL"
    assert rows_of(made.query(sql, ("abc",), columns)).equals(
        rows_of(made.query(f"{sql} ORDER BY p.id", ("abc",), columns))
    )


def described(made: Mysql, table: TableName) -> list[tuple[str, str]]:
    return [(column.name, column.sql_type) for column in made.describe(table).columns]


def test_few_rows_and_rows_in_order_are_read_plainly() -> None:
    reading = Reading(Statement("SELECT 1 AS a", ()), (("a", "BIGINT"),))
    assert packed(DIALECT, reading) is not None
    assert packed(DIALECT, Reading(reading.statement, reading.columns, small=True)) is None
    assert packed(DIALECT, Reading(reading.statement, reading.columns, ordered=True)) is None
    assert packed(DIALECT, Reading(reading.statement, (("a", "BLOB"),))) is None


def test_a_row_of_several_packets_is_whole(made: Mysql) -> None:
    """A packet ends at 16 MB; the row goes on in the next one."""
    columns = [("id", "BIGINT"), *((f"c{n}", "VARCHAR") for n in range(5))]
    texts = ", ".join(f"repeat('{n}', 6000000 + seq) AS c{n}" for n in range(5))
    sql = f"SELECT seq AS id, {texts} FROM seq_1_to_3"
    read = rows_of(made.query(sql, (), columns))
    assert read.column("id").to_pylist() == [1, 2, 3]
    for number in range(5):
        assert read.column(f"c{number}").to_pylist() == [str(number) * (6_000_000 + seq) for seq in (1, 2, 3)]


def test_a_line_that_the_server_can_not_send_is_an_error_not_a_null(
    made: Mysql, mariadb_database: MariaDBServer
) -> None:
    """CONCAT beyond max_allowed_packet is NULL there; a view may have texts of any size under the name of varchar."""
    sql = "FROM (SELECT 1 AS id, repeat('x', 15000000) AS a, repeat('y', 15000000) AS b) AS t"
    statement = Statement(f"SELECT id, a, b {sql}", (), ("id", "a", "b"), sql)
    columns = (("id", "BIGINT"), ("a", "VARCHAR"), ("b", "VARCHAR"))
    with pytest.raises(SourceLimitError, match="longer than the server can send"):
        list(made.read(Reading(statement, columns, natives=("bigint", "varchar", "varchar"))))


def test_a_value_that_does_not_fit_names_its_column(made: Mysql) -> None:
    columns = [("id", "BIGINT"), ("body", "VARCHAR"), ("late", "TIME")]
    with pytest.raises(SourceDataError, match="'late'"):
        list(made.query("SELECT 1 AS id, 'x' AS body, CAST('100:00:00' AS TIME) AS late", (), columns))


def test_an_error_in_the_middle_is_an_error(mariadb_database: MariaDBServer) -> None:
    slow = source(mariadb_database, statement_timeout=0.5)
    rows = 0
    with pytest.raises(SourceTimeoutError):
        for batch in slow.query("SELECT seq AS id FROM seq_1_to_1000000000", (), [("id", "BIGINT")]):
            rows += batch.num_rows
    assert rows > 1_000
    assert (
        sum(batch.num_rows for batch in slow.query("SELECT seq AS id FROM seq_1_to_9", (), [("id", "BIGINT")])) == 9
    )
    slow.close()
