"""Reading a table of sixteen columns, and four of them, into Arrow: each way in, with the processor time it takes."""

from __future__ import annotations

import importlib
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa

from benchmarks.measure import in_turns, middle
from benchmarks.report import Aim, Report, times
from benchmarks.rig import Rig
from connectors.mysql import Mysql, MysqlConfig
from connectors.postgres import Postgres, PostgresConfig
from connectors.sdk import Comparison, Op, ScanRequest, SortKey, TableName
from connectors.sdk.connector import Connector
from connectors.sdk.csv_rows import CsvColumns, csv_batches
from connectors.sdk.scan import Predicate
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

TITLE = "Reading a source into Arrow"
# Like TPC-H's lineitem; `{n}` is the row's number.
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("id", "bigint NOT NULL PRIMARY KEY", "{n}"),
    ("part", "int", "{n} * 7919 % 200003"),
    ("supplier", "int", "{n} * 31 % 10007"),
    ("line", "int", "{n} % 7"),
    ("quantity", "decimal(15,2)", "({n} % 5000) / 100.0"),
    ("price", "decimal(15,2)", "({n} * 104729 % 10000000) / 100.0"),
    ("discount", "decimal(15,2)", "({n} % 11) / 100.0"),
    ("tax", "decimal(15,2)", "({n} % 9) / 100.0"),
    ("flag", "char(1)", "SUBSTR('ANR', 1 + CAST({n} % 3 AS {int}), 1)"),
    ("status", "char(1)", "SUBSTR('FO', 1 + CAST({n} % 2 AS {int}), 1)"),
    ("shipped", "date", "DATE '1992-01-01' + INTERVAL {day}"),
    ("promised", "date", "DATE '1992-02-01' + INTERVAL {day}"),
    ("received", "date", "DATE '1992-03-01' + INTERVAL {day}"),
    ("instruction", "varchar(25)", "CASE WHEN {n} % 4 = 0 THEN 'NONE' ELSE 'DELIVER IN PERSON' END"),
    ("mode", "varchar(10)", "CASE WHEN {n} % 2 = 0 THEN 'AIR' ELSE 'TRUCK' END"),
    ("note", "varchar(44)", "CONCAT('carefully ', {n}, ' requests')"),
)
WIDTHS = {"16 columns": tuple(name for name, _, _ in COLUMNS), "4 columns": ("id", "part", "price", "shipped")}
Sample = tuple[int, float, float]  # rows, seconds, seconds of this process's processor time


def run(rig: Rig) -> Report:
    """Rows per second and processor time of each way, from both databases."""
    fill_postgres(rig.postgres, rig.rows)
    fill_mariadb(rig.mariadb, rig.rows)
    report = Report("reading", TITLE)
    report.say(
        f"{rig.rows:,} rows of one table, read by one process on the same machine as the server. CPU: seconds of "
        f"processor time of the reading process, the server's apart. Median of {rig.rounds} rounds, in turns."
    )
    for server, ways, measured, floor in (
        ("MariaDB", mariadb_ways(rig.mariadb), "Viewloom, packed lines", "Viewloom, plain rows"),
        ("PostgreSQL", postgres_ways(rig.postgres, rig.rows), "Viewloom", "COPY, psycopg's libpq, into Arrow"),
    ):
        for width, names in WIDTHS.items():
            variants = {name: partial(measure, way, names) for name, way in ways.items()}
            samples = in_turns(variants, rig.rounds, lambda s: f"{s[0] / s[1]:,.0f} rows/s, {s[2]:.2f} s of CPU")
            rows = [
                [name, f"{middle(s, lambda x: x[1]):.2f}", f"{middle(s, lambda x: x[0] / x[1]):,.0f}",
                 f"{middle(s, lambda x: x[2]):.2f}"]
                for name, s in samples.items()
            ]  # fmt: skip
            report.table([f"{server}, {width}", "s", "rows/s", "CPU s"], rows)
            ratio = middle(samples[floor], lambda x: x[2]) / middle(samples[measured], lambda x: x[2])
            report.aims.append(Aim(f"{server}, {width}: CPU of {floor!r} ÷ {measured!r}", times(ratio), None))
    return report


def measure(way: Callable[[tuple[str, ...]], Iterator[int]], names: tuple[str, ...]) -> Sample:
    """One reading; the way gives numbers of rows."""
    began, processor = time.perf_counter(), time.process_time()
    rows = sum(way(names))
    return rows, time.perf_counter() - began, time.process_time() - processor


