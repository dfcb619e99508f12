"""Let a source stop early: LIMIT, and ORDER BY with LIMIT, over one scan, past LEFT JOINs that neither drop nor
multiply its rows.

Only when nothing but exactly pushed filters stands between the scan and the limit, and when every sort key is a
plain column that the source sorts as DuckDB does. DuckDB keeps its own ORDER BY and LIMIT.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import SortKey, Table
from engine.plan import Note, Plan
from engine.predicates import conjuncts, push
from engine.rules.dialect_conditions import source_condition, source_order
from engine.rules.push_filters import inside_of
from engine.rules.scopes import (
    computed,
    is_aggregate,
    output_column,
    output_value,
    referenced_once,
    scan_of,
    sources_of,
)
from engine.rules.single_match import matches_once
from engine.scans import Scan
from engine.source_conditions import SourceCondition
from engine.statement_shape import statement_shape
from engine.trees import has_any


def push_limit(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """The scan whose rows the answer's are gets its LIMIT (plus OFFSET), with the order if there is one."""
    if not plan.scans or (len(plan.scans) > 1 and not isinstance(plan.select, exp.Select)):
        return plan
    chain = chain_to_scan(plan, tables)
    if isinstance(chain, str) and len(plan.scans) > 1:
        return plan
    first = plan.scans[0].id if isinstance(chain, str) else _followed(chain[-1]).name
    scan = next((scan for scan in plan.scans if scan.id == first), None)
    if scan is None:
        return plan
    outcome = _limit(plan, scan, tables[scan.id], chain)
    if isinstance(outcome, str):
        return plan.with_scans(plan.scans, [Note("push_limit", scan.id, outcome)] if outcome else [])
    words = f"limit {outcome.limit}" + (" in the source's order" if outcome.order_by else "")
    scans = [outcome if other is scan else other for other in plan.scans]
    return plan.with_scans(scans, [Note("push_limit", scan.id, f"pushed {words}")])


def _followed(scope: Scope) -> exp.Expr:
    """What stands first in FROM: its rows are those of the SELECT."""
    found: exp.Expr = scope.expression.args["from_"].this
    return found


def _limit(plan: Plan, scan: Scan, table: Table, chain: list[Scope] | str) -> Scan | str:
    """The scan with its limit, or why it has none ("" when the query has no limit)."""
    top = plan.select
    limit = _number(top.args.get("limit"))
    if not isinstance(top, exp.Select) or limit is None:
        return ""
    offset = _number(top.args.get("offset")) if top.args.get("offset") else 0
    if offset is None:
        return "the offset is not a constant"
    if not table.limit:
        return "the source can't stop after n rows"
    if isinstance(chain, str):
        return chain
    keys: list[SortKey] = []
    own: SourceCondition | None = None
    order = top.args.get("order")
    for term in order.expressions if order else []:
        column = traced(_position(term.this, top), chain)
        spelled = next((c for c in scan.columns if column is not None and c.name == column.name), None)
        described = table.column(spelled.source) if spelled else None
        if described is None or not described.orders:
            own = _own_order(order.expressions, chain, scan, table, plan) if order is not None else None
            if own is not None:
                break
            return f"the source does not sort {statement_shape(term.this)} as DuckDB does"
        keys.append(SortKey(described.name, bool(term.args.get("desc")), bool(term.args.get("nulls_first"))))
    if not all_pushed_exactly(chain, scan, table, plan):
        return "a filter is left to DuckDB"
    return replace(scan, limit=limit + offset, order_by=tuple(keys) if own is None else (), order=own)


def _own_order(
    terms: Sequence[exp.Expr], chain: list[Scope], scan: Scan, table: Table, plan: Plan
) -> SourceCondition | None:
    """ORDER BY in the source's dialect, where a term is an expression that it has."""
    found = []
    for term in terms:
        node = over_scan(_position(term.this, cast(exp.Select, plan.select)), chain)
        if node is None:
            return None
        found.append((node, bool(term.args.get("desc")), bool(term.args.get("nulls_first"))))
    return source_order(found, _followed(chain[-1]).alias_or_name, table, scan.dialect, plan.parameter_types)


def over_scan(node: exp.Expr, chain: list[Scope]) -> exp.Expr | None:
    """An expression of the outermost SELECT in `chain` over the scan's columns; None when it is over others."""
    holder = exp.Paren(this=node.copy())
    for column in list(holder.find_all(exp.Column)):
        if not column.table:  # ORDER BY can name an output column
            output = _output(chain[0], column)
            if output is None:
                return None
            column.replace(output)
    node = holder.this
    for above, scope in itertools.pairwise(chain):
        inner = inside_of(node, _followed(above).alias_or_name, scope, scope, computed=True)
        if inner is None:
            return None
        node = inner
    return node


