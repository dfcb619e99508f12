"""An expression of the tree → the same in a source's dialect, or InexactError: made only of what its table lists.

Constants become parameters, so that a statement's text holds no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlglot import exp

from connectors.sdk import AllOf, Comparison, Op, Predicate, Value
from connectors.sdk.types import decimal_parts, family
from engine.conversions import from_text
from engine.dialects.table import CONDITION, NUMBERS, OPAQUE, DialectTable, Term
from engine.fragments import Param
from engine.query import parameter_index

UNTYPED = "untyped"  # the family of a string literal: it takes the type of what it is compared with
NULL = "null"
_BINARY: dict[type[exp.Expr], str] = {
    **{exp.EQ: "eq", exp.NEQ: "ne", exp.LT: "lt", exp.LTE: "le", exp.GT: "gt", exp.GTE: "ge"},
    **{exp.Add: "add", exp.Sub: "sub", exp.Mul: "mul"},
}
_OPS = {Op.EQ: "eq", Op.NE: "ne", Op.LT: "lt", Op.LE: "le", Op.GT: "gt", Op.GE: "ge"}
_CAST_FAMILIES = frozenset({"date", "timestamp", "timestamptz", "text", "uuid"})


class InexactError(Exception):
    """The source may not do this as DuckDB does; the text says what, without values."""


@dataclass(frozen=True, slots=True)
class Context:
    """`column`: a column of the tree as a term, InexactError when it is none of the source's. `exists`: the same for
    a semi join, None where there can be none."""

    dialect: DialectTable
    column: Callable[[exp.Column], Term]
    parameter_types: tuple[str, ...]
    exists: Callable[[exp.Exists], Term] | None = None


def render(node: exp.Expr, context: Context) -> Term:
    """The expression in the dialect. Raises InexactError."""
    if isinstance(node, exp.Paren):
        return render(node.this, context)
    if isinstance(node, exp.Column):
        return context.column(node)
    found = constant(node, context)
    if found is not None:
        return found
    if isinstance(node, exp.And | exp.Or):
        return _chain("and" if isinstance(node, exp.And) else "or", [_condition(n, context) for n in node.flatten()])
    if isinstance(node, exp.Not):
        return operation("not", [_condition(node.this, context)], context)
    if type(node) in _BINARY:
        sides = [render(node.this, context), render(node.expression, context)]
        return operation(_BINARY[type(node)], sides, context)
    if isinstance(node, exp.Neg):
        return operation("neg", [render(node.this, context)], context)
    if isinstance(node, exp.Between) and not node.args.get("symmetric"):
        value = render(node.this, context)
        low = operation("ge", [value, render(node.args["low"], context)], context)
        high = operation("le", [value, render(node.args["high"], context)], context)
        return _chain("and", [low, high])
    if isinstance(node, exp.In) and node.expressions and not node.args.get("query") and not node.args.get("unnest"):
        return _in(render(node.this, context), [render(item, context) for item in node.expressions], context)
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return is_null(render(node.this, context))
    if isinstance(node, exp.Exists) and context.exists is not None:
        return context.exists(node)
    if isinstance(node, exp.Case):
        return _case(node, context)
    if isinstance(node, exp.Coalesce) and not isinstance(node.this, exp.Star):
        return _coalesce([render(item, context) for item in (node.this, *node.expressions)], context)
    raise InexactError(f"{type(node).__name__.lower()} is not on {context.dialect.name}'s list")


def condition(node: exp.Expr, context: Context) -> Term:
    """A filter. Raises InexactError."""
    return _condition(node, context)


def _condition(node: exp.Expr, context: Context) -> Term:
    found = render(node, context)
    return found if found.family == CONDITION else operation(CONDITION, [found], context)


def operation(name: str, operands: Sequence[Term], context: Context) -> Term:
    """An operation of the dialect's table on its operands. Raises InexactError."""
    operands = _alike(operands, context)
    dialect = context.dialect
    families = tuple(operand.family for operand in operands)
    text = dialect.operations.get((name, families))
    if text is None:
        raise InexactError(f"{name} of {' and '.join(families)} is not on {dialect.name}'s list")
    if name in ("lt", "le", "gt", "ge") and not all(operand.ordered for operand in operands):
        raise InexactError(f"the source does not order these {families[0]} values as DuckDB does")
    sqls = [operand.sql for operand in operands]
    if families == ("text", "text") or families == ("date", "date"):
        both_vary = not any(operand.is_constant for operand in operands)
        if name not in ("eq", "ne") or both_vary or dialect.collated_always:
            sqls = [o.sql if o.is_constant else dialect.collated(o.sql, o.family) for o in operands]
    kind, digits, scale = _result(name, operands)
    if digits > dialect.most_digits or scale > dialect.most_scale:
        raise InexactError(f"{name} gives decimals of more digits than {dialect.name} computes with")
    scales = {f"s{index}": operand.scale for index, operand in enumerate(operands)}
    values = tuple(value for operand in operands for value in operand.values)
    is_constant = all(operand.is_constant for operand in operands)
    return Term(text.format(*sqls, **scales), values, kind, digits, scale, is_constant)


