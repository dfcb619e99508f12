"""Terms out of terms: an operation of a dialect's table on its operands, constants in the type of what they meet.

Operations by name: eq ne lt le gt ge (comparisons), and or not, condition (a boolean as a condition), add sub mul neg
abs sign mod round ceil floor, same (IS NOT DISTINCT FROM), like (its pattern has the escape `!`), like_plain (its
pattern has none), between (from a text up to, without, another), starts_with ends_with contains, length left right
substring substring_from concat, part_year … (parts of moments), trunc_year … (DATE_TRUNC), shift_year … (a moment and
so many years …), to_<family> (casts).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from string import Formatter

from sqlglot import exp

from connectors.sdk import Value
from connectors.sdk.types import INTEGERS, SIMPLE, decimal_parts, family
from engine.conversions import convert, from_text
from engine.dialects.entries import COMPARED, IS_EQUAL, NUMBERS
from engine.dialects.table import COLLATED, CONDITION, SAME, TEXTS, DialectTable, Term
from engine.fragments import Param

UNTYPED = "untyped"  # the family of a string literal: it takes the type of what it is compared with
NULL = "null"
CAST_FAMILIES = frozenset({"date", "timestamp", "timestamptz", "text", "uuid"})
_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_WHOLE = ("add", "sub", "mul", "mod", "neg", "abs")
_ORDERING = ("lt", "le", "gt", "ge")
_WIDENED = {("date", "timestamp"), ("date", "timestamptz"), ("timestamp", "timestamptz")}
_COUNTING = ("length", "left", "right", "substring", "substring_from")  # they count characters


class InexactError(Exception):
    """The source may not do this as DuckDB does; the text says what, without values."""


@dataclass(frozen=True, slots=True)
class Context:
    """`column`: a column of the tree as a term, InexactError when it is none of the source's. `exists`: the same for
    a semi join, None where there can be none. `superset`: whether operations may be taken that are true of more rows
    than DuckDB's."""

    dialect: DialectTable
    column: Callable[[exp.Column], Term]
    parameter_types: tuple[str, ...]
    exists: Callable[[exp.Exists], Term] | None = None
    superset: bool = False


def operation(name: str, operands: Sequence[Term], context: Context, **sizes: int) -> Term:
    """An operation of the dialect's table on its operands; `sizes`: of a type in its text. Raises InexactError."""
    operands = alike(operands, context)
    dialect = context.dialect
    families = tuple(operand.family for operand in operands)
    entry = dialect.operations.get((name, families))
    if entry is None or not (entry.exact or context.superset):
        raise InexactError(f"{name} of {' and '.join(families)} is not on {dialect.name}'s list")
    if not all(operand.exact for operand in operands):
        raise InexactError(f"{name} of what is true of too many rows")
    if any(kind in COLLATED for kind in families) and sum(not operand.is_constant for operand in operands) > 1:
        # MariaDB's semi joins found none of 26 rows by equal bytes of two columns.
        raise InexactError("columns of a collation that takes different texts for equal")
    ordered = all(operand.ordered for operand in operands)
    if name in _ORDERING and not ordered:
        raise InexactError(f"the source does not order these {families[0]} values as DuckDB does")
    if name in _COUNTING and not (ordered or families[0] in COLLATED):
        raise InexactError("the source may not count characters as DuckDB does")
    sqls = [operand.sql for operand in operands]
    if name in COMPARED and families[0] == families[-1] and families[0] in ("text", "date"):
        both_vary = not any(operand.is_constant for operand in operands)
        if name not in ("eq", "ne") or both_vary or dialect.collated_always:
            sqls = [o.sql if o.is_constant else dialect.collated(o.sql, o.family) for o in operands]
    kind, digits, scale = _result(name, operands, entry.result)
    if digits > dialect.most_digits or scale > dialect.most_scale:
        raise InexactError(f"{name} gives decimals of more digits than {dialect.name} computes with")
    scales = {f"s{index}": operand.scale for index, operand in enumerate(operands)}
    scales |= {f"d{index}": operand.digits or 19 for index, operand in enumerate(operands)}
    return Term(
        entry.text.format(*sqls, **scales, **sizes),
        tuple(value for index in _used(entry.text) for value in operands[index].values),
        kind,
        digits,
        scale,
        is_constant=all(operand.is_constant for operand in operands),
        ordered=operands[0].ordered if kind in TEXTS else True,
        sql_type=_type_of(name, operands, kind, entry.sql_type),
        exact=entry.exact,
    )


