"""Brackets and pivots in FROM: rules see a plain list of relations, whose columns are those of the text."""

from __future__ import annotations

import pytest

from catalog.records import WorkspaceCatalog
from connectors.sdk import Column, Op, Support, Table, TableName
from engine.errors import QueryTooLargeError, UnknownColumnError
from engine.parse import parse_query
from engine.planner import plan_resolved
from engine.resolve import resolve_workspace
from tests.engine.workspace import catalog_of, with_views

EQ = {Op.EQ: Support.EXACT}
CATALOG: WorkspaceCatalog = catalog_of(
    {
        "c": [
            Table(TableName((name,)), (Column("id", "INTEGER", operators=EQ), Column("v", "VARCHAR")))
            for name in "abde"
        ]
    }
)


def text(sql: str) -> str:
    """The resolved query without quotes, scans named as their tables."""
    found = resolve_workspace(parse_query(sql), CATALOG)
    written = found.select.sql("duckdb").replace('"', "")
    for scan in found.scans:
        written = written.replace(f"{scan.id} AS", f"{scan.table} AS")
    return written


@pytest.mark.parametrize(
    ("sql", "plain"),
    [
        (
            "SELECT a.v FROM ((c.a JOIN c.b ON a.id = b.id) LEFT JOIN c.d ON d.id = a.id)",
            "SELECT a.v AS v FROM a AS a JOIN b AS b ON a.id = b.id LEFT JOIN d AS d ON d.id = a.id",
        ),
        (
            "SELECT a.v, d.v AS w FROM c.a LEFT JOIN (c.b JOIN c.d ON b.id = d.id) ON b.id = a.id",
            "SELECT a.v AS v, joined0.v_0 AS w FROM a AS a LEFT JOIN (SELECT d.v AS v_0, b.id AS id_1 FROM b AS b"
            " JOIN d AS d ON b.id = d.id) AS joined0 ON joined0.id_1 = a.id",
        ),
        (
            "SELECT a.v FROM c.a LEFT JOIN c.b JOIN c.d ON b.id = d.id ON b.id = a.id",
            "SELECT a.v AS v FROM a AS a LEFT JOIN (SELECT b.id AS id_0 FROM b AS b JOIN d AS d ON b.id = d.id)"
            " AS joined0 ON joined0.id_0 = a.id",
        ),
        (
            "SELECT a.v FROM c.a LEFT JOIN (c.b CROSS JOIN c.d) ON TRUE",
            "SELECT a.v AS v FROM a AS a LEFT JOIN (SELECT 1 AS one FROM b AS b CROSS JOIN d AS d)"
            " AS joined0 ON TRUE",
        ),
        (
            "SELECT a.v FROM c.a JOIN (c.b JOIN (c.d CROSS JOIN c.e) ON b.id = d.id AND (e.v = 'x' OR d.v = 'y'))"
            " ON a.id = e.id AND b.v = a.v",
            "SELECT a.v AS v FROM a AS a JOIN b AS b ON b.v = a.v JOIN d AS d ON b.id = d.id"
            " JOIN e AS e ON a.id = e.id AND (e.v = 'x' OR d.v = 'y')",
        ),
        ("SELECT v FROM (c.a)", "SELECT a.v AS v FROM a AS a"),
    ],
)
def test_brackets_fall_away_or_become_derived_tables(sql: str, plain: str) -> None:
    assert text(sql) == plain


def test_a_name_of_an_inner_select_is_its_own() -> None:
    found = text(
        "SELECT 1 AS x FROM c.a LEFT JOIN (c.b JOIN c.d ON b.id = d.id) ON b.id = a.id WHERE EXISTS"
        " (SELECT 1 FROM c.e WHERE e.v = d.v AND e.id IN (SELECT d.id FROM c.d WHERE d.v = b.v))"
    )
    assert "e.v = joined0.v_" in found
    assert "SELECT d.id AS id FROM" in found
    assert "WHERE d.v = joined0.v_" in found


def test_derived_tables_keep_clear_of_names_that_are_there() -> None:
    found = text("SELECT joined0.v FROM c.a AS joined0 LEFT JOIN (c.b JOIN c.d ON b.id = d.id) ON b.id = joined0.id")
    assert "AS joined1 ON" in found


