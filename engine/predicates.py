"""A condition in a tree → the predicate that a source can take: the same, a weaker one, or nothing.

Weaker means: true of every row of which the condition is true. The condition stays in the tree, so a weaker one is
always safe (law 1); a limit may only be pushed when what was pushed is not weaker.
Constants are converted to the column's type only where DuckDB's comparison and the source's then agree: within one
comparison family, when the value survives the conversion exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import cast

from sqlglot import exp

from connectors.sdk import AllOf, AnyOf, Comparison, Op, Predicate, Support, Table, Value
from connectors.sdk.scan import comparisons
from connectors.sdk.types import family
from engine.conversions import convert, convertible, from_text
from engine.moments import moved
from engine.query import parameter_index
from engine.scans import Param
from engine.trees import copied

Locate = Callable[[exp.Column], str | None]
"""The source's spelling of a column when it is a plain column of the scan in question, else None."""

MAX_IN_VALUES = 1_000
_COMPARISONS: dict[type[exp.Expr], Op] = {
    exp.EQ: Op.EQ, exp.NEQ: Op.NE, exp.LT: Op.LT, exp.LTE: Op.LE, exp.GT: Op.GT, exp.GTE: Op.GE,
}  # fmt: skip
_FLIPPED = {Op.EQ: Op.EQ, Op.NE: Op.NE, Op.LT: Op.GT, Op.LE: Op.GE, Op.GT: Op.LT, Op.GE: Op.LE}
_NEGATED = {Op.EQ: Op.NE, Op.NE: Op.EQ, Op.LT: Op.GE, Op.LE: Op.GT, Op.GT: Op.LE, Op.GE: Op.LT}


@dataclass(frozen=True, slots=True)
class Pushed:
    """`exact`: the source applying it leaves nothing of the condition to do."""

    predicate: Predicate
    exact: bool


def push(condition: exp.Expr, table: Table, locate: Locate, parameter_types: tuple[str, ...]) -> Pushed | None:
    """The strongest predicate over one table that a condition implies and its source declares, or None."""
    found = _convert(condition, table, locate, parameter_types, negated=False)
    if found is None:
        return None
    operators = {column.name: column.operators for column in table.columns}
    exact = found.exact and all(operators[c.column][c.op] is Support.EXACT for c in comparisons(found.predicate))
    return Pushed(found.predicate, exact)


def rejects_null(predicate: Predicate) -> bool:
    """Whether a row of NULLs only can't satisfy it."""
    if isinstance(predicate, Comparison):
        return predicate.op is not Op.IS_NULL
    if isinstance(predicate, AllOf):
        return any(rejects_null(term) for term in predicate.terms)
    return all(rejects_null(term) for term in predicate.terms)


def _column(table: Table, name: str):  # type: ignore[no-untyped-def]
    column = table.column(name)
    assert column is not None
    return column


def _convert(node: exp.Expr, table: Table, locate: Locate, types: tuple[str, ...], negated: bool) -> Pushed | None:
    if isinstance(node, exp.Paren):
        return _convert(node.this, table, locate, types, negated)
    if isinstance(node, exp.Not):
        return _convert(node.this, table, locate, types, not negated)
    if isinstance(node, exp.EQ | exp.NEQ) and isinstance(node.expression, exp.Boolean) and _is_condition(node.this):
        same = bool(node.expression.this) is isinstance(node, exp.EQ)
        return _convert(node.this, table, locate, types, negated if same else not negated)
    if isinstance(node, exp.Between) and not node.args.get("symmetric"):
        low = exp.GTE(this=copied(node.this), expression=copied(node.args["low"]))
        high = exp.LTE(this=copied(node.this), expression=copied(node.args["high"]))
        return _convert(exp.And(this=low, expression=high), table, locate, types, negated)
    if isinstance(node, exp.And | exp.Or):
        # De Morgan holds in three-valued logic too; only truth matters to a filter.
        conjunction = isinstance(node, exp.And) is not negated
        terms = [_convert(part, table, locate, types, negated) for part in node.flatten()]
        found = [term for term in terms if term is not None]
        if not found or (not conjunction and len(found) < len(terms)):
            return None
        exact = len(found) == len(terms) and all(term.exact for term in found)
        if len(found) == 1:
            return Pushed(found[0].predicate, exact)
        kind = AllOf if conjunction else AnyOf
        return Pushed(kind(tuple(term.predicate for term in found)), exact)
    comparison = _leaf(node, table, locate, types, negated)
    if comparison is None:
        return None
    column = table.column(comparison.column)
    return Pushed(comparison, True) if column and comparison.op in column.operators else None


def _is_condition(node: exp.Expr) -> bool:
    """Whether an expression is a comparison or made of some: what a view calls `late`, asked for as `= TRUE`."""
    return isinstance(node.unnest(), exp.Predicate | exp.And | exp.Or | exp.Not)


