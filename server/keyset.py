"""Paging by key: a page starts behind the last row of the one before it, never at an offset.

Shared by all protocols. An order is a list of `OrderTerm`s that ends with the key, so that it tells any two rows
apart. The last row's values of these terms are the page token; the next page's WHERE has the form

    a >= v AND (a > v OR (a = v AND (b < w OR (b = w AND k > x))))

whose first term is redundant and there for the sources: a plain comparison can be pushed down. NULLs have a place in
each term's order and are compared with IS NULL. NaN needs nothing of its own: DuckDB sorts and compares it as the
largest number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from connectors.sdk.scan import Value
from engine.encoders.page_token import read_token
from engine.errors import ParameterValueError
from engine.query import Parameter
from server.values import bind, fit_value, is_comparable

HIDDEN = "__after"


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One term of ORDER BY. `expression`: a column under its table's name (a bare one could mean an alias), or any
    expression over such; `sql_type`: its column type; `nullable`: False only when it is known to be never NULL."""

    expression: exp.Expr
    sql_type: str
    descending: bool = False
    nulls_first: bool = False
    nullable: bool = True


def with_key(terms: Iterable[OrderTerm], key: Iterable[OrderTerm]) -> tuple[OrderTerm, ...]:
    """An order that ends with the key; a term that repeats an earlier one changes nothing and is left out."""
    found: dict[exp.Expr, OrderTerm] = {}
    for term in (*terms, *key):
        earlier = found.setdefault(term.expression, term)
        if earlier.nullable and not term.nullable:
            found[term.expression] = replace(earlier, nullable=False)
    return tuple(found.values())


def can_page(terms: Sequence[OrderTerm]) -> bool:
    """Whether every term has a type whose values a token can carry."""
    return all(is_comparable(term.sql_type) for term in terms)


def ordered(select: exp.Select, terms: Sequence[OrderTerm]) -> exp.Select:
    """The SELECT in this order, the place of NULLs always said."""
    return select.order_by(
        *(exp.Ordered(this=t.expression.copy(), desc=t.descending, nulls_first=t.nulls_first) for t in terms)
    )


def page_of(
    select: exp.Select,
    terms: Sequence[OrderTerm],
    size: int,
    parameters: list[Parameter],
    after: Sequence[Value | None] | None = None,
) -> exp.Select:
    """One page: the SELECT in order, behind the row `after`, one row more than `size`, and the terms' values as its
    last columns (`len(terms)` hidden ones for `Page`). `terms` ends with the key; values become parameters."""
    result = ordered(select, terms).limit(size + 1)
    used = {column.alias_or_name.lower() for column in select.selects}
    for number, term in enumerate(terms, 1):
        name = f"{HIDDEN}_{number}"
        while name in used:
            name += "_"
        used.add(name)
        result = result.select(exp.alias_(term.expression.copy(), name, quoted=True))
    return result if after is None else result.where(behind(terms, after, parameters))


def read_after(token: str, terms: Sequence[OrderTerm]) -> tuple[Value | None, ...]:
    """The values in a page token. Raises ParameterValueError when they are not those of this order."""
    values = read_token(token)
    if len(values) != len(terms) or any(v is None and not t.nullable for v, t in zip(values, terms, strict=True)):
        raise ParameterValueError(
            "the page token does not belong to this request",
            hint="follow the next link exactly as it was given, with the same order",
        )
    return tuple(fit_value(term.sql_type, value) for value, term in zip(values, terms, strict=True))


def behind(terms: Sequence[OrderTerm], values: Sequence[Value | None], parameters: list[Parameter]) -> exp.Expr:
    """The condition that a row comes after the one with these values."""
    bound = [None if v is None else bind(parameters, t.sql_type, v) for t, v in zip(terms, values, strict=True)]
    condition: exp.Expr | None = None
    for term, value in reversed(list(zip(terms, bound, strict=True))):
        condition = _or(_strictly(term, value), _and(_equal(term, value), condition))
    if condition is None:
        return exp.false()
    first = _not_before(terms[0], bound[0]) if len(terms) > 1 else None
    return condition if first is None else exp.and_(first, exp.paren(condition, copy=False))


def _strictly(term: OrderTerm, value: exp.Expr | None) -> exp.Expr | None:
    """Comes after the value in this term; None: nothing does."""
    column = term.expression.copy()
    if value is None:
        return exp.Not(this=_is_null(term)) if term.nulls_first else None
    after = (exp.LT if term.descending else exp.GT)(this=column, expression=value.copy())
    return _with_last_nulls(term, after)


def _not_before(term: OrderTerm, value: exp.Expr | None) -> exp.Expr | None:
    """The redundant first term: after the value or equal to it; None when that says nothing or is said already."""
    if value is None:
        return None
    kind = exp.LTE if term.descending else exp.GTE
    return _with_last_nulls(term, kind(this=term.expression.copy(), expression=value.copy()))


def _with_last_nulls(term: OrderTerm, condition: exp.Expr) -> exp.Expr:
    if term.nullable and not term.nulls_first:
        return exp.paren(exp.or_(condition, _is_null(term)), copy=False)
    return condition


def _equal(term: OrderTerm, value: exp.Expr | None) -> exp.Expr:
    return _is_null(term) if value is None else exp.EQ(this=term.expression.copy(), expression=value.copy())


def _is_null(term: OrderTerm) -> exp.Expr:
    return exp.Is(this=term.expression.copy(), expression=exp.null())


def _and(left: exp.Expr, right: exp.Expr | None) -> exp.Expr | None:
    return None if right is None else exp.paren(exp.and_(left, exp.paren(right, copy=False)), copy=False)


def _or(left: exp.Expr | None, right: exp.Expr | None) -> exp.Expr | None:
    if left is None or right is None:
        return left if right is None else right
    return exp.or_(left, right)
