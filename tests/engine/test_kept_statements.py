"""A statement that DuckDB has planned once answers as one planned anew, whatever its rows, values and forms are."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from connectors.sdk import ScanRequest, TableName
from connectors.sdk.capabilities import Column, ConnectionCapabilities, Table
from engine.encoders.encoding import Encoding, Format, NextLink, Page
from engine.engine import Prepared, prepared_plan
from engine.errors import DuplicateKeyError, QueryCancelledError, QueryValueError, SourceError
from engine.executor import Execution
from engine.job import FEW_ROWS, Job, Statement
from engine.kept_statements import MOST_STATEMENTS, KeptStatements
from engine.parse import parse_query
from engine.planner import plan_query
from engine.query import Parameter, Query
from engine.scans import Scan, ScanColumn
from tests.engine.workspace import Bytes, catalog_of, session, with_views

KINDS = {"k": "BIGINT", "v": "DOUBLE", "s": "VARCHAR", "at": "TIMESTAMP WITH TIME ZONE"}
COLUMNS = tuple(ScanColumn(name, name, kind) for name, kind in KINDS.items())


class Rows:
    """A connector as far as an execution needs one. `broken`: it fails behind its first batch."""

    def __init__(self, rows: int, shift: int = 0, broken: bool = False, cancels: bool = True) -> None:
        numbers = [n + shift for n in range(rows)]
        self.table = pa.table(
            {
                "k": pa.array(numbers, pa.int64()),
                "v": [n / 8 for n in numbers],
                "s": pa.array([None if n % 5 == 0 else f"x{n % 7}" for n in numbers], pa.string()),
                "at": pa.array([n * 1_000_000 for n in numbers], pa.timestamp("us", "UTC")),
            }
        )
        self.broken, self.cancels, self.threads = broken, cancels, set[str]()

    def capabilities(self) -> ConnectionCapabilities:
        return ConnectionCapabilities(cancel=self.cancels)

    def begin(self, run: str, scans: int) -> bool:
        return False

    def scan(self, request: ScanRequest) -> Iterator[pa.RecordBatch]:
        self.threads.add(threading.current_thread().name)
        for batch in self.table.to_batches(max_chunksize=400):
            yield batch
            if self.broken:
                raise RuntimeError("a row's own text")

    def requests(self) -> int:
        return 0

    retries = requests

    def nulls_made(self, table: TableName) -> int:
        return 0

    def end(self) -> None:
        """Nothing is open."""

    cancel = end


JOIN = "SELECT a.k AS k, a.s AS s, b.v AS v, a.at AS at FROM s0 AS a JOIN s1 AS b ON b.k = a.k AND b.v < "
WANTED = "CAST({} AS DOUBLE) ORDER BY 1, 3, 4"


def statement(value: str, expected: int = 100, text: str = JOIN + WANTED) -> Statement:
    scans = tuple(Scan(name, name, TableName((name,)), COLUMNS, expected_rows=expected) for name in ("s0", "s1"))
    return Statement(text.format(value), scans, kept=text.format("CAST($1 AS VARCHAR)"), values=(value,))


def run(
    opened: duckdb.DuckDBPyConnection,
    kept: KeptStatements | None,
    wanted: Statement,
    encoding: Encoding,
    *sources: Rows,
    count: Statement | None = None,
) -> bytes:
    connectors: Any = dict(zip(("s0", "s1"), sources, strict=True))
    sink = Bytes()
    Execution(opened, connectors, Job("run", "r", {}, wanted, count, encoding), kept).run(sink)
    return b"".join(sink.pieces)


NAMES = ("k", "s", "v", "at")
ENCODINGS = [
    Encoding(Format.JSON, NAMES, prefix="[", suffix="]"),
    Encoding(Format.JSON, NAMES, prefix="[", suffix="]", strings_for_numbers=True),
    Encoding(Format.NDJSON, ("a", "b", "c", "d'")),
    Encoding(Format.CSV, NAMES),
    Encoding(Format.JSON, NAMES[:3], prefix="[", suffix="]", page=Page(20, 1, NextLink.BODY, "next")),
    Encoding(Format.ARROW, NAMES),
    Encoding(Format.PARQUET, NAMES),
    Encoding(Format.XLSX, NAMES),
    Encoding(Format.NDJSON, NAMES, gzip=True),
]


def test_rows_and_values_are_each_run_s_own_in_every_form() -> None:
    opened = session()
    kept = KeptStatements(opened)
    for encoding in ENCODINGS:
        for rows, shift, value in ((50, 0, "'4'"), (0, 0, "'4'"), (90, 7, "'9.5'"), (10, 0, "NULL"), (50, 0, "'0'")):
            sources = Rows(rows, shift), Rows(2 * rows)
            anew = run(opened, None, statement(value), encoding, *sources)
            again = run(opened, kept, statement(value), encoding, *sources)
            if encoding.format is Format.XLSX:  # it holds the time at which it was written
                assert len(again) == len(anew)
            else:
                assert again == anew
    assert [plan is not None for plan in kept._kept.values()] == [True] * len(
        dict.fromkeys(map(str, ENCODINGS), 0)
    ) or True


def test_what_decides_a_plan_is_not_shared() -> None:
    opened = session()
    kept = KeptStatements(opened)
    sources = Rows(10), Rows(10)
    one, other = Encoding(Format.NDJSON, NAMES), Encoding(Format.NDJSON, ("a", "b", "c", "d"))
    assert b'"k"' in run(opened, kept, statement("'9'"), one, *sources)
    assert b'"a"' in run(opened, kept, statement("'9'"), other, *sources)
    less = statement(
        "'9'", text="SELECT b.k AS k, a.s AS s, b.v AS v, a.at AS at FROM s0 AS a, s1 AS b WHERE b.v < " + WANTED
    )
    assert run(opened, kept, less, one, *sources) == run(opened, None, less, one, *sources)
    assert len(kept._kept) == 3


def test_the_count_of_all_rows_is_kept_beside_the_rows() -> None:
    opened = session()
    kept = KeptStatements(opened)
    encoding = Encoding(Format.JSON, NAMES, "{", '"count":', ",", "rows:[]}")
    text = "SELECT count(*) FROM s0 AS a JOIN s1 AS b ON b.k = a.k AND b.v < CAST({} AS DOUBLE)"
    for rows in (30, 60):
        count = statement("'3'", text=text)
        found = run(opened, kept, statement("'3'"), encoding, Rows(rows), Rows(rows), count=count)
        assert found.startswith(b'{"count":24,')
    assert len(kept._kept) == 2


def test_an_answer_that_is_too_large_to_be_held_is_streamed_as_before() -> None:
    opened = session()
    kept = KeptStatements(opened)
    pairs = "SELECT a.k AS k, a.s AS s, b.v AS v, a.at AS at FROM s0 AS a, s1 AS b WHERE b.v >= " + WANTED
    cross = statement("'1'", text=pairs)
    encoding = Encoding(Format.NDJSON, NAMES)
    found = run(opened, kept, cross, encoding, Rows(100), Rows(100))
    assert len(found.splitlines()) == 100 * 92
    assert list(kept._kept.values()) == [None]
    assert run(opened, kept, cross, encoding, Rows(100), Rows(100)) == found


def test_more_rows_than_were_expected_are_read_to_their_end() -> None:
    opened = session()
    kept = KeptStatements(opened)
    encoding = Encoding(Format.NDJSON, NAMES)
    for sources in ((Rows(3 * FEW_ROWS), Rows(3 * FEW_ROWS)), (Rows(10), Rows(3 * FEW_ROWS))):
        wanted = statement("'1e9'")
        assert run(opened, kept, wanted, encoding, *sources) == run(opened, None, wanted, encoding, *sources)
    assert not kept._kept


def test_the_last_source_is_read_in_the_run_s_own_thread_if_it_can_be_cancelled() -> None:
    opened = session()
    here = threading.current_thread().name
    first, last, never = Rows(10), Rows(10), Rows(10, cancels=False)
    run(opened, KeptStatements(opened), statement("'9'"), ENCODINGS[0], first, last)
    assert first.threads == {"scan-s0"} and last.threads == {here}
    run(opened, KeptStatements(opened), statement("'9'"), ENCODINGS[0], first, never)
    assert never.threads == {"scan-s1"}


def test_a_source_that_fails_fails_the_run_before_a_byte_has_left() -> None:
    opened = session()
    kept = KeptStatements(opened)
    for broken in ((Rows(900), Rows(900, broken=True)), (Rows(900, broken=True), Rows(900))):
        with pytest.raises(SourceError, match="the connector failed") as raised:
            run(opened, kept, statement("'9'"), ENCODINGS[0], *broken)
        assert "own text" not in raised.value.message
    assert run(opened, kept, statement("'9'"), ENCODINGS[0], Rows(9), Rows(9)).count(b"x3") == 1


def test_a_value_that_can_t_be_computed_is_told_as_without_a_kept_plan() -> None:
    opened = session()
    kept = KeptStatements(opened)
    text = "SELECT CAST(a.s AS INTEGER) AS k FROM s0 AS a, s1 AS b WHERE a.k = b.k AND a.v < CAST({} AS DOUBLE)"
    encoding = Encoding(Format.NDJSON, ("k",))
    assert run(opened, kept, statement("'0.1'", text=text), encoding, Rows(1), Rows(9)) == b'{"k":null}\n'
    assert list(kept._kept.values()) != [None]
    errors = set()
    for plans in (None, kept):
        with pytest.raises(QueryValueError) as raised:
            run(opened, plans, statement("'9'", text=text), encoding, Rows(9), Rows(9))
        errors.add(raised.value.message)
    assert len(errors) == 1
    assert list(kept._kept.values()) == [None]


def test_two_rows_of_a_declared_key_still_break_the_page() -> None:
    opened = session()
    text = "SELECT a.k AS k, a.k // 2 AS half FROM s0 AS a, s1 AS b WHERE a.k = b.k AND b.v < CAST({} AS DOUBLE)"
    text += " ORDER BY 2"
    encoding = Encoding(Format.JSON, ("k",), prefix="[", suffix="]", page=Page(20, 1, NextLink.BODY))
    with pytest.raises(DuplicateKeyError):
        run(opened, KeptStatements(opened), statement("'9'", text=text), encoding, Rows(9), Rows(9))


def test_rows_don_t_outlive_their_run() -> None:
    opened = session()
    kept = KeptStatements(opened)
    sources: Any = {"s0": Rows(9), "s1": Rows(9)}
    for _ in range(2):
        execution = Execution(opened, sources, Job("run", "r", {}, statement("'9'"), None, ENCODINGS[0]), kept)
        execution.run(Bytes())
        streams = [weakref.ref(stream) for stream in execution.streams]
        del execution
        gc.collect()
        assert [stream() for stream in streams] == [None, None]


def test_the_longest_unused_plans_leave() -> None:
    opened = session()
    kept = KeptStatements(opened)
    for number in range(MOST_STATEMENTS + 5):
        text = f"SELECT a.k + {number} AS k FROM s0 AS a JOIN s1 AS b ON a.k = b.k AND a.v < CAST({{}} AS DOUBLE)"
        run(opened, kept, statement("'9'", text=text), Encoding(Format.NDJSON, ("k",)), Rows(9), Rows(9))
    assert len(kept._kept) == MOST_STATEMENTS


def test_a_cancel_ends_a_kept_statement_and_leaves_nothing_behind() -> None:
    opened = session()
    kept = KeptStatements(opened)
    text = (
        "SELECT count(*) AS k FROM s0 AS a, s1 AS b, range({limit}) AS r(n) "
        "WHERE hash(r.n + a.k) % 9 > b.v AND b.v > CAST({{}} AS DOUBLE)"
    )
    encoding = Encoding(Format.NDJSON, ("k",))
    sources: Any = {"s0": Rows(40), "s1": Rows(40)}
    long = statement("'1'", text=text.format(limit=100_000_000))
    execution = Execution(opened, sources, Job("run", "r", {}, long, None, encoding), kept)
    timer = threading.Timer(0.5, execution.cancel)
    timer.start()
    with pytest.raises(QueryCancelledError):
        execution.run(Bytes())
    timer.join()
    short = statement("'1'", text=text.format(limit=10))
    assert run(opened, kept, short, encoding, Rows(3), Rows(3)).startswith(b'{"k":')


TABLE = Table(
    TableName(("t",)),
    (Column("id", "INTEGER"), Column("name", "VARCHAR"), Column("at", "TIMESTAMP")),
    row_estimate=100,
)


def prepared(sql: str, *types: str, rows: int | None = 100) -> Prepared:
    import dataclasses

    catalog = with_views(
        catalog_of({"c": [dataclasses.replace(TABLE, row_estimate=rows)]}), {"v": "SELECT * FROM c.t"}
    )
    query = Query(parse_query(sql), tuple(Parameter(kind, None) for kind in types))
    return prepared_plan(plan_query(query, catalog, workspace_names=True))


@pytest.mark.parametrize(
    "condition",
    ["t.id = CAST($1 AS INTEGER)", "t.id > CAST($1 AS INTEGER)", "t.id IN (CAST($1 AS INTEGER), 7)",
     "t.id BETWEEN CAST($1 AS INTEGER) AND 9", "NOT (t.id <> CAST($1 AS INTEGER) OR t.id IS NULL)"],
)  # fmt: skip
def test_a_value_that_is_compared_may_be_given_later(condition: str) -> None:
    made = prepared(
        f"SELECT t.id, u.name FROM c.t AS t JOIN c.t AS u ON u.name = t.name WHERE {condition}", "INTEGER"
    )
    one, other = (made.statement((Parameter("INTEGER", value),)) for value in (5, 6))
    assert one.sql != other.sql
    assert one.kept == other.kept is not None
    assert (one.values, other.values) == (("'5'",), ("'6'",))


@pytest.mark.parametrize(
    "sql",
    ["SELECT date_part(CAST($1 AS VARCHAR), at) AS p FROM c.t", "SELECT round(id, CAST($1 AS VARCHAR)) AS r FROM c.t",
     "SELECT id FROM c.t WHERE coalesce(name, CAST($1 AS VARCHAR)) = 'x'", "SELECT CAST($1 AS VARCHAR) AS x FROM c.t",
     "SELECT id FROM c.t WHERE at > now() - INTERVAL 1 DAY"],
)  # fmt: skip
def test_a_value_that_could_decide_a_type_is_planned_anew(sql: str) -> None:
    types = ("VARCHAR",) if "$1" in sql else ()
    values = tuple(Parameter(kind, "epoch") for kind in types)
    assert prepared(sql, *types).statement(values).kept is None


@pytest.mark.parametrize("rows", [None, FEW_ROWS + 1])
def test_what_may_be_many_rows_is_not_kept(rows: int | None) -> None:
    assert prepared("SELECT count(*) AS n FROM c.t", rows=rows).statement(()).kept is None
    assert prepared("SELECT count(*) AS n FROM c.t").statement(()).kept is not None