def _type_of(name: str, operands: Sequence[Term], kind: str, sql_type: str) -> str:
    if sql_type == SAME:
        return operands[0].sql_type
    return whole_type(operands) if kind == "integer" and name in _WHOLE and not sql_type else sql_type


def whole_type(terms: Sequence[Term]) -> str:
    """DuckDB's type of a whole number that is made of others, "" where it is not sure.

    The widest of theirs; a literal takes it where it fits, else INTEGER or BIGINT.
    """
    known = {term.sql_type for term in terms if term.sql_type}
    rest = [term for term in terms if not term.sql_type]
    literals = [value for term in rest if term.is_constant and len(term.values) == 1 for value in term.values]
    if len(literals) < len(rest) or (len(known) > 1 and not known <= set(_SIGNED)):
        return ""
    for value in literals:
        if not isinstance(value, int):
            return ""
        if not any(_holds(kind, value) for kind in known):
            known.add("INTEGER" if _holds("INTEGER", value) else "BIGINT")
    return known.pop() if len(known) == 1 else max(known, key=_SIGNED.index) if known <= set(_SIGNED) else ""


def _holds(sql_type: str, value: int) -> bool:
    bits, signed = SIMPLE[sql_type].bit_width if sql_type in INTEGERS else 0, not sql_type.startswith("U")
    return bool(bits) and (-(2 ** (bits - 1)) if signed else 0) <= value < 2 ** (bits - signed)


def _used(text: str) -> list[int]:
    """The operands of an entry's text, in the order and as often as they stand there."""
    return [int(name) for _, name, _, _ in Formatter().parse(text) if name is not None and name.isdigit()]


def _result(name: str, operands: Sequence[Term], kind: str) -> tuple[str, int, int]:
    """Family, digits and scale of a result. DuckDB caps the digits; the scale is as here."""
    first = operands[0]
    if name not in ("add", "sub", "mul"):
        kind = kind or first.family
        return (kind, first.digits, first.scale) if kind == "decimal" else (kind, 0, 0)
    other = operands[1]
    if (first.family, other.family) == ("integer", "integer"):
        return "integer", 0, 0
    digits = [operand.digits if operand.family == "decimal" else 19 for operand in (first, other)]
    if name == "mul":
        return "decimal", sum(digits), first.scale + other.scale
    scale = max(first.scale, other.scale)
    return "decimal", max(digits[0] - first.scale, digits[1] - other.scale) + scale + 1, scale


def alike(operands: Sequence[Term], context: Context) -> list[Term]:
    """String literals as constants of the type of the operand that they meet, and other constants where DuckDB takes
    them to that type too and nothing is lost."""
    operands = list(operands)
    if any(operand.family == NULL for operand in operands):
        raise InexactError("a comparison of bare constants")
    known = next((operand for operand in operands if operand.family != UNTYPED), None)
    if known is None:
        raise InexactError("a comparison of bare constants")
    other = next((o for o in operands if o.family != UNTYPED and not o.is_constant), known)
    return [_taken(operand, other, context) for operand in operands]


def _taken(operand: Term, other: Term, context: Context) -> Term:
    if operand.family == UNTYPED:
        return typed_text(operand, other.family, context)
    if not operand.is_constant or len(operand.values) != 1:
        return operand
    value = operand.values[0]
    if (operand.family, other.family) == ("timestamp", "date") and isinstance(value, datetime):
        if value.time() == time():  # DuckDB compares both as timestamps
            return bound(value.date(), "date", context)
    elif (operand.family, other.family) in _WIDENED and isinstance(value, date):
        wider = "TIMESTAMP" if other.family == "timestamp" else "TIMESTAMP WITH TIME ZONE"
        found = convert(value, operand.family.upper(), wider)
        if found is not None:
            return bound(found, other.family, context)
    elif other.family == "float" and operand.family in NUMBERS and isinstance(value, int | Decimal):
        found = convert(value, "DECIMAL(38,9)", "DOUBLE")
        if found is not None:
            return bound(found, "float", context)
    return operand