def test_what_stands_in_brackets_is_pushed_like_anything_else() -> None:
    sql = "SELECT a.v FROM {} WHERE d.id = 7"
    for joins, reached in (
        ("(c.a JOIN c.b ON b.id = a.id) JOIN c.d ON b.id = d.id", {"a", "b", "d"}),
        ("c.a JOIN (c.b JOIN c.d ON b.id = d.id) ON b.id = a.id", {"b", "d"}),
    ):
        plan = plan_resolved(resolve_workspace(parse_query(sql.format(joins)), CATALOG))
        assert {str(scan.table) for scan in plan.scans if scan.predicates} >= reached, joins


def test_a_pivot_beside_others_knows_its_own_names_only() -> None:
    found = text(
        "SELECT p.id, b.v FROM (SELECT id, v FROM c.a) PIVOT (count(*) FOR v IN ('x')) p JOIN c.b USING (id)"
    )
    assert found.startswith("SELECT p.id AS id, b.v AS v FROM (SELECT _")
    assert found.endswith(") AS p JOIN b AS b ON p.id = b.id")


@pytest.mark.parametrize(
    ("sql", "plain"),
    [
        (
            "SELECT y FROM c.a AS o(x, y) WHERE x = 4",
            "SELECT o.y AS y FROM (SELECT o.id AS x, o.v AS y FROM a AS o) AS o WHERE o.x = 4",
        ),
        (
            "WITH k AS (SELECT id FROM c.a) SELECT z FROM k AS o(z)",
            "WITH k AS (SELECT a.id AS id FROM a AS a) SELECT o.z AS z FROM (SELECT o.id AS z FROM k AS o) AS o",
        ),
        (
            "SELECT * FROM (VALUES (1, 'a')) v(x)",
            "SELECT v.x AS x, v.col1 AS col1 FROM (VALUES (1, 'a')) AS v(x, col1)",
        ),
        ("SELECT * FROM range(3) r", "SELECT r.range AS range FROM RANGE(0, 3) AS r(range)"),
        ("SELECT * FROM unnest([1]) u", "SELECT u.unnest AS unnest FROM UNNEST([1]) AS u(unnest)"),
    ],
)
def test_columns_have_the_names_that_they_were_given_or_that_duckdb_gives(sql: str, plain: str) -> None:
    assert text(sql) == plain


def test_a_star_that_stands_for_unknown_columns_is_refused() -> None:
    with pytest.raises(UnknownColumnError, match="it can't be told what columns") as caught:
        text("SELECT * FROM (c.a JOIN c.b ON a.id = b.id) PIVOT (count(*) FOR v IN ('x'))")
    assert caught.value.hint == "name them"


@pytest.mark.parametrize("table", ["c.a AS o(x, y, z)", "seen AS o(x, y)"])
def test_more_names_than_columns_are_refused(table: str) -> None:
    catalog = with_views(CATALOG, {"seen": "SELECT id FROM c.a"})
    with pytest.raises(UnknownColumnError, match="names were given"):
        resolve_workspace(parse_query(f"SELECT x FROM {table}"), catalog)


def test_columns_that_are_passed_on_are_counted_before_they_are_planned() -> None:
    wide = catalog_of({"c": [Table(TableName(("w",)), tuple(Column(f"c{n}", "INTEGER") for n in range(300)))]})
    brackets = (
        "c.w a LEFT JOIN (c.w b LEFT JOIN (c.w d LEFT JOIN c.w e ON d.c0 = e.c0) ON b.c0 = d.c0) ON a.c0 = b.c0"
    )
    with pytest.raises(QueryTooLargeError, match="pass on more than 1,000 columns"):
        resolve_workspace(parse_query(f"SELECT * FROM {brackets}"), wide)
    assert resolve_workspace(parse_query(f"SELECT a.c1, e.c1 AS x FROM {brackets}"), wide)
    with pytest.raises(QueryTooLargeError, match="have 10,500 columns"):
        resolve_workspace(parse_query("SELECT * FROM (" * 34 + "SELECT * FROM c.w" + ") AS x" * 34), wide)