def _leaf(node: exp.Expr, table: Table, locate: Locate, types: tuple[str, ...], negated: bool) -> Comparison | None:
    if isinstance(node, exp.Column):
        name = locate(node)
        column = table.column(name) if name else None
        return Comparison(column.name, Op.EQ, (not negated,)) if column and column.sql_type == "BOOLEAN" else None
    if isinstance(node, exp.Is):
        name = _located(node.this, locate)
        if name is None:
            return None
        if isinstance(node.expression, exp.Null):
            return Comparison(name, Op.IS_NOT_NULL if negated else Op.IS_NULL)
        if isinstance(node.expression, exp.Boolean) and not negated:
            return _compared(name, Op.EQ, (node.expression,), table, types)
        return None
    if isinstance(node, exp.In) and not negated:
        name = _located(node.this, locate)
        items = node.expressions
        if name is None or not items or len(items) > MAX_IN_VALUES or node.args.get("query"):
            return None
        return _compared(name, Op.IN, tuple(items), table, types)
    if isinstance(node, exp.NullSafeEQ) and not negated:
        return _binary(node, Op.EQ, table, locate, types)
    if type(node) in _COMPARISONS:
        op = _COMPARISONS[type(node)]
        return _binary(node, _NEGATED[op] if negated else op, table, locate, types)
    return None if negated else _text_match(node, table, locate, types)


def _binary(node: exp.Expr, op: Op, table: Table, locate: Locate, types: tuple[str, ...]) -> Comparison | None:
    left, right = node.this, node.expression
    name = _located(left, locate)
    if name is not None:
        return _compared(name, op, (right,), table, types)
    name = _located(right, locate)
    return None if name is None else _compared(name, _FLIPPED[op], (left,), table, types)


def _text_match(node: exp.Expr, table: Table, locate: Locate, types: tuple[str, ...]) -> Comparison | None:
    """starts_with, ends_with, contains; LIKE whose only wildcard is a last or first %. Of text columns only."""
    if node.args.get("negate"):  # NOT LIKE is no Not over a Like
        return None
    if isinstance(node, exp.StartsWith | exp.Contains | exp.EndsWith):
        op = {exp.StartsWith: Op.STARTS_WITH, exp.Contains: Op.CONTAINS, exp.EndsWith: Op.ENDS_WITH}[type(node)]
        name = _text_column(node.this, table, locate)
        return _compared(name, op, (node.expression,), table, types) if name else None
    if isinstance(node, exp.Like) and isinstance(node.expression, exp.Literal) and node.expression.is_string:
        name, pattern = _text_column(node.this, table, locate), node.expression.name
        text = pattern.strip("%")
        if name is None or not text or any(mark in text for mark in "%_\\"):
            return None
        first, last = pattern.startswith("%"), pattern.endswith("%")
        op = {(0, 1): Op.STARTS_WITH, (1, 0): Op.ENDS_WITH, (1, 1): Op.CONTAINS, (0, 0): Op.EQ}[(first, last)]
        return _compared(name, op, (exp.Literal.string(text),), table, types)
    return None


def _located(node: exp.Expr | None, locate: Locate) -> str | None:
    while isinstance(node, exp.Paren):
        node = node.this
    return locate(node) if isinstance(node, exp.Column) else None


def _text_column(node: exp.Expr | None, table: Table, locate: Locate) -> str | None:
    name = _located(node, locate)
    column = table.column(name) if name else None
    return name if column is not None and family(column.sql_type) == "text" else None


def _compared(
    name: str, op: Op, nodes: tuple[exp.Expr, ...], table: Table, types: tuple[str, ...]
) -> Comparison | None:
    column = table.column(name)
    if column is None:
        return None
    values: list[Value | Param] = []
    for node in nodes:
        value = _constant(node, column.sql_type, types)
        if value is None:
            return None
        values.append(value)
    return Comparison(name, op, tuple(cast("list[Value]", values)))


def _constant(node: exp.Expr, sql_type: str, types: tuple[str, ...]) -> Value | Param | None:
    """A constant of the tree as a value of a column's type; None when it is none or may compare differently."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        index = parameter_index(node.this)
        if index is not None:
            # The value comes later; `scans.bind` converts it then.
            return Param(index, types[index], sql_type) if convertible(types[index], sql_type) else None
        if isinstance(node.this, exp.Literal) and node.this.is_string:
            target = node.to.sql(dialect="duckdb").upper().replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")
            value = from_text(node.this.name, target)
            return None if value is None else convert(value, target, sql_type)
        return None
    if isinstance(node, exp.Add | exp.Sub):
        moment = moved(node)
        if moment is None:
            return None
        if sql_type == "DATE":  # compared as timestamps, where a date is its midnight
            return moment.date() if moment.tzinfo is None and moment.time() == time() else None
        return convert(moment, "TIMESTAMP" if moment.tzinfo is None else "TIMESTAMP WITH TIME ZONE", sql_type)
    if isinstance(node, exp.Boolean):
        return convert(bool(node.this), "BOOLEAN", sql_type)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return _number(f"-{node.this.name}", sql_type)
    if isinstance(node, exp.Literal):
        if not node.is_string:
            return _number(node.name, sql_type)
        # An untyped string takes the column's type in DuckDB.
        return from_text(node.name, sql_type)
    return None


def _number(text: str, sql_type: str) -> Value | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return convert(value, "DOUBLE" if "e" in text.lower() else "DECIMAL(38,9)", sql_type)


def conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    """The terms of an AND, flat."""
    if condition is None:
        return []
    if isinstance(condition, exp.Paren):
        return conjuncts(condition.this)
    if isinstance(condition, exp.And):
        return [term for part in condition.flatten() for term in conjuncts(part)]
    return [condition]
