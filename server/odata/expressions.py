"""An OData expression → SQL, in the two ways that a null asks for.

`condition` is for where only truth matters, as in $filter: its node is TRUE for exactly the rows for which the
expression is true, and FALSE or NULL for all others. A negation is carried down to the comparisons, where it means
what OData says (`not (a gt 5)` holds where `a` is null), so that a plain comparison stays one and can be pushed to a
source. `value` gives the exact value, null included: for operands, arguments and $orderby.

OData 4.01 URL Conventions 5.1.1.1: `and`, `or` and `not` are three-valued, as SQL's are.
"""

from __future__ import annotations

from sqlglot import exp

from server.odata import arithmetic, comparison
from server.odata.conversions import casted, is_of
from server.odata.errors import ODataNotImplementedError, ODataRequestError, ODataTypeError
from server.odata.functions import called
from server.odata.nodes import all_of, any_of, negation, truth, wrapped
from server.odata.syntax import (
    Alias,
    Binary,
    Call,
    Cast,
    Expression,
    IsOf,
    It,
    ListExpression,
    Literal,
    Logical,
    Name,
    Path,
    Segment,
    Unary,
)
from server.odata.terms import Term, computed, edm_name, literal_term, null_at, sql
from server.odata.translation import Translation


def condition(to: Translation, node: Expression, negated: bool = False) -> exp.Expr:
    """The SQL condition that an expression, or its negation, is true."""
    to.count_node(node.position)
    match node:
        case Logical(operator, operands):
            parts = [condition(to, operand, negated) for operand in operands]
            return all_of(parts) if (operator == "and") is not negated else any_of(parts)
        case Unary("not", operand):
            return condition(to, operand, not negated)
        case Alias(name):
            with to.alias(name, node.position) as meant:
                return condition(to, meant, negated)
        case Binary(operator, left, right) if operator in comparison.OPERATORS:
            return comparison.compared(to, operator, value(to, left), value(to, right), negated)
        case Binary("in", left, right):
            return _membership(to, left, right, negated)
    term = value(to, node)
    if term.kind == "null":
        return truth(False)
    _expect_boolean(to, term)
    if isinstance(term.value, bool):
        return truth(term.value is not negated)
    found = sql(term, to.parameters)
    return negation(found) if negated else found


def value(to: Translation, node: Expression) -> Term:
    """The exact value of an expression as a term."""
    to.count_node(node.position)
    match node:
        case Literal():
            return literal_term(node, to.option)
        case Path(segments):
            return to.property(_property_name(to, segments, node.position), node.position)
        case Alias(name):
            with to.alias(name, node.position) as meant:
                return value(to, meant)
        case Logical(operator, operands):
            return _logical(to, operator, [value(to, operand) for operand in operands])
        case Unary("not", operand):
            term = value(to, operand)
            if term.kind == "null":
                return null_at(node.position)
            _expect_boolean(to, term)
            return computed(negation(sql(term, to.parameters)), "BOOLEAN", term)
        case Unary(_, operand):
            return arithmetic.negative(to, value(to, operand), node.position)
        case Binary(operator, left, right) if operator in comparison.OPERATORS:
            terms = value(to, left), value(to, right)
            return _two_valued(comparison.compared(to, operator, *terms), *terms)
        case Binary("in", left, right):
            return _two_valued(_membership(to, left, right, negated=False))
        case Binary(operator, left, right) if operator in arithmetic.OPERATORS:
            return arithmetic.calculated(to, operator, value(to, left), value(to, right), node.position)
        case Call(_, arguments):
            return called(to, node, [value(to, argument.value) for argument in arguments])
        case Cast(type_name, operand) if operand is not None:
            return casted(to, type_name, value(to, operand), node.position)
        case IsOf(type_name, operand):
            return is_of(to, type_name, None if operand is None else value(to, operand), node.position)
    raise _not_done(to, node)


def _logical(to: Translation, operator: str, terms: list[Term]) -> Term:
    for term in terms:
        if term.kind != "null":
            _expect_boolean(to, term)
    nodes = [wrapped(sql(term, to.parameters)) for term in terms]
    return computed(all_of(nodes) if operator == "and" else any_of(nodes), "BOOLEAN", *terms)


def _two_valued(node: exp.Expr, *terms: Term) -> Term:
    """A comparison as a value: never null."""
    if not terms or not comparison.never_null(node, *terms):
        node = exp.Coalesce(this=node, expressions=[truth(False)])
    return computed(node, "BOOLEAN", *terms, nullable=False)


def _membership(to: Translation, left: Expression, right: Expression, negated: bool) -> exp.Expr:
    term = value(to, left)
    if isinstance(right, Alias):
        with to.alias(right.name, right.position) as meant:
            return _in_list(to, term, meant, negated)
    return _in_list(to, term, right, negated)


def _in_list(to: Translation, term: Term, right: Expression, negated: bool) -> exp.Expr:
    if not isinstance(right, ListExpression):
        raise ODataTypeError(
            "in takes a list on its right side.",
            option=to.option,
            position=right.position,
            hint="Write it like Region in ('North','South').",
        )
    return comparison.is_member(to, term, [value(to, item) for item in right.items], negated)


def _property_name(to: Translation, segments: tuple[Segment, ...], position: int) -> str:
    """The property that a path names: `Name`, `$it/Name`, or with the entity's own type between."""
    names = list(segments)
    if isinstance(names[0], It):
        names = names[1:]
    own = to.known.entity_set.type_name
    if len(names) > 1 and isinstance(names[0], Name) and names[0].name.rpartition(".")[1:] == (".", own):
        names = names[1:]
    if not all(isinstance(name, Name) for name in names) or not names:
        raise ODataNotImplementedError(
            "A path can only name a property.",
            option=to.option,
            position=position,
            hint="There are no collections and no navigation properties; join in the view instead.",
        )
    first = names[0]
    assert isinstance(first, Name)
    if len(names) > 1:
        to.known.property(first.name, to.option, first.position)
        raise ODataRequestError(
            f"Property {first.name[:128]!r} is a plain value and has no properties of its own.",
            option=to.option,
            position=names[1].position,
        )
    return first.name


def _expect_boolean(to: Translation, term: Term) -> None:
    if term.kind != "boolean":
        what = f"Property {term.label!r}" if term.label else "The expression"
        raise ODataTypeError(
            f"{what} is {edm_name(term)} where true or false is needed.",
            option=to.option,
            position=term.position,
            hint="Compare it with something, like Status eq 'open'.",
        )


def _not_done(to: Translation, node: Expression) -> ODataNotImplementedError:
    names = {"has": "has", "in": "in"}
    what = names.get(node.operator, node.operator) if isinstance(node, Binary) else type(node).__name__.lower()
    return ODataNotImplementedError(
        f"{what!r} is not implemented in expressions.", option=to.option, position=node.position
    )
