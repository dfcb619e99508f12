"""When the many side of a LEFT JOIN is grouped before it is joined, and that nothing else is."""

from __future__ import annotations

import random

import pytest

from connectors.sdk import Connector
from tests.engine.fragment_plans import fragments
from tests.engine.live import Live, difference

JOIN = "FROM erp.customers c LEFT JOIN erp.orders o ON o.customer = c.id"
FIRST = {
    f"SELECT c.id, count(*) AS n, avg(o.total) AS t {JOIN} GROUP BY c.id": (
        "SELECT s0.id AS c0, COALESCE(s1.a0, 1) AS c1, s1.a1 AS c2, COALESCE(s1.a2, 0) AS c3 FROM customers AS s0 "
        "LEFT JOIN (SELECT s1.customer AS k0, COUNT(*) AS a0, SUM(s1.total) AS a1, COUNT(s1.total) AS a2 "
        "FROM orders AS s1 GROUP BY s1.customer) AS s1 ON (s1.k0 = s0.id)"
    ),
    f"SELECT c.id, c.region, sum(o.total + 2) AS t {JOIN} AND o.status LIKE 'a%' AND o.day > DATE '2024-01-01' "
    "WHERE c.region <> 5 GROUP BY c.id, c.region": (
        "SELECT s0.id AS c0, s0.region AS c1, s1.a0 AS c2 FROM customers AS s0 LEFT JOIN (SELECT s1.customer AS k0, "
        "SUM((CAST(s1.total AS numeric) + CAST(CAST(%s AS bigint) AS numeric))) AS a0 FROM orders AS s1 "
        "WHERE (s1.status LIKE CAST(%s AS text) ESCAPE '!') AND (s1.day > CAST(%s AS date)) GROUP BY s1.customer) "
        "AS s1 ON (s1.k0 = s0.id) WHERE (s0.region <> CAST(%s AS bigint))"
    ),
    f"SELECT c.id, count(DISTINCT o.day) AS n, max(d.region) AS r {JOIN} LEFT JOIN erp.customers d "
    "ON d.id = c.region GROUP BY c.id": "",
    f"SELECT c.id, count(DISTINCT o.day) AS n {JOIN} AND o.total = c.region GROUP BY c.id": (
        "SELECT s0.id AS c0, COALESCE(s1.a0, 0) AS c1 FROM customers AS s0 LEFT JOIN (SELECT s1.customer AS k0, "
        "s1.total AS k1, COUNT(DISTINCT s1.day) AS a0 FROM orders AS s1 GROUP BY s1.customer, s1.total) AS s1 "
        "ON (s1.k0 = s0.id) AND (s1.k1 = s0.region)"
    ),
}
LAST = (
    f"SELECT c.name, count(o.id) AS n {JOIN} GROUP BY c.name",  # a name may have several rows
    f"SELECT c.id, count(coalesce(o.total, 1)) AS n {JOIN} GROUP BY c.id",  # counts the customer without orders
    f"SELECT c.id, sum(c.region) AS n, count(o.id) AS m {JOIN} GROUP BY c.id",
    f"SELECT c.id, count(o.id) AS n {JOIN} AND o.total > c.region GROUP BY c.id",
    f"SELECT c.id, count(o.id) AS n {JOIN} AND c.region = 1 GROUP BY c.id",
    f"SELECT c.id, count(o.id) AS n {JOIN} WHERE o.day > DATE '2024-01-01' GROUP BY c.id",
    f"SELECT c.id, o.status, count(o.id) AS n {JOIN} GROUP BY c.id, o.status",
    f"SELECT c.id, count(o.id) AS n {JOIN} GROUP BY c.id HAVING count(o.id) > 3",
    f"SELECT c.id, count(o.id) AS n {JOIN} WHERE c.id IN (1, 2, 3) GROUP BY c.id",  # an index finds their orders
    JOIN.replace("FROM", "SELECT c.id, count(o.id) AS n FROM").replace("erp", "mes") + " GROUP BY c.id",
    f"SELECT v.n FROM (SELECT c.id, count(o.id) AS n {JOIN} GROUP BY c.id) v JOIN mes.lines l ON l.order_id = v.id",
)


@pytest.mark.parametrize(("sql", "statement"), FIRST.items())
def test_the_many_side_is_grouped_first(sql: str, statement: str) -> None:
    (found,) = fragments(sql)
    assert (found == statement) if statement else ("(SELECT s1." not in found)


@pytest.mark.parametrize("sql", LAST)
def test_it_is_not_where_a_group_could_change_or_nothing_is_won(sql: str) -> None:
    assert not any("(SELECT s1." in found for found in fragments(sql))


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources, {"facts": 1_000_000, "dims": 5_000, "parts": 100_000})


AGGREGATES = (
    "count(*)", "count(f.n)", "count(DISTINCT f.code)", "sum(f.n)", "avg(f.money)", "min(f.day)", "max(f.code)",
    "sum(f.small * 2)", "count(coalesce(f.n, 1))", "count(f.money - f.small)",
)  # fmt: skip


def test_answers_stay_what_they_are(live: Live) -> None:
    rng, first = random.Random(20261125), 0
    for _ in range(120):
        join = rng.choice(("f.dim = d.id", "d.id = f.dim", "f.code = d.code", "f.dim = d.id AND d.code = f.code",
                           "f.small = d.kind AND f.dim = d.id"))  # fmt: skip
        more = rng.choice((
            "", "", " AND f.n > 0", " AND f.money IS NULL", " AND f.txt NOT LIKE 'a%'", " AND d.kind = 1",
        ))  # fmt: skip
        keys = rng.choice(("d.id", "d.id", "d.id, d.kind", "d.code", "d.label, d.id"))
        asked = ", ".join(f"{text} AS a{n}" for n, text in enumerate(rng.sample(AGGREGATES, 3)))
        where = rng.choice(("", "", " WHERE d.kind IS NOT NULL"))
        sql = f"SELECT {keys}, {asked} FROM pg.dims d LEFT JOIN pg.facts f ON {join}{more}{where} GROUP BY {keys}"
        found = live.run(sql)
        assert difference(found.table, live.expected(sql)) is None, sql
        first += sum("(SELECT s1." in scan.fragment.sql for scan in found.plan.scans if scan.fragment is not None)
    assert first > 30
