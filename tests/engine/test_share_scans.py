"""What a query needs in several places is read once: who counts the statements sees one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.sdk import Connector
from engine.explain import explain_plan, explanation_text
from engine.optimizer import RULES
from engine.rules.share_scans import share_scans
from engine.scans import scan_from_json, scan_to_json
from tests.engine.federated import LARGE
from tests.engine.live import Live, difference
from tests.engine.live_five import five

EVERYWHERE = ("pg", "my", "lite", "lake", "api")
WITHOUT = tuple(rule for rule in RULES if rule is not share_scans)


@pytest.fixture(scope="module")
def lives(five_sources: dict[str, Connector]) -> dict[str, Live]:
    return {"plain": five(five_sources), "large": five(five_sources, LARGE)}


@pytest.fixture
def asked(lives: dict[str, Live], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the connections that were asked, one for each statement."""
    found: list[str] = []

    def counting(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def ask(*arguments: object, **more: object) -> object:
            found.append(name)
            return real(*arguments, **more)

        return ask

    for name, connector in lives["plain"].connectors.items():
        for method in ("scan", "query"):
            if hasattr(connector, method):
                monkeypatch.setattr(connector, method, counting(name, getattr(connector, method)))
    return found


READ_ONCE = {
    "a view in two places": "SELECT a.id, b.n FROM (SELECT id, n, dim FROM {c}.facts WHERE n > 0) a "
    "JOIN (SELECT id, n, dim FROM {c}.facts WHERE n > 0) b ON b.dim = a.dim",
    "conditions in another order": "SELECT a.id FROM {c}.facts a JOIN (SELECT dim, small FROM {c}.facts "
    "WHERE day IS NULL AND n IN (2, 1)) b ON b.small = a.dim WHERE a.n IN (1, 2) AND a.day IS NULL",
    "other columns": "SELECT a.id, b.day FROM {c}.facts a JOIN {c}.facts b ON b.dim = a.n",
    "rows that are filtered once more": "SELECT a.id FROM {c}.facts a JOIN {c}.facts b ON b.dim = a.n "
    "AND b.n IS NOT NULL",
    "a CTE": "WITH x AS (SELECT dim, n FROM {c}.facts) SELECT a.n FROM x a JOIN x b ON b.dim = a.n",
    "a recursion": "WITH RECURSIVE r(a, d) AS (SELECT 1, 0 UNION ALL SELECT f.id, d + 1 FROM r JOIN {c}.facts f "
    "ON f.dim = r.a WHERE d < 3) SELECT a, d FROM r",
    "a CTE below a recursion": "WITH RECURSIVE x AS (SELECT id, dim FROM {c}.facts), r(a, d) AS (SELECT 1, 0 "
    "UNION ALL SELECT x.id, d + 1 FROM r JOIN x ON x.dim = r.a WHERE d < 3) SELECT a, d FROM r",
}


@pytest.mark.parametrize("connection", EVERYWHERE)
@pytest.mark.parametrize("case", READ_ONCE)
def test_a_source_is_asked_once_for_what_a_query_needs_in_several_places(
    case: str, connection: str, lives: dict[str, Live], asked: list[str]
) -> None:
    # Of small statements all rows are held, for any number of readings.
    live = lives["large" if "recursion" in case else "plain"]
    sql = READ_ONCE[case].format(c=connection)
    found = live.run(sql)
    assert difference(found.table, live.expected(sql)) is None
    assert asked == [connection]
    asked.clear()
    assert difference(live.run(sql, rules=WITHOUT).table, live.expected(sql)) is None
    assert case == "a CTE" or len(asked) > 1


APART = {
    "another value": "SELECT a.id FROM {c}.facts a JOIN {c}.facts b ON a.n = b.dim WHERE a.n = 1 AND b.n = 2",
    "few rows of one, and many columns": "SELECT a.*, b.id AS other FROM {c}.facts a JOIN {c}.facts b ON a.n = b.n "
    "WHERE a.id = 5",
    "a first page of a union": "SELECT id FROM {c}.facts UNION ALL SELECT id FROM {c}.facts LIMIT 1000",
}


@pytest.mark.parametrize("connection", ["pg", "my", "lite"])
@pytest.mark.parametrize("case", APART)
def test_what_differs_or_does_not_pay_is_read_apart(
    case: str, connection: str, lives: dict[str, Live], asked: list[str]
) -> None:
    live, sql = lives["large"], APART[case].format(c=connection)
    found = live.run(sql)
    assert difference(found.table, live.expected(sql)) is None
    assert len(asked) == len(found.plan.scans) and not any(scan.shared for scan in found.plan.scans)


def test_fragments_of_two_uses_of_a_view_are_one_statement(lives: dict[str, Live], asked: list[str]) -> None:
    for connection in ("pg", "my", "lite"):
        view = f"(SELECT dim, kind, count(*) AS c, sum(n) AS s FROM {connection}.facts f JOIN {connection}.dims d "
        view += "ON d.id = f.dim WHERE n > 1 GROUP BY dim, kind)"
        sql = f"SELECT a.dim, a.s, b.kind FROM {view} a JOIN {view} b ON a.dim = b.dim AND b.c > 1"
        found = lives["large"].run(sql)
        assert difference(found.table, lives["large"].expected(sql)) is None
        assert asked == [connection]
        (scan,) = found.plan.scans
        assert scan.fragment is not None and "GROUP BY" in scan.fragment.sql
        asked.clear()


def test_a_scan_waits_for_the_keys_of_one_that_became_another(lives: dict[str, Live]) -> None:
    view = "(SELECT f.id, d.label FROM lake.dims d JOIN pg.facts f ON f.dim = d.id WHERE d.code = 'a')"
    sql = f"SELECT a.id, b.label FROM {view} a JOIN {view} b ON a.id = b.id"
    found = lives["large"].run(sql)
    assert difference(found.table, lives["large"].expected(sql)) is None
    small, large = sorted(found.plan.scans, key=lambda scan: len(scan.keys_from))
    assert small.shared == large.shared == "2 uses"
    assert [keys.scan for keys in large.keys_from] == [small.id]


def test_explain_and_the_job_tell_that_a_scan_is_read_once(lives: dict[str, Live]) -> None:
    plan = lives["plain"].plan(READ_ONCE["a view in two places"].format(c="pg"))
    (scan,) = plan.scans
    assert scan_from_json(scan_to_json(scan)).shared == "2 uses"
    text = explanation_text(explain_plan(plan))
    assert "    once       for 2 uses\n" in text and "AS MATERIALIZED" in text


def test_a_count_of_all_rows_and_the_rows_are_two_questions(lives: dict[str, Live]) -> None:
    for connection in ("pg", "my", "lite"):
        view = f"(SELECT f.id, f.n FROM {connection}.facts f WHERE f.id = 2 AND f.n = {{n}} AND f.id IN "
        view += f"(SELECT d.id FROM {connection}.dims d WHERE d.kind = 2))"
        for n in (1, 77):  # some rows, and none
            one = view.format(n=n)
            counts = f"(SELECT count(b.n) FROM {one} b) AS c, (SELECT max(b.id) FROM {one} b) AS m"
            sql = f"SELECT a.id, {counts} FROM {one} a"
            for live in lives.values():
                assert difference(live.run(sql).table, live.expected(sql)) is None, sql
