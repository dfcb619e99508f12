"""Conditions that no predicate says reach the source in its dialect, and answers stay DuckDB's."""

from __future__ import annotations

import pytest
import sqlglot

from connectors.sdk import Connector
from engine.query import Parameter
from engine.rules.dialect_conditions import is_null_of_nulls
from engine.source_conditions import TABLE
from tests.engine.live import Live, Run, difference


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources)


def run(live: Live, sql: str, *parameters: Parameter) -> Run:
    """The answer, which is plain DuckDB's."""
    found = live.run(sql, parameters)
    plain = sql
    for number, parameter in enumerate(parameters, 1):
        plain = plain.replace(f"${number}", "NULL" if parameter.value is None else repr(parameter.value))
    assert difference(found.table, live.expected(plain)) is None, sql
    return found


def read(found: Run) -> int:
    return sum(found.rows.values())


@pytest.mark.parametrize("name", ("pg", "my"))
@pytest.mark.parametrize(
    "condition",
    (
        "year(day) = 2024", "small < dim", "left(txt, 1) = 'a'", "txt NOT LIKE 'a%'", "txt LIKE 'a%c'", "n % 3 = 1",
        "(small = 1 AND year(day) = 2024) OR (small = 2 AND month(day) = 3)", "coalesce(n, 5) = 5",
        "upper(code) = 'A' AND length(txt) = 1", "CASE WHEN n > 0 THEN small ELSE dim END = 2",
    ),
)  # fmt: skip
def test_only_rows_that_count_are_fetched(live: Live, name: str, condition: str) -> None:
    sql = f"SELECT id, txt, day, small FROM {name}.facts WHERE {condition}"
    found = run(live, sql)
    (scan,) = found.plan.scans
    assert scan.fragment is None and scan.conditions
    if "upper" not in condition:
        assert read(found) == found.table.num_rows
    assert read(found) < 90
    assert read(found) <= read(live.run(sql, rules=()))


def test_what_a_view_computes_can_be_filtered_by(live: Live) -> None:
    view = "(SELECT id, year(day) AS y, day > DATE '2024-03-01' AS late, n + 1 AS m FROM pg.facts WHERE n < 100) AS v"
    for condition in ("y = 2024", "late", "NOT late", "late = FALSE", "m = 3", "m IS NOT NULL AND late <> TRUE"):
        found = run(live, f"SELECT id FROM {view} WHERE {condition}")
        assert read(found) == found.table.num_rows, condition
    found = run(live, f"SELECT id FROM {view} WHERE late = CAST($1 AS BOOLEAN)", Parameter("BOOLEAN", True))
    assert read(found) == found.table.num_rows


def test_no_filter_goes_below_a_limit_a_window_or_an_aggregate(live: Live) -> None:
    for inner in (
        "SELECT id, year(day) AS y FROM pg.facts ORDER BY id LIMIT 40",
        "SELECT id, year(day) AS y, rank() OVER (ORDER BY id) AS r FROM pg.facts",
        "SELECT max(id) AS id, year(max(day)) AS y FROM pg.facts GROUP BY dim",
    ):
        found = run(live, f"SELECT id FROM ({inner}) AS v WHERE y = 2024")
        assert not any(scan.conditions for scan in found.plan.scans), inner


def test_below_an_outer_join_only_what_rejects_null_goes(live: Live) -> None:
    joined = "my.dims d LEFT JOIN pg.facts f ON f.dim = d.id"
    for condition, goes in (
        ("year(f.day) = 2024", True), ("coalesce(f.small, 1) = 1", False), ("f.small + 1 IS NULL", False),
        ("CASE WHEN f.n > 1 THEN 0 ELSE 1 END = 1", False), ("f.small < f.dim", True),
        ("(f.small + 1 IS NULL OR f.n % 2 = 1) AND abs(f.n) < 9", True),
    ):  # fmt: skip
        found = run(live, f"SELECT d.id, f.id AS other FROM {joined} WHERE {condition}")
        assert any(scan.conditions for scan in found.plan.scans) is goes, condition


def test_a_parameter_may_be_null(live: Live) -> None:
    for value in ("a%", None):
        found = run(
            live, "SELECT id FROM my.facts WHERE txt NOT LIKE CAST($1 AS VARCHAR)", Parameter("VARCHAR", value)
        )
        assert read(found) == found.table.num_rows


def test_a_value_that_a_source_can_not_compute_is_no_error(live: Live) -> None:
    for name in ("pg", "my"):
        for condition in ("abs(n) < 9 AND n > -5", "-n < 9 AND n > -5", "abs(big) < 9 AND big > -5", "sign(big) = 1"):
            run(live, f"SELECT id FROM {name}.facts WHERE {condition}")
    run(live, "SELECT count(*) AS n FROM pg.facts WHERE abs(n) < 9 AND n > -5")


def test_a_rough_text_is_fetched_exactly(live: Live) -> None:
    found = run(live, "SELECT id, note FROM my.facts WHERE note = 'a'")
    assert read(found) == found.table.num_rows
    assert [scan.predicates for scan in found.plan.scans] != [()]  # which the index helps with


def test_conditions_go_into_a_fragment_of_several_tables(live: Live) -> None:
    sql = (
        "SELECT f.id, d.label FROM pg.facts f JOIN pg.dims d ON f.dim = d.id "
        "WHERE year(f.day) = 2024 AND upper(f.code) = 'A' AND (f.n % 2 = 1 OR lower(d.label) = 'a')"
    )
    found = run(live, sql)
    (scan,) = found.plan.scans
    assert scan.fragment is not None and "EXTRACT(year" in scan.fragment.sql and TABLE not in scan.fragment.sql


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", True), ("a + 1", True), ("5", False), ("coalesce(a, 1)", False), ("year(a) = 1", True),
        ("a IS NULL", False), ("NOT a > 1", True), ("a > 1 OR b > 1", True), ("a > 1 OR b IS NULL", False),
        ("a IN (1, b)", True), ("1 IN (a, b)", False), ("1 BETWEEN a AND 2", False), ("a IS DISTINCT FROM b", False),
        ("nullif(a, 1) = 2", False), ("CASE WHEN a THEN 1 END = 1", False), ("if(a, 1, 2) = 2", False),
    ],
)  # fmt: skip
def test_what_is_null_of_nulls(text: str, expected: bool) -> None:
    assert is_null_of_nulls(sqlglot.parse_one(text, dialect="duckdb")) is expected
