"""A LEFT JOIN leaves the tree only where that changes no answer; a LIMIT passes those that leave rows as they are."""

from __future__ import annotations

import itertools
import random
from functools import cache

import pytest

from connectors.sdk import Column, Op, Support, Table, TableName
from engine.optimizer import RULES
from engine.rules.drop_joins import drop_joins
from engine.rules.share_scans import share_scans
from tests.engine.compare import same
from tests.engine.reference_source import Stored
from tests.engine.workspace import Workspace

OPERATORS = dict.fromkeys([Op.EQ, Op.NE, Op.LT, Op.GE, Op.IN, Op.IS_NULL, Op.IS_NOT_NULL], Support.EXACT)
VIEWS = {
    "v": "SELECT a.k, a.v, b.v AS bv, c.v AS cv FROM s.a LEFT JOIN s.b ON b.id = a.k LEFT JOIN s.c ON c.id = b.v",
    "w": "SELECT a.k, a.v, b.id, b.v AS bv FROM s.a LEFT JOIN (SELECT id, v FROM s.b WHERE v > 0) AS b ON b.id = a.k",
}
# (query, the tables that are read)
DROPPED = {
    "SELECT a.k FROM s.a LEFT JOIN s.b ON b.id = a.k": "a",
    "SELECT count(*) AS n FROM s.a LEFT JOIN s.b ON b.id = a.k AND b.v > 5": "a",
    "SELECT k, v FROM v": "a",
    "SELECT k, bv FROM v": "ab",
    "SELECT k, cv FROM v": "abc",
    "SELECT k FROM v WHERE bv IS NULL": "ab",
    "SELECT k FROM w": "a",
    "SELECT x.k FROM v AS x LEFT JOIN w AS y ON y.id = x.k": "aab",
    "SELECT a.k FROM s.a LEFT JOIN s.b ON b.id = a.k LEFT JOIN s.c ON c.id = b.v": "a",
    "SELECT a.k, c.v FROM s.a LEFT JOIN s.b ON b.id = a.k LEFT JOIN s.c ON c.id = b.v": "abc",
    "SELECT a.k FROM s.a LEFT JOIN s.b ON b.id = a.k JOIN s.c ON c.id = a.v": "ac",
    "SELECT a.k FROM s.a LEFT JOIN s.b ON b.id = a.k FULL JOIN s.c ON c.id = a.v": "ac",
    "SELECT b.id FROM s.b LEFT JOIN s.a ON a.k = b.id": "ab",
    "SELECT a.k FROM s.a LEFT JOIN s.b ON b.v = a.k": "ab",
    "SELECT a.k FROM s.a LEFT JOIN s.b ON b.id >= a.k": "ab",
    "SELECT a.k FROM s.a LEFT JOIN s.b ON b.id = a.k OR b.v = 1": "ab",
    "SELECT a.k FROM s.a LEFT JOIN s.t ON t.code = a.k": "at",
    "SELECT a.k FROM s.a LEFT JOIN (SELECT id FROM s.b UNION ALL SELECT id FROM s.c) AS b ON b.id = a.k": "abc",
    "SELECT a.k FROM s.a LEFT JOIN (SELECT b.id FROM s.b JOIN s.c ON c.v = b.v) AS b ON b.id = a.k": "abc",
    "SELECT a.k FROM s.a JOIN s.b ON b.id = a.k": "ab",
    "SELECT a.k FROM s.a RIGHT JOIN s.b ON b.id = a.k": "ab",
    "SELECT a.k, EXISTS (SELECT 1 FROM s.c WHERE c.id = b.v) AS e FROM s.a LEFT JOIN s.b ON b.id = a.k": "abc",
    "SELECT a.k FROM s.a LEFT JOIN s.b ON b.id = a.k ORDER BY b.v, a.k": "ab",
}


@cache
def workspace() -> Workspace:
    """Tables of a few rows; b, c have an id as key, t a text of digits, of which several mean one number."""
    rng = random.Random(5)

    def column(name: str, kind: str = "INTEGER") -> Column:
        return Column(name, kind, name not in ("id", "code"), OPERATORS, True)

    some = [{"k": rng.choice((1, 2, 3, 4, None)), "v": rng.choice((1, 2, 7, None))} for _ in range(9)]
    keyed = [{"id": number, "v": rng.choice((1, 2, None))} for number in (1, 2, 3, 7)]
    texts = [{"code": code} for code in ("1", "01", "2", "3", "4")]
    a = Table(TableName(("a",)), (column("k"), column("v")), limit=True)
    tables = {"a": Stored(a, tuple(some)), "t": Stored(
        Table(TableName(("t",)), (column("code", "VARCHAR"),), keys=(("code",),)), tuple(texts)
    )}  # fmt: skip
    for name in "bc":
        table = Table(TableName((name,)), (column("id"), column("v")), keys=(("id",),), limit=True)
        tables[name] = Stored(table, tuple(keyed))
    return Workspace({"s": tables}, VIEWS)


