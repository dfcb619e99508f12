"""Casts, and functions of numbers. Only what can't fail: a source may compute it for rows that DuckDB never sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from connectors.sdk.types import decimal_parts, family
from engine.dialects.constants import whole_number
from engine.dialects.entries import NUMBERS
from engine.dialects.operations import Context, InexactError, bound, operation
from engine.dialects.table import Term

Render = Callable[[exp.Expr, Context], Term]
_DIGITS = {"TINYINT": 3, "UTINYINT": 3, "SMALLINT": 5, "USMALLINT": 5, "INTEGER": 10, "UINTEGER": 10, "BIGINT": 19}
_HOLDS = {"SMALLINT": 4, "INTEGER": 9, "BIGINT": 18}  # so many digits, whatever they are
_MOMENT_CASTS = {("date", "timestamp"), ("timestamp", "date"), ("timestamptz", "date")}


def cast(node: exp.Cast, context: Context, render: Render) -> Term:
    """CAST of what always fits its target. Raises InexactError."""
    value = render(node.this, context)
    target = node.to.sql(dialect="duckdb").upper().replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")
    target = {"TEXT": "VARCHAR", "INT": "INTEGER"}.get(target, target.replace(", ", ","))
    kind, size = family(target), decimal_parts(target)
    if isinstance(node, exp.TryCast) or value.is_constant or not value.exact:
        raise InexactError("such a cast is on no list")
    if target == value.sql_type and value.readable:
        return value
    if size and value.family in NUMBERS:
        return _to_decimal(value, *size, context)
    if value.family == "decimal" and value.digits > 0 and value.digits - value.scale <= _HOLDS.get(target, -1):
        return replace(operation("to_integer", [value], context), sql_type=target)
    if (value.family, kind) in _MOMENT_CASTS or (value.family, kind, value.sql_type != "") == (
        "integer",
        "text",
        True,
    ):
        return replace(operation(f"to_{kind}", [value], context), sql_type=target)
    raise InexactError("such a cast is on no list")


def _to_decimal(value: Term, digits: int, scale: int, context: Context) -> Term:
    whole = value.digits - value.scale if value.family == "decimal" else _DIGITS.get(value.sql_type, 99)
    rounds = value.scale > scale  # 9.99 becomes 10.0: one digit more
    if whole + rounds > digits - scale or (value.family == "decimal" and not value.digits):
        raise InexactError("a cast to a decimal that may be too small for its values")
    if digits > context.dialect.most_digits or scale > context.dialect.most_scale:
        raise InexactError("a decimal of more digits than the source has")
    found = operation("to_decimal", [value], context, digits=digits, scale=scale)
    return replace(found, digits=digits, scale=scale, sql_type=f"DECIMAL({digits},{scale})")


def rounded(node: exp.Round, context: Context, render: Render) -> Term:
    """round(decimal, n): half away from zero."""
    value = render(node.this, context)
    places = 0 if node.args.get("decimals") is None else whole_number(node.args["decimals"])
    if value.family != "decimal" or places is None or not 0 <= places < value.scale or node.args.get("truncate"):
        raise InexactError("such a round is on no list")
    parts = decimal_parts(value.sql_type)
    sql_type = f"DECIMAL({parts[0]},{places})" if parts else ""
    found = operation("round", [value, bound(places, "integer", context)], context)
    return replace(found, scale=places, digits=value.digits, sql_type=sql_type)


def whole(name: str, value: Term, context: Context) -> Term:
    """floor and ceil of a decimal."""
    parts = decimal_parts(value.sql_type)
    found = operation(name, [value], context)
    return replace(found, scale=0, sql_type=f"DECIMAL({parts[0]},0)" if parts else "")


def mod(node: exp.Mod, context: Context, render: Render) -> Term:
    """The remainder of a whole number by a literal; by zero it is DuckDB's error."""
    by = whole_number(node.expression)
    if not by:
        raise InexactError("a remainder by other than a literal")
    return operation("mod", [render(node.this, context), bound(by, "integer", context)], context)
