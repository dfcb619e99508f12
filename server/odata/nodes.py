"""Small SQL nodes that several translations need, built directly: no text is parsed and nothing is copied twice."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from server.odata.terms import type_node

_WRAPPED = (exp.Binary, exp.In, exp.Not, exp.Neg)


def wrapped(node: exp.Expr) -> exp.Expr:
    """The node in parentheses when it is an operator's: the tree says what binds, its text must too."""
    if isinstance(node, exp.Connector):  # for sqlglot AND and OR are functions too
        return exp.Paren(this=node)
    return exp.Paren(this=node) if isinstance(node, _WRAPPED) and not isinstance(node, exp.Func) else node


def all_of(nodes: Sequence[exp.Expr]) -> exp.Expr:
    """AND over one or more."""
    return _chain(exp.And, nodes)


def any_of(nodes: Sequence[exp.Expr]) -> exp.Expr:
    """OR over one or more."""
    return _chain(exp.Or, nodes)


def negation(node: exp.Expr) -> exp.Expr:
    """NOT of a node; of a constant its opposite."""
    if isinstance(node, exp.Boolean):
        return exp.Boolean(this=not node.this)
    return exp.Not(this=wrapped(node))


def truth(value: bool) -> exp.Expr:
    """TRUE or FALSE."""
    return exp.Boolean(this=value)


def is_null(node: exp.Expr) -> exp.Expr:
    """IS NULL."""
    return exp.Is(this=wrapped(node), expression=exp.Null())


def is_not_null(node: exp.Expr) -> exp.Expr:
    """IS NOT NULL."""
    return exp.Not(this=is_null(node))


def cast(node: exp.Expr, sql_type: str, *, safe: bool = False) -> exp.Expr:
    """CAST, or TRY_CAST, which gives NULL where a value doesn't fit."""
    return (exp.TryCast if safe else exp.Cast)(this=node, to=type_node(sql_type))


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A function of DuckDB that sqlglot has no node for."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def whole(number: int) -> exp.Expr:
    """A number of ours, as a literal."""
    literal = exp.Literal.number(abs(number))
    return exp.Neg(this=literal) if number < 0 else literal


def _chain(kind: type[exp.And] | type[exp.Or], nodes: Sequence[exp.Expr]) -> exp.Expr:
    result = nodes[0]
    if len(nodes) > 1:
        result = _operand(result)
    for node in nodes[1:]:
        result = kind(this=result, expression=_operand(node))
    return result


def _operand(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node) if isinstance(node, exp.And | exp.Or) else node
