"""The predicates of a scan in its dialect, as they were copied to it: weaker than the condition they stand for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from connectors.sdk import Comparison, Op, Predicate, Value
from connectors.sdk.scan import AllOf
from connectors.sdk.types import decimal_parts, family
from engine.dialects.operations import Context, InexactError, bound, chain, is_null, one_of, operation
from engine.dialects.table import OPAQUE, Term
from engine.fragments import Param

_OPS = {Op.EQ: "eq", Op.NE: "ne", Op.LT: "lt", Op.LE: "le", Op.GT: "gt", Op.GE: "ge"}


def render_predicate(predicate: Predicate, column: Callable[[str], Term], context: Context) -> Term:
    """A scan's predicate in the dialect; its caller's values keep their own types. Raises InexactError."""
    if isinstance(predicate, Comparison):
        left = column(predicate.column)
        if predicate.op is Op.IS_NULL:
            return is_null(left)
        if predicate.op is Op.IS_NOT_NULL:
            return operation("not", [is_null(left)], context)
        values = [_predicate_value(value, context) for value in predicate.values]
        if predicate.op is Op.IN:
            return one_of(left, values, context)
        if predicate.op in _OPS:
            return operation(_OPS[predicate.op], [left, values[0]], context)
        raise InexactError(f"{predicate.op} is on no list")
    kind = "and" if isinstance(predicate, AllOf) else "or"
    terms = []
    for term in predicate.terms:
        try:
            terms.append(render_predicate(term, column, context))
        except InexactError:
            if kind == "or":
                raise
    if not terms:
        raise InexactError("nothing of it is on the list")
    return chain(kind, terms)


def _predicate_value(value: Value | Param, context: Context) -> Term:
    if isinstance(value, Param):
        digits, scale = decimal_parts(value.given) or (0, 0)
        own = replace(value, wanted=value.given)
        return bound(own, family(value.given), context, digits, scale)
    if isinstance(value, float) and not math.isfinite(value) and not context.dialect.float_parameters:
        raise InexactError("a float that the source does not have")
    kind = {bool: "boolean", int: "integer", float: "float", Decimal: "decimal", str: "text"}.get(type(value))
    if kind is None:
        name = type(value).__name__
        aware = name == "datetime" and getattr(value, "tzinfo", None) is not None
        kind = {"date": "date", "datetime": "timestamptz" if aware else "timestamp", "UUID": "uuid"}.get(name, OPAQUE)
    return bound(value, kind, context)
