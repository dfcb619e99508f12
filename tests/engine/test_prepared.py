"""A caller's values stay values: in DuckDB's text, in predicates, in JSON, and in the cache of plans."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.records import WorkspaceCatalog
from connectors.sdk import AllOf, AnyOf, Column, Comparison, Op, SortKey, Support, Table, TableName, Value
from engine.encoders.encoding import Encoding, Format, NextLink, Page
from engine.engine import Engine, Prepared, prepared_plan, sql_literal
from engine.errors import ParameterValueError
from engine.job import Job, JobConnection, Statement, job_from_json, job_to_json
from engine.parse import parse_query
from engine.planner import plan_query
from engine.query import Parameter, Query
from engine.scans import KeysFrom, Param, Scan, ScanColumn, bind, scan_from_json, scan_to_json
from engine.values import from_json, to_json
from tests.engine.workspace import catalog_of, session, with_views

TABLE = Table(
    TableName(("t",)),
    (
        Column("id", "INTEGER", operators=dict.fromkeys((Op.EQ, Op.IN, Op.LT), Support.EXACT), orders=True),
        Column("name", "VARCHAR", operators={Op.EQ: Support.EXACT}),
    ),
    limit=True,
)
CATALOG = with_views(catalog_of({"c": [TABLE]}), {"v": "SELECT * FROM c.t"})
TEXTS = (
    st.text() | st.text(alphabet="'\"\\$1_p;-/*\n%{}()") | st.sampled_from(["$1", "'||(SELECT 1)||'", "p0_0_", "\\'"])
)
VALUES = (
    st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.floats() | TEXTS | st.binary()
    | st.decimals(allow_nan=False, allow_infinity=False) | st.dates() | st.times() | st.uuids()
    | st.datetimes() | st.datetimes(timezones=st.just(UTC))
)  # fmt: skip


def prepare(sql: str, *types: str) -> Prepared:
    query = Query(parse_query(sql), tuple(Parameter(kind, None) for kind in types))
    return prepared_plan(plan_query(query, CATALOG, workspace_names=True))


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_a_text_never_leaves_its_literal(one: str, two: str) -> None:
    prepared = prepare("SELECT CAST($1 AS VARCHAR) AS a, CAST($2 AS VARCHAR) AS b", "VARCHAR", "VARCHAR")
    try:
        sql = prepared.statement((Parameter("VARCHAR", one), Parameter("VARCHAR", two))).sql
    except ParameterValueError:
        assert any(character == "\0" or "\ud800" <= character <= "\udfff" for character in one + two)
        return
    assert CONNECTION.execute(sql).fetchall() == [(one, two)]


CONNECTION = session()


@pytest.mark.parametrize(
    ("sql_type", "value"),
    [("DOUBLE", 0.1), ("DOUBLE", 1e308), ("DOUBLE", 5e-324), ("DOUBLE", math.inf), ("DOUBLE", -0.0),
     ("DECIMAL(38,10)", Decimal("-1234567890123456789012345678.0123456789")), ("DECIMAL(4,1)", Decimal("1E+2")),
     ("BLOB", b"\x00'\\\xff x41"), ("BLOB", b""), ("DATE", date(1, 1, 1)), ("DATE", date(9999, 12, 31)),
     ("TIMESTAMP", datetime(1, 1, 1, 0, 0, 0, 1)), ("TIME", time(23, 59, 59, 999999)), ("BIGINT", -(2**63)),
     ("UBIGINT", 2**64 - 1), ("UUID", UUID(int=2**127 + 5)), ("BOOLEAN", False), ("VARCHAR", None)],
)  # fmt: skip
def test_a_value_comes_back_as_it_was(sql_type: str, value: Value | None) -> None:
    found = CONNECTION.execute(f"SELECT CAST({sql_literal(value)} AS {sql_type})").fetchone()
    assert found == (value,)
    assert str(found) == str((value,)) or isinstance(value, Decimal)


def test_an_instant_comes_back_as_it_was() -> None:
    value = datetime(2024, 3, 31, 1, 0, 0, 1, tzinfo=UTC)
    text = f"SELECT epoch_us(CAST({sql_literal(value)} AS TIMESTAMP WITH TIME ZONE))"
    assert CONNECTION.execute(text).fetchone() == (1711846800000001,)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "a\udfff"])
def test_text_that_no_database_holds_is_the_callers_error(text: str) -> None:
    with pytest.raises(ParameterValueError):
        sql_literal(text)


@pytest.mark.parametrize("sql", ["SELECT CAST($2 AS INT) AS a", "SELECT $3 AS a", "SELECT id FROM c.t WHERE id = $2"])
def test_a_number_without_a_value_is_refused(sql: str) -> None:
    with pytest.raises(ParameterValueError, match="has no value"):
        prepare(sql, "INTEGER")


BOUND = "SELECT id FROM c.t WHERE id = CAST($1 AS {}) ORDER BY id LIMIT 5"


@pytest.mark.parametrize(
    ("given_type", "value", "pushed"),
    [("INTEGER", 5, 5), ("BIGINT", 5, 5), ("DECIMAL(12,2)", Decimal("5.00"), 5), ("BIGINT", 2**40, 2**40)],
)
def test_a_value_that_converts_goes_to_the_source_with_the_limit(
    given_type: str, value: Value, pushed: Value
) -> None:
    (scan,) = prepare(BOUND.format(given_type), given_type).statement((Parameter(given_type, value),)).scans
    assert scan.predicates == (Comparison("id", Op.EQ, (pushed,)),)
    assert scan.limit == 5


@pytest.mark.parametrize(
    ("given_type", "value"),
    [("DECIMAL(12,2)", Decimal("2.5")), ("INTEGER", None), ("DECIMAL(38,0)", Decimal(10) ** 30)],
)
def test_a_value_that_does_not_convert_takes_filter_order_and_limit_with_it(
    given_type: str, value: Value | None
) -> None:
    statement = prepare(BOUND.format(given_type), given_type).statement((Parameter(given_type, value),))
    (scan,) = statement.scans
    assert (scan.predicates, scan.order_by, scan.limit, scan.exact) == ((), (), None, False)
    assert statement.plain is None


def test_a_null_in_an_or_takes_the_whole_or_and_in_an_and_only_its_term() -> None:
    one, two = Comparison("id", Op.EQ, (Param(0, "INTEGER", "INTEGER"),)), Comparison("name", Op.EQ, ("x",))  # type: ignore[arg-type]
    scan = Scan("s0", "c", TABLE.name, (ScanColumn("id", "id", "INTEGER"),), (AnyOf((one, two)), AllOf((one, two))))
    (bound,) = bind([scan], [None])
    assert bound.predicates == (AllOf((two,)),)


@given(VALUES)
def test_every_value_survives_json(value: Value | None) -> None:
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return
    found = from_json(orjson.loads(orjson.dumps(to_json(value))))
    assert found == value or (isinstance(value, float) and math.isnan(value))
    assert type(found) is type(value)


def test_an_unknown_form_of_value_is_refused() -> None:
    with pytest.raises(ValueError, match="no value has the form"):
        from_json({"pickle": "x"})


def test_a_job_survives_json() -> None:
    predicate = AllOf((Comparison("id", Op.IN, (1, Decimal("2.50"), "x")), AnyOf((Comparison("n", Op.IS_NULL),))))
    param = Comparison("id", Op.EQ, (Param(0, "DECIMAL(12,2)", "INTEGER"),))  # type: ignore[arg-type]
    scan = Scan(
        "s0", "c", TableName(("a.b", "t")), (ScanColumn("id", "Id", "INTEGER"),), (predicate, param), False,
        (SortKey("Id", True, True),), 7, 100, (KeysFrom("s1", "k", "Id", 10),),
    )  # fmt: skip
    assert scan_from_json(orjson.loads(orjson.dumps(scan_to_json(scan)))) == scan
    encoding = Encoding(Format.JSON, ("a",), "[", suffix="]", page=Page(5, 1, NextLink.HEAD, "x"))
    statement = Statement("SELECT 1", (scan,), ("id",))
    job = Job(
        "run", "r", {"c": JobConnection("k", {"a": 1}, "UTC")}, statement, Statement("x", ()), encoding, 1, 2, 3, 4.5
    )
    assert job_from_json(orjson.loads(orjson.dumps(job_to_json(job)))) == job


class PlanningEngine(Engine):
    """An engine without workers: it only plans."""

    def __init__(self) -> None:
        self._plans: OrderedDict[tuple[object, ...], Prepared] = OrderedDict()
        self._lock = threading.Lock()


def query(sql: str, *parameters: Parameter) -> Query:
    return Query(parse_query(sql), parameters)


def test_one_plan_serves_all_values_of_a_shape() -> None:
    engine = PlanningEngine()
    sql = "SELECT id FROM pub_v WHERE id = CAST($1 AS INTEGER)"
    first = engine.prepare(query(sql, Parameter("INTEGER", 1)), CATALOG)
    assert engine.prepare(query(sql, Parameter("INTEGER", 2)), CATALOG) is first
    assert "'2'" in first.statement((Parameter("INTEGER", 2),)).sql


@pytest.mark.parametrize(
    "other",
    [replace(CATALOG, tenant="b"), replace(CATALOG, workspace="b"), replace(CATALOG, version=2)],
    ids=["tenant", "workspace", "version"],
)
def test_a_plan_is_not_used_in_another(other: WorkspaceCatalog) -> None:
    engine = PlanningEngine()
    engine.prepare(query("SELECT id FROM pub_v"), CATALOG)
    assert engine.cached(query("SELECT id FROM pub_v"), other) is None


def test_a_plan_is_not_used_by_who_may_read_less_or_for_other_literals_or_types() -> None:
    engine = PlanningEngine()
    engine.prepare(query("SELECT id FROM pub_v WHERE id = 1", Parameter("INTEGER", 1)), CATALOG, frozenset({"pub_v"}))
    asked = "SELECT id FROM pub_v WHERE id = 1"
    assert engine.cached(query(asked, Parameter("INTEGER", 9)), CATALOG, frozenset({"pub_v"})) is not None
    assert engine.cached(query(asked, Parameter("INTEGER", 1)), CATALOG, frozenset()) is None
    assert engine.cached(query(asked, Parameter("INTEGER", 1)), CATALOG) is None
    assert engine.cached(query(asked, Parameter("VARCHAR", "1")), CATALOG, frozenset({"pub_v"})) is None
    for sql in (asked.replace("1", "2"), asked.replace("1", "'1'"), asked.replace("=", "<"), asked + " LIMIT 1"):
        assert engine.cached(query(sql, Parameter("INTEGER", 1)), CATALOG, frozenset({"pub_v"})) is None


def test_a_callers_text_that_looks_like_a_marker_stays_text() -> None:
    prepared = prepare("SELECT 'p0123456789abcdef_0_' AS a, CAST($1 AS VARCHAR) AS b", "VARCHAR")
    sql = prepared.statement((Parameter("VARCHAR", "x"),)).sql
    assert CONNECTION.execute(sql).fetchall() == [("p0123456789abcdef_0_", "x")]