@pytest.mark.parametrize(("sql", "read"), DROPPED.items())
def test_what_is_not_used_is_not_read(sql: str, read: str) -> None:
    apart = tuple(rule for rule in RULES if rule is not share_scans)  # "aab" reads a table twice
    for rules in (apart, (drop_joins,)):
        prepared = workspace().prepare(sql, rules=rules)
        answer, _, _ = workspace().run(prepared)
        assert same(answer, workspace().expected(sql), False, None) is None, sql
        assert sorted(str(scan.table) for scan in prepared.plan.scans) == sorted(read)


@pytest.mark.parametrize(("join", "more"), list(itertools.product(("LEFT", "RIGHT", "FULL", "INNER"), range(4))))
def test_no_shape_of_two_joins_changes_its_answer(join: str, more: int) -> None:
    other = ("LEFT", "RIGHT", "FULL", "INNER")[more]
    for columns in ("a.k", "a.k, b.v", "c.v", "count(*) AS n"):
        for on in ("c.id = a.v", "c.id = b.v", "c.v = a.v"):
            sql = f"SELECT {columns} FROM s.a {join} JOIN s.b ON b.id = a.k {other} JOIN s.c ON {on}"
            answer, _, _ = workspace().run(workspace().prepare(sql))
            assert same(answer, workspace().expected(sql), False, None) is None, sql


def limits(sql: str) -> dict[str, int | None]:
    prepared = workspace().prepare(sql)
    answer, _, _ = workspace().run(prepared)
    whole = workspace().expected(sql.split(" LIMIT")[0])
    expected = workspace().expected(sql)
    assert same(answer, expected, " ORDER BY " in sql, whole) is None, sql
    return {str(scan.table): scan.limit for scan in prepared.plan.scans}


def test_a_limit_passes_left_joins_by_a_key() -> None:
    assert limits("SELECT a.k, b.v FROM s.a LEFT JOIN s.b ON b.id = a.k LIMIT 3") == {"a": 3, "b": None}
    assert limits("SELECT a.k, b.v FROM s.a LEFT JOIN s.b ON b.id = a.k WHERE a.v = 1 LIMIT 3")["a"] == 3
    assert limits("SELECT k, v, bv, cv FROM v ORDER BY k, v, bv, cv LIMIT 2")["a"] is None
    assert limits("SELECT k, bv FROM v ORDER BY k LIMIT 2")["a"] == 2
    assert limits("SELECT k, cv FROM v LIMIT 4 OFFSET 1")["a"] == 5


def test_what_is_read_twice_gets_no_limit() -> None:
    once = "WITH u AS (SELECT id, v FROM s.b) SELECT u.id, {0} FROM u LEFT JOIN {1} LIMIT 1"
    assert limits(once.format("c.v", "s.c ON c.id = u.v")) == {"b": 1, "c": None}
    assert limits(once.format("x.v", "u AS x ON x.id = u.v")) == {"b": None}
    assert limits(once.format("c.v", "s.c ON c.id = u.v AND c.v IN (SELECT v FROM u)"))["b"] is None


def test_a_limit_passes_no_join_that_drops_or_multiplies_rows() -> None:
    for sql in (
        "SELECT a.k, b.v FROM s.a JOIN s.b ON b.id = a.k LIMIT 3",
        "SELECT a.k, b.v FROM s.a LEFT JOIN s.b ON b.v = a.k LIMIT 3",
        "SELECT a.k, b.v FROM s.a FULL JOIN s.b ON b.id = a.k LIMIT 3",
        "SELECT a.k, b.v FROM s.a LEFT JOIN s.b ON b.id = a.k WHERE b.v = 1 LIMIT 3",
        "SELECT k, bv FROM w WHERE bv IS NULL LIMIT 2",
        "SELECT a.k, b.v FROM s.a LEFT JOIN s.b ON b.id = a.k ORDER BY b.v LIMIT 3",
        "SELECT a.v, b.v AS x FROM s.a LEFT JOIN s.b ON b.id = a.k ORDER BY x LIMIT 1",
        "SELECT a.k, t.code FROM s.a LEFT JOIN s.t ON t.code = a.k LIMIT 3",
    ):
        assert limits(sql)["a"] is None, sql
