"""add sub mul div divby mod and the minus sign, for numbers and for moments, dates and durations.

OData 4.01 URL Conventions 5.1.1.2. Null operands give null, as in SQL. Integers are computed with as HUGEINT, so that
no sum of two columns overflows; decimals with 38 digits and the scale that the standard says; what doesn't fit that,
and every division that may leave a fraction, as Double. Division of integers is towards zero; by zero the request
fails. A duration is a BIGINT of microseconds here.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from sqlglot import exp

from connectors.sdk.types import decimal_parts
from server.odata.errors import ODataNotImplementedError, ODataTypeError
from server.odata.nodes import call, cast, wrapped
from server.odata.terms import (
    DURATION,
    MOMENTS,
    NUMBERS,
    Term,
    computed,
    constant,
    digits,
    edm_name,
    null_at,
    sql,
)
from server.odata.translation import Translation
from server.values import MAX_DIGITS

_NODES: dict[str, type[exp.Binary]] = {
    "add": exp.Add, "sub": exp.Sub, "mul": exp.Mul, "div": exp.Div, "divby": exp.Div, "mod": exp.Mod,
}  # fmt: skip
OPERATORS = frozenset(_NODES)
_MICROSECOND = timedelta(microseconds=1)


def calculated(to: Translation, operator: str, left: Term, right: Term, position: int) -> Term:
    """`left operator right`. Raises ODataTypeError for operands that the standard does not compute with."""
    if left.kind == "null" or right.kind == "null":
        return null_at(position)
    if left.kind in NUMBERS and right.kind in NUMBERS:
        return _numbers(to, operator, left, right)
    if operator in ("add", "sub"):
        found = _moments(to, operator, left, right, position)
        if found is not None:
            return found
    elif "duration" in (left.kind, right.kind) and {left.kind, right.kind} & NUMBERS:
        raise ODataNotImplementedError(
            f"Durations can't be used with {operator}.", option=to.option, position=position, hint="Write the result."
        )
    raise ODataTypeError(
        f"{operator} can't be used with {edm_name(left)} and {edm_name(right)}.",
        option=to.option,
        position=position,
        hint="It takes numbers; add and sub take dates, moments and durations too.",
    )


def negative(to: Translation, operand: Term, position: int) -> Term:
    """`-operand`."""
    value = operand.value
    if operand.kind == "null":
        return null_at(position)
    if operand.kind not in NUMBERS and operand.kind != "duration":
        raise ODataTypeError(
            f"The minus sign can't be used with {edm_name(operand)}.", option=to.option, position=position
        )
    if isinstance(value, Decimal):
        return constant(value.copy_negate(), position)  # unary minus rounds to Python's decimal context
    if isinstance(value, int | float | timedelta):
        return constant(-value, position)
    if operand.kind == "integer":
        return computed(exp.Neg(this=_as(to, operand, "HUGEINT")), "HUGEINT", operand)
    return computed(exp.Neg(this=wrapped(sql(operand, to.parameters))), operand.sql_type, operand)


def _numbers(to: Translation, operator: str, left: Term, right: Term) -> Term:
    node = _NODES[operator]
    if left.kind == right.kind == "integer" and operator != "divby":
        kind = exp.IntDiv if operator == "div" else node
        return computed(kind(this=_as(to, left, "HUGEINT"), expression=_as(to, right, "HUGEINT")), "HUGEINT",
                        left, right)  # fmt: skip
    if "float" not in (left.kind, right.kind) and operator in ("add", "sub", "mul", "mod"):
        scales = _scale(left), _scale(right)
        scale = sum(scales) if operator == "mul" else max(scales)
        if scale <= MAX_DIGITS:
            # DuckDB keeps 18 digits for two decimals of 18: 38 are asked for, so that the result has room.
            one, two = (scales if operator == "mul" else (scale, scale))  # fmt: skip
            return computed(
                node(
                    this=_as(to, left, f"DECIMAL({MAX_DIGITS},{one})"),
                    expression=_as(to, right, f"DECIMAL({MAX_DIGITS},{two})"),
                ),
                f"DECIMAL({MAX_DIGITS},{scale})",
                left,
                right,
            )
    return computed(node(this=_as(to, left, "DOUBLE"), expression=_as(to, right, "DOUBLE")), "DOUBLE", left, right)


def _as(to: Translation, term: Term, sql_type: str) -> exp.Expr:
    if term.is_constant:
        return cast(sql(term, to.parameters, option=to.option), sql_type)
    node = sql(term, to.parameters)
    return wrapped(node) if term.sql_type == sql_type else cast(node, sql_type)


def _scale(term: Term) -> int:
    if isinstance(term.value, Decimal):
        return digits(term.value)[1]
    parts = decimal_parts(term.sql_type)
    return parts[1] if parts else 0


def _moments(to: Translation, operator: str, left: Term, right: Term, position: int) -> Term | None:
    """add and sub of what has to do with time; None for other operands."""
    sign = 1 if operator == "add" else -1
    kinds = left.kind, right.kind
    if kinds[1] == "duration" and (kinds[0] in MOMENTS or kinds[0] in ("date", "duration")):
        if left.is_constant and right.is_constant:
            return _folded(to, left, right, sign, position)
        return _shifted(to, _NODES[operator], left, right)
    if operator == "sub" and (kinds == ("date", "date") or set(kinds) <= MOMENTS):
        return computed(
            exp.Sub(
                this=call("epoch_us", sql(left, to.parameters)),
                expression=call("epoch_us", sql(right, to.parameters)),
            ),
            DURATION,
            left,
            right,
        )
    return None


def _shifted(to: Translation, node: type[exp.Binary], left: Term, right: Term) -> Term:
    one, two = sql(left, to.parameters), sql(right, to.parameters)
    if left.kind == "duration":
        return computed(node(this=wrapped(one), expression=wrapped(two)), DURATION, left, right)
    if left.kind == "date":
        # Through a moment at midnight and back: today plus an hour is today, minus an hour yesterday.
        moved = node(this=cast(one, "TIMESTAMP"), expression=call("to_microseconds", two))
        return computed(cast(moved, "DATE"), "DATE", left, right)
    return computed(node(this=wrapped(one), expression=call("to_microseconds", two)), left.sql_type, left, right)


def _folded(to: Translation, left: Term, right: Term, sign: int, position: int) -> Term:
    """Two constants: computed now, so that `Created ge now() sub duration'P1D'` can still go to the source."""
    value, span = left.value, right.value
    assert isinstance(span, timedelta)
    try:
        if isinstance(value, datetime | timedelta):
            return constant(value + sign * span, position)
        assert isinstance(value, date)
        return constant((datetime.combine(value, time()) + sign * span).date(), position)
    except OverflowError:
        raise ODataTypeError(
            "The result is beyond the years 1 to 9999.", option=to.option, position=position
        ) from None
