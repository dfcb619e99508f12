"""Estimates beside what the rows are, and what they say where nothing is known."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from connectors.sdk import AllOf, AnyOf, Column, Comparison, Op, Predicate, Table, TableName
from engine.estimates import (
    distinct_values,
    estimated_rows,
    estimated_share,
    grouped_rows,
    joined_rows,
    keys_pay,
    rows_of_keys,
    rows_per_value,
    with_expected_rows,
)
from engine.scans import KeysFrom, Param, Scan, ScanColumn

ROWS = 100_000
NAMES = ("id", "machine", "amount", "made")
KINDS = dict(zip(NAMES, ("BIGINT", "VARCHAR", "DOUBLE", "DATE"), strict=True))
STEPS = Table(
    TableName(("steps",)),
    (
        Column("id", "BIGINT", minimum=1, maximum=ROWS),
        Column("machine", "VARCHAR", distinct_estimate=50, null_fraction=0.2),
        Column("amount", "DOUBLE", distinct_estimate=90_000, minimum=0.0, maximum=1000.0),
        Column("made", "DATE", minimum=18_000, maximum=18_364),
    ),
    keys=(("id",), ("machine", "made")),
    row_estimate=ROWS,
)
UNKNOWN = Table(TableName(("u",)), tuple(Column(name, kind) for name, kind in KINDS.items()))


def scan(*predicates: Predicate, **changes: object) -> Scan:
    columns = tuple(ScanColumn(name, name, kind) for name, kind in KINDS.items())
    return replace(Scan("s", "c", STEPS.name, columns, predicates), **changes)  # type: ignore[arg-type]


def test_estimates_are_near_what_the_rows_are() -> None:
    rng = random.Random(7)
    rows = [(n, rng.randrange(50) if rng.random() > 0.2 else None, rng.random() * 1000) for n in range(1, ROWS + 1)]
    m0, m1 = 3, 4
    cases: list[tuple[Predicate, Callable[[int, int | None, float], bool]]] = [
        (Comparison("machine", Op.EQ, ("m3",)), lambda _, m, __: m == m0),
        (Comparison("machine", Op.IN, ("m3", "m4")), lambda _, m, __: m in (m0, m1)),
        (Comparison("machine", Op.IS_NULL), lambda _, m, __: m is None),
        (Comparison("machine", Op.IS_NOT_NULL), lambda _, m, __: m is not None),
        (Comparison("machine", Op.NE, ("m3",)), lambda _, m, __: m is not None and m != m0),
        (Comparison("amount", Op.GT, (900.0,)), lambda _, __, a: a > 900),
        (Comparison("id", Op.LE, (500,)), lambda i, _, __: i <= 500),
        (
            AllOf((Comparison("amount", Op.GE, (100.0,)), Comparison("amount", Op.LT, (110.0,)))),
            lambda _, __, a: 100 <= a < 110,
        ),
        (
            AnyOf((Comparison("amount", Op.LT, (10.0,)), Comparison("amount", Op.GT, (990.0,)))),
            lambda _, __, a: a < 10 or a > 990,
        ),
        (
            AllOf((Comparison("machine", Op.EQ, ("m3",)), Comparison("amount", Op.LT, (100.0,)))),
            lambda _, m, a: m == m0 and a < 100,
        ),
    ]
    for predicate, matches in cases:
        truth = sum(matches(*row) for row in rows)
        estimate = estimated_rows(scan(predicate), STEPS)
        assert estimate is not None and truth / 1.5 < estimate < truth * 1.5, predicate


def test_a_whole_key_gives_as_many_rows_as_it_has_values() -> None:
    assert estimated_rows(scan(Comparison("id", Op.EQ, (7,))), STEPS) == 1
    many = Comparison("machine", Op.IN, ("m1", "m2", "m3"))
    assert estimated_rows(scan(many, Comparison("made", Op.EQ, (Param(0, "DATE", "DATE"),))), STEPS) == 3
    assert estimated_rows(scan(Comparison("id", Op.IN, (1, 2))), replace(STEPS, row_estimate=None)) == 2


def test_a_range_beyond_the_remembered_bounds_is_not_nothing() -> None:
    assert estimated_rows(scan(Comparison("id", Op.GT, (10 * ROWS,))), STEPS) == ROWS // 1_000


def test_a_parameter_s_value_is_guessed() -> None:
    unknown = Comparison("amount", Op.GT, (Param(0, "DOUBLE", "DOUBLE"),))
    assert estimated_share((unknown,), STEPS) == pytest.approx(0.3)
    known = Comparison("amount", Op.LT, (100.0,))
    assert estimated_share((unknown, known), STEPS) == pytest.approx(0.03)


def test_a_longer_part_of_a_text_finds_less() -> None:
    parts = [Comparison("machine", op, (text,)) for op in (Op.STARTS_WITH, Op.CONTAINS) for text in ("mi", "mill")]
    assert [estimated_share((part,), STEPS) for part in parts] == pytest.approx([0.1, 0.02, 0.1, 0.02])
    assert estimated_share((Comparison("machine", Op.CONTAINS, (Param(0, "VARCHAR", "VARCHAR"),)),), STEPS) == 0.1


def test_where_nothing_is_known_there_is_no_estimate() -> None:
    assert estimated_rows(scan(Comparison("machine", Op.EQ, ("m3",))), UNKNOWN) is None
    assert estimated_rows(scan(limit=5), UNKNOWN) == 5
    assert distinct_values(UNKNOWN, "machine") is None
    assert rows_per_value(UNKNOWN, "machine") == 10


def test_distinct_values_come_from_statistics_keys_or_bounds() -> None:
    assert [distinct_values(STEPS, name) for name in NAMES] == [ROWS, 50, 90_000, 365]
    assert distinct_values(STEPS, "machine", 10) in (9, 10)
    assert distinct_values(STEPS, "machine", 1_000) == 50


def test_keys_find_rows_by_the_column_s_fan_out() -> None:
    assert rows_per_value(STEPS, "machine") == pytest.approx(1_600)
    assert rows_of_keys(3, scan(), STEPS, "machine") == 4_800
    assert rows_of_keys(3, scan(Comparison("amount", Op.LT, (100.0,))), STEPS, "machine") == 480
    assert rows_of_keys(1_000, scan(), STEPS, "machine") == ROWS
    assert rows_of_keys(20, scan(), STEPS, "id") == 20


def test_keys_pay_when_they_leave_out_half_of_a_large_table() -> None:
    assert keys_pay(50, ROWS, 500, 10_000)
    assert not keys_pay(50, ROWS, 80_000, 10_000)
    assert not keys_pay(50, 900, 50, 10_000)
    assert not keys_pay(50_000, ROWS, 500, 10_000)
    assert keys_pay(50, None, 500, 10_000)
    assert not keys_pay(None, None, None, 10_000)
    assert keys_pay(None, 1_000_000, None, 10_000)


def test_a_join_gives_the_rows_of_both_sides_over_the_greater_set_of_values() -> None:
    assert joined_rows(1_000, 50, 50, 50) == 1_000
    assert joined_rows(1_000, 100, 10, 20) == 5_000
    assert joined_rows(1_000, 50, None, None) == 1_000


def test_groups_are_no_more_than_rows_and_no_more_than_combinations() -> None:
    assert grouped_rows(ROWS, (50, 365)) in range(18_000, 18_251)
    assert grouped_rows(ROWS, (50,)) == 50
    assert grouped_rows(100, (1_000, 1_000)) == 100
    assert grouped_rows(1_000, (None,)) == 100


def test_expected_rows_follow_the_keys() -> None:
    provider = replace(scan(Comparison("id", Op.LE, (20,))), id="p")
    target = replace(scan(), id="t", keys_from=(KeysFrom("p", "id", "id", 10_000),))
    found = with_expected_rows((provider, target), {"p": STEPS, "t": STEPS})
    assert [one.expected_rows for one in found] == [100, 100]
    few = replace(target, keys_from=(KeysFrom("p", "id", "id", 10),))
    assert with_expected_rows((provider, few), {"p": STEPS, "t": STEPS})[1].expected_rows == ROWS
    both = replace(target, keys_from=(*target.keys_from, KeysFrom("m", "id", "made", 10_000)))
    other = replace(provider, id="m")
    found = with_expected_rows((provider, other, both), {"p": STEPS, "m": STEPS, "t": STEPS})
    assert found[-1].expected_rows == round(100 * 100 / 365), "keys of two columns leave what both find"
