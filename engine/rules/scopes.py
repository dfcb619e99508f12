"""What the rules ask of a tree: where a column of an outer SELECT stands in an inner one, and at which scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope

from connectors.sdk import Table
from connectors.sdk.types import family
from engine.trees import nodes

PLAIN_JOINS = {"", "INNER", "CROSS", "LEFT", "RIGHT", "FULL", "OUTER", "SEMI", "ANTI"}


def scopes(select: exp.Query) -> list[Scope]:
    """Every scope of a tree, the outermost first."""
    root = build_scope(select)
    return list(reversed(list(root.traverse()))) if root else []


# Aggregates that sqlglot knows as plain functions only.
_AGGREGATES = frozenset(
    """
    arbitrary arg_max_null arg_min_null count_star entropy favg fsum histogram kahan_sum kurtosis_pop mad mean product
    sem sumkahan weighted_avg geomean geometric_mean list json_group_array json_group_object
    """.split()
)


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a node is a call of an aggregate function."""
    if isinstance(node, exp.AggFunc | exp.JSONArrayAgg | exp.JSONObjectAgg | exp.ArrayAgg):
        return True
    return isinstance(node, exp.Anonymous | exp.AnonymousAggFunc) and node.name.lower() in _AGGREGATES


def scan_of(source: exp.Expr | Scope) -> str | None:
    """The scan id when a source of a scope is a scan."""
    return source.name if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier) else None


def sources_of(scope: Scope) -> Mapping[str, exp.Expr | Scope]:
    """The sources that stand in this scope's own FROM, by alias (not the CTEs that it merely sees).

    Also those of SEMI and ANTI JOIN, which sqlglot leaves out of `selected_sources`; not what stands under PIVOT or
    UNPIVOT, whose rows and columns are other ones.
    """
    return {
        name: scope.sources[name]
        for name, node in scope.references
        if name in scope.sources and not node.args.get("pivots")
    }


def joins_are_plain(select: exp.Expr) -> bool:
    """Whether all joins are of kinds under which dropping a row early only drops rows that contain it.

    Not so for POSITIONAL (rows shift) and ASOF (another row becomes the nearest).
    """
    for join in select.args.get("joins") or []:
        words = {str(join.args.get(name) or "").upper() for name in ("method", "side", "kind")}
        if not words <= PLAIN_JOINS:
            return False
    return not select.args.get("laterals")


def inner_selects(scope: Scope) -> Iterator[Scope]:
    """The SELECT scopes whose rows make up a derived table: itself, or the arms of its set operation."""
    if isinstance(scope.expression, exp.SetOperation):
        for arm in scope.set_operation_scopes:
            yield from inner_selects(arm)
    else:
        yield scope


def output_column(scope: Scope, outer: Scope, name: str) -> exp.Column | None:
    """The plain column that a derived table's output column `name` is in one of its arms, else None.

    `outer` gives the names, `scope` is the arm.
    """
    inner = output_value(scope.expression, outer.expression, name)
    return inner if isinstance(inner, exp.Column) else None


def output_value(arm: exp.Expr, outer: exp.Expr, name: str) -> exp.Expr | None:
    """The expression that a query's output column `name` is, else None.

    `outer` gives the names (a set operation is named by its first arm), `arm` is the SELECT to look into.
    """
    if not isinstance(outer, exp.Query) or not isinstance(arm, exp.Query):
        return None
    names = outer.named_selects
    return arm.selects[names.index(name)].unalias() if name in names else None


def column_family(scope: Scope, outer: Scope, name: str, tables: Mapping[str, Table]) -> str | None:
    """The comparison family of a derived table's output column in one of its arms, traced to a scan; else None."""
    column = output_column(scope, outer, name)
    source = sources_of(scope).get(column.table) if column is not None else None
    if column is None or source is None:
        return None
    table = tables.get(scan_of(source) or "")
    if table is not None:
        return next((family(c.sql_type) for c in table.columns if c.name.lower() == column.name), None)
    if not isinstance(source, Scope):
        return None
    families = {column_family(arm, source, column.name, tables) for arm in inner_selects(source)}
    return families.pop() if len(families) == 1 else None


def computed(select: exp.Query) -> list[exp.Expr]:
    """The nodes of what a SELECT computes for its output; a plain column computes nothing."""
    return [node for p in select.selects if not isinstance(p.unalias(), exp.Column) for node in nodes(p)]


def passes_filters(scope: Scope, columns: list[exp.Column]) -> bool:
    """Whether a filter on these columns of a SELECT's output may also be applied to its input.

    Not past LIMIT, DISTINCT ON, QUALIFY or a window; past GROUP BY only on grouping columns.
    """
    select = scope.expression
    if not isinstance(select, exp.Select):
        return False
    if any(select.args.get(name) for name in ("limit", "offset", "fetch", "qualify", "windows", "pivots", "sample")):
        return False
    distinct = select.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        return False
    own = computed(select)
    if any(isinstance(node, exp.Window | exp.Unnest | exp.Explode) for node in own):
        return False
    group = select.args.get("group")
    if group is None:
        return not any(is_aggregate(node) for node in own)
    if any(group.args.get(name) for name in ("rollup", "cube", "grouping_sets", "all", "totals")):
        return False
    keys = {(k.table, k.name) for k in group.expressions if isinstance(k, exp.Column)}
    return all((column.table, column.name) in keys for column in columns)


def referenced_once(scope: Scope, tree_scopes: list[Scope]) -> bool:
    """Whether a derived table is read in one place only (a CTE can be read in several)."""
    uses = sum(1 for other in tree_scopes for name, _ in other.references if other.sources.get(name) is scope)
    return uses <= 1 and not scope.is_correlated_subquery


def column_origin(scope: Scope, column: exp.Column) -> tuple[str, str] | None:
    """(scan, column) from whose values alone a column takes its own (NULLs of outer joins apart); else None."""
    source = sources_of(scope).get(column.table)
    if source is None:
        return None
    scan = scan_of(source)
    if scan is not None:
        return scan, column.name
    if not isinstance(source, Scope) or not isinstance(source.expression, exp.Select) or is_recursive(source):
        return None
    if source.expression.args.get("pivots"):
        return None
    inner = output_column(source, source, column.name)
    return column_origin(source, inner) if inner is not None else None


def filter_targets(scope: Scope, column: exp.Column, all_scopes: list[Scope]) -> Iterator[tuple[str, str]]:
    """Every (scan, column) to which a NULL-rejecting filter on one column of a scope may be copied."""
    source = sources_of(scope).get(column.table)
    if source is None:
        return
    scan = scan_of(source)
    if scan is not None:
        yield scan, column.name
        return
    if not isinstance(source, Scope) or is_recursive(source) or not referenced_once(source, all_scopes):
        return
    arms = list(inner_selects(source))
    inner = [output_column(arm, source, column.name) for arm in arms]
    if len(arms) > 1 and (any(source.expression.args.get(n) for n in ("limit", "offset", "fetch")) or None in inner):
        return
    for arm, within in zip(arms, inner, strict=True):
        if within is not None and passes_filters(arm, [within]) and joins_are_plain(arm.expression):
            yield from filter_targets(arm, within, all_scopes)


def is_recursive(scope: Scope) -> bool:
    """Whether a derived table is a recursive CTE, or its reference to itself (for sqlglot: its first arm)."""
    parent = scope.expression.parent
    while isinstance(parent, exp.SetOperation | exp.Subquery):
        parent = parent.parent
    with_ = parent.parent if isinstance(parent, exp.CTE) else None
    return isinstance(with_, exp.With) and bool(with_.args.get("recursive"))
