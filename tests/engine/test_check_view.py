"""A view is saved with its columns, types, key and dependencies, or with every reason why not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.records import Connection, View
from connectors.sdk import Column, Table, TableName
from engine.check_view import ViewSource, check_view
from engine.errors import ViewProblemsError
from tests.engine.workers import SMALL_POOL, engine
from tests.engine.workspace import DescribingEngine, catalog_of, with_views

TABLE = Table(
    TableName(("orders",)),
    (
        Column("OrderId", "BIGINT", nullable=False),
        Column("Amount", "DECIMAL(12,2)"),
        Column("note", "VARCHAR"),
        Column("Größe [mm]", "INTEGER"),
        Column("placed", "TIMESTAMP WITH TIME ZONE"),
        Column("lot", "UUID"),
    ),
    keys=(("OrderId",),),
)
NAIVE = Table(TableName(("log",)), (Column("at", "TIMESTAMP"),), naive_timestamps=("at",))
CATALOG = with_views(catalog_of({"erp": [TABLE, NAIVE]}), {"Base": "SELECT OrderId, Amount FROM erp.orders"})
ENGINE = DescribingEngine()


def checked(sql: str, **more: str) -> View:
    return check_view(ENGINE, CATALOG, ViewSource("new", sql, **more))


def columns(sql: str) -> list[tuple[str, str, bool]]:
    return [(c.name, c.sql_type, c.nullable) for c in checked(sql).columns]


def test_a_star_is_spelled_out_as_the_source_spells() -> None:
    assert [name for name, _, _ in columns("SELECT * FROM erp.orders")] == [c.name for c in TABLE.columns]
    view = checked("SELECT * FROM erp.orders")
    assert "*" not in view.expanded_sql
    assert view.sql == "SELECT * FROM erp.orders"
    assert view.key == ("OrderId",)
    assert view.uses_tables == ("erp.orders",)


def test_a_star_that_was_spelled_out_stays_when_the_table_grows() -> None:
    expanded = checked("SELECT * FROM erp.orders").expanded_sql
    wider = replace(TABLE, columns=(*TABLE.columns, Column("more", "INTEGER")))
    grown = catalog_of({"erp": [wider]})
    found = check_view(ENGINE, grown, ViewSource("new", expanded))
    assert [c.name for c in found.columns] == [c.name.lower() for c in TABLE.columns]


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT * FROM (VALUES (1, 'a')) v(x)", ["x", "col1"]),
        ("SELECT * FROM erp.log AS l(moment) JOIN range(2) r ON TRUE", ["moment", "range"]),
        (
            "SELECT * FROM base b LEFT JOIN (erp.log l CROSS JOIN range(2)) ON TRUE",
            ["OrderId", "Amount", "at", "range"],
        ),
    ],
)
def test_a_star_stands_for_all_columns_of_what_it_is_over(sql: str, names: list[str]) -> None:
    zoned = replace(CATALOG, connections={"erp": replace(CATALOG.connections["erp"], time_zone="UTC")})
    found = check_view(ENGINE, zoned, ViewSource("new", sql))
    assert [column.name for column in found.columns] == names
    again = check_view(ENGINE, zoned, ViewSource("new", found.expanded_sql))
    assert [column.name.lower() for column in again.columns] == [name.lower() for name in names]


def test_names_are_as_written_in_the_view_then_as_in_its_relations() -> None:
    sql = 'SELECT b.orderid, AMOUNT AS "The Amount", amount * 2 AS Twice FROM BASE b'
    assert [name for name, _, _ in columns(sql)] == ["orderid", "The Amount", "Twice"]
    assert checked(sql).uses_views == ("Base",)


@pytest.mark.parametrize(
    ("expression", "sql_type"),
    [("sum(orderid)", "DECIMAL(38,0)"), ("sum(amount)", "DECIMAL(38,2)"), ("avg(amount)", "DOUBLE"),
     ("count(*)", "BIGINT"), ("max(placed)", "TIMESTAMP WITH TIME ZONE"), ("list(note)", "VARCHAR"),
     ("any_value({'a': 1})", "VARCHAR"), ("any_value(lot)", "UUID"), ("any_value(INTERVAL 1 DAY)", "VARCHAR"),
     ("max(amount) / 3", "DOUBLE"), ("any_value('x'::BLOB)", "BLOB"), ("max(placed)::DATE", "DATE"),
     ("any_value(NULL)", "VARCHAR"), ("bool_or(amount > 1)", "BOOLEAN"), ("max(amount)::FLOAT", "FLOAT")],
)  # fmt: skip
def test_a_type_is_duckdbs_own_within_the_closed_set(expression: str, sql_type: str) -> None:
    assert [kind for _, kind, _ in columns(f"SELECT {expression} AS x FROM erp.orders")] == [sql_type]


def test_what_is_never_null_is_said() -> None:
    found = columns(
        "SELECT o.OrderId, b.orderid AS other FROM erp.orders o LEFT JOIN base b ON b.orderid = o.orderid"
    )
    assert [nullable for _, _, nullable in found] == [False, True]
    assert columns("SELECT orderid, count(*) AS n FROM base GROUP BY ROLLUP (orderid)")[0][2] is True


def test_an_expanded_text_can_be_read_again() -> None:
    for sql in ("SELECT * FROM erp.orders", "SELECT list(note) AS l, sum(orderid) AS s FROM erp.orders GROUP BY lot"):
        again = check_view(ENGINE, CATALOG, ViewSource("again", checked(sql).expanded_sql))
        found = [(c.name.lower(), c.sql_type) for c in checked(sql).columns]
        assert [(c.name, c.sql_type) for c in again.columns] == found


def test_comments_find_their_columns_without_regard_to_case() -> None:
    view = checked("SELECT orderid FROM base", comment="All", column_comments={"ORDERID": "its number"})  # type: ignore[arg-type]
    assert (view.comment, view.columns[0].comment) == ("All", "its number")
    with pytest.raises(ViewProblemsError, match="COMMENT ON COLUMN names 'x'"):
        checked("SELECT orderid FROM base", column_comments={"x": "y"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sql", "code", "line", "said"),
    [
        ("SELECT orderid,\n amuont FROM base", "unknown_column", 2, "no column 'amuont'"),
        ("SELECT 1 AS a, 2 AS A", "query", 1, "two columns are called 'a'"),
        ("SELECT * FROM base a JOIN base b USING (orderid)", "query", 1, "two columns are called 'amount'"),
        ("SELECT orderid FROM bsae", "unknown_name", 1, "no view 'bsae'"),
        ("SELECT x FROM\nbase WHERE (", "sql_syntax", 2, ""),
        ("DROP TABLE x", "sql_not_allowed", 1, "only SELECT"),
        ("SELECT getenv('x') AS a", "sql_not_allowed", 1, "getenv"),
        ("SELECT $1 AS a", "sql_not_allowed", 1, "no parameters"),
        ("SELECT at FROM erp.log", "query", 1, "timestamps without a zone"),
        ("SELECT orderid FROM base UNION ALL SELECT orderid FROM new", "unknown_name", 1, "may not use themselves"),
        ("SELECT orderid + DATE '2024-01-01' + lot AS a FROM erp.orders", "query", 1, "types don't fit"),
    ],
)
def test_a_problem_has_a_code_a_place_and_a_reason(sql: str, code: str, line: int, said: str) -> None:
    catalog = replace(CATALOG, connections={"erp": Connection("erp", "reference", {})})
    with pytest.raises(ViewProblemsError) as caught:
        check_view(ENGINE, catalog, ViewSource("new", sql))
    (problem,) = caught.value.problems
    assert (problem.code, problem.line) == (code, line)
    assert said in problem.message


def test_naive_timestamps_are_fine_once_the_connection_has_a_zone() -> None:
    assert columns("SELECT at FROM erp.log") == [("at", "TIMESTAMP", True)]


def test_a_real_worker_describes_as_this_process_does() -> None:
    sql = (
        "SELECT orderid, sum(amount) AS total, list(note) AS notes, max(placed) AS last FROM erp.orders GROUP BY ALL"
    )
    with engine(SMALL_POOL) as made:
        assert check_view(made, CATALOG, ViewSource("new", sql)) == checked(sql)


def test_a_wide_table_can_be_selected_whole() -> None:
    wide = Table(TableName(("wide",)), tuple(Column(f"column_{i}", "INTEGER") for i in range(800)))
    catalog = with_views(catalog_of({"c": [wide]}), {"all_of_it": "SELECT * FROM c.wide"})
    again = check_view(ENGINE, catalog, ViewSource("new", "SELECT * FROM all_of_it"))
    assert len(again.columns) == 800
