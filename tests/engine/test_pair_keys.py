"""Pairs of columns as keys of joins: right with NULLs, duplicates, none, too many, whoever gives and takes them."""

from __future__ import annotations

import random

import pytest

from connectors.sdk import Connector
from engine import scan_stream
from engine.rules import push_join_keys
from tests.engine.federated import Federated, Tally
from tests.engine.live import Live, difference
from tests.engine.live_five import five

TAKERS = ("pg", "my", "lite", "lake")
JOINS = {
    # dim and code: NULLs, duplicates, texts of other cases; moment and u: microseconds, UUIDs.
    "inner": "SELECT a.id AS a, b.id AS b FROM {few} a JOIN {taker}.facts b ON b.dim = a.dim AND b.n = a.n",
    "left": "SELECT a.id AS a, b.id AS b FROM {few} a LEFT JOIN {taker}.facts b ON b.dim = a.dim AND a.code = b.code",
    "right": "SELECT a.id AS a, b.id AS b FROM {taker}.facts b RIGHT JOIN {few} a ON b.n = a.n AND b.day = a.day",
    "semi": "SELECT b.id FROM {taker}.facts b WHERE EXISTS (SELECT 1 FROM {few} a WHERE a.n = b.n AND a.dim = b.dim)",
    "scalar": "SELECT a.id, (SELECT sum(b.n) FROM {taker}.facts b WHERE b.dim = a.dim AND b.small = a.small) AS s "
    "FROM {few} a",
    "anti": "SELECT a.id FROM {few} a WHERE NOT EXISTS (SELECT 1 FROM {taker}.facts b WHERE b.n = a.n "
    "AND b.dim = a.dim)",
    "grouped": "SELECT a.id, b.c FROM {few} a JOIN (SELECT dim, code, count(*) AS c, sum(n) AS s FROM {taker}.facts "
    "GROUP BY dim, code) b ON b.dim = a.dim AND b.code = a.code",
    "a fragment": "SELECT a.id, b.id AS b, b.label FROM {few} a JOIN (SELECT f.id, f.dim, f.code, d.label "
    "FROM {taker}.facts f JOIN {taker}.dims d ON d.id = f.dim) b ON b.dim = a.dim AND b.code = a.code",
}
FEW = {
    "some": "(SELECT * FROM lake.facts WHERE id <= 20)",
    "none": "(SELECT * FROM lake.facts WHERE id < 0)",
    "only NULLs": "(SELECT * FROM lake.facts WHERE dim IS NULL AND n IS NULL)",
    "all": "api.facts",
}


@pytest.fixture(scope="module")
def live(five_sources: dict[str, Connector]) -> Live:
    return five(five_sources)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys wherever they may be, and a second column beside each."""
    monkeypatch.setattr(push_join_keys, "keys_pay", lambda *_: True)
    monkeypatch.setattr(push_join_keys, "finds_pairs", lambda scan, *_: scan.fragment is None)
    monkeypatch.setattr(push_join_keys, "_of_pairs", lambda found, *_: max(1, (found or 2) // 2))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("few", FEW)
def test_pairs_change_no_answer(join: str, few: str, taker: str, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = JOINS[join].format(few=FEW[few], taker=taker)
    expected = live.expected(sql)
    for most in (64, 1):  # values beside: more are not asked for one by one
        monkeypatch.setattr(scan_stream, "MOST_BESIDE", most)
        found = live.run(sql)
        assert difference(found.table, expected) is None, found.plan.scans
        pairs = [keys for scan in found.plan.scans for keys in scan.keys_from if keys.beside]
        assert pairs or any(scan.fragment is not None for scan in found.plan.scans), found.plan.scans


@pytest.mark.usefixtures("eager")
def test_pairs_ask_for_fewer_rows_than_the_columns_apart(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    for taker in TAKERS:
        sql = JOINS["inner"].format(few=FEW["some"], taker=taker)
        rows = []
        for most in (64, 1):
            monkeypatch.setattr(scan_stream, "MOST_BESIDE", most)
            found = live.run(sql)
            (target,) = [scan.id for scan in found.plan.scans if scan.keys_from]
            rows.append(found.rows[target])
        needed = len({row["b"] for row in found.table.to_pylist()})
        assert rows[0] == needed < rows[1], taker


@pytest.mark.usefixtures("eager")
@pytest.mark.timeout(600)
def test_random_questions_are_right_with_keys_wherever_they_may_be(five_sources: dict[str, Connector]) -> None:
    federated, tally = Federated([five(five_sources)]), Tally()
    first = random.Random(37).randrange(10**7)
    for number in range(first, first + 40):
        problem = federated.check(number, tally)
        assert problem is None, problem
    assert tally.keys > 10
