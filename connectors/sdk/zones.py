"""Naive timestamps of a connection with a `time_zone`: which instant they are, and comparisons on them.

The rule: a naive timestamp means the wall clock of the zone; in an overlap (the clock is set back) the earlier
instant; in a gap (the clock is set forward) the instant at which the gap starts. So the map from naive timestamps
to instants never decreases, and a comparison with an instant is a comparison with a naive bound.

Offsets come from `zoneinfo`, not from pyarrow's `assume_timezone`: pyarrow ignores the rule for years behind the
zone file's last entry, so that in 199 zones every summer after 2037 (9999-12-31 included) is an hour off.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from connectors.sdk.scan import AllOf, AnyOf, Comparison, Op, Predicate, Value

INSTANTS = pa.timestamp("us", tz="UTC")
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime.min - _EPOCH) // _MICROSECOND
_LAST = (datetime.max - _EPOCH) // _MICROSECOND
_PROBE = timedelta(hours=12)
_REACH = 36 * 3_600_000_000  # no offset, and no day that a zone skipped (Pacific/Apia, 2011), is longer


@dataclass(frozen=True, slots=True)
class _Steps:
    """The map of one calendar year: from `starts[i]` on (µs, naive) subtract `offsets[i]`; in `gaps` a constant."""

    starts: tuple[int, ...]
    offsets: tuple[int, ...]
    gaps: tuple[tuple[int, int, int], ...]  # first naive µs, the one behind the last, the instant


def _offset(zone: ZoneInfo, instant: int) -> int:
    """The zone's offset in µs at an instant (µs); the calendar's ends stand for all that lies beyond them."""
    day = 86_400_000_000
    utc = _EPOCH + timedelta(microseconds=min(max(instant, _FIRST + 2 * day), _LAST - 2 * day))
    offset = zone.fromutc(utc.replace(tzinfo=zone)).utcoffset()
    assert offset is not None
    return offset // _MICROSECOND


@lru_cache(maxsize=4096)
def _steps(zone: ZoneInfo, year: int) -> _Steps:
    """The steps that matter to the naive timestamps of one year, found by probing twice a day (about 1 ms)."""
    jump = _PROBE // _MICROSECOND
    at = max(_FIRST, (datetime(year, 1, 1) - _EPOCH) // _MICROSECOND - _REACH)
    end = min(_LAST, (datetime(year, 12, 31) - _EPOCH) // _MICROSECOND + 2 * _REACH)
    before = _offset(zone, at)
    starts, offsets, gaps = [_FIRST - _REACH], [before], []
    while at < end:
        after = _offset(zone, at + jump)
        if after != before:
            low, high = at, at + jump
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
            starts.append(high + before)
            offsets.append(after)
            if after > before:
                gaps.append((high + before, high + after, high))
            before = after
        at += jump
    return _Steps(tuple(starts), tuple(offsets), tuple(gaps))


def _instant(naive: int, zone: ZoneInfo) -> int:
    """The rule, for one naive timestamp in µs."""
    steps = _steps(zone, (_EPOCH + timedelta(microseconds=min(max(naive, _FIRST), _LAST))).year)
    for start, end, instant in steps.gaps:
        if start <= naive < end:
            return instant
    return naive - steps.offsets[bisect_right(steps.starts, naive) - 1]


def to_instant(naive: datetime, zone: ZoneInfo) -> datetime:
    """The instant that a naive timestamp of the zone means, in UTC. OverflowError beyond years 1 and 9999."""
    instant = _instant((naive - _EPOCH) // _MICROSECOND, zone)
    return (_EPOCH + timedelta(microseconds=instant)).replace(tzinfo=UTC)


def to_instants(naive: pa.Array[Any], zone: ZoneInfo) -> pa.Array[Any]:
    """An array of naive timestamps (timestamp[us], years 1 to 9999) as instants (timestamp[us, UTC])."""
    local = naive.cast(pa.int64())
    years = sorted(
        year
        for year in pc.unique(pc.year(cast("pa.TimestampArray[Any, Any]", naive))).to_pylist()
        if year is not None
    )
    if not years:
        return local.cast(INSTANTS)
    if years[0] < 1 or years[-1] > 9999:
        raise OverflowError("a timestamp lies outside of the years 1 to 9999")
    steps = [_steps(zone, year) for year in years]
    offset: pa.Array[Any] | pa.Scalar[Any] = pa.scalar(steps[0].offsets[0], pa.int64())
    for year, of_year in zip(years, steps, strict=True):
        first = (datetime(year, 1, 1) - _EPOCH) // _MICROSECOND
        # The first step stands for what was before the year; years that no value lies in have no steps here.
        starts = (first, *of_year.starts[1:])
        for start, value in zip(starts, of_year.offsets, strict=True):
            offset = _choose(pc.greater_equal(local, pa.scalar(start, pa.int64())), value, offset)
    result = pc.subtract(local, offset)
    for start, end, instant in {gap for of_year in steps for gap in of_year.gaps}:
        inside = pc.and_(
            pc.greater_equal(local, pa.scalar(start, pa.int64())), pc.less(local, pa.scalar(end, pa.int64()))
        )
        result = _choose(inside, instant, result)
    return cast("pa.Array[Any]", result).cast(INSTANTS)


def _choose(condition: object, value: int, other: object) -> pa.Array[Any]:
    choose = cast("Callable[..., pa.Array[Any]]", pc.if_else)
    return choose(condition, pa.scalar(value, pa.int64()), other)


def _first_reaching(instant: int, zone: ZoneInfo) -> int:
    """The first naive timestamp (µs) whose instant is not before the given one."""
    low, high = instant - _REACH, instant + _REACH
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _instant(middle, zone) >= instant else (middle, high)
    return high


def _naive(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(microseconds, _FIRST), _LAST))


def on_naive(comparison: Comparison, zone: ZoneInfo) -> Predicate:
    """The predicate on naive timestamps that contains a comparison with instants (aware datetimes).

    NE is refused (ValueError): what contains it is always everything. A bound beyond years 1 and 9999 is that end.
    """
    column, op = comparison.column, comparison.op
    if op in (Op.IS_NULL, Op.IS_NOT_NULL):
        return comparison
    bounds = [_bounds(value, zone) for value in comparison.values]
    if op in (Op.EQ, Op.IN):
        terms = [
            AllOf((Comparison(column, Op.GE, (_naive(low),)), Comparison(column, Op.LE, (_naive(high),))))
            for low, high in bounds
        ]
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))
    low, high = bounds[0]
    # GE and LE on both sides: at the calendar's ends, where bounds are cut, a strict one could lose the last row.
    if op in (Op.GE, Op.GT):
        return Comparison(column, Op.GE, (_naive(low if op is Op.GE else high + 1),))
    if op in (Op.LE, Op.LT):
        return Comparison(column, Op.LE, (_naive(high if op is Op.LE else low - 1),))
    raise ValueError(f"{op.value} has no form on naive timestamps")


def _bounds(value: Value, zone: ZoneInfo) -> tuple[int, int]:
    """First and last naive timestamp (µs) that mean the instant; the first is behind the last when none does."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("a column with instants is compared with a datetime that has a zone")
    instant = (value - _EPOCH.replace(tzinfo=UTC)) // _MICROSECOND
    return _first_reaching(instant, zone), _first_reaching(instant + 1, zone) - 1
