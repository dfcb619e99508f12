"""A key is proven only where data that respects the sources' keys can't break it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from connectors.sdk import Column, Table, TableName
from engine.parse import parse_query
from engine.resolve import resolve_workspace
from engine.view_keys import proven
from tests.engine.reference_source import Stored
from tests.engine.workspace import Workspace, catalog_of

TABLES = {
    "orders": Table(
        TableName(("orders",)),
        (Column("Id", "BIGINT", False), Column("customer", "INTEGER"), Column("code", "VARCHAR"),
         Column("amount", "DOUBLE")),
        keys=(("Id",),),
    ),
    "customers": Table(
        TableName(("customers",)),
        (Column("id", "INTEGER", False), Column("name", "VARCHAR", False), Column("boss", "INTEGER")),
        keys=(("id",),),
    ),
    "codes": Table(
        TableName(("codes",)), (Column("code", "VARCHAR", False), Column("n", "INTEGER")), keys=(("code",),)
    ),
    "lines": Table(
        TableName(("lines",)),
        (Column("order_id", "BIGINT", False), Column("line", "INTEGER", False), Column("part", "INTEGER")),
        keys=(("order_id", "line"),),
    ),
    "log": Table(TableName(("log",)), (Column("order_id", "BIGINT"), Column("text", "VARCHAR"))),
}  # fmt: skip
CASES = {
    "SELECT * FROM p.orders": "id",
    "SELECT Id AS nr, amount FROM p.orders WHERE amount > 1": "nr",
    "SELECT amount FROM p.orders": "",
    "SELECT Id + 0 AS id FROM p.orders": "",
    "SELECT * FROM p.lines": "order_id line",
    "SELECT order_id, part FROM p.lines": "",
    "SELECT o.id, c.name FROM p.orders o JOIN p.customers c ON o.customer = c.id": "id",
    "SELECT o.id, c.name FROM p.orders o LEFT JOIN p.customers c ON c.id = o.customer": "id",
    "SELECT o.id, c.name FROM p.orders o RIGHT JOIN p.customers c ON c.id = o.customer": "",
    "SELECT o.id, c.name FROM p.orders o FULL JOIN p.customers c ON c.id = o.customer": "",
    "SELECT o.id, l.line FROM p.orders o JOIN p.lines l ON l.order_id = o.id": "",
    "SELECT l.order_id, l.line, o.code FROM p.lines l JOIN p.orders o ON l.order_id = o.id": "order_id line",
    "SELECT o.id FROM p.orders o, p.customers c": "",
    "SELECT o.id FROM p.orders o JOIN p.customers c USING (id)": "id",
    "SELECT o.id FROM p.orders o JOIN p.customers c ON o.customer < c.id": "",
    # Several texts equal one number.
    "SELECT o.id, k.n FROM p.orders o JOIN p.codes k ON o.customer = k.code": "",
    "SELECT o.id, k.n FROM p.orders o JOIN p.codes k ON o.code = k.code": "id",
    "SELECT o.id FROM p.orders o SEMI JOIN p.log l ON l.order_id = o.id": "id",
    "SELECT o.id FROM p.orders o ANTI JOIN p.log l ON l.order_id = o.id": "id",
    "SELECT o.id FROM p.orders o WHERE o.id IN (SELECT order_id FROM p.log)": "id",
    "SELECT id, count(*) AS n FROM p.customers GROUP BY id": "id",
    "SELECT name, count(*) AS n FROM p.customers GROUP BY name": "name",
    "SELECT boss, count(*) AS n FROM p.customers GROUP BY boss": "",
    "SELECT id, count(*) AS n FROM p.customers GROUP BY ROLLUP (id)": "",
    "SELECT id, count(*) AS n FROM p.customers GROUP BY CUBE (id)": "",
    "SELECT id, name, count(*) AS n FROM p.customers GROUP BY GROUPING SETS ((id), (name))": "",
    "SELECT name, boss, max(id) AS id FROM p.customers GROUP BY ALL": "",
    "SELECT max(id) AS id FROM p.customers": "",
    "SELECT id, count(*) OVER () AS n FROM p.customers": "id",
    "SELECT id FROM p.customers UNION ALL SELECT id FROM p.customers": "",
    "SELECT id FROM p.customers UNION SELECT customer FROM p.orders": "",
    "SELECT DISTINCT id, name FROM p.customers": "id",
    "SELECT id, unnest([1, 2]) AS u FROM p.customers": "",
    "SELECT c.id, u.x FROM p.customers c, unnest([1, 2]) AS u(x)": "",
    "SELECT * FROM p.customers UNPIVOT (v FOR n IN (id, boss))": "",
    "SELECT name, n, v FROM p.customers UNPIVOT (v FOR n IN (id, boss))": "",
    "SELECT * FROM p.customers PIVOT (count(*) FOR name IN ('a', 'b'))": "",
    "SELECT a.id, b.x FROM p.customers a, LATERAL (SELECT l.part AS x FROM p.lines l WHERE l.line = a.id) b": "",
    "WITH c AS (SELECT id FROM p.customers) SELECT o.id AS nr FROM p.orders o JOIN c ON c.id = o.customer": "nr",
    "WITH RECURSIVE r AS (SELECT id, boss FROM p.customers UNION ALL SELECT r.id, c.boss FROM r"
    " JOIN p.customers c ON c.id = r.boss WHERE c.boss < r.boss) SELECT * FROM r": "",
    "SELECT id, name FROM p.customers ORDER BY name LIMIT 3": "id",
    "SELECT a.id, b.id AS other FROM p.customers a JOIN p.customers b ON a.boss = b.id": "id",
    "SELECT a.id, b.id AS other FROM p.customers a JOIN p.customers b ON a.id = b.boss": "",
}  # fmt: skip


def _data(rng: random.Random) -> dict[str, Stored]:
    few = (None, 1, 2, 3)
    rows: dict[str, list[dict[str, object]]] = {
        "orders": [
            {"Id": i, "customer": rng.choice(few), "code": rng.choice(("1", "01", "2", None)), "amount": 2.0}
            for i in range(1, 7)
        ],
        "customers": [{"id": i, "name": rng.choice("ab"), "boss": rng.choice(few)} for i in range(1, 5)],
        "codes": [{"code": code, "n": rng.choice(few)} for code in ("1", "01", "2", " 2")],
        "lines": [
            {"order_id": i, "line": j, "part": rng.choice(few)}
            for i in range(1, 4)
            for j in range(rng.choice((1, 3)))
        ],
        "log": [{"order_id": rng.choice(few), "text": rng.choice("ab")} for _ in range(6)],
    }
    return {name: Stored(table, tuple(rows[name])) for name, table in TABLES.items()}


@pytest.fixture(scope="module")
def workspaces() -> Iterator[list[Workspace]]:
    """The tables with several draws of rows, all of which respect the keys."""
    yield [Workspace({"p": _data(random.Random(seed))}, {}) for seed in range(6)]


@pytest.mark.parametrize("sql", CASES)
def test_a_proven_key_is_the_expected_one_and_holds_in_data(sql: str, workspaces: list[Workspace]) -> None:
    resolved = resolve_workspace(parse_query(sql), catalog_of({"p": list(TABLES.values())}))
    key, never_null = proven(resolved.select, resolved.tables)
    assert " ".join(key) == CASES[sql]
    for workspace in workspaces:
        answer = workspace.expected(sql)
        names = [name.lower() for name in answer.names]
        for name in never_null:
            assert all(row[names.index(name)] is not None for row in answer.rows), name
        values = [tuple(row[names.index(name)] for name in key) for row in answer.rows]
        if key:
            assert len(set(values)) == len(values)
            assert not any(None in value for value in values)


def test_arms_of_a_union_are_matched_by_position_for_nulls() -> None:
    sql = "SELECT id AS a, boss AS b FROM p.customers UNION ALL SELECT boss AS b, id AS a FROM p.customers"
    resolved = resolve_workspace(parse_query(sql), catalog_of({"p": list(TABLES.values())}))
    assert proven(resolved.select, resolved.tables)[1] == frozenset()


def test_columns_whose_names_differ_in_case_only_keep_their_own_keys() -> None:
    table = Table(TableName(("t",)), (Column("A", "INTEGER"), Column("a", "INTEGER", False)), keys=(("a",),))
    resolved = resolve_workspace(parse_query("SELECT a, a_1 FROM p.t"), catalog_of({"p": [table]}))
    assert proven(resolved.select, resolved.tables)[0] == ("a_1",)
