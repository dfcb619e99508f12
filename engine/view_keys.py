"""What the sources' own keys prove about a view: columns that identify its rows, columns that are never NULL.

Only from keys that a source enforces (law 8 of the design). A join keeps the keys of what stands left of it when it
can't multiply its rows: an INNER or LEFT JOIN whose equalities cover a key of the joined relation.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.predicates import conjuncts
from engine.rules.scopes import inner_selects, scan_of, scopes, sources_of

Columns = frozenset[str]


def proven(select: exp.Query, tables: Mapping[str, Table]) -> tuple[tuple[str, ...], Columns]:
    """(a key's output columns in order, or (); output columns that are never NULL) of a qualified query."""
    root = scopes(select)[0]
    keys, not_null = _facts(root, tables)
    names = select.named_selects
    smallest = min(keys, key=lambda key: (len(key), [names.index(n) for n in key]), default=frozenset())
    return tuple(name for name in names if name in smallest), not_null


def _facts(scope: Scope, tables: Mapping[str, Table]) -> tuple[set[Columns], Columns]:
    """Keys and never-NULL columns of a scope's output, by output name."""
    select = scope.expression
    if not isinstance(select, exp.Select):
        arms = [_facts(arm, tables)[1] for arm in inner_selects(scope)] if scope.set_operation_scopes else []
        return set(), frozenset.intersection(*arms) if arms else frozenset()
    if any(select.args.get(name) for name in ("pivots", "laterals")) or not select.args.get("from_"):
        return set(), frozenset()
    keys, not_null = _inputs(scope, select, tables)
    outputs: dict[tuple[str, str], str] = {}
    for projection in select.selects:
        inner = projection.this if isinstance(projection, exp.Alias) else projection
        if isinstance(inner, exp.Column):
            outputs.setdefault((inner.table, inner.name), projection.alias_or_name)
    never = frozenset(outputs[column] for column in not_null if column in outputs)
    group = select.args.get("group")
    if group is not None:
        columns = [e for e in group.expressions if isinstance(e, exp.Column)]
        plain = len(columns) == len(group.expressions) and not any(
            group.args.get(name) for name in ("rollup", "cube", "grouping_sets", "all")
        )
        grouped = {(c.table, c.name) for c in columns}
        keys = [grouped] if plain and grouped <= not_null else []
    elif any(isinstance(node, exp.AggFunc) for p in select.selects for node in p.walk() if not _windowed(node)):
        keys = []
    if any(isinstance(node, exp.Unnest | exp.Explode) for p in select.selects for node in p.walk()):
        keys = []
    return {frozenset(outputs[c] for c in key) for key in keys if all(c in outputs for c in key)}, never


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
                    if isinstance(one, exp.Column) and one.table == alias and not _mentions(other, alias):
                        equal.add((alias, one.name))
        if not any(key <= equal for key in added_keys):
            keys = []
    return keys, not_null


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
        keys = [{(alias, name.lower()) for name in key} for key in table.keys]
        keyed = {column for key in keys for column in key}
        return keys, keyed | {(alias, c.name.lower()) for c in table.columns if not c.nullable}
    if not isinstance(source, Scope) or _is_recursive(source):
        return [], set()
    found, not_null = _facts(source, tables)
    return [{(alias, n) for n in key} for key in found], {(alias, name) for name in not_null}


def _is_recursive(scope: Scope) -> bool:
    with_ = scope.expression.find_ancestor(exp.With)
    return with_ is not None and bool(with_.args.get("recursive"))
