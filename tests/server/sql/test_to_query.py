"""A posted statement is bounded by the limits of the publications that it reads."""

from __future__ import annotations

from catalog.records import Limits
from server.sql.to_query import sql_answer, strictest
from tests.server.sample import orders_context


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
