"""DuckDB is told how large a scan is: it builds the small side, and a wrong number changes no answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from connectors.sdk import ScanRequest, TableName
from engine.scan_source import UNKNOWN_ROWS, SizedSource
from engine.scan_stream import ScanStream
from engine.scans import Scan, ScanColumn

ROWS = 5_000
T = pa.table(
    {
        "k": [n * 31 % 300 for n in range(ROWS)],
        "v": [n * 7919 % 1_000 / 8 for n in range(ROWS)],
        "s": [f"x{n % 7}" for n in range(ROWS)],
    }
)
U = pa.table({"k": range(400), "w": [n * 5 % 9 for n in range(400)], "s": [None] * 400}).cast(
    pa.schema([("k", pa.int64()), ("w", pa.int64()), ("s", pa.string())])
)
QUERIES = [
    "SELECT count(*), min(k), max(k) FROM t",
    "SELECT CAST(sum(CAST(9000000000000000 AS BIGINT)) AS VARCHAR) FROM t",  # beyond 64 bits only if all rows count
    "SELECT s, count(*), max(v) FROM t GROUP BY s HAVING count(*) > 700 ORDER BY s",
    "SELECT k, v FROM t ORDER BY k, v, s LIMIT 5 OFFSET 4990",
    "SELECT count(*) FROM (SELECT * FROM t LIMIT 4000) AS l",
    "SELECT u.w, count(*) FROM t JOIN u ON t.k = u.k GROUP BY u.w ORDER BY 1",
    "SELECT count(*) FROM u LEFT JOIN t ON t.k = u.k",
    "SELECT count(*) FROM t FULL JOIN u ON t.k = u.k",
    "SELECT count(*) FROM u ANTI JOIN t ON t.k = u.k",
    "SELECT count(*) FROM t WHERE k NOT IN (SELECT k FROM u WHERE w = 3)",
    "SELECT row_number() OVER (ORDER BY v, k) AS r, k FROM t ORDER BY r DESC LIMIT 3",
    "SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM u)",
]


class Rows:
    """A connector as far as a stream needs one."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def scan(self, request: ScanRequest) -> Iterator[pa.RecordBatch]:
        yield from self.table.to_batches(max_chunksize=500)

    def cancel(self) -> None:
        """Nothing runs elsewhere."""


@pytest.fixture
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as opened:
        yield opened


def stream_of(table: pa.Table, name: str, expected: int | None) -> ScanStream:
    kinds = {"int64": "BIGINT", "double": "DOUBLE", "string": "VARCHAR"}
    columns = tuple(ScanColumn(field.name, field.name, kinds[str(field.type)]) for field in table.schema)
    scan = Scan(name, "c", TableName((name,)), columns, expected_rows=expected)
    rows: Any = Rows(table)
    return ScanStream(scan, rows, threading.Event())


def answers(session: duckdb.DuckDBPyConnection, sizes: tuple[int | None, int | None]) -> list[list[Any]]:
    found = []
    for query in QUERIES:
        cursor = session.cursor()
        for name, table, expected in (("t", T, sizes[0]), ("u", U, sizes[1])):
            cursor.register(name, SizedSource(stream_of(table, name, expected)))
        found.append(cursor.sql(query).fetchall())
        cursor.close()
    return found


@pytest.mark.parametrize("sizes", [(0, 0), (1, 10**12), (10, 5), (10**12, 1), (None, None), (ROWS, 400)])
def test_a_wrong_size_changes_no_answer(
    session: duckdb.DuckDBPyConnection, sizes: tuple[int | None, int | None]
) -> None:
    plain = session.cursor()
    plain.register("t", T)
    plain.register("u", U)
    assert answers(session, sizes) == [plain.sql(query).fetchall() for query in QUERIES]


@pytest.mark.parametrize("order", ["big JOIN small", "small JOIN big"])
def test_the_small_side_is_built_whatever_the_query_says(session: duckdb.DuckDBPyConnection, order: str) -> None:
    for name, expected in (("big", 5_000_000), ("small", 50_000)):
        session.register(name, SizedSource(stream_of(T, name, expected)))
    query = f"SELECT count(*) FROM {order} ON big.k = small.k"
    plan = session.sql(f"EXPLAIN {query}").fetchall()[0][1]
    (sizes,) = [line for line in plan.splitlines() if line.count("rows") == 2]
    assert sizes.index("5,000,000") < sizes.index("50,000 "), (
        "the right side is the one that a hash table is built of"
    )


def test_a_scan_that_has_ended_is_counted() -> None:
    stream = stream_of(T, "t", 7)
    assert SizedSource(stream).rows() == 7
    stream.start()
    assert stream.values("s", ROWS) is not None and SizedSource(stream).rows() == ROWS
    assert SizedSource(stream_of(T, "t", None)).rows() == UNKNOWN_ROWS
    stream.stop()
    assert stream.join(5)
