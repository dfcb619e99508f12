"""Names find their relations and columns, or the error says what was asked, what there is, and where."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from catalog.records import Publication, View, ViewColumn
from connectors.sdk import Column, Table, TableName
from engine.errors import QueryTooLargeError, SourceError, SqlNotAllowedError, UnknownColumnError, UnknownNameError
from engine.parse import parse_query
from engine.resolve import Resolved, resolve_publications, resolve_workspace
from tests.engine.compare import same
from tests.engine.reference_source import Stored
from tests.engine.sample_rows import VIEWS, sources
from tests.engine.workspace import Workspace, catalog_of, with_views

TABLE = Table(
    TableName(("orders",)), (Column("Id", "BIGINT"), Column("Größe", "INTEGER"), Column("a b.c", "VARCHAR"))
)
ITEMS = Table(TableName(("Items",)), (Column("id", "BIGINT"), Column("name", "VARCHAR")))
TWICE = (Table(TableName(("s1", "t")), ITEMS.columns), Table(TableName(("s2", "t")), ITEMS.columns))
CATALOG = with_views(
    catalog_of({"erp": [TABLE, ITEMS, *TWICE]}),
    {"Backlog": "SELECT id, größe AS size FROM erp.orders", "items": "SELECT * FROM erp.items"},
)


def workspace(sql: str) -> Resolved:
    return resolve_workspace(parse_query(sql), CATALOG)


def view(name: str, sql: str) -> View:
    return View(name, 1, sql, sql, (ViewColumn("a", "INTEGER"),))


@pytest.mark.parametrize(
    ("sql", "said", "hint"),
    [
        ("SELECT * FROM erp.ordres", "no table 'ordres'", "did you mean 'orders'?"),
        ("SELECT * FROM epr.orders", "no connection 'epr'", "did you mean 'erp'?"),
        ("SELECT * FROM backlok", "no view 'backlok'", "did you mean 'Backlog'?"),
        ("SELECT * FROM erp", "'erp' is a connection", "erp.some_table"),
        ("SELECT * FROM erp.t", "can mean 2 tables", "connection.schema.table"),
        ("SELECT * FROM 'erp.csv'", "no view", ""),
        ("SELECT * FROM duckdb_settings", "no view", ""),
        ("SELECT * FROM information_schema.tables", "no connection", ""),
        ("WITH a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a", "no view 'b'", ""),
        ("WITH sqlite_master AS (SELECT * FROM sqlite_master) SELECT * FROM sqlite_master", "no view", ""),
    ],
)
def test_an_unknown_name_says_what_there_is(sql: str, said: str, hint: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        workspace(sql)
    assert said in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("sql", "said", "hint"),
    [
        ("SELECT sise FROM backlog", "no column 'sise'", "did you mean 'size'?"),
        ("SELECT backlog.sise FROM backlog", "no column 'sise'", "did you mean 'size'?"),
        ("SELECT x.size FROM backlog", "no column 'size'", ""),
        ("SELECT id FROM backlog, items", "'id' is ambiguous", "table.column"),
        ("SELECT id FROM (SELECT id FROM items) a JOIN items b ON true", "'id' is ambiguous", "table.column"),
        ("SELECT backlog FROM backlog", "is a table, not a column", "backlog.*"),
        ("SELECT size FROM backlog WHERE nothing = 1", "no column 'nothing'", "columns are"),
    ],
)
def test_an_unknown_column_says_what_there_is(sql: str, said: str, hint: str) -> None:
    with pytest.raises(UnknownColumnError) as caught:
        workspace(sql)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_an_unknown_column_has_its_place() -> None:
    with pytest.raises(UnknownColumnError) as caught:
        workspace("SELECT id,\n  sise FROM backlog")
    assert caught.value.details == {"line": 2, "column": 3}


def test_case_does_not_matter_and_the_source_keeps_its_own_spelling() -> None:
    scan = workspace('SELECT ID, "GRÖSSE", größe, "A B.C" FROM ERP."ORDERS"'.replace('"GRÖSSE", ', "")).scans[0]
    assert [(c.name, c.source) for c in scan.columns] == [("id", "Id"), ("größe", "Größe"), ("a b.c", "a b.c")]


def test_columns_that_differ_in_case_only_are_both_there() -> None:
    table = Table(TableName(("t",)), (Column("A", "INTEGER"), Column("a", "INTEGER"), Column("a_1", "INTEGER")))
    scan = resolve_workspace(parse_query("SELECT * FROM c.t"), catalog_of({"c": [table]})).scans[0]
    assert [(c.name, c.source) for c in scan.columns] == [("a", "A"), ("a_2", "a"), ("a_1", "a_1")]


def test_a_forbidden_publication_looks_like_an_unknown_one() -> None:
    found = []
    for name in ("pub_items", "nothing"):
        with pytest.raises(UnknownNameError) as caught:
            resolve_publications(parse_query(f"SELECT * FROM {name}"), CATALOG, frozenset({"pub_backlog"}))
        found.append((caught.value.message.replace(name, "?"), caught.value.hint))
        assert "pub_items" not in caught.value.hint
    assert found[0][0] == found[1][0]


@pytest.mark.parametrize("name", ["items", "erp.items", "pub_items.x", "main.pub_items"])
def test_a_caller_reaches_publications_only(name: str) -> None:
    with pytest.raises(UnknownNameError):
        resolve_publications(parse_query(f"SELECT * FROM {name}"), CATALOG)


def test_a_publication_uses_the_versions_that_it_pins() -> None:
    views = {
        ("v", 1): view("v", "SELECT id AS a FROM erp.items"),
        ("v", 2): view("v", "SELECT name AS a FROM erp.items"),
    }
    catalog = replace(CATALOG, views=views, latest={"v": 2}, publications={"p": Publication("p", "v", {"v": 1})})
    resolved = resolve_publications(parse_query("SELECT a FROM p"), catalog)
    assert '"items"."id"' in resolved.select.sql(dialect="duckdb")


@pytest.mark.parametrize(
    ("sql", "asked", "named"),
    [
        ("SELECT gone AS a FROM erp.items", "SELECT a FROM p", "'gone'"),
        ("SELECT id AS a FROM erp.items WHERE gone > 1", "SELECT count(*) FROM p", "'gone'"),
        ("SELECT id AS a FROM erp.dropped", "SELECT a FROM p", "'dropped'"),
    ],
)
def test_a_published_view_whose_source_changed_is_no_fault_of_the_caller(sql: str, asked: str, named: str) -> None:
    catalog = replace(
        CATALOG,
        views={("v", 1): view("v", sql)},
        latest={"v": 1},
        publications={"p": Publication("p", "v", {"v": 1})},
    )
    with pytest.raises(SourceError) as caught:
        resolve_publications(parse_query(asked), catalog, frozenset({"p"}))
    assert (caught.value.source_code, caught.value.connection) == ("source_schema_changed", "erp")
    assert named in caught.value.message and "'p'" in caught.value.message
    assert "orders" not in caught.value.hint  # what else the connection holds is not for every reader


def test_a_callers_own_wrong_column_stays_his() -> None:
    with pytest.raises(UnknownColumnError):
        resolve_publications(parse_query("SELECT wrong FROM pub_items"), CATALOG)


def test_views_may_not_use_themselves() -> None:
    views = {("a", 1): view("a", "SELECT a FROM b"), ("b", 1): view("b", "SELECT a FROM a")}
    catalog = replace(CATALOG, views=views, latest={"a": 1, "b": 1})
    with pytest.raises(UnknownNameError, match="may not use themselves: a → b → a"):
        resolve_workspace(parse_query("SELECT * FROM a"), catalog)
    with pytest.raises(UnknownNameError, match="may not use themselves"):
        resolve_workspace(parse_query("SELECT a FROM b"), catalog, "A")


def test_views_that_double_at_each_level_are_cut_short() -> None:
    views = {("v0", 1): view("v0", "SELECT 1 AS a")}
    for i in range(1, 30):
        views[f"v{i}", 1] = view(f"v{i}", f"SELECT a FROM v{i - 1} UNION ALL SELECT a FROM v{i - 1}")
    catalog = replace(CATALOG, views=views, latest={name: 1 for name, _ in views})
    with pytest.raises(QueryTooLargeError):
        resolve_workspace(parse_query("SELECT * FROM v29"), catalog)


ANSWERS = [
    "WITH s0 AS (SELECT 1 AS order_id) SELECT o.order_id, s0.order_id AS x FROM erp.orders o, s0",
    "WITH orders AS (SELECT 1 AS a) SELECT * FROM orders",
    "WITH open_orders AS (SELECT order_id FROM open_orders WHERE order_id < 5) SELECT * FROM open_orders",
    "WITH kinds AS (SELECT 'x' AS kind) SELECT k.kind, b.order_id FROM kinds k, big_orders b",
    "SELECT a.order_id, b.order_id AS other FROM erp.orders a JOIN erp.orders b ON a.customer_id = b.customer_id"
    " WHERE a.order_id = 3 AND b.order_id < 9",
    "SELECT * FROM (SELECT id, name FROM erp.customers) a NATURAL JOIN (SELECT id, credit FROM erp.customers) b",
    "SELECT order_id, step FROM erp.orders FULL JOIN mes.steps USING (order_id) WHERE order_id > 3",
    "SELECT * EXCLUDE (note, placed) REPLACE (qty + 1 AS qty) FROM erp.orders WHERE qty > 1",
    "SELECT amount * 2 AS double, double + 1 AS more FROM erp.orders WHERE double > 3",
    "SELECT qty AS order_id, order_id AS qty FROM erp.orders ORDER BY order_id, qty LIMIT 4",
    "SELECT * FROM (SELECT region, credit FROM erp.customers) PIVOT (sum(credit) FOR region IN ('red', 'green'))",
    "SELECT * FROM erp.customers PIVOT (count(*) FOR region IN ('red', 'green')) WHERE id < 4",
    "SELECT id, n, v FROM erp.customers UNPIVOT (v FOR n IN (name, region)) WHERE id < 5",
    "SELECT * FROM lab.samples PIVOT (max(value) FOR unit IN ('a', 'abc'))",
    "WITH RECURSIVE r AS (SELECT order_id, qty FROM erp.orders WHERE order_id < 4 UNION ALL"
    " SELECT o.order_id, o.qty FROM r JOIN erp.orders o ON o.order_id = r.order_id + 5 WHERE r.qty IS NOT NULL)"
    " SELECT * FROM r",
    "WITH RECURSIVE r AS (SELECT order_id, qty FROM erp.orders UNION ALL SELECT r.order_id + 100, r.qty FROM r"
    " WHERE r.order_id < 5) SELECT * FROM r",
    "SELECT o.order_id, (SELECT max(step) FROM mes.steps s WHERE s.order_id = o.order_id) AS last FROM erp.orders o",
    "SELECT o.qty, l.step FROM erp.orders o, LATERAL (SELECT step FROM mes.steps s WHERE s.order_id = o.order_id) l",
    "SELECT order_id FROM erp.orders QUALIFY rank() OVER (PARTITION BY customer_id ORDER BY order_id) = 1",
    "SELECT a.order_id FROM erp.orders a POSITIONAL JOIN mes.steps b WHERE a.order_id IS NOT NULL AND b.step IS NULL"
    " AND FALSE",
    "SELECT s.order_id, s.step FROM mes.steps s SEMI JOIN erp.orders o ON o.order_id = s.order_id AND o.qty > 1",
    "WITH c AS (SELECT id, name FROM erp.customers) SELECT count(*) FROM c a SEMI JOIN c b ON b.name = a.name"
    " WHERE a.id > 3",
    "WITH c AS (SELECT order_id, note FROM erp.orders) SELECT * FROM (SELECT s.order_id, c.note FROM mes.steps s"
    " LEFT JOIN c ON c.order_id = s.step + 100 WHERE c.note IS NULL) q",
    "SELECT sem(qty) IS NULL AS x, fsum(qty) AS y FROM erp.orders LIMIT 5",
    "SELECT order_id, 1 AS one, 99 AS more FROM erp.orders ORDER BY order_id LIMIT 3",
    "SELECT order_id, note FROM erp.orders WHERE note NOT LIKE 'a%' AND note NOT LIKE 'A'",
    "SELECT a FROM (VALUES (1, 'x'), (2, NULL)) v(a, b) WHERE b IS NULL",
    "SELECT n FROM range(5) r(n) WHERE n > 2",
    "SELECT struct.k FROM (SELECT {'k': qty} AS struct FROM erp.orders WHERE order_id < 4)",
    "SELECT kind FROM kinds UNION SELECT machine FROM mes.steps EXCEPT SELECT 'red'",
]  # fmt: skip


@pytest.fixture(scope="module")
def full() -> list[Workspace]:
    """The sample workspace with sources of several abilities."""
    return [Workspace(sources(random.Random(seed)), VIEWS) for seed in (3, 4, 5)]


@pytest.mark.parametrize("sql", ANSWERS)
def test_what_sql_offers_for_names_means_what_it_means_in_duckdb(sql: str, full: list[Workspace]) -> None:
    for workspace in full:
        for rules in ((), None):
            prepared = workspace.prepare(sql) if rules is None else workspace.prepare(sql, (), ())
            answer, _, _ = workspace.run(prepared)
            assert same(answer, workspace.expected(sql), "ORDER BY" in sql and "OVER" not in sql) is None


def test_rows_of_a_whole_table_as_one_value_are_refused() -> None:
    with pytest.raises((UnknownColumnError, SqlNotAllowedError)):
        workspace("SELECT i FROM items i")


def test_stored_rows_are_those_of_the_table() -> None:
    stored = Stored(ITEMS, ({"id": 1, "name": "x"},))
    assert stored.arrow().to_pylist() == [{"id": 1, "name": "x"}]
