"""An expression of the tree → the same in a source's dialect, or InexactError: made only of what its table lists.

Constants become parameters, so that a statement's text holds no value: a term that stands twice in a statement (in
SELECT and in GROUP BY) brings its values twice.

`render` and `condition` are exact. `superset_condition` gives the strongest condition that a source can take and that
is true of every row of which the given one is true; its term's `exact` says whether it is the same condition. Rows
that a superset lets through have to be tested again here, so it may only be used where the whole condition stays in
DuckDB too, and never below a grouping, a LIMIT or NOT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlglot import exp

from engine.dialects import choices, dates, numbers, texts
from engine.dialects.constants import constant
from engine.dialects.copies import render_predicate as render_predicate
from engine.dialects.operations import Context as Context
from engine.dialects.operations import InexactError as InexactError
from engine.dialects.operations import alike, chain, is_null, one_of, operation
from engine.dialects.table import CONDITION, Term
from engine.trees import copied

_BINARY: dict[type[exp.Expr], str] = {
    **{exp.EQ: "eq", exp.NEQ: "ne", exp.LT: "lt", exp.LTE: "le", exp.GT: "gt", exp.GTE: "ge"},
    **{exp.Add: "add", exp.Sub: "sub", exp.Mul: "mul"},
}
_UNARY: dict[type[exp.Expr], str] = {exp.Neg: "neg", exp.Abs: "abs", exp.Sign: "sign", exp.Length: "length"}
_MATCHES: dict[type[exp.Expr], str] = {
    exp.StartsWith: "starts_with", exp.EndsWith: "ends_with", exp.Contains: "contains",
}  # fmt: skip
_NAMED_MATCHES = {"prefix": "starts_with", "suffix": "ends_with"}


def render(node: exp.Expr, context: Context) -> Term:
    """The expression in the dialect. Raises InexactError."""
    if isinstance(node, exp.Paren):
        return render(node.this, context)
    if isinstance(node, exp.Column):
        return context.column(node)
    found = constant(node, context)
    if found is None:
        found = _condition_of(node, context)
    if found is None:
        found = _value_of(node, context)
    if found is None:
        raise InexactError(f"{type(node).__name__.lower()} is not on {context.dialect.name}'s list")
    return found


def condition(node: exp.Expr, context: Context) -> Term:
    """A filter. Raises InexactError."""
    found = render(node, context)
    return found if found.family == CONDITION else operation(CONDITION, [found], context)


def superset_condition(
    node: exp.Expr, context: Context, is_kept: Callable[[exp.Expr], bool] = lambda leaf: True
) -> Term | None:
    """The strongest filter that lets every row through which this one lets through; None when there is none.

    Of AND, terms may be left out; of OR every one is needed; NOT is taken apart, and what is below it must be exact.
    `is_kept`: else a term is not to be taken.
    """
    while isinstance(node, exp.Paren):
        node = node.this
    node = _without_not(node)
    if isinstance(node, exp.And | exp.Or):
        terms = [superset_condition(term, context, is_kept) for term in node.flatten()]
        kept = [term for term in terms if term is not None]
        if not kept or (isinstance(node, exp.Or) and len(kept) < len(terms)):
            return None
        found = kept[0] if len(kept) == 1 else chain("and" if isinstance(node, exp.And) else "or", kept)
        return replace(found, exact=found.exact and len(kept) == len(terms))
    if not is_kept(node):
        return None
    try:
        return condition(node, replace(context, superset=True))
    except InexactError:
        return None


def _without_not(node: exp.Expr) -> exp.Expr:
    """NOT of AND and OR by De Morgan's rules, which hold with NULLs too."""
    below = node.this if isinstance(node, exp.Not) else None
    while isinstance(below, exp.Paren):
        below = below.this
    if isinstance(below, exp.Not):
        inner: exp.Expr = below.this
        return inner.unnest() if isinstance(inner, exp.Paren) else inner
    if not isinstance(below, exp.And | exp.Or):
        return node
    terms = [exp.Not(this=exp.Paren(this=copied(term))) for term in below.flatten()]
    return exp.or_(*terms, copy=False) if isinstance(below, exp.And) else exp.and_(*terms, copy=False)


