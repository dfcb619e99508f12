"""What the sources' own keys prove about a view: columns that identify its rows, columns that are never NULL.

Only from keys that a source enforces (law 8 of the design). A join keeps the keys of what stands left of it when it
can't multiply its rows: an INNER or LEFT JOIN whose equalities cover a key of the joined relation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from catalog.records import WorkspaceCatalog
from connectors.sdk import Table
from connectors.sdk.types import family
from engine.predicates import conjuncts
from engine.resolve import resolve_workspace
from engine.rules.scopes import (
    inner_selects,
    is_aggregate,
    is_recursive,
    output_column,
    scan_of,
    scopes,
    sources_of,
)
from engine.source_tables import our_names

Columns = frozenset[str]


def proven(select: exp.Query, tables: Mapping[str, Table]) -> tuple[tuple[str, ...], Columns]:
    """(a key's output columns in order, or (); output columns that are never NULL) of a qualified query."""
    root = scopes(select)[0]
    keys, not_null = _facts(root, tables)
    names = select.named_selects
    smallest = min(keys, key=lambda key: (len(key), [names.index(n) for n in key]), default=frozenset())
    return tuple(name for name in names if name in smallest), not_null


def declared(view: str, catalog: WorkspaceCatalog) -> tuple[str, ...]:
    """Columns (as the view spells them) that would identify the rows of a view in the catalog if the keys that
    connections declare held; () when there are none. Nothing is proven by it: it is what to count."""
    found = catalog.view(view)
    resolved = resolve_workspace(exp.select("*").from_(exp.table_(view, quoted=True)), catalog)
    if found is None or not any(table.declared_keys for table in resolved.tables.values()):
        return ()
    tables = {
        scan: replace(table, keys=(*table.keys, *table.declared_keys)) for scan, table in resolved.tables.items()
    }
    spelled = {column.name.lower(): column.name for column in found.columns}
    return tuple(spelled[name] for name in proven(resolved.select, tables)[0])


def _facts(scope: Scope, tables: Mapping[str, Table]) -> tuple[set[Columns], Columns]:
    """Keys and never-NULL columns of a scope's output, by output name."""
    select = scope.expression
    if not isinstance(select, exp.Select):
        return set(), _never_null_in_all(scope, tables) if scope.set_operation_scopes else frozenset()
    if any(select.args.get(name) for name in ("pivots", "laterals")) or not select.args.get("from_"):
        return set(), frozenset()
    keys, not_null = _inputs(scope, select, tables)
    outputs: dict[tuple[str, str], str] = {}
    for projection in select.selects:
        inner = projection.unalias()
        if isinstance(inner, exp.Column):
            outputs.setdefault((inner.table, inner.name), projection.alias_or_name)
    never = frozenset(outputs[column] for column in not_null if column in outputs)
    group = select.args.get("group")
    if group is not None:
        columns = [e for e in group.expressions if isinstance(e, exp.Column)]
        subtotals = any(isinstance(e, exp.Rollup | exp.Cube | exp.GroupingSets) for e in group.expressions)
        if subtotals:
            never = frozenset()  # a subtotal's row has NULL where it has no group
        plain = len(columns) == len(group.expressions) and not subtotals and not group.args.get("all")
        grouped = {(c.table, c.name) for c in columns}
        keys = [grouped] if plain and grouped <= not_null else []
    elif any(is_aggregate(node) for p in select.selects for node in p.walk() if not _windowed(node)):
        keys = []
    if any(isinstance(node, exp.Unnest | exp.Explode) for p in select.selects for node in p.walk()):
        keys = []
    return {frozenset(outputs[c] for c in key) for key in keys if all(c in outputs for c in key)}, never


def _never_null_in_all(scope: Scope, tables: Mapping[str, Table]) -> Columns:
    """Of a set operation: the columns that are never NULL in any arm. Arms are matched by position."""
    names = scope.expression.named_selects if isinstance(scope.expression, exp.Query) else []
    kept = set(names)
    for arm in inner_selects(scope):
        if not isinstance(arm.expression, exp.Query):
            return frozenset()
        never = _facts(arm, tables)[1]
        inner = arm.expression.named_selects
        kept = {name for name, own in zip(names, inner, strict=False) if name in kept and own in never}
    return frozenset(kept)


def _windowed(node: exp.Expr) -> bool:
    return node.find_ancestor(exp.Window) is not None


def _inputs(
    scope: Scope, select: exp.Select, tables: Mapping[str, Table]
) -> tuple[list[set[tuple[str, str]]], set[tuple[str, str]]]:
    """Keys and never-NULL columns of FROM and its joins, as (alias, column)."""
    sources = sources_of(scope)
    first = select.args["from_"].this.alias_or_name
    keys, not_null = _relation(first, sources, tables)
    for join in select.args.get("joins") or []:
        side = str(join.args.get("side") or "").upper()
        kind = str(join.args.get("kind") or "").upper()
        alias = join.this.alias_or_name
        if join.args.get("method") or side in ("RIGHT", "FULL"):
            return [], set()
        if kind in ("SEMI", "ANTI"):
            continue
        added_keys, added_not_null = _relation(alias, sources, tables)
        if side != "LEFT":
            not_null |= added_not_null
        equal = set()
        for term in conjuncts(join.args.get("on")):
            if isinstance(term, exp.EQ):
                for one, other in ((term.this, term.expression), (term.expression, term.this)):
                    its_own = isinstance(one, exp.Column) and one.table == alias and not _mentions(other, alias)
                    if its_own and _compared_alike(one, other, sources, tables):
                        equal.add((alias, one.name))
        if not any(key <= equal for key in added_keys):
            keys = []
    return keys, not_null


def _compared_alike(
    one: exp.Column, other: exp.Expr, sources: Mapping[str, exp.Expr | Scope], tables: Mapping[str, Table]
) -> bool:
    """Whether `one = other` converts neither side: else several values of a key equal one ('1' and '01' equal 1)."""
    if not isinstance(other, exp.Column):
        return False
    mine, its = (_family(column, sources, tables) for column in (one, other))
    return mine is not None and mine == its


def _family(column: exp.Column, sources: Mapping[str, exp.Expr | Scope], tables: Mapping[str, Table]) -> str | None:
    source = sources.get(column.table)
    table = tables.get(scan_of(source) or "") if source is not None else None
    if table is not None:
        types = dict(zip(our_names(table), (c.sql_type for c in table.columns), strict=True))
        return family(types[column.name]) if column.name in types else None
    if not isinstance(source, Scope):
        return None
    families = set()
    for arm in inner_selects(source):
        inner = output_column(arm, source, column.name)
        families.add(_family(inner, sources_of(arm), tables) if inner is not None else None)
    return families.pop() if len(families) == 1 else None


def _mentions(node: exp.Expr, alias: str) -> bool:
    return any(column.table == alias for column in node.find_all(exp.Column))


def _relation(
    alias: str, sources: Mapping[str, exp.Expr | Scope], tables: Mapping[str, Table]
) -> tuple[list[set[tuple[str, str]]], set[tuple[str, str]]]:
    source = sources.get(alias)
    if source is None:
        return [], set()
    table = tables.get(scan_of(source) or "")
    if table is not None:
        ours = dict(zip((column.name for column in table.columns), our_names(table), strict=True))
        keys = [{(alias, ours[name]) for name in key} for key in table.keys if all(name in ours for name in key)]
        keyed = {column for key in keys for column in key}
        return keys, keyed | {(alias, ours[c.name]) for c in table.columns if not c.nullable}
    if not isinstance(source, Scope) or is_recursive(source):
        return [], set()
    found, not_null = _facts(source, tables)
    return [{(alias, n) for n in key} for key in found], {(alias, name) for name in not_null}
