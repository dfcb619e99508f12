"""Take what all branches of an OR have in common out of it: `(a AND b) OR (a AND c)` is `a AND (b OR c)`.

Then an equality that stands in every branch is seen as a join (TPC-H Q19), and a filter as a filter. Distribution and
absorption hold in three-valued logic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from connectors.sdk import Table
from engine.balanced import conjunction, disjunction
from engine.plan import Plan
from engine.predicates import conjuncts
from engine.trees import copied, has_any, nodes_of


def factor_conditions(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Every OR whose branches share terms becomes an AND of these and an OR of the rest."""
    if not has_any(plan.select, exp.Or):
        return plan
    select = copied(plan.select)
    heads = [node for node in nodes_of(select, exp.Or) if not isinstance(node.parent, exp.Or)]
    changed = False
    for head in reversed(heads):  # the innermost first
        found = _factored(list(head.flatten()))
        if found is not None:
            head.replace(exp.Paren(this=found))
            changed = True
    return replace(plan, select=select) if changed else plan


def _factored(branches: Sequence[exp.Expr]) -> exp.Expr | None:
    """The terms that all branches share, and an OR of what is left of each; None when they share none."""
    terms = [conjuncts(branch) for branch in branches]
    shared = [term for term in terms[0] if not has_any(term, exp.Query)]
    for other in terms[1:]:
        have = set(other)
        shared = [term for term in shared if term in have]
        if not shared:
            return None
    common = list(dict.fromkeys(shared))
    rest = [[term for term in branch if term not in common] for branch in terms]
    if all(rest):
        common.append(disjunction([conjunction(branch) for branch in rest]))
    return conjunction(common)
