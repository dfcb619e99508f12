"""A posted statement: the limits of what it reads, and what is remembered of its text."""

from __future__ import annotations

import orjson
import pytest

from catalog.records import Limits
from connectors.sdk import Column, Table, TableName
from engine.engine import output_names, promised_types
from engine.errors import ParameterValueError, UnknownNameError
from engine.planner import plan_query
from engine.query import Parameter, Query
from engine.statement_shape import statement_shape
from engine.tree_key import Shape, tree_key
from server.answer import Answer
from server.sql.to_query import _read_statement, sql_answer, strictest
from tests.engine.workspace import catalog_of, with_views
from tests.server.sample import context, orders_context


def test_a_statement_has_the_limits_of_what_it_reads() -> None:
    context = orders_context(limits=Limits(page_size=10, max_rows=100, timeout=5.0, min_client_rate=1000))
    answer = sql_answer(context, b"SELECT count(*) FROM orders AS a CROSS JOIN orders AS b", "text/plain", "", None)
    assert answer.limits == Limits(max_rows=100, timeout=5.0, min_client_rate=1000)
    nothing = sql_answer(context, b"SELECT 1 AS one", "text/plain", "", None)
    assert nothing.limits == Limits()


def test_the_strictest_of_each_limit_holds() -> None:
    one = Limits(max_rows=10, max_bytes=500, min_client_rate=100, max_source_time=60.0)
    other = Limits(max_rows=20, max_bytes=50, timeout=3.0, min_client_rate=200)
    assert strictest([one, other, Limits()]) == Limits(
        max_rows=10, max_bytes=50, timeout=3.0, min_client_rate=200, max_source_time=60.0
    )


def answer_to(sql: str, *values: object) -> Answer:
    body = orjson.dumps({"sql": sql, "parameters": list(values)})
    return sql_answer(orders_context(), body, "application/json", "", "json")


def test_a_text_that_is_known_gives_the_same_query_and_its_own_values() -> None:
    sql = "SELECT o.order_id FROM orders AS o WHERE o.order_id = $1"
    one, other, text = answer_to(sql, 7), answer_to(sql, 8), answer_to(sql, "7")
    assert one.query.select is other.query.select
    assert [p.value for a in (one, other) for p in a.query.parameters] == [7, 8]
    assert text.query.select.sql() != one.query.select.sql()  # the value's type is another
    assert one.query.shape == Shape(tree_key(one.query.select))
    with pytest.raises(ParameterValueError):
        answer_to(sql)


TABLE = Table(TableName(("t",)), (Column("id", "BIGINT"), Column("name", "VARCHAR")), keys=(("id",),), row_estimate=9)
CATALOG = with_views(catalog_of({"c": [TABLE]}), {"v": "SELECT id, name FROM c.t WHERE id > 1"})


@pytest.mark.parametrize(
    "sql",
    ["SELECT o.* FROM pub_v AS o WHERE o.id > $1 ORDER BY 1 LIMIT 3",
     "WITH c AS (SELECT count(*) AS n, now() AS at FROM pub_v) SELECT * FROM c JOIN pub_v AS o ON o.id < c.n + $1",
     "SELECT id FROM pub_v WHERE id IN (SELECT max(id) FROM pub_v WHERE id <> $1) UNION ALL SELECT 1",
     "SELECT name, avg(id) AS a FROM pub_v JOIN pub_v AS o USING (id, name) GROUP BY ALL HAVING count(*) > $1"],
)  # fmt: skip
def test_planning_leaves_a_tree_as_it_is(sql: str) -> None:
    select, shape = _read_statement("acme", sql, ("BIGINT",))
    before = select.copy()
    query = Query(select, (Parameter("BIGINT", 5),), shape)
    for _ in range(2):
        plan = plan_query(query, CATALOG)
        output_names(select, plan, CATALOG)
        promised_types(select, plan, CATALOG)
        statement_shape(select)
        assert select == before
        assert select.sql("duckdb") == before.sql("duckdb")
        assert Shape(tree_key(select)) == shape


def test_a_publication_that_is_gone_is_unknown_though_its_text_is_known() -> None:
    assert answer_to("SELECT order_id FROM orders").publications == ("Orders",)
    with pytest.raises(UnknownNameError):
        sql_answer(context([], []), b"SELECT order_id FROM orders", "text/plain", "", "json")