def typed_text(literal: Term, kind: str, context: Context) -> Term:
    """A string literal as a constant of a family. Raises InexactError."""
    kind = "text" if kind in TEXTS else kind
    wanted = {"text": "VARCHAR", "timestamptz": "TIMESTAMP WITH TIME ZONE"}.get(kind, kind).upper()
    value = from_text(str(literal.values[0]), wanted) if kind in CAST_FAMILIES else None
    if value is None:
        raise InexactError(f"a text that may not mean one {kind}")
    return bound(value, kind, context)


def bound(value: Value | Param | None, kind: str, context: Context, digits: int = 0, scale: int = 0) -> Term:
    """A constant as a parameter. Raises InexactError where the dialect takes none of its family."""
    if kind not in context.dialect.columns:
        raise InexactError(f"{context.dialect.name} takes no constants of {kind}")
    if kind == "text" and not context.dialect.empty_text and (isinstance(value, Param) or value == ""):
        raise InexactError("a text that is or may be empty, which is NULL there")
    return Term(context.dialect.bound(kind), (value,), kind, digits, scale, is_constant=True)


def bound_param(index: int, sql_type: str, context: Context) -> Term:
    """A parameter of the query; its value comes later."""
    kind = family(sql_type)
    if kind == "float" and not context.dialect.float_parameters:
        raise InexactError("a float of which it is not known whether the source has it")
    digits, scale = decimal_parts(sql_type) or (0, 0)
    return replace(bound(Param(index, sql_type, sql_type), kind, context, digits, scale), sql_type=sql_type)


def chain(name: str, terms: Sequence[Term]) -> Term:
    """The terms joined by AND or OR."""
    sql = "(" + f" {name.upper()} ".join(term.sql for term in terms) + ")"
    values = tuple(value for term in terms for value in term.values)
    return Term(sql, values, CONDITION, exact=all(term.exact for term in terms))


def is_null(value: Term) -> Term:
    """IS NULL of any operand whose NULLs the source sees as DuckDB does."""
    if value.family in (UNTYPED, CONDITION) or not value.tells_null or not value.exact:
        raise InexactError("IS NULL of what is no column or number")
    return Term(f"({value.sql} IS NULL)", value.values, CONDITION)


def one_of(value: Term, items: Sequence[Term], context: Context) -> Term:
    """IN as the dialect's own IN, when each item may be compared by = and is a constant."""
    compared = [operation("eq", [value, item], context) for item in items]
    if value.family == UNTYPED:  # a constant of a view, which each item gives its own type
        return chain("or", compared)
    constants = [alike([value, item], context)[1] for item in items]
    if not all(item.is_constant for item in constants):
        raise InexactError("IN of what is no constant")
    entries = {context.dialect.operations["eq", (value.family, item.family)] for item in constants}
    if len(entries) == 1 and len(items) > 1 and (among := next(iter(entries)).among):
        return _among(value, constants, among, all(term.exact for term in compared))
    if any(entry.text != IS_EQUAL for entry in entries):
        return chain("or", compared)
    left = context.dialect.collated(value.sql, value.family) if context.dialect.collated_always else value.sql
    sql = f"({left} IN ({', '.join(item.sql for item in constants)}))"
    values = (*value.values, *(v for item in constants for v in item.values))
    return Term(sql, values, CONDITION, exact=all(term.exact for term in compared))


def _among(value: Term, items: Sequence[Term], forms: Sequence[tuple[str, str]], exact: bool) -> Term:
    """IN once for each form: an index helps with the first, where OR of several conditions each is slower."""
    terms = [
        f"{left.format(value.sql)} IN ({', '.join(right.format('', item.sql) for item in items)})"
        for left, right in forms
    ]
    values = (*value.values, *(v for item in items for v in item.values)) * len(forms)
    return Term(f"({' AND '.join(terms)})", values, CONDITION, exact=exact)