def mariadb_ways(server: MariaDBServer) -> dict[str, Callable[[tuple[str, ...]], Iterator[int]]]:
    """The command line client's rows thrown away, the connector's two ways, connectorx where it is installed."""
    values = {name: getattr(server, name) for name in ("host", "port", "database", "user", "password")}
    source = Mysql(MysqlConfig.model_validate({**values, "tls": "disable"}))
    table = TableName(("items",))

    def client(names: tuple[str, ...]) -> Iterator[int]:
        command = ["mariadb", "--no-defaults", "--quick", "-N", f"-h{server.host}", f"-P{server.port}"]
        command += [f"-u{server.user}", server.database, "-e", f"SELECT {', '.join(names)} FROM items"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={"MYSQL_PWD": server.password})
        yield done.stdout.count(b"\n")

    ways = {
        "mariadb --quick, to a pipe (CPU not counted)": client,
        "Viewloom, plain rows": partial(scan, source, table, order_by=(SortKey("id"),)),
        "Viewloom, packed lines": partial(scan, source, table),
    }
    try:
        connectorx: Any = importlib.import_module("connectorx")
    except ImportError:
        return ways

    def by_connectorx(names: tuple[str, ...]) -> Iterator[int]:
        url = f"mysql://{server.user}:{server.password}@{server.host}:{server.port}/{server.database}"
        yield from map(len_of, connectorx.read_sql(url, f"SELECT {', '.join(names)} FROM items",
                                                   return_type="arrow_stream"))  # fmt: skip

    return {**ways, "connectorx": by_connectorx}


def postgres_ways(server: PostgresServer, rows: int) -> dict[str, Callable[[tuple[str, ...]], Iterator[int]]]:
    """psycopg's own COPY, thrown away and into Arrow, and the connector."""
    values = {name: getattr(server, name) for name in ("host", "port", "database", "user", "password")}
    source = Postgres(PostgresConfig.model_validate({**values, "tls": "disable"}))

    def copied(names: tuple[str, ...]) -> Iterator[int]:
        with server.connect() as connection, connection.cursor() as cursor:
            statement: Any = f"COPY (SELECT {', '.join(names)} FROM items) TO STDOUT (FORMAT csv)"
            with cursor.copy(statement) as copy:
                yield sum(1 for _ in copy)

    def parsed(names: tuple[str, ...]) -> Iterator[int]:
        kinds = {column.name: column.sql_type for column in source.describe(TableName(("public", "items"))).columns}
        columns = CsvColumns([(name, kinds[name]) for name in names])
        with server.connect() as connection:
            yield from map(len_of, csv_batches(blocks_by_libpq(connection.pgconn, names), columns))

    table = TableName(("public", "items"))

    def halves(names: tuple[str, ...]) -> Iterator[int]:
        middle = rows // 2
        parts = [Comparison("id", Op.LE, (middle,)), Comparison("id", Op.GT, (middle,))]
        with ThreadPoolExecutor(2) as threads:
            yield from threads.map(lambda part: sum(scan(source, table, names, predicates=(part,))), parts)

    return {
        "COPY, psycopg, discarded": copied,
        "COPY, psycopg's libpq, into Arrow": parsed,
        "Viewloom": partial(scan, source, table),
        "Viewloom, two halves of the key at once": halves,
    }


def blocks_by_libpq(connection: Any, names: tuple[str, ...]) -> Iterator[bytes]:
    """COPY by the lowest layer that psycopg has, in blocks of 20,000 rows."""
    connection.exec_(f"COPY (SELECT {', '.join(names)} FROM items) TO STDOUT (FORMAT csv)".encode())
    rows: list[bytes] = []
    while (got := connection.get_copy_data(0))[0] > 0:
        rows.append(bytes(got[1]))
        if len(rows) == 20_000:
            yield b"".join(rows)
            rows = []
    while connection.get_result() is not None:
        pass
    if rows:
        yield b"".join(rows)


def scan(
    source: Connector,
    table: TableName,
    names: tuple[str, ...],
    order_by: tuple[SortKey, ...] = (),
    predicates: tuple[Predicate, ...] = (),
) -> Iterator[int]:
    """The connector's scan."""
    kinds = {column.name: column.sql_type for column in source.describe(table).columns}
    columns = tuple((name, kinds[name]) for name in names)
    yield from map(len_of, source.scan(ScanRequest(table, columns, predicates, order_by)))


def len_of(batch: pa.RecordBatch) -> int:
    """How many rows a batch has."""
    return batch.num_rows


def fill_postgres(server: PostgresServer, rows: int) -> None:
    """Make the table."""
    kinds = ", ".join(f"{name} {kind}" for name, kind, _ in COLUMNS)
    made = ", ".join(text.format(n="n", int="int", day="'1 day' * (n % 2500)") for _, _, text in COLUMNS)
    with server.connect() as connection:
        for statement in (
            f"CREATE TABLE items ({kinds})",
            f"INSERT INTO items SELECT {made} FROM generate_series(1::bigint, {rows}) AS g(n)",
            "VACUUM (ANALYZE) items",
        ):
            connection.execute(statement)  # type: ignore[arg-type]


def fill_mariadb(server: MariaDBServer, rows: int) -> None:
    """The same rows."""
    kinds = ", ".join(f"{name} {kind}" for name, kind, _ in COLUMNS)
    made = ", ".join(text.format(n="seq", int="signed", day="(seq % 2500) day") for _, _, text in COLUMNS)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE items ({kinds}) CHARACTER SET utf8mb4")
        cursor.execute(f"INSERT INTO items SELECT {made} FROM seq_1_to_{rows}")
        cursor.execute("ANALYZE TABLE items")
