"""Statistics of a table's columns, as a source's own catalog tells them.

Bounds are kept as places on a number line, so that a range can be weighed without knowing types: a number is itself,
a date or timestamp is days since 1970-01-01, a naive timestamp as if it were UTC.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

from connectors.sdk.capabilities import Table
from connectors.sdk.types import family

_DAY = 86_400.0
_NUMBERS = frozenset({"integer", "decimal", "float"})
_MOMENTS = frozenset({"timestamp", "timestamptz"})
MEASURED = _NUMBERS | _MOMENTS | {"date"}


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """Of one column; what is not known is None. `minimum` and `maximum` are places on the number line; `in_order`:
    how far the rows stand in its order."""

    distinct: int | None = None
    nulls: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    in_order: float | None = None


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """Of one column in a part of a table, such as a row group of a file: rows, NULLs, bounds."""

    rows: int
    nulls: int | None
    minimum: float | None
    maximum: float | None


def of_groups(groups: Sequence[GroupStatistics]) -> ColumnStatistics:
    """The column's statistics over all parts; what one part does not know is not known."""
    rows = sum(group.rows for group in groups)
    nulls = [group.nulls for group in groups]
    known = [
        group for group in groups if group.nulls is None or group.nulls < group.rows
    ]  # NULLs alone bound nothing
    low, high = bounds(end for group in known for end in (group.minimum, group.maximum))
    if any(group.minimum is None or group.maximum is None for group in known):
        low, high = None, None
    share = None if None in nulls or not rows else sum(count or 0 for count in nulls) / rows
    return ColumnStatistics(None, share, low, high)


def place(value: object) -> float | None:
    """Where a value stands on the number line; None for texts, booleans, infinities and all else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        try:
            found = float(value)
        except OverflowError:
            return None
        return found if math.isfinite(found) else None
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() / _DAY
    return float(value.toordinal() - date(1970, 1, 1).toordinal()) if isinstance(value, date) else None


def place_of_text(text: str | None, sql_type: str) -> float | None:
    """Where a value stands that a source's catalog wrote as text; None if that can't be told."""
    kind = family(sql_type)
    if text is None:
        return None
    try:
        if kind in _NUMBERS:
            return place(float(text))
        if kind in _MOMENTS:
            return place(datetime.fromisoformat(text))
        return place(date.fromisoformat(text[:10])) if kind == "date" else None
    except ValueError:
        return None


def bounds(places: Iterable[float | None]) -> tuple[float | None, float | None]:
    """The least and the greatest of the places that are known."""
    known = [one for one in places if one is not None]
    return (min(known), max(known)) if known else (None, None)


def with_columns(
    table: Table, found: Mapping[str, ColumnStatistics], rows: int | None = None, indexed: Iterable[str] = ()
) -> Table:
    """The table with these statistics of its columns by name, and its number of rows where that is known."""
    known = table.row_estimate if rows is None else rows
    columns = []
    for column in table.columns:
        one = found.get(column.name)
        if one is not None:
            distinct = one.distinct if one.distinct is None or known is None else min(one.distinct, max(known, 1))
            nulls = None if one.nulls is None else min(max(one.nulls, 0.0), 1.0)
            column = replace(
                column,
                distinct_estimate=distinct,
                null_fraction=nulls,
                minimum=one.minimum,
                maximum=one.maximum,
                in_order=one.in_order,
            )
        columns.append(column)
    leading = tuple(name for name in dict.fromkeys(indexed) if table.column(name) is not None)
    return replace(table, columns=tuple(columns), row_estimate=known, indexed=leading)
