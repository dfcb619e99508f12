"""Literals and parameters of a tree as constants of a statement: they become its parameters."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal

from sqlglot import exp

from connectors.sdk.types import family
from engine.conversions import from_text
from engine.dialects.operations import CAST_FAMILIES, NULL, UNTYPED, Context, InexactError, bound, bound_param
from engine.dialects.table import Term
from engine.moments import moved
from engine.query import parameter_index


def constant(node: exp.Expr, context: Context) -> Term | None:
    """A literal or a parameter as a constant; None when it is none. Raises InexactError for one not to be taken."""
    if isinstance(node, exp.Boolean):
        return bound(bool(node.this), "boolean", context)
    if isinstance(node, exp.Null):
        return Term("NULL", (), NULL, is_constant=True)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return _number("-" + node.this.name, context)
    if isinstance(node, exp.Literal):
        if node.is_string:
            return Term("", (node.name,), UNTYPED, is_constant=True)
        return _number(node.name, context)
    if isinstance(node, exp.Add | exp.Sub):
        moment = moved(node)
        return None if moment is None else _moment(moment, context)
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        index = parameter_index(node.this)
        if index is not None:
            return bound_param(index, context.parameter_types[index], context)
        if isinstance(node.this, exp.Literal) and node.this.is_string:
            target = node.to.sql(dialect="duckdb").upper().replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")
            kind = {"TEXT": "text"}.get(target, family(target))
            value = from_text(node.this.name, target) if kind in CAST_FAMILIES else None
            if value is not None:
                return bound(value, kind, context)
            raise InexactError("cast is on no list")
    return None


def _moment(moment: datetime, context: Context) -> Term:
    """As a date where the source has no timestamps: DuckDB compares a date as its midnight."""
    if moment.tzinfo is None and moment.time() == time() and "timestamp" not in context.dialect.columns:
        return bound(moment.date(), "date", context)
    return bound(moment, "timestamp" if moment.tzinfo is None else "timestamptz", context)


def _number(text: str, context: Context) -> Term:
    if "e" in text.lower():
        raise InexactError("floats are never computed with at the source")
    if "." not in text:
        if abs(int(text)) >= 2**63:
            raise InexactError("an integer beyond 64 bits")
        return bound(int(text), "integer", context)
    value = Decimal(text)
    scale = len(text.partition(".")[2])
    digits = len(text.strip("-").replace(".", ""))
    if digits > 38:
        raise InexactError("a decimal of more than 38 digits")
    return bound(value, "decimal", context, digits, scale)


def whole_number(node: exp.Expr | None) -> int | None:
    """A whole number written as a literal, else None."""
    if isinstance(node, exp.Paren):
        return whole_number(node.this)
    if isinstance(node, exp.Neg):
        value = whole_number(node.this)
        return None if value is None else -value
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal() and len(node.name) < 10:
        return int(node.name)
    return None
