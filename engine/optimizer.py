"""The rules in their order, and the loop that applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.sdk import Table
from engine.errors import EngineBugError
from engine.plan import Note, Plan, with_fragments
from engine.rules.drop_joins import drop_joins
from engine.rules.factor_conditions import factor_conditions
from engine.rules.group_below_joins import group_below_joins
from engine.rules.group_below_unions import group_below_unions
from engine.rules.prune_columns import prune_columns
from engine.rules.push_aggregates import push_aggregates
from engine.rules.push_filters import push_filters
from engine.rules.push_join_keys import push_join_keys
from engine.rules.push_joins import push_joins
from engine.rules.push_limit import push_limit
from engine.rules.push_top import push_top
from engine.rules.share_scans import share_scans
from engine.rules.skip_branches import skip_branches
from engine.trees import nodes

Rule = Callable[[Plan, Mapping[str, Table]], Plan]

RULES: tuple[Rule, ...] = (
    factor_conditions,  # before all others: a join or a filter may stand in every branch of an OR
    drop_joins,  # before what looks at the scans that are left
    push_filters,
    push_limit,  # after push_filters: a limit may pass only filters that were pushed exactly
    prune_columns,  # before the fragments: they give just what is still asked for
    group_below_unions,
    group_below_joins,  # before push_aggregates and push_joins, which would take its sources as they are
    push_aggregates,  # after push_filters: what was copied to a scan goes into its fragment
    push_joins,  # after push_aggregates: a join below a grouping goes with it
    push_top,  # after the fragments: it cuts what they give
    skip_branches,  # after all that makes fragments: guards stay with the scans that there are then
    push_join_keys,  # after those: keys go to fragments too, and what the filters leave decides which side is small
    share_scans,  # last: scans are equal, or not, by all that the other rules gave them
)

# What the other rules cost grows faster than a query: of one this large they are left out, so that the largest legal
# text is planned in bounded time (law 5). A query of 3,000 nodes over 40 tables is none.
ALWAYS: tuple[Rule, ...] = (push_filters, push_limit, prune_columns)
LARGE, NODES_A_SCAN = 5_000, 20


def optimize(
    plan: Plan,
    tables: Mapping[str, Table],
    rules: tuple[Rule, ...] = RULES,
    observe: Callable[[str, Plan], None] | None = None,
) -> Plan:
    """Apply each rule once. After each, the output columns must be what they were: else the rule is at fault.

    `observe` sees each step; any rule can be left out of `rules` without changing an answer.
    """
    wanted = plan.select.named_selects
    if _is_large(plan):
        why = "the query is too large for more than filters, limits and columns to be looked at"
        plan = plan.with_scans(plan.scans, [Note("optimize", scan.id, why) for scan in plan.scans[:1]])
        rules = tuple(rule for rule in rules if rule in ALWAYS)
    for rule in rules:
        plan = rule(plan, tables)
        tables = with_fragments(plan, tables)
        if plan.select.named_selects != wanted:
            raise EngineBugError(f"rule {rule.__name__} changed the query's columns")
        if observe:
            observe(rule.__name__, plan)
    return plan


def _is_large(plan: Plan) -> bool:
    return len(nodes(plan.select)) > max(0, LARGE - NODES_A_SCAN * len(plan.scans))
