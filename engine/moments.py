"""A date or timestamp literal plus or minus an interval literal, computed while planning: `DATE '1998-12-01' -
INTERVAL '90' DAY`. Sources can then be asked for it as a constant."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from typing import cast

from sqlglot import exp

from connectors.sdk.types import family
from engine.conversions import from_text

_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_LENGTHS = {
    "SECOND": timedelta(seconds=1), "MINUTE": timedelta(minutes=1), "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1), "WEEK": timedelta(weeks=1),
}  # fmt: skip
_MOST = 1_000_000


def interval(node: exp.Expr | None) -> tuple[int, str] | None:
    """(how many, of which unit) of an interval of one unit written as literals, else None."""
    while isinstance(node, exp.Paren):
        node = node.this
    if not isinstance(node, exp.Interval) or not isinstance(node.args.get("unit"), exp.Var):
        return None
    count, unit = node.this, node.args["unit"].name.upper().removesuffix("S")
    sign = 1
    if isinstance(count, exp.Neg):
        sign, count = -1, count.this
    if not isinstance(count, exp.Literal) or (unit not in _MONTHS and unit not in _LENGTHS):
        return None
    text = count.name
    if text.startswith("-"):
        sign, text = -sign, text[1:]
    if not text.isdecimal() or not text.isascii() or len(text) > 7 or int(text) > _MOST:
        return None
    return sign * int(text), unit


def moved(node: exp.Expr) -> datetime | None:
    """A literal date or timestamp ± an interval as the timestamp that DuckDB makes of it; None when it is no such
    thing or lies outside of the years 1 to 9999."""
    if not isinstance(node, exp.Add | exp.Sub):
        return None
    start, step = _moment(node.this), interval(node.expression)
    if start is None or step is None:
        return None
    count = step[0] if isinstance(node, exp.Add) else -step[0]
    return shifted(start, count, step[1])


def shifted(start: datetime, count: int, unit: str) -> datetime | None:
    """So many units later; a day that the month doesn't have becomes its last."""
    try:
        if unit in _LENGTHS:
            return start + count * _LENGTHS[unit]
        months = start.year * 12 + start.month - 1 + count * _MONTHS[unit]
        year, month = divmod(months, 12)
        return start.replace(year=year, month=month + 1, day=min(start.day, calendar.monthrange(year, month + 1)[1]))
    except (ValueError, OverflowError, IndexError, calendar.IllegalMonthError):
        return None


def _moment(node: exp.Expr) -> datetime | None:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Add | exp.Sub):
        return moved(node)
    if isinstance(node, exp.TryCast) or not isinstance(node, exp.Cast) or not isinstance(node.this, exp.Literal):
        return None
    if not node.this.is_string:
        return None
    target = node.to.sql(dialect="duckdb").upper().replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")
    if family(target) not in ("date", "timestamp", "timestamptz"):
        return None
    value = from_text(node.this.name, target)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo is not None else value
    return None if value is None else datetime.combine(cast(date, value), time())
