"""Typed pieces of a condition while an OData expression becomes SQL: a node with its type, or a constant without one.

A constant keeps its Python value until it is known what it stands beside: `total eq 5` compares as the column's
DECIMAL, `order_id eq 5` as its BIGINT. Then it is bound as a parameter, never as text, so that one plan serves all
values and a plain comparison can be pushed to the source.

Numbers follow OData 4.01 URL Conventions 5.1.1.14 (promotion: integers, Decimal, Single, Double). A moment of a
naive column is one in UTC, as answers write it.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from sqlglot import exp

from connectors.sdk.scan import Value
from connectors.sdk.types import decimal_parts, family
from engine.query import Parameter
from server.odata.edm_types import edm_type
from server.odata.errors import ODataNotImplementedError, ODataTypeError
from server.odata.syntax import LexicalValue, Literal
from server.values import MAX_DIGITS, MAX_FLOAT, is_comparable

NUMBERS = frozenset({"integer", "decimal", "float"})
MOMENTS = frozenset({"timestamp", "timestamptz"})
DURATION = "DURATION"
OPTION = "$filter"
_LIMITS = {
    "TINYINT": (-(2**7), 2**7 - 1), "SMALLINT": (-(2**15), 2**15 - 1), "INTEGER": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1), "HUGEINT": (-(2**127), 2**127 - 1), "UTINYINT": (0, 2**8 - 1),
    "USMALLINT": (0, 2**16 - 1), "UINTEGER": (0, 2**32 - 1), "UBIGINT": (0, 2**64 - 1), "UHUGEINT": (0, 2**128 - 1),
}  # fmt: skip
_EDM = {"null": "null", "duration": "Edm.Duration", "opaque": "Edm.String (structured)"}
_EXAMPLES = {
    "boolean": "true", "integer": "5", "decimal": "12.50", "float": "12.5", "text": "'text', in single quotes",
    "date": "2024-12-31, without quotes", "time": "23:59:59, without quotes", "blob": "binary'T0RhdGE'",
    "timestamp": "2024-12-31T23:59:59Z, without quotes", "timestamptz": "2024-12-31T23:59:59Z, without quotes",
    "uuid": "01234567-89ab-cdef-0123-456789abcdef, without quotes", "duration": "duration'PT1H'",
}  # fmt: skip

Constant = Value | timedelta


@dataclass(frozen=True, slots=True)
class Term:
    """A typed value. `kind`: its comparison family, or `null`, `duration` (microseconds as BIGINT), `opaque` (lists,
    structs: only to be compared with null). `node` None: a constant, whose value is `value` (None for null).
    `nullable` False only when it is known never to be NULL. `position`: in the option's text, for errors."""

    kind: str
    sql_type: str
    node: exp.Expr | None = None
    value: Constant | None = None
    nullable: bool = True
    position: int = 0
    label: str = ""

    @property
    def is_constant(self) -> bool:
        return self.node is None

    @property
    def may_be_nan(self) -> bool:
        return self.kind == "float" and self.node is not None


def kind_of(sql_type: str) -> str:
    """The comparison family of a column type, as `Term.kind`."""
    if sql_type in _LIMITS:
        return "integer"
    if sql_type == DURATION:
        return "duration"
    return family(sql_type) if is_comparable(sql_type) else "opaque"


def computed(node: exp.Expr, sql_type: str, *sources: Term, nullable: bool | None = None) -> Term:
    """The term of a node computed from others: NULL where one of them is, placed where the first one is."""
    null = any(source.nullable for source in sources) if nullable is None else nullable
    return Term(kind_of(sql_type), sql_type, node, nullable=null, position=sources[0].position if sources else 0)


def null_at(position: int) -> Term:
    """The null literal."""
    return Term("null", "NULL", position=position)


def literal_term(literal: Literal, option: str) -> Term:
    """A literal as a constant. Raises ODataNotImplementedError for values that no column here can have."""
    value = literal.value
    if isinstance(value, LexicalValue):
        raise ODataNotImplementedError(
            f"This {literal.type} literal can't be compared exactly.",
            option=option,
            position=literal.position,
            hint="Years go from 1 to 9999, fractions of a second to six digits; there are no enumerations here.",
        )
    if value is None:
        return null_at(literal.position)
    return constant(value, literal.position)


def constant(value: Constant, position: int = 0) -> Term:
    """A value that is known while the query is built."""
    return Term(*_own_type(value), value=value, nullable=False, position=position)


def edm_name(term: Term) -> str:
    """The Edm type to tell a caller."""
    return _EDM.get(term.kind) or edm_type(term.sql_type).name


def sql(term: Term, parameters: list[Parameter], like: Term | None = None, option: str = OPTION) -> exp.Expr:
    """The node of a term; a constant is bound, in the type of `like` where there is one.

    `like` is of a comparable kind (`comparable`). Raises ODataTypeError when no type holds both exactly.
    """
    if term.node is not None:
        # A node has one parent: what stands somewhere already is copied, and nothing else, for depth's sake.
        return term.node if term.node.parent is None else term.node.copy()
    if term.kind == "null":
        return exp.null()
    sql_type, value = _fitted(term, like.sql_type if like is not None else term.sql_type, option)
    if sql_type == DURATION:
        assert isinstance(value, timedelta)
        sql_type, value = "BIGINT", value // timedelta(microseconds=1)
    assert not isinstance(value, timedelta)
    parameters.append(Parameter(sql_type, value))
    index = len(parameters) - 1
    return parameter_node(index, sql_type)


