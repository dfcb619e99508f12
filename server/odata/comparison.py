"""eq ne gt ge lt le and in, with OData's null and NaN (OData 4.01 URL Conventions 5.1.1.1.1 to 5.1.1.1.12).

Null is equal to itself and to nothing else, so `eq` and `ne` are never null; the other four are false when an
operand is null, so their negation is true. NaN is equal to nothing, itself included, and neither greater nor less;
for DuckDB it is the largest number and equal to itself.

`compared` gives a condition that is TRUE for exactly the rows for which the comparison (or its negation) is true, and
FALSE or NULL for the others. The common case is then a bare `column op parameter`, which a source can take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqlglot import exp

from server.odata.nodes import all_of, any_of, call, is_not_null, is_null, negation, truth, wrapped
from server.odata.terms import Term, comparable, mismatch, sql
from server.odata.translation import Translation

_NODES: dict[str, type[exp.Binary]] = {
    "eq": exp.EQ, "ne": exp.NEQ, "gt": exp.GT, "ge": exp.GTE, "lt": exp.LT, "le": exp.LTE,
}  # fmt: skip
OPERATORS = frozenset(_NODES)
_FLIPPED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_OPPOSITE = {"eq": "ne", "ne": "eq", "gt": "le", "ge": "lt", "lt": "ge", "le": "gt"}


def compared(to: Translation, operator: str, left: Term, right: Term, negated: bool = False) -> exp.Expr:
    """The condition for `left operator right`, or for its negation. Raises ODataTypeError."""
    if left.is_constant and not right.is_constant:
        left, right, operator = right, left, _FLIPPED[operator]
    if negated and operator in ("eq", "ne"):
        operator, negated = _OPPOSITE[operator], False
    if left.kind == "null" or right.kind == "null":
        return _with_null(to, operator, left, right, negated)
    if not comparable(left, right):
        raise mismatch(left, right, "compared with", to.option)
    if _is_nan(left) or _is_nan(right):
        return truth((operator == "ne") is not negated)
    if operator == "eq":
        return _equal(to, left, right)
    if operator == "ne":
        return _different(to, left, right)
    # Only one side of each can be NaN without DuckDB agreeing: the one that would be the larger.
    greater = left if operator in ("gt", "ge") else right
    if negated:
        terms = [_plain(to, _OPPOSITE[operator], left, right)]
        terms += [is_null(_node(to, term)) for term in (left, right) if term.nullable and not term.is_constant]
        return any_of(terms + _nan(to, greater))
    return all_of([_plain(to, operator, left, right), *(negation(test) for test in _nan(to, greater))])


def is_member(to: Translation, left: Term, items: Sequence[Term], negated: bool = False) -> exp.Expr:
    """The condition for `left in (items)`, or for its negation: equal to one of them. Raises ODataTypeError."""
    for item in items:
        if item.kind != "null" and left.kind != "null" and not comparable(left, item):
            raise mismatch(left, item, "compared with", to.option)
    if left.is_constant or not all(item.is_constant for item in items):
        parts = [compared(to, "eq", left, item, negated) for item in items]
        if not parts:
            return truth(negated)
        return all_of(parts) if negated else any_of(parts)
    null = any(item.kind == "null" for item in items)
    values = [sql(item, to.parameters, left, to.option) for item in items
              if item.kind != "null" and not _is_nan(item)]  # fmt: skip
    found = exp.In(this=wrapped(_node(to, left)), expressions=values) if values else truth(False)
    if negated:
        # NOT IN is NULL for a NULL, as it should be when null is in the list.
        missing = negation(found)
        if null:
            return missing if values else is_not_null(_node(to, left))
        return any_of([missing, is_null(_node(to, left))]) if left.nullable and values else missing
    if null and left.nullable:
        return any_of([found, is_null(_node(to, left))]) if values else is_null(_node(to, left))
    return found


def never_null(node: exp.Expr, *terms: Term) -> bool:
    """Whether a condition made by this module is TRUE or FALSE, never NULL, given the terms it was made of."""
    return isinstance(node, exp.Boolean | exp.NullSafeEQ | exp.NullSafeNEQ) or not any(t.nullable for t in terms)


def _with_null(to: Translation, operator: str, left: Term, right: Term, negated: bool) -> exp.Expr:
    """One side is the null literal: eq and ne are tests, the others are false."""
    other = right if left.kind == "null" else left
    if operator not in ("eq", "ne"):
        return truth(negated)
    if other.kind == "null":
        return truth(operator == "eq")
    if other.is_constant or not other.nullable:
        return truth(operator == "ne")
    return is_null(_node(to, other)) if operator == "eq" else is_not_null(_node(to, other))


def _equal(to: Translation, left: Term, right: Term) -> exp.Expr:
    kind = exp.NullSafeEQ if left.nullable and right.nullable else exp.EQ
    node = kind(this=_side(to, left, right), expression=_side(to, right, left))
    if not (left.may_be_nan and right.may_be_nan):
        return node
    # Of two NULLs isnan() is NULL, and they are equal.
    tests = [exp.Coalesce(this=test, expressions=[truth(False)]) for test in _nan(to, left)]
    return all_of([node, *(negation(test) for test in tests)])


def _different(to: Translation, left: Term, right: Term) -> exp.Expr:
    both = _nan(to, left) if left.may_be_nan and right.may_be_nan else []
    if left.nullable and right.nullable:
        node: exp.Expr = exp.NullSafeNEQ(this=_side(to, left, right), expression=_side(to, right, left))
        return any_of([node, *both])
    terms: list[exp.Expr] = [_plain(to, "ne", left, right)]
    terms += [is_null(_node(to, term)) for term in (left, right) if term.nullable]
    return any_of(terms + both)


def _plain(to: Translation, operator: str, left: Term, right: Term) -> exp.Expr:
    return _NODES[operator](this=_side(to, left, right), expression=_side(to, right, left))


def _side(to: Translation, term: Term, beside: Term) -> exp.Expr:
    return wrapped(sql(term, to.parameters, beside, to.option))


def _node(to: Translation, term: Term) -> exp.Expr:
    return sql(term, to.parameters, None, to.option)


def _nan(to: Translation, term: Term) -> list[exp.Expr]:
    return [call("isnan", _node(to, term))] if term.may_be_nan else []


def _is_nan(term: Term) -> bool:
    return isinstance(term.value, float) and math.isnan(term.value)