def _condition_of(node: exp.Expr, context: Context) -> Term | None:
    if isinstance(node, exp.And | exp.Or):
        return chain("and" if isinstance(node, exp.And) else "or", [condition(n, context) for n in node.flatten()])
    if isinstance(node, exp.Not):
        return operation("not", [condition(node.this, context)], context)
    if isinstance(node, exp.EQ | exp.NEQ) and isinstance(node.expression, exp.Boolean):
        inner = render(node.this, context)
        if inner.family == CONDITION:  # what a view calls `late`, asked for as `late = TRUE`
            same = bool(node.expression.this) is isinstance(node, exp.EQ)
            return inner if same else operation("not", [inner], context)
    if isinstance(node, exp.Between) and not node.args.get("symmetric"):
        value = render(node.this, context)
        low = operation("ge", [value, render(node.args["low"], context)], context)
        high = operation("le", [value, render(node.args["high"], context)], context)
        return chain("and", [low, high])
    if isinstance(node, exp.In) and node.expressions and not node.args.get("query") and not node.args.get("unnest"):
        return one_of(render(node.this, context), [render(item, context) for item in node.expressions], context)
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return is_null(render(node.this, context))
    if isinstance(node, exp.Exists) and context.exists is not None:
        return context.exists(node)
    if isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ):
        return _same(node, context)
    if isinstance(node, exp.Like | exp.Escape):
        return texts.like(node, context, render)
    if type(node) in _MATCHES:
        return texts.match(_MATCHES[type(node)], _arguments(node, ("this", "expression"), context), context)
    if isinstance(node, exp.Anonymous) and node.name.lower() in _NAMED_MATCHES and len(node.expressions) == 2:
        operands = [render(argument, context) for argument in node.expressions]
        return texts.match(_NAMED_MATCHES[node.name.lower()], operands, context)
    return None


def _same(node: exp.NullSafeEQ | exp.NullSafeNEQ, context: Context) -> Term:
    """IS [NOT] DISTINCT FROM, spelled out: never NULL."""
    one, other = alike([render(node.this, context), render(node.expression, context)], context)
    equal = operation("eq", [one, other], context)
    nulls = [is_null(one), is_null(other)]
    sql = f"(CASE WHEN {equal.sql} THEN 1 WHEN {nulls[0].sql} AND {nulls[1].sql} THEN 1 ELSE 0 END = 1)"
    values = (*equal.values, *nulls[0].values, *nulls[1].values)
    if not equal.exact:
        raise InexactError("IS DISTINCT FROM of texts that the source takes for equal")
    found = Term(sql, values, CONDITION)
    return operation("not", [found], context) if isinstance(node, exp.NullSafeNEQ) else found


def _value_of(node: exp.Expr, context: Context) -> Term | None:
    if isinstance(node, exp.Add | exp.Sub):
        shifted = dates.shift(node, context, render)
        if shifted is not None:
            return shifted
    if type(node) in _BINARY:
        return operation(_BINARY[type(node)], _arguments(node, ("this", "expression"), context), context)
    if type(node) in _UNARY:
        return operation(_UNARY[type(node)], _arguments(node, ("this",), context), context)
    if isinstance(node, exp.Case):
        return choices.case(node, context, render, condition)
    if isinstance(node, exp.If):
        return choices.case(exp.Case(ifs=[copied(node)], default=node.args.get("false")), context, render, condition)
    if isinstance(node, exp.Coalesce) and not isinstance(node.this, exp.Star):
        return choices.coalesce([render(item, context) for item in (node.this, *node.expressions)], context)
    if isinstance(node, exp.Nullif):
        one, other = _arguments(node, ("this", "expression"), context)
        return choices.nullif(one, other, context)
    if isinstance(node, exp.Left | exp.Right | exp.Substring):
        return texts.part_of(node, context, render)
    if isinstance(node, exp.DPipe):
        return texts.concat([render(side, context) for side in (node.this, node.expression)], context)
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        return dates.trunc(node, context, render)
    if isinstance(node, exp.Cast):
        return numbers.cast(node, context, render)
    if isinstance(node, exp.Round):
        return numbers.rounded(node, context, render)
    if isinstance(node, exp.Floor | exp.Ceil):
        name = "floor" if isinstance(node, exp.Floor) else "ceil"
        return numbers.whole(name, _arguments(node, ("this",), context)[0], context)
    if isinstance(node, exp.Mod):
        return numbers.mod(node, context, render)
    return dates.part(node, context, render)


def _arguments(node: exp.Expr, names: Sequence[str], context: Context) -> list[Term]:
    """The named arguments as terms. InexactError when the node has others."""
    ours = {*names, "typed", "safe", "big_int"}
    if any(value for name, value in node.args.items() if name not in ours):
        raise InexactError(f"{type(node).__name__.lower()} with unusual arguments")
    return [render(node.args[name], context) for name in names]
