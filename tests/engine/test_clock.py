"""`now()` and `current_date` are one moment in a whole run, and no text of the query."""

from datetime import UTC, date, datetime

import duckdb
import pytest

from catalog.records import Publication, View, WorkspaceCatalog
from engine.engine import prepared_plan
from engine.errors import SqlNotAllowedError
from engine.parse import parse_query
from engine.planner import plan_query
from engine.query import Parameter, Query

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
SQL = "SELECT now() AS a, current_timestamp AS b, current_date AS c, today() AS d, CAST($1 AS INTEGER) AS e"


def test_every_spelling_gives_the_moment_of_the_run() -> None:
    catalog = WorkspaceCatalog("t", "w", 1)
    prepared = prepared_plan(plan_query(Query(parse_query(SQL), (Parameter("INTEGER", 7),)), catalog))
    statement = prepared.statement((Parameter("INTEGER", 7),), NOW)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    (row,) = connection.sql(f"SELECT epoch(a), epoch(b), c, d, e FROM ({statement.sql})").fetchall()
    assert row == (NOW.timestamp(), NOW.timestamp(), date(2026, 3, 29), date(2026, 3, 29), 7)


def test_a_clock_in_a_view_is_bound_too() -> None:
    view = View("v", 1, "SELECT now() AS at", "SELECT now() AS at", ())
    publication = Publication("v", "v", {"v": 1})
    catalog = WorkspaceCatalog("t", "w", 1, views={("v", 1): view}, latest={"v": 1}, publications={"v": publication})
    prepared = prepared_plan(plan_query(Query(parse_query("SELECT at FROM v WHERE at <= now()")), catalog))
    assert "now" not in prepared.statement((), NOW).sql.lower()


def test_clocks_without_a_zone_are_not_available() -> None:
    for sql in ("SELECT current_time", "SELECT localtime", "SELECT localtimestamp"):
        with pytest.raises(SqlNotAllowedError):
            parse_query(sql)