def _result(name: str, operands: Sequence[Term]) -> tuple[str, int, int]:
    """Family, digits and scale of a result. DuckDB caps the digits; the scale is as here."""
    first = operands[0]
    if name == "neg":
        return first.family, first.digits, first.scale
    if name not in ("add", "sub", "mul"):
        return CONDITION, 0, 0
    other = operands[1]
    if (first.family, other.family) == ("integer", "integer"):
        return "integer", 0, 0
    digits = [operand.digits if operand.family == "decimal" else 19 for operand in (first, other)]
    if name == "mul":
        return "decimal", sum(digits), first.scale + other.scale
    scale = max(first.scale, other.scale)
    return "decimal", max(digits[0] - first.scale, digits[1] - other.scale) + scale + 1, scale


def _alike(operands: Sequence[Term], context: Context) -> Sequence[Term]:
    """String literals as constants of the type of the operand that they meet."""
    if all(operand.family not in (UNTYPED, NULL) for operand in operands):
        return operands
    known = next((operand for operand in operands if operand.family not in (UNTYPED, NULL)), None)
    if known is None or any(operand.family == NULL for operand in operands):
        raise InexactError("a comparison of bare constants")
    found = []
    for operand in operands:
        if operand.family == UNTYPED:
            wanted = {"text": "VARCHAR", "timestamptz": "TIMESTAMP WITH TIME ZONE"}.get(known.family, known.family)
            value = from_text(str(operand.values[0]), wanted.upper()) if known.family in _CAST_FAMILIES else None
            if value is None:
                raise InexactError(f"a text that may not mean one {known.family}")
            operand = _bound(value, known.family, context)
        found.append(operand)
    return found


def _bound(value: Value | Param | None, kind: str, context: Context, digits: int = 0, scale: int = 0) -> Term:
    if kind not in context.dialect.columns:
        raise InexactError(f"{context.dialect.name} takes no constants of {kind}")
    return Term(context.dialect.bound(kind), (value,), kind, digits, scale, is_constant=True)


def constant(node: exp.Expr, context: Context) -> Term | None:
    """A literal or a parameter as a constant; None when it is none. Raises InexactError for one not to be taken."""
    if isinstance(node, exp.Boolean):
        return _bound(bool(node.this), "boolean", context)
    if isinstance(node, exp.Null):
        return Term("NULL", (), NULL, is_constant=True)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return _number("-" + node.this.name, context)
    if isinstance(node, exp.Literal):
        if node.is_string:
            return Term("", (node.name,), UNTYPED, is_constant=True)
        return _number(node.name, context)
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        index = parameter_index(node.this)
        if index is not None:
            sql_type = context.parameter_types[index]
            digits, scale = decimal_parts(sql_type) or (0, 0)
            return _bound(Param(index, sql_type, sql_type), family(sql_type), context, digits, scale)
        if isinstance(node.this, exp.Literal) and node.this.is_string:
            target = node.to.sql(dialect="duckdb").upper().replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")
            kind = {"TEXT": "text"}.get(target, family(target))
            value = from_text(node.this.name, target) if kind in _CAST_FAMILIES else None
            if value is not None:
                return _bound(value, kind, context)
        raise InexactError("cast is on no list")
    return None