def _position(node: exp.Expr, select: exp.Select) -> exp.Expr:
    """A term of ORDER BY; when it is a number, the output column at that place."""
    if not isinstance(node, exp.Literal) or not node.is_int or not 0 < int(node.name) <= len(select.selects):
        return node
    projection = select.selects[int(node.name) - 1]
    return projection.unalias()


def _number(node: exp.Expr | None) -> int | None:
    value = node.expression if node is not None else None
    return int(value.name) if isinstance(value, exp.Literal) and value.is_int else None


def chain_to_scan(plan: Plan, tables: Mapping[str, Table] | None = None) -> list[Scope] | str:
    """The scopes from the outermost SELECT down to the scan, each a plain SELECT over the next; else why not.

    With `tables` also past LEFT JOINs that find one partner at most for each row: the rows are those of the first
    source all the same.
    """
    all_scopes = plan.scopes
    scope = all_scopes[0]
    chain: list[Scope] = []
    while True:
        if not referenced_once(scope, all_scopes):
            return "it is read more than once"
        select = scope.expression
        if not isinstance(select, exp.Select):
            return "a set operation stands above the source"
        joins = select.args.get("joins") or []
        if any(tables is None or not matches_once(scope, join, tables) for join in joins):
            return "a join, a grouping or the like stands above the source"
        blocking = ("group", "having", "qualify", "distinct", "windows", "laterals", "pivots", "sample")
        if any(select.args.get(name) for name in blocking):
            return "a join, a grouping or the like stands above the source"
        if chain and any(select.args.get(name) for name in ("limit", "offset", "fetch")):
            return "another limit stands below"
        own = computed(select)
        if any(is_aggregate(n) or isinstance(n, exp.Window | exp.Query | exp.Unnest | exp.Explode) for n in own):
            return "an aggregate, a window or a subquery stands above the source"
        where = select.args.get("where")
        if where is not None and has_any(where, exp.Query):
            return "a subquery stands in a filter"
        chain.append(scope)
        sources = sources_of(scope)
        from_ = select.args.get("from_")
        inner = sources.get(from_.this.alias_or_name) if from_ is not None else None
        if inner is None or len(sources) != 1 + len(joins):
            return "not one plain source"
        if scan_of(inner) is not None:
            return chain
        if not isinstance(inner, Scope):
            return "a table function stands below"
        scope = inner


def traced(node: exp.Expr, chain: list[Scope]) -> exp.Column | None:
    """The scan's column that an expression of the outermost SELECT in `chain` plainly is."""
    if not isinstance(node, exp.Column):
        return None
    # ORDER BY can name an output column: then it has no table.
    column = node if node.table else output_column(chain[0], chain[0], node.name)
    for above, scope in itertools.pairwise(chain):
        # A column of what is joined has no place in the scan.
        if column is None or column.table != _followed(above).alias_or_name:
            return None
        column = output_column(scope, scope, column.name)
    return column if column is not None and column.table == _followed(chain[-1]).alias_or_name else None


def all_pushed_exactly(chain: list[Scope], scan: Scan, table: Table, plan: Plan) -> bool:
    """Whether the scan does every filter of every level."""
    for level, scope in enumerate(chain):
        where = scope.expression.args.get("where")
        for condition in conjuncts(where.this if where else None):
            if not pushed_exactly(condition, chain[level:], scan, table, plan):
                return False
    return True


def pushed_exactly(condition: exp.Expr, chain: list[Scope], scan: Scan, table: Table, plan: Plan) -> bool:
    """Whether a condition of the outermost SELECT in `chain` is wholly done by the scan."""
    spelling = {c.name: c.source for c in scan.columns}

    def locate(column: exp.Column) -> str | None:
        inner = traced(column, chain)
        return spelling.get(inner.name) if inner is not None else None

    pushed = push(condition, table, locate, plan.parameter_types)
    if pushed is not None and pushed.exact and pushed.predicate in scan.predicates:
        return True
    inner = over_scan(condition, chain) if scan.conditions else None
    if inner is None:
        return False
    alias, types = _followed(chain[-1]).alias_or_name, plan.parameter_types
    own = source_condition(inner, alias, table, scan.dialect, types, keeps_null=True)
    there = {(other.sql, other.parameters) for other in scan.conditions}
    return own is not None and own.exact and (own.sql, own.parameters) in there


def _output(scope: Scope, column: exp.Column) -> exp.Expr | None:
    """What an output column of a SELECT is, named in its ORDER BY: alone, or in an expression when nothing else could
    be meant."""
    value = output_value(scope.expression, scope.expression, column.name)
    if value is None or not isinstance(scope.expression, exp.Select):
        return None
    if isinstance(column.parent, exp.Paren) and column.parent.parent is None:
        return value.copy()
    return value.copy() if isinstance(value, exp.Column) and value.name == column.name else None
