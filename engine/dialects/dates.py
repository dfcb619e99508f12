"""Functions of dates and timestamps: their parts, DATE_TRUNC, plus and minus an interval. Sessions are in UTC."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from engine.dialects.constants import whole_number
from engine.dialects.operations import Context, InexactError, bound, operation
from engine.dialects.table import Term
from engine.moments import interval

Render = Callable[[exp.Expr, Context], Term]
PARTS: dict[type[exp.Expr], str] = {
    exp.Year: "year", exp.Quarter: "quarter", exp.Month: "month", exp.Day: "day", exp.DayOfMonth: "day",
    exp.Hour: "hour", exp.Minute: "minute", exp.Second: "second", exp.DayOfWeek: "dow", exp.DayOfWeekIso: "isodow",
    exp.DayOfYear: "doy", exp.Week: "week", exp.WeekOfYear: "week",
}  # fmt: skip
_WORDS = {"dayofweek": "dow", "weekday": "dow", "dayofyear": "doy", "dayofmonth": "day", "weekofyear": "week"}


def part(node: exp.Expr, context: Context, render: Render) -> Term | None:
    """year(d), extract(year FROM d), date_part('year', d) …; None when the node is no such thing."""
    if isinstance(node, exp.Extract):
        unit, value = node.this.name, node.expression
    elif isinstance(node, exp.Anonymous) and node.name.lower() in ("date_part", "datepart"):
        if len(node.expressions) != 2 or not isinstance(node.expressions[0], exp.Literal):
            raise InexactError("date_part of unusual arguments")
        unit, value = node.expressions[0].name, node.expressions[1]
    elif type(node) in PARTS and not any(more for name, more in node.args.items() if name != "this"):
        unit, value = PARTS[type(node)], node.this
    else:
        return None
    unit = unit.lower()
    return operation(f"part_{_WORDS.get(unit, unit)}", [render(value, context)], context)


def trunc(node: exp.TimestampTrunc | exp.DateTrunc, context: Context, render: Render) -> Term:
    """date_trunc('month', d): a timestamp, of a date too."""
    unit = node.args.get("unit")
    if not isinstance(unit, exp.Var | exp.Literal) or node.args.get("zone"):
        raise InexactError("date_trunc of unusual arguments")
    return operation(f"trunc_{unit.name.lower()}", [render(node.this, context)], context)


def shift(node: exp.Add | exp.Sub, context: Context, render: Render) -> Term | None:
    """A date or timestamp plus or minus an interval, or so many days; None when the node is no such thing."""
    step = interval(node.expression)
    sign = -1 if isinstance(node, exp.Sub) else 1
    if step is not None:
        return _shifted(render(node.this, context), sign * step[0], step[1].lower(), context)
    if isinstance(node.expression, exp.Interval) or isinstance(node.this, exp.Interval):
        raise InexactError("an unusual interval")
    days = whole_number(node.expression)
    if days is None:
        return None
    value = render(node.this, context)
    if value.family != "date":
        return None
    return _shifted(value, sign * days, "days", context)


def _shifted(value: Term, count: int, unit: str, context: Context) -> Term:
    return operation(f"shift_{unit}", [value, bound(count, "integer", context)], context)
