"""Statistics as each source's own catalog tells them, beside what its rows are."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.files import Files, FilesConfig
from connectors.mysql import Mysql, MysqlConfig
from connectors.postgres import Postgres, PostgresConfig
from connectors.sdk import Column, Connector, Table, TableName
from connectors.sdk.statistics import GroupStatistics, of_groups, place, place_of_text
from connectors.sqlite import Sqlite, SqliteConfig
from engine.source_tables import table_from_json, table_to_json, without_bounds
from server.operations.schema_diff import schema_diff
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

ROWS = 20_000
COLUMNS = "id int NOT NULL, machine varchar(20), amount decimal(12,2), made date, at timestamp NULL, half int"
FIRST, LAST = place(date(2020, 1, 1)), place(date(2020, 12, 30))


def test_postgresql_tells_rows_distinct_values_nulls_bounds_and_indexes(postgres_database: PostgresServer) -> None:
    with postgres_database.connect() as connection:
        connection.execute(f"CREATE TABLE steps ({COLUMNS}, PRIMARY KEY (id))")
        connection.execute("CREATE INDEX ON steps (machine, made)")
        connection.execute("CREATE INDEX ON steps (half) WHERE half > 5")
        connection.execute(
            "INSERT INTO steps SELECT n, 'm' || n % 50, n * 0.01, date '2020-01-01' + n % 365, "
            "timestamp '2020-01-01' + n * interval '1 hour', CASE WHEN n % 2 = 0 THEN n END "
            "FROM generate_series(1, 20000) n"
        )
        before = _seen(_postgres(postgres_database), "public.steps")
        connection.execute("ANALYZE steps")
    assert before.row_estimate is not None and 5_000 < before.row_estimate < 100_000, "a guess from its pages"
    table = _seen(_postgres(postgres_database), "public.steps")
    assert table.row_estimate == ROWS
    assert table.indexed == ("id", "machine"), "an index over a part of the rows finds not every key"
    assert (_column(table, "id").distinct_estimate, _column(table, "machine").distinct_estimate) == (ROWS, 50)
    assert 0.45 < (_column(table, "half").null_fraction or 0) < 0.55
    made, amount = _column(table, "made"), _column(table, "amount")
    assert (made.minimum, made.maximum) == (FIRST, LAST)
    assert amount.minimum is not None and 0 < amount.minimum < 1 and 199 < (amount.maximum or 0) <= 200
    assert _column(table, "machine").minimum is None, "texts have no place on the number line"
    assert _column(table, "at").minimum == place_of_text("2020-01-01 01:00:00", "TIMESTAMP")


def test_partitions_count_together(postgres_database: PostgresServer) -> None:
    with postgres_database.connect() as connection:
        connection.execute("CREATE TABLE years (n int, year int) PARTITION BY LIST (year)")
        for year in (2025, 2026):
            connection.execute(f"CREATE TABLE years_{year} PARTITION OF years FOR VALUES IN ({year})")
        connection.execute("INSERT INTO years SELECT n, 2025 + n % 2 FROM generate_series(1, 1000) n")
        connection.execute("ANALYZE years")
    table = _seen(_postgres(postgres_database), "public.years")
    assert (table.row_estimate, _column(table, "year").distinct_estimate) == (1_000, 2)


def test_a_view_of_postgresql_has_no_statistics(postgres_database: PostgresServer) -> None:
    with postgres_database.connect() as connection:
        connection.execute("CREATE VIEW ones AS SELECT 1 AS one")
    table = _seen(_postgres(postgres_database), "public.ones")
    assert (table.indexed, _column(table, "one").distinct_estimate) == ((), None)


def test_mariadb_tells_rows_distinct_values_and_bounds_of_indexes(mariadb_database: MariaDBServer) -> None:
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE steps ({COLUMNS}, PRIMARY KEY (id), KEY m (machine, made), KEY d (made))")
        cursor.execute(
            "INSERT INTO steps SELECT seq, concat('m', seq % 50), seq * 0.01, "
            "date '2020-01-01' + interval (seq % 365) day, '2020-01-01', if(seq % 2 = 0, seq, NULL) "
            "FROM seq_1_to_20000"
        )
        cursor.execute("ANALYZE TABLE steps PERSISTENT FOR ALL")
    table = _seen(_mysql(mariadb_database), "steps")
    assert table.row_estimate is not None and 15_000 < table.row_estimate < 25_000
    assert sorted(table.indexed) == ["id", "machine", "made"]
    assert 40 <= (_column(table, "machine").distinct_estimate or 0) <= 60
    assert (_column(table, "made").minimum, _column(table, "made").maximum) == (FIRST, LAST)
    assert (_column(table, "id").minimum, _column(table, "id").maximum) == (1, ROWS)
    half = _column(table, "half")
    assert 0.45 < (half.null_fraction or 0) < 0.55, "from mysql.column_stats, which this user may read"
    assert 8_000 < (half.distinct_estimate or 0) < 12_000


def test_a_user_of_mariadb_who_may_not_read_the_server_s_own_tables_sees_the_indexes(
    mariadb_database: MariaDBServer,
) -> None:
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE small (id int PRIMARY KEY)")
        cursor.execute("INSERT INTO small SELECT seq FROM seq_1_to_100")
        cursor.execute(f"CREATE OR REPLACE USER reader IDENTIFIED BY '{mariadb_database.password}'")
        cursor.execute(f"GRANT SELECT ON `{mariadb_database.database}`.* TO reader")
    config = {**_login(mariadb_database), "user": "reader"}
    table = _seen(Mysql(MysqlConfig.model_validate({**config, "tls": "disable"})), "small")
    assert (table.indexed, _column(table, "id").maximum) == (("id",), 100)


def test_sqlite_counts_a_small_table(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, machine TEXT, made DATE, half INTEGER)")
        rows = [(n, f"m{n % 5}", f"2020-01-{n % 28 + 1:02}", n if n % 2 else None) for n in range(1, 1_001)]
        connection.executemany("INSERT INTO steps VALUES (?, ?, ?, ?)", rows)
        connection.execute("CREATE INDEX by_machine ON steps (machine)")
    table = _seen(_sqlite(tmp_path), "steps")
    assert (table.row_estimate, table.indexed) == (1_000, ("id", "machine"))
    assert [_column(table, name).distinct_estimate for name in ("id", "machine", "made")] == [1_000, 5, 28]
    assert (_column(table, "half").null_fraction, _column(table, "half").maximum) == (0.5, 999)
    assert _column(table, "made").minimum == FIRST


def test_sqlite_takes_a_large_table_s_statistics_from_analyze_and_its_indexes(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, machine TEXT, at INTEGER)")
        connection.executemany("INSERT INTO steps VALUES (?, ?, ?)", ((n, f"m{n % 50}", n % 7) for n in range(ROWS)))
        connection.execute("CREATE INDEX by_machine ON steps (machine)")
        connection.execute("ANALYZE")
    table = _seen(_sqlite(tmp_path), "steps")
    assert (table.row_estimate, _column(table, "machine").distinct_estimate) == (ROWS, 50)
    assert (_column(table, "id").distinct_estimate, _column(table, "id").maximum) == (ROWS, ROWS - 1)
    assert _column(table, "at").distinct_estimate is None


def test_sqlite_stops_counting_a_table_that_has_grown_since_analyze(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, machine TEXT)")
        connection.execute("CREATE INDEX by_machine ON steps (machine)")
        connection.execute("INSERT INTO steps VALUES (0, 'm')")
        connection.execute("ANALYZE")
        connection.executemany("INSERT INTO steps VALUES (?, ?)", ((n, f"m{n % 50}") for n in range(1, ROWS)))
    assert _seen(_sqlite(tmp_path), "steps").indexed == ("id", "machine")


def test_parquet_tells_what_stands_in_its_footers(tmp_path: Path) -> None:
    for part in range(2):
        days = [date(2020, 1, 1 + part), None, date(2020, 1, 5 + part)]
        table = pa.table(
            {"n": [part, part + 1, None], "day": days, "text": ["a", "b", "c"], "none": pa.nulls(3, pa.int64())}
        )
        pq.write_table(table, tmp_path / f"part{part}.parquet", row_group_size=2)
    config = {"directory": str(tmp_path), "tables": {"parts": {"path": "part*.parquet"}}}
    found = _seen(Files(FilesConfig.model_validate(config)), "parts")
    assert found.row_estimate == 6
    number, day, nothing = _column(found, "n"), _column(found, "day"), _column(found, "none")
    assert (number.minimum, number.maximum, number.null_fraction) == (0, 2, 2 / 6)
    assert (day.minimum, day.maximum) == (FIRST, place(date(2020, 1, 6)))
    assert (nothing.minimum, nothing.null_fraction) == (None, 1.0)
    assert _column(found, "text").minimum is None


def test_what_one_part_does_not_know_is_not_known() -> None:
    known, unknown = GroupStatistics(10, 0, 1.0, 2.0), GroupStatistics(10, None, None, None)
    assert of_groups([known, unknown]).minimum is None
    assert of_groups([known, GroupStatistics(10, 10, None, None)]).nulls == 0.5


def test_places_on_the_number_line() -> None:
    assert place(Decimal("1.5")) == 1.5
    assert place(datetime(1970, 1, 2, 12, tzinfo=UTC)) == 1.5 == place(datetime(1970, 1, 2, 12))
    assert (place(True), place("a"), place(float("nan")), place(10**400)) == (None, None, None, None)
    assert (place_of_text("infinity", "DATE"), place_of_text("NaN", "DOUBLE")) == (None, None)
    assert place_of_text("0044-03-15 BC", "TIMESTAMP") is None


def test_statistics_survive_the_catalog_s_form_and_people_see_no_bounds() -> None:
    column = Column("a", "BIGINT", distinct_estimate=5, null_fraction=0.25, minimum=1.0, maximum=987654.0)
    table = Table(TableName(("t",)), (column,), indexed=("a",), statistics_at=datetime(2026, 1, 1, tzinfo=UTC))
    kept = orjson.loads(orjson.dumps(table_to_json(table)))
    assert table_from_json(kept) == table
    assert "987654" in str(kept) and "987654" not in str(without_bounds(kept))
    assert not schema_diff({"t": kept}, {"t": table_to_json(Table(table.name, (Column("a", "BIGINT"),)))})


def test_bounds_are_in_no_description_that_python_prints() -> None:
    assert "987654" not in repr(Column("a", "BIGINT", minimum=987654.0, maximum=987654.0))


def _seen(connector: Connector, name: str) -> Table:
    try:
        return connector.with_statistics(connector.describe(TableName(tuple(name.split(".")))))
    finally:
        connector.close()


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    assert column is not None
    return column


def _login(server: PostgresServer | MariaDBServer) -> dict[str, object]:
    names = ("host", "port", "database", "user", "password")
    return {name: getattr(server, name) for name in names}


def _postgres(server: PostgresServer) -> Postgres:
    return Postgres(PostgresConfig.model_validate({**_login(server), "tls": "disable"}))


def _mysql(server: MariaDBServer) -> Mysql:
    return Mysql(MysqlConfig.model_validate({**_login(server), "tls": "disable"}))


def _sqlite(directory: Path) -> Sqlite:
    return Sqlite(SqliteConfig.model_validate({"directory": str(directory), "file": "a.db"}))
