"""The part of a HAVING that a source can do below it: conditions on one aggregate, so that few groups are sent.

It is a copy: the whole HAVING stays in DuckDB. A condition goes when the aggregate is one output of the fragment as
it is (AVG is made of two), its values are numbers or dates, and the dialect has the comparison exactly. Conditions on
keys don't: they are filters of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from connectors.sdk.types import decimal_parts, family
from engine.dialects.render import Context, InexactError, condition
from engine.dialects.table import Term
from engine.predicates import conjuncts
from engine.rules.statement import Output
from engine.trees import copied, has_any, nodes_of

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)
_COMPARED = frozenset({"integer", "decimal", "date"})


def having_terms(having: exp.Expr, outputs: Sequence[Output], keys: frozenset[str], context: Context) -> list[Term]:
    """The AND-terms that go, over the fragment's statement. `having`: over its output columns; `keys`: those of them
    that are grouped by."""

    def column(node: exp.Column) -> Term:
        output = outputs[int(node.name.removeprefix("c"))]
        kind = family(output.sql_type)
        if node.name in keys or kind not in _COMPARED:
            raise InexactError("a condition that is not of an aggregate's number or date")
        digits, scale = decimal_parts(output.sql_type) or (0, 0)
        return replace(output.term, family=kind, digits=digits, scale=scale, sql_type=output.sql_type)

    found = []
    for term in conjuncts(having):
        bare = _bare(term)
        if bare is not None:
            try:
                found.append(condition(bare, replace(context, column=column)))
            except InexactError:
                continue  # the kept condition decides
    return found


def _bare(term: exp.Expr) -> exp.Expr | None:
    """A comparison of one output column with constants, without what makes DuckDB's type of it; None for others."""
    copy = copied(term)
    while isinstance(copy, exp.Paren):
        copy = copy.this
    if not isinstance(copy, _COMPARISONS) or has_any(copy, exp.Query) or len(nodes_of(copy, exp.Column)) != 1:
        return None
    for name in ("this", "expression"):
        side = copy.args.get(name)
        while isinstance(side, exp.Paren) or (isinstance(side, exp.Cast) and _is_whole(side)):
            side = side.this
        if isinstance(side, exp.Column):
            copy.set(name, side)
            return copy
    return None


def _is_whole(cast: exp.Cast) -> bool:
    """A sum of whole numbers, which travels as a decimal without a fraction, as DuckDB's HUGEINT."""
    return not isinstance(cast, exp.TryCast) and cast.to.is_type(exp.DType.INT128)
