"""What an OData expression is for a row, in Python: the standard's rules, written apart from the translation.

null is None. Only what the strategies in `test_conditions` make is known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

from server.odata.syntax import (
    Binary,
    Call,
    Expression,
    ListExpression,
    Literal,
    Logical,
    Name,
    Path,
    Unary,
)


def evaluated(tree: Expression, row: Mapping[str, Any]) -> Any:
    """The value of an expression for a row."""
    match tree:
        case Literal(value):
            return value
        case Path((Name(name),)):
            return row[name]
        case Logical("and", operands):
            return _three_valued([evaluated(operand, row) for operand in operands], decisive=False)
        case Logical("or", operands):
            return _three_valued([evaluated(operand, row) for operand in operands], decisive=True)
        case Unary("not", operand):
            value = evaluated(operand, row)
            return None if value is None else not value
        case Unary("-", operand):
            value = evaluated(operand, row)
            return None if value is None else -value
        case Binary("in", left, ListExpression(items)):
            value = evaluated(left, row)
            return any(_equal(value, evaluated(item, row)) for item in items)
        case Binary("eq", left, right):
            return _equal(evaluated(left, row), evaluated(right, row))
        case Binary("ne", left, right):
            return not _equal(evaluated(left, row), evaluated(right, row))
        case Binary(("gt" | "ge" | "lt" | "le") as operator, left, right):
            return _ordered(operator, evaluated(left, row), evaluated(right, row))
        case Binary(operator, left, right):
            return _calculated(operator, evaluated(left, row), evaluated(right, row))
        case Call(name, arguments):
            return _called(name, [evaluated(argument.value, row) for argument in arguments])
    raise AssertionError(f"the oracle does not know {tree}")


def _three_valued(values: list[Any], decisive: bool) -> bool | None:
    if decisive in values:
        return decisive
    return None if None in values else not decisive


def _promoted(one: Any, two: Any) -> tuple[Any, Any]:
    if isinstance(one, float) or isinstance(two, float):
        return float(one), float(two)
    return one, two


def _equal(one: Any, two: Any) -> bool:
    if one is None or two is None:
        return one is two
    one, two = _promoted(one, two)
    return bool(one == two)


def _ordered(operator: str, one: Any, two: Any) -> bool:
    if one is None or two is None:
        return False
    one, two = _promoted(one, two)
    return bool({"gt": one > two, "ge": one >= two, "lt": one < two, "le": one <= two}[operator])


def _calculated(operator: str, one: Any, two: Any) -> Any:
    if one is None or two is None:
        return None
    one, two = _promoted(one, two)
    with localcontext(prec=60):
        match operator:
            case "add":
                return one + two
            case "sub":
                return one - two
            case "mul":
                return one * two
            case "mod":
                if isinstance(one, float):
                    return math.fmod(one, two) if math.isfinite(one) else math.nan
                rest = abs(one) % abs(two)
                return -rest if one < 0 else rest
            case "div":
                whole = abs(one) // abs(two)
                return whole if (one < 0) is (two < 0) else -whole
    raise AssertionError(operator)


def _called(name: str, values: list[Any]) -> Any:
    if None in values:
        return None
    first = values[0]
    match name:
        case "contains":
            return values[1] in first
        case "startswith":
            return first.startswith(values[1])
        case "endswith":
            return first.endswith(values[1])
        case "length":
            return len(first)
        case "indexof":
            return first.find(values[1])
        case "concat":
            return first + values[1]
        case "toupper":
            return first.upper()
        case "trim":
            return first.strip()
        case "substring":
            start = values[1] if values[1] >= 0 else max(0, len(first) + values[1])
            return first[start:] if len(values) == 2 else first[start : start + values[2]]
        case "year" | "month" | "day":
            return getattr(first, name)
        case "floor" | "ceiling" | "round":
            return _rounded(name, first)
    raise AssertionError(name)


def _rounded(name: str, value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return value
        half = math.floor(abs(value) + 0.5)
        rounded = {"floor": math.floor(value), "ceiling": math.ceil(value), "round": math.copysign(half, value)}
        return float(rounded[name])
    if isinstance(value, int):
        return value
    how = {"floor": "ROUND_FLOOR", "ceiling": "ROUND_CEILING", "round": "ROUND_HALF_UP"}[name]
    with localcontext(prec=60):
        return value.quantize(Decimal(1), how)