def parameter_node(index: int, sql_type: str) -> exp.Expr:
    """`engine.query.parameter`, but quick: reading the type's text, or copying the node, costs more than the rest."""
    return exp.Cast(this=exp.Placeholder(this=str(index + 1)), to=type_node(sql_type))


def type_node(sql_type: str) -> exp.DataType:
    """A new node of a column type."""
    name, facets = _type_parts(sql_type)
    numbers = [exp.DataTypeParam(this=exp.Literal.number(facet)) for facet in facets]
    return (
        exp.DataType(this=name, expressions=numbers, nested=False)
        if numbers
        else exp.DataType(this=name, nested=False)
    )


def comparable(left: Term, right: Term) -> bool:
    """Whether the standard compares values of the two: of one type, or promoted to one."""
    if left.kind == right.kind:
        return left.kind != "opaque"
    return {left.kind, right.kind} <= NUMBERS or {left.kind, right.kind} <= MOMENTS


def mismatch(left: Term, right: Term, doing: str, option: str) -> ODataTypeError:
    """The error for two terms that don't go together: what was asked, what was found, how to write it."""
    known, other = (right, left) if left.is_constant and not right.is_constant else (left, right)
    example = _EXAMPLES.get(known.kind)
    hint = ""
    if other.is_constant and example:
        hint = f"Write a value like {example}."
    elif known.kind == "opaque":
        hint = "Lists and structures can only be compared with null."
    what = f"Property {known.label!r}" if known.label else "The expression"
    return ODataTypeError(
        f"{what} is {edm_name(known)} and can't be {doing} {edm_name(other)}.",
        option=option,
        position=other.position,
        hint=hint,
    )


def digits(number: Decimal) -> tuple[int, int]:
    """(digits before the point, digits behind it) that a finite number needs."""
    # Not `normalize()`: it rounds to the 28 digits of Python's own decimal context.
    _, found, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if not number:
        return 0, 0
    while found[-1] == 0 and exponent < 0:
        found, exponent = found[:-1], exponent + 1
    return max(0, len(found) + exponent), max(0, -exponent)


@lru_cache(maxsize=256)
def _type_parts(sql_type: str) -> tuple[exp.DType, tuple[int, ...]]:
    parts = decimal_parts(sql_type)
    return exp.DataType.build(sql_type, dialect="duckdb").this, parts or ()


def _own_type(value: Constant) -> tuple[str, str]:
    match value:
        case bool():
            return "boolean", "BOOLEAN"
        case int():
            return "integer", next((t for t in ("BIGINT", "HUGEINT") if _holds(t, value)), "DECIMAL(38,0)")
        case Decimal():
            whole, behind = digits(value)
            return "decimal", f"DECIMAL({max(1, whole + behind)},{behind})"
        case float():
            return "float", "DOUBLE"
        case str():
            return "text", "VARCHAR"
        case bytes():
            return "blob", "BLOB"
        case datetime():
            return "timestamptz", "TIMESTAMP WITH TIME ZONE"
        case date():
            return "date", "DATE"
        case time():
            return "time", "TIME"
        case uuid.UUID():
            return "uuid", "UUID"
        case timedelta():
            return "duration", DURATION


def _holds(sql_type: str, value: int) -> bool:
    low, high = _LIMITS[sql_type]
    return low <= value <= high


def _fitted(term: Term, wanted: str, option: str) -> tuple[str, Constant]:
    """(type, value) in which a constant is bound to stand beside a value of the wanted type."""
    value = term.value
    assert value is not None
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        return _fitted_number(value, wanted, term.position, option)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return (wanted, moment.replace(tzinfo=None)) if wanted == "TIMESTAMP" else (term.sql_type, moment)
    if isinstance(value, str) and "\0" in value:
        raise ODataTypeError("Text has no character U+0000.", option=option, position=term.position)
    return term.sql_type, value


def _fitted_number(value: int | Decimal | float, wanted: str, position: int, option: str) -> tuple[str, Constant]:
    if wanted in ("FLOAT", "DOUBLE"):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf if value > 0 else -math.inf
        fits = wanted == "FLOAT" and (not math.isfinite(number) or abs(number) <= MAX_FLOAT)
        return ("FLOAT" if fits else "DOUBLE"), number
    if isinstance(value, float):
        return "DOUBLE", value
    if wanted in _LIMITS and value == int(value):
        for sql_type in (wanted, "BIGINT", "HUGEINT"):
            if _holds(sql_type, int(value)):
                return sql_type, int(value)
    whole, behind = digits(Decimal(value))
    width, scale = decimal_parts(wanted) or (len(str(_LIMITS[wanted][1])) if wanted in _LIMITS else 0, 0)
    behind = max(behind, scale)
    # DuckDB compares two decimals in a type of at most 38 digits: a value of the column that has more in front of
    # the point than these leave room for fails the request; most columns of 38 digits hold none.
    whole = max(whole, min(width - scale, MAX_DIGITS - behind))
    if whole + behind > MAX_DIGITS:
        raise ODataTypeError(
            "The number has too many digits to be compared exactly.",
            option=option,
            position=position,
            hint=f"{MAX_DIGITS} digits are held in all; write it with an exponent to compare it as Edm.Double.",
        )
    return f"DECIMAL({max(1, whole + behind)},{behind})", Decimal(value)
