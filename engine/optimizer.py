"""The rules in their order, and the loop that applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.sdk import Table
from engine.errors import EngineBugError
from engine.plan import Plan
from engine.rules.prune_columns import prune_columns
from engine.rules.push_filters import push_filters
from engine.rules.push_join_keys import push_join_keys
from engine.rules.push_limit import push_limit

Rule = Callable[[Plan, Mapping[str, Table]], Plan]

RULES: tuple[Rule, ...] = (
    push_filters,
    push_limit,  # after push_filters: a limit may pass only filters that were pushed exactly
    push_join_keys,  # after push_filters: what a scan's filters leave decides which side is small
    prune_columns,  # last: it drops columns that only an earlier rule could have needed
)


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
    for rule in rules:
        plan = rule(plan, tables)
        if plan.select.named_selects != wanted:
            raise EngineBugError(f"rule {rule.__name__} changed the query's columns")
        if observe:
            observe(rule.__name__, plan)
    return plan
