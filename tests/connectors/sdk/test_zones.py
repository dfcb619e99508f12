"""The rule for naive timestamps, against brute force over the minutes around every kind of transition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sdk import AllOf, AnyOf, Comparison, Op, Predicate
from connectors.sdk.zones import on_naive, to_instant, to_instants

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = (
    *(
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Pacific/Apia",
        "America/St_Johns",
        "Asia/Kolkata",
    ),
    *("Asia/Pyongyang", "Europe/Dublin", "America/Caracas", "UTC", "Antarctica/Troll", "Asia/Kathmandu"),
)
# Days with something odd: ordinary changes, half an hour, a day that is missing, a change of the standard offset.
DAYS = (
    *(datetime(2024, 3, 31), datetime(2024, 10, 27), datetime(2024, 10, 6), datetime(2024, 4, 7)),
    *(
        datetime(2011, 12, 30),
        datetime(2030, 1, 6),
        datetime(2016, 5, 1),
        datetime(2018, 5, 5),
        datetime(1987, 10, 25),
    ),
    *(datetime(2050, 3, 27), datetime(1900, 1, 1), datetime(9998, 7, 1)),
)
moments = st.builds(
    lambda day, seconds, micro: day + timedelta(seconds=seconds, microseconds=micro),
    st.sampled_from(DAYS),
    st.integers(-30 * 3600, 50 * 3600),
    st.sampled_from([0, 0, 1, 999_999]),
)


def by_the_book(naive: datetime, zone: ZoneInfo) -> datetime:
    """PEP 495: in an overlap fold=0 is the earlier; a time in a gap doesn't come back."""
    instant = naive.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == naive:
        return instant
    low, high = instant - timedelta(hours=30), instant
    before = low.astimezone(zone).replace(tzinfo=None)
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) // 2
        shown = middle.astimezone(zone).replace(tzinfo=None)
        low, high = (low, middle) if shown > naive else (middle, high)
    assert before < naive
    return high


@given(moments, st.sampled_from(ZONES))
@settings(max_examples=400, deadline=None)
def test_a_naive_timestamp_is_the_earlier_instant_or_the_start_of_its_gap(naive: datetime, key: str) -> None:
    assert to_instant(naive, ZoneInfo(key)) == by_the_book(naive, ZoneInfo(key))


@given(st.lists(moments | st.none(), max_size=60), st.sampled_from(ZONES))
@settings(max_examples=200, deadline=None)
def test_an_array_is_mapped_like_its_values(naive: list[datetime | None], key: str) -> None:
    zone = ZoneInfo(key)
    wanted = [None if value is None else to_instant(value, zone) for value in naive]
    assert to_instants(pa.array(naive, pa.timestamp("us")), zone).to_pylist() == wanted


@given(st.lists(moments, min_size=2, max_size=40), st.sampled_from(ZONES))
@settings(max_examples=200, deadline=None)
def test_a_later_naive_timestamp_is_never_an_earlier_instant(naive: list[datetime], key: str) -> None:
    instants = [to_instant(value, ZoneInfo(key)) for value in sorted(naive)]
    assert all(before <= after for before, after in pairwise(instants))


def holds(predicate: Predicate, naive: datetime) -> bool:
    if isinstance(predicate, AllOf):
        return all(holds(term, naive) for term in predicate.terms)
    if isinstance(predicate, AnyOf):
        return any(holds(term, naive) for term in predicate.terms)
    bound = predicate.values[0]
    assert isinstance(bound, datetime) and bound.tzinfo is None
    return naive >= bound if predicate.op is Op.GE else naive <= bound


def compares(op: Op, instant: datetime, constant: datetime) -> bool:
    return {
        Op.EQ: instant == constant,
        Op.IN: instant == constant,
        Op.LT: instant < constant,
        Op.LE: instant <= constant,
        Op.GT: instant > constant,
        Op.GE: instant >= constant,
    }[op]


@given(
    st.lists(moments, min_size=1, max_size=40),
    moments,
    st.sampled_from(ZONES),
    st.sampled_from([Op.EQ, Op.IN, Op.LT, Op.LE, Op.GT, Op.GE]),
)
@settings(max_examples=500, deadline=None)
def test_the_naive_comparison_keeps_exactly_what_the_instants_comparison_keeps(
    naive: list[datetime], near: datetime, key: str, op: Op
) -> None:
    zone = ZoneInfo(key)
    for constant in (near.replace(tzinfo=UTC), to_instant(near, zone)):
        pushed = on_naive(Comparison("c", op, (constant,)), zone)
        for value in (*naive, near):
            assert holds(pushed, value) == compares(op, to_instant(value, zone), constant)


@pytest.mark.parametrize("op", [Op.LT, Op.LE, Op.GT, Op.GE, Op.EQ])
@pytest.mark.parametrize("constant", [datetime.min, datetime.max, datetime(1, 1, 1, 5), datetime(9999, 12, 31, 20)])
def test_at_the_ends_of_the_calendar_nothing_is_lost(op: Op, constant: datetime) -> None:
    for key in ("Asia/Tokyo", "America/New_York"):
        zone, instant = ZoneInfo(key), constant.replace(tzinfo=UTC)
        pushed = on_naive(Comparison("c", op, (instant,)), zone)
        for value in (datetime(1, 1, 3), datetime(2000, 1, 1), datetime(9999, 12, 29)):
            assert holds(pushed, value) or not compares(op, to_instant(value, zone), instant)


def test_summers_behind_the_zone_files_last_entry_are_summers() -> None:
    """pyarrow's own assume_timezone is an hour off here."""
    mapped = to_instants(pa.array([datetime(2050, 7, 1, 12), datetime(2050, 1, 1, 12)]), BERLIN).to_pylist()
    assert mapped == [datetime(2050, 7, 1, 10, tzinfo=UTC), datetime(2050, 1, 1, 11, tzinfo=UTC)]


def test_unequal_has_no_naive_form() -> None:
    with pytest.raises(ValueError, match="ne has no form"):
        on_naive(Comparison("c", Op.NE, (datetime(2024, 1, 1, tzinfo=UTC),)), BERLIN)


def test_a_constant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has a zone"):
        on_naive(Comparison("c", Op.EQ, (datetime(2024, 1, 1),)), BERLIN)


def test_years_that_look_alike_are_kept_apart() -> None:
    """Pyongyang had the same offset, without a change, in 2011 and in 2024, and another one between."""
    zone = ZoneInfo("Asia/Pyongyang")
    naive = [datetime(2011, 7, 1), datetime(2016, 7, 1), datetime(2024, 7, 1)]
    assert to_instants(pa.array(naive), zone).to_pylist() == [to_instant(value, zone) for value in naive]