def _number(text: str, context: Context) -> Term:
    if "e" in text.lower():
        raise InexactError("floats are never computed with at the source")
    if "." not in text:
        if abs(int(text)) >= 2**63:
            raise InexactError("an integer beyond 64 bits")
        return _bound(int(text), "integer", context)
    value = Decimal(text)
    scale = len(text.partition(".")[2])
    digits = len(text.strip("-").replace(".", ""))
    if digits > 38:
        raise InexactError("a decimal of more than 38 digits")
    return _bound(value, "decimal", context, digits, scale)


def _chain(name: str, terms: Sequence[Term]) -> Term:
    sql = "(" + f" {name.upper()} ".join(term.sql for term in terms) + ")"
    return Term(sql, tuple(value for term in terms for value in term.values), CONDITION)


def _in(value: Term, items: Sequence[Term], context: Context) -> Term:
    """IN as the dialect's own IN, when each item may be compared by = and is a constant."""
    for item in items:
        operation("eq", [value, item], context)
    alike = [_alike([value, item], context)[1] for item in items]
    if not all(item.is_constant for item in alike):
        raise InexactError("IN of what is no constant")
    left = context.dialect.collated(value.sql, value.family) if context.dialect.collated_always else value.sql
    sql = f"({left} IN ({', '.join(item.sql for item in alike)}))"
    return Term(sql, (*value.values, *(v for item in alike for v in item.values)), CONDITION)


def is_null(value: Term) -> Term:
    """IS NULL of any operand whose NULLs the source sees as DuckDB does."""
    if value.family in (UNTYPED, CONDITION) or not value.tells_null:
        raise InexactError("IS NULL of what is no column or number")
    return Term(f"({value.sql} IS NULL)", value.values, CONDITION)


def _case(node: exp.Case, context: Context) -> Term:
    if node.this is not None:
        raise InexactError("CASE with an operand is on no list")
    branches = [(_condition(b.this, context), render(b.args["true"], context)) for b in node.args["ifs"]]
    default = node.args.get("default")
    results = [result for _, result in branches]
    last = render(default, context) if default is not None else Term("NULL", (), NULL, is_constant=True)
    kind, digits, scale = _common([*results, last])
    words = " ".join(f"WHEN {when.sql} THEN {then.sql}" for when, then in branches)
    values = tuple(v for when, then in branches for v in (*when.values, *then.values))
    return Term(f"(CASE {words} ELSE {last.sql} END)", (*values, *last.values), kind, digits, scale)


def _coalesce(items: Sequence[Term], context: Context) -> Term:
    kind, digits, scale = _common(items)
    sql = f"COALESCE({', '.join(item.sql for item in items)})"
    return Term(sql, tuple(v for item in items for v in item.values), kind, digits, scale)


def _common(terms: Sequence[Term]) -> tuple[str, int, int]:
    """The family of several results: numbers, or all of one family that has no digits."""
    families = {term.family for term in terms} - {NULL}
    if not families or not families <= set(NUMBERS):
        if len(families) == 1 and families <= {"date", "timestamp", "timestamptz"}:
            return families.pop(), 0, 0
        raise InexactError("CASE or COALESCE of other than numbers")
    if families == {"integer"}:
        return "integer", 0, 0
    whole = max(term.digits - term.scale if term.family == "decimal" else 19 for term in terms if term.family != NULL)
    scale = max(term.scale for term in terms)
    return "decimal", whole + scale, scale


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
            return _in(left, values, context)
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
    return _chain(kind, terms)


def _predicate_value(value: Value | Param, context: Context) -> Term:
    if isinstance(value, Param):
        digits, scale = decimal_parts(value.given) or (0, 0)
        own = replace(value, wanted=value.given)
        return _bound(own, family(value.given), context, digits, scale)
    kind = {bool: "boolean", int: "integer", Decimal: "decimal", str: "text"}.get(type(value))
    if kind is None:
        name = type(value).__name__
        aware = name == "datetime" and getattr(value, "tzinfo", None) is not None
        kind = {"date": "date", "datetime": "timestamptz" if aware else "timestamp", "UUID": "uuid"}.get(name, OPAQUE)
    return _bound(value, kind, context)
