"""Don't ask a source whose rows carry a constant that a condition contradicts: one branch of a union per site, say.

`SELECT 'north' AS site, … UNION ALL SELECT 'south' AS site, …` under `site = 'north'`: the scans of the other branch
get a guard, the condition over the branch's constants. Once the caller's values are known (a plan is kept for all of
them), a guard that is not true skips the scan. The condition stays, and drops whatever the branch gives: so this is
`push_filters` with a filter that no row passes, and safe where that is.

Nor is anybody asked under LIMIT 0, by which clients learn an answer's columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Column, Op, Support, Table, TableName, Value
from engine.plan import Note, Plan
from engine.predicates import push, rejects_null
from engine.rules.push_filters import conditions, inside_of, null_supplied
from engine.rules.scopes import (
    column_family,
    inner_selects,
    is_recursive,
    joins_are_plain,
    output_value,
    passes_filters,
    referenced_once,
    sources_of,
)
from engine.scans import Guard
from engine.trees import has_any, nodes_of

_ALL = dict.fromkeys(Op, Support.EXACT)


def skip_branches(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Each scan gets the conditions over constants without which none of its rows counts."""
    limit = plan.select.args.get("limit")
    if limit is not None and limit.expression == exp.Literal.number(0):
        notes = [Note("skip_branches", scan.id, "pushed LIMIT 0: skipped") for scan in plan.scans]
        return plan.with_scans([replace(scan, skipped=True) for scan in plan.scans], notes)
    if not any(isinstance(p.unalias(), exp.Literal) for s in nodes_of(plan.select, exp.Select) for p in s.selects):
        return plan
    all_scopes = plan.scopes
    found: dict[str, list[Guard]] = {}
    for scope in all_scopes:
        if not isinstance(scope.expression, exp.Select) or not joins_are_plain(scope.expression):
            continue
        for condition, aliases in conditions(scope):
            if has_any(condition, exp.Query, exp.Window, exp.AggFunc):
                continue
            named = {column.table for column in nodes_of(condition, exp.Column)}
            for alias in [alias for alias in aliases if not named or alias in named]:
                _look(scope, alias, condition, plan, tables, all_scopes, found, True)
    if not found:
        return plan
    scans = [replace(scan, guards=tuple(dict.fromkeys(found.get(scan.id, ())))) for scan in plan.scans]
    notes = [
        Note("skip_branches", scan, "pushed a condition over constants: skipped where it is not true")
        for scan in found
    ]
    return plan.with_scans(scans, notes)


def _look(
    scope: Scope,
    alias: str,
    condition: exp.Expr,
    plan: Plan,
    tables: Mapping[str, Table],
    all_scopes: list[Scope],
    found: dict[str, list[Guard]],
    keeps_null: bool,
) -> None:
    """Follow a condition into one source of a scope, down to the branches in which its columns are constants."""
    source = sources_of(scope).get(alias)
    if not isinstance(source, Scope) or is_recursive(source) or not referenced_once(source, all_scopes):
        return
    keeps_null = keeps_null and alias not in null_supplied(scope.expression)
    if isinstance(source.expression, exp.SetOperation) and any(
        source.expression.args.get(name) for name in ("limit", "offset", "fetch")
    ):
        return
    names = {column.name for column in nodes_of(condition, exp.Column) if column.table == alias}
    for arm in inner_selects(source):
        constants = {name: value for name in names if (value := _constant(arm, source, name, tables)) is not None}
        guard = _guard(condition, alias, constants, plan.parameter_types)
        if guard is not None and (keeps_null or rejects_null(guard.predicate)):
            for table in nodes_of(arm.expression, exp.Table):
                if table.name in {scan.id for scan in plan.scans} and not table.args.get("db"):
                    found.setdefault(table.name, []).append(guard)
        inner = inside_of(condition, alias, source, arm)
        if inner is None or not joins_are_plain(arm.expression):
            continue
        own = [column for column in nodes_of(inner, exp.Column) if column.table in sources_of(arm)]
        if own and passes_filters(arm, own):
            for name in dict.fromkeys(column.table for column in own):
                _look(arm, name, inner, plan, tables, all_scopes, found, keeps_null)


def _constant(arm: Scope, source: Scope, name: str, tables: Mapping[str, Table]) -> Value | None:
    """The constant that an output column is in one arm, when the other arms leave it the value that it is."""
    value = _literal(arm, source, name)
    if value is None:
        return None
    for other in inner_selects(source):
        also = _literal(other, source, name)
        if also is None and not (isinstance(value, str) and column_family(other, source, name, tables) == "text"):
            return None
        if also is not None and type(also) is not type(value):
            return None
    return value


def _literal(arm: Scope, source: Scope, name: str) -> Value | None:
    value = output_value(arm.expression, source.expression, name)
    if not isinstance(value, exp.Literal):
        return None
    if value.is_string:
        return str(value.name)
    return int(value.name) if value.is_int and abs(int(value.name)) < 2**31 else None


def _guard(
    condition: exp.Expr, alias: str, constants: Mapping[str, Value], parameter_types: tuple[str, ...]
) -> Guard | None:
    """What the condition says of the constants alone, for the values of a caller to come."""
    if not constants:
        return None
    kinds = {name: "VARCHAR" if isinstance(value, str) else "BIGINT" for name, value in constants.items()}
    columns = tuple(Column(name, kind, operators=_ALL) for name, kind in kinds.items())
    table = Table(TableName(("constants",)), columns)

    def locate(column: exp.Column) -> str | None:
        return column.name if column.table == alias and column.name in constants else None

    pushed = push(condition, table, locate, parameter_types)
    return Guard(tuple(constants.items()), pushed.predicate) if pushed is not None else None
