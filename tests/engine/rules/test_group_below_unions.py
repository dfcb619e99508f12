"""Which groupings of a UNION ALL are begun in its branches."""

from __future__ import annotations

import pytest

from tests.engine.fragment_plans import fragments, plan, rest

SITES = (
    "(SELECT 'north' AS site, id, customer, total, weight, status FROM erp.orders UNION ALL "
    "SELECT 'south', id, customer, total, weight, status FROM mes.orders) AS u"
)
KEPT = {
    "a column of two types": "SELECT max(x) FROM (SELECT id AS x FROM erp.orders UNION ALL "
    "SELECT status FROM mes.orders) u",
    "a column that a branch computes": "SELECT max(x) FROM (SELECT id + 1 AS x FROM erp.orders UNION ALL "
    "SELECT id FROM mes.orders) u",
    "floats": f"SELECT site, sum(weight) FROM {SITES} GROUP BY site",
    "UNION without ALL": "SELECT count(*) FROM (SELECT id FROM erp.orders UNION SELECT id FROM mes.orders) u",
    "a branch with a limit": "SELECT count(*) FROM (SELECT id FROM erp.orders UNION ALL "
    "(SELECT id FROM mes.orders LIMIT 3)) u",
    "each row a group": f"SELECT id, count(*) FROM {SITES} GROUP BY id",
    "a median": f"SELECT median(customer) FROM {SITES}",
}


def test_each_site_gives_its_groups() -> None:
    sql = f"SELECT site, sum(total) AS s, count(*) AS n FROM {SITES} WHERE customer = 7 GROUP BY site"
    assert sorted(fragments(sql)) == [
        "SELECT SUM(s0.total) AS c0, COUNT(*) AS c1 FROM orders AS s0 WHERE (s0.customer = CAST(%s AS bigint))",
        "SELECT SUM(s1.total) AS c0, COUNT(*) AS c1 FROM orders AS s1 WHERE (s1.customer = %s)",
    ]
    assert rest(sql) == (
        "SELECT g0.k0 AS site, SUM(g0.a0) AS s, COALESCE(CAST(SUM(g0.a1) AS BIGINT), 0) AS n FROM "
        "(SELECT 'north' AS k0, f1.c0 AS a0, f1.c1 AS a1 FROM f1 AS f1 WHERE f1.c1 > 0 UNION ALL "
        "SELECT 'south' AS k0, f0.c0 AS a0, f0.c1 AS a1 FROM f0 AS f0 WHERE f0.c1 > 0) AS g0 GROUP BY g0.k0"
    )


def test_a_branch_whose_source_groups_nothing_is_grouped_here() -> None:
    sql = "SELECT count(*) AS n FROM (SELECT id FROM erp.orders UNION ALL SELECT id FROM rest.orders) AS u"
    assert fragments(sql) == ["[rest.orders]", "SELECT COUNT(*) AS c0 FROM orders AS s0"]
    assert "SELECT COUNT(*) AS a0 FROM (SELECT 1 AS _ FROM s1" in rest(sql)


@pytest.mark.parametrize("sql", KEPT.values(), ids=KEPT)
def test_what_the_union_would_make_another_value_of_is_grouped_above_it(sql: str) -> None:
    assert not any(note.rule == "group_below_unions" for note in plan(sql).notes)
