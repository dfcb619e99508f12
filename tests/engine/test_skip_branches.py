"""A branch whose constants a condition contradicts is not asked, and no answer changes by it."""

from __future__ import annotations

import itertools

import orjson
import pytest

from connectors.sdk import Connector
from engine.engine import prepared_plan, sql_literal
from engine.optimizer import RULES
from engine.query import Parameter
from engine.rules.skip_branches import skip_branches
from engine.scans import bind, scan_from_json, scan_to_json
from tests.engine.fragment_plans import plan
from tests.engine.live import Live, difference

SITES = (
    "(SELECT 'north' AS site, 1 AS no, t.* FROM pg.dims t UNION ALL SELECT 'south', 2, t.* FROM my.dims t "
    "UNION ALL SELECT 'North', 3, t.* FROM lite.dims t) AS u"
)
ERP = (
    "(SELECT 'north' AS site, id, customer FROM erp.orders UNION ALL "
    "SELECT 'south', id, customer FROM mes.orders UNION ALL SELECT 'west', id, customer FROM rest.orders) AS u"
)
TERMS = (
    "u.site = 'north'", "u.site <> 'north'", "u.site IN ('south', 'x')", "u.site = 'nowhere'", "u.site > 'nora'",
    "u.site IS NULL", "NOT u.site = 'south'", "(u.site = 'south' OR u.kind = 1)",
    "(u.site = 'south' OR u.site IS NULL)",
    "u.no = 2", "u.no BETWEEN 2 AND 9", "u.site LIKE 'so%'", "u.no = 2.5", "lower(u.site) = 'north'", "u.site = NULL",
    "u.no + 1 = 2", "(u.site = 'south' AND u.no = 1)",
)  # fmt: skip
FORMS = (
    "SELECT u.site, u.kind FROM {u} WHERE {t}",
    "SELECT u.site, count(*) AS n FROM {u} WHERE {t} GROUP BY u.site",
    "SELECT count(*) AS n, max(u.label) AS m FROM {u} WHERE {t}",
    "SELECT d.id, u.site FROM pg.dims d LEFT JOIN {u} ON u.id = d.id WHERE {t}",
    "SELECT d.id, u.site FROM pg.dims d LEFT JOIN {u} ON u.id = d.id AND {t}",
    "SELECT d.id, u.site FROM {u} LEFT JOIN pg.dims d ON u.id = d.id AND {t}",
    "SELECT d.id, u.site FROM {u} FULL JOIN pg.dims d ON u.id = d.id WHERE {t}",
    "SELECT u.id FROM (SELECT * FROM {u} ORDER BY id, site LIMIT 3) AS u WHERE {t}",
    "SELECT u.id FROM (SELECT u.*, count(*) OVER () AS c FROM {u}) AS u WHERE {t} AND u.c > 7",
    "SELECT u.n, u.site FROM (SELECT site, no, kind, count(*) AS n FROM {u} GROUP BY ALL) AS u WHERE {t}",
    "SELECT u.id FROM (SELECT * FROM {u} EXCEPT SELECT 'south', 2, t.* FROM pg.dims t) AS u WHERE {t}",
    "WITH u AS (SELECT * FROM {u}) SELECT u.id, (SELECT count(*) FROM u) AS n FROM u WHERE {t}",
    "SELECT d.id FROM pg.dims d SEMI JOIN {u} ON u.id = d.id AND {t}",
    "SELECT d.id FROM pg.dims d ANTI JOIN {u} ON u.id = d.id AND {t}",
    "SELECT d.id FROM pg.dims d WHERE d.id NOT IN (SELECT u.id FROM {u} WHERE {t})",
    "SELECT u.k FROM (SELECT 'south' AS site, 2 AS no, NULL AS kind, count(*) AS k FROM my.dims) AS u WHERE {t}",
)


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources)


def asked(sql: str, *values: str | None) -> list[str]:
    """The connections that are asked for one caller's values."""
    parameters = tuple(Parameter("VARCHAR", value) for value in values)
    statement = prepared_plan(plan(sql, parameters)).statement(parameters)
    return sorted(scan.connection for scan in statement.scans if not scan.skipped)


def test_no_answer_changes(live: Live) -> None:
    fewer = tuple(rule for rule in RULES if rule is not skip_branches)
    skipped = 0
    for form, term in itertools.product(FORMS, TERMS):
        sql = form.format(u=SITES, t=term)
        expected = live.expected(sql)
        found = live.run(sql)
        assert difference(found.table, expected) is None, sql
        skipped += any(scan.guards for scan in found.plan.scans)
    for term in TERMS:
        sql = FORMS[3].format(u=SITES, t=term)
        assert difference(live.run(sql, (), fewer).table, live.expected(sql)) is None, sql
    assert skipped > len(FORMS) * len(TERMS) / 3


def test_the_callers_values_decide_too(live: Live) -> None:
    for value in ("north", "South", "south", None, ""):
        sql = f"SELECT u.site, count(*) AS n FROM {SITES} WHERE u.site = CAST($1 AS VARCHAR) GROUP BY u.site"
        found = live.run(sql, (Parameter("VARCHAR", value),))
        assert difference(found.table, live.expected(sql.replace("$1", sql_literal(value)))) is None


def test_only_the_site_that_is_asked_for_is_asked() -> None:
    assert asked(f"SELECT id FROM {ERP} WHERE site = 'south'") == ["mes"]
    assert asked(f"SELECT id FROM {ERP} WHERE site = CAST($1 AS VARCHAR)", "north") == ["erp"]
    assert asked(f"SELECT id FROM {ERP} WHERE site IN (CAST($1 AS VARCHAR), 'west')", "north") == ["erp", "rest"]
    assert asked(f"SELECT id FROM {ERP} WHERE site = CAST($1 AS VARCHAR)", None) == ["erp", "mes", "rest"]
    assert asked(f"SELECT site, count(*) FROM {ERP} WHERE site <> 'south' GROUP BY site") == ["erp", "rest"]
    assert asked(f"SELECT id FROM {ERP} WHERE site = 'nowhere'") == []


def test_guards_survive_the_json_form_of_a_plan() -> None:
    scans = plan(f"SELECT id FROM {ERP} WHERE site IN ('north', 'west')").scans
    assert all(scan.guards for scan in scans)
    again = tuple(scan_from_json(orjson.loads(orjson.dumps(scan_to_json(scan)))) for scan in scans)
    assert again == scans
    bound = bind(scans, [None] * 4)
    assert [scan.connection for scan in bound if scan.skipped] == ["mes"]
    assert tuple(scan_from_json(orjson.loads(orjson.dumps(scan_to_json(scan)))) for scan in bound) == bound


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT d.id, f.code FROM pg.dims d JOIN my.facts f ON f.dim = d.id LIMIT 0",
        "SELECT count(*) AS n FROM pg.facts LIMIT 0",
        "SELECT id FROM pg.dims UNION SELECT id FROM lite.dims ORDER BY 1 LIMIT 0 OFFSET 3",
        "SELECT label FROM pg.dims ORDER BY label LIMIT 0",
    ],
)
def test_who_wants_no_row_asks_nobody(live: Live, sql: str) -> None:
    found = live.run(sql)
    assert all(scan.skipped for scan in found.plan.scans) and not any(found.rows.values())
    assert difference(found.table, live.expected(sql)) is None
    assert not any(scan.skipped for scan in live.plan(sql.replace("LIMIT 0", "LIMIT 1")).scans)
