"""Drop a LEFT JOIN to a table of which nothing is used: its proven key finds one partner at most, so it neither drops
nor multiplies a row, and its source need not be read.

Views join many tables of which a query uses few. Innermost first, and again until nothing changes: what only a
dropped condition used is used no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.plan import Note, Plan
from engine.rules.rewrite import drop_unread
from engine.rules.scopes import joins_are_plain, scopes, sources_of
from engine.rules.single_match import matches_once
from engine.rules.statement import used_scans
from engine.trees import copied, nodes_of

MOST_ROUNDS = 8


def drop_joins(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """LEFT JOINs that change nothing leave the tree, and their scans the plan."""
    if not any(str(join.args.get("side") or "").upper() == "LEFT" for join in nodes_of(plan.select, exp.Join)):
        return plan
    select, dropped = copied(plan.select), False
    for _ in range(MOST_ROUNDS):
        select = pushdown_projections(select)
        changes = [_drop(scope, tables) for scope in reversed(scopes(select))]  # each of them, so no generator
        if not any(changes):
            break
        dropped = True
    if not dropped:
        return plan
    drop_unread(select)
    kept = used_scans(select, plan.scans)
    gone = [scan for scan in plan.scans if scan not in kept]
    notes = [Note("drop_joins", scan.id, "dropped: nothing of it is used") for scan in gone]
    return replace(plan, select=select).with_scans(kept, notes)


def _drop(scope: Scope, tables: Mapping[str, Table]) -> bool:
    """Drop one SELECT's LEFT JOINs of which nothing is used, the last first; whether there were any."""
    select, found = scope.expression, False
    if not isinstance(select, exp.Select) or not select.args.get("joins") or not joins_are_plain(select):
        return False
    if any(isinstance(source, Scope) and source.external_columns for source in sources_of(scope).values()):
        return False  # a derived table that sees its neighbours
    for join in reversed(list(select.args["joins"])):
        if matches_once(scope, join, tables) and not _is_used(select, join):
            select.set("joins", [other for other in select.args["joins"] if other is not join] or None)
            found = True
    return found


def _is_used(select: exp.Select, join: exp.Join) -> bool:
    """Whether a SELECT uses a column of what a join adds, other than in the join's own condition."""
    alias = join.this.alias_or_name
    sources = {id(select.args["from_"].this), *[id(other.this) for other in select.args["joins"]], id(join)}
    for node in select.walk(prune=lambda n: id(n) in sources):
        if isinstance(node, exp.Column) and node.table == alias and id(node) not in sources:
            return True
        if isinstance(node, exp.Star | exp.TableColumn) and not isinstance(node.parent, exp.Count):
            return True
    return False
