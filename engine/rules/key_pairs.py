"""Which columns take keys from which: (a, b) when values of b that are none of a's do not count in the answer.

Three kinds of terms say so; what is equal to b by an inner equality takes b's keys too.

- An equality of a join, or of WHERE: it rejects NULL and what finds no partner. An outer or anti join says it of its
  null-supplied (or probed) side only.
- An equality of a subquery's WHERE or ON with a column from outside. Whatever the subquery is for (a scalar, EXISTS,
  NOT EXISTS, a count that is 0 for no rows), it is only ever evaluated for values that the outer column has, and each
  time its other rows are dropped by that very term. So the outer scan's keys restrict the inner one.
- `x IN (SELECT y …)` or EXISTS as an AND-term of WHERE: the row counts only if some row inside matches. So y
  restricts x, x restricts y, and equalities inside restrict the columns from outside. None of it under NOT.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.predicates import conjuncts
from engine.rules.equal_columns import equal_columns, equality
from engine.rules.scopes import (
    column_origin,
    filter_targets,
    is_aggregate,
    joins_are_plain,
    output_column,
    passes_filters,
    sources_of,
)
from engine.trees import nodes

Place = tuple[Scope, exp.Column]
Pair = tuple[str, str, str, str, Hashable]
_MANY_GROUPS = ("rollup", "cube", "grouping_sets", "all", "totals")


def key_pairs(all_scopes: list[Scope], tables: Mapping[str, Table]) -> Iterator[Pair]:
    """(scan, column, scan, column, together): the first has every value that the second must have to count.

    Of two pairs of the same scans that are equal in `together`, one row of the first scan must have both values.
    """
    for scope in all_scopes:
        if not isinstance(scope.expression, exp.Select) or not joins_are_plain(scope.expression):
            continue
        for (scope_a, a), (scope_b, b), terms in _equalities(scope, tables):
            origin = column_origin(scope_a, a)
            if origin is not None and origin[0] in tables:
                together = (id(scope), terms, id(scope_a), _path(scope_a, a), id(scope_b), b.table)
                for target in filter_targets(scope_b, b, all_scopes):
                    if target[0] in tables and target[0] != origin[0]:
                        yield (*origin, *target, together)


def _path(scope: Scope, column: exp.Column) -> tuple[str, ...]:
    """The aliases through which a column comes from its scan. A CTE that is read twice is one scan and two of its
    rows, so only columns of one path stand in one row."""
    source = sources_of(scope)[column.table]
    inner = output_column(source, source, column.name) if isinstance(source, Scope) else None
    return (
        (column.table,) if inner is None or not isinstance(source, Scope) else (column.table, *_path(source, inner))
    )


def _equalities(scope: Scope, tables: Mapping[str, Table]) -> Iterator[tuple[Place, Place, int]]:
    """The pairs of a scope's terms, and a number that is the same for terms that must be true together."""
    select = scope.expression
    own = set(sources_of(scope))
    terms = conjuncts(select.args["where"].this if select.args.get("where") else None)
    inner = [(term, own) for term in terms]
    outer: list[tuple[exp.Expr, set[str], int]] = []
    rejected = _null_rejected(select.args.get("where"))
    from_ = select.args.get("from_")
    before = {from_.this.alias_or_name} if from_ is not None else set()
    for number, join in enumerate(select.args.get("joins") or [], 1):
        side = str(join.args.get("side") or "").upper()
        kind = str(join.args.get("kind") or "").upper()
        this = {join.this.alias_or_name}
        on = conjuncts(join.args.get("on"))
        if kind == "ANTI" or (side == "LEFT" and not this & rejected):
            outer += [(term, this, number) for term in on]
        elif side == "RIGHT":
            outer += [(term, set(before), number) for term in on]
        elif side != "FULL":
            inner += [(term, before | this) for term in on]
        before |= this
    classes = equal_columns(scope, inner, tables)
    for term, restricted in inner:
        for one, (holder, other) in _both_ways(scope, term, restricted):
            for same in classes.get((other.table, other.name), [other]):
                if one[0] is not scope or one[1].table != same.table:
                    yield one, (holder, same), 0
    for term, restricted, number in outer:
        for one, place in _both_ways(scope, term, restricted):
            yield one, place, number
    for number, term in enumerate(terms, 1):
        for one, (holder, other) in _semi_join(scope, term):
            for same in classes.get((other.table, other.name), [other]) if holder is scope else [other]:
                yield one, (holder, same), -number


def _null_rejected(where: exp.Expr | None) -> set[str]:
    """Aliases of which WHERE needs a column that is not NULL: an outer join to them is as good as an inner one."""
    found = set()
    for term in conjuncts(where.this if where else None):
        if isinstance(term, exp.EQ | exp.NEQ | exp.LT | exp.LTE | exp.GT | exp.GTE | exp.Like | exp.Between | exp.In):
            sides = (term.this, term.args.get("expression"))
            found |= {side.table for side in sides if isinstance(side, exp.Column)}
    return found


def _both_ways(scope: Scope, term: exp.Expr, restricted: set[str]) -> Iterator[tuple[Place, Place]]:
    """The pairs of an equality: both sides from here, or one from outside. `restricted`: what may take keys."""
    for one, other in equality(term):
        if one.table != other.table and other.table in restricted:
            holder = _holder(scope, one)
            if holder is not None:
                yield (holder, one), (scope, other)


def _holder(scope: Scope, column: exp.Column) -> Scope | None:
    """The scope in whose FROM a column's source stands: this one, or one around it that a subquery sees."""
    current: Scope | None = scope
    while current is not None:
        if column.table in sources_of(current):
            return current
        current = current.parent if current.is_subquery else None
    return None


def _semi_join(scope: Scope, term: exp.Expr) -> Iterator[tuple[Place, Place]]:
    """The pairs of `x IN (SELECT y …)`, of `x = (SELECT y …)` and of EXISTS."""
    while isinstance(term, exp.Paren):
        term = term.this
    value: exp.Expr | None = None
    if isinstance(term, exp.Exists):
        query = term.this
    elif isinstance(term, exp.In):
        value, query = term.this, term.args.get("query")
    elif isinstance(term, exp.EQ) and isinstance(term.expression, exp.Subquery):
        value, query = term.this, term.expression
    else:
        return
    query = query.unnest() if isinstance(query, exp.Expr) else None
    inner = next((s for s in scope.subquery_scopes if s.expression is query), None)
    if inner is None or not isinstance(query, exp.Select) or not joins_are_plain(query):
        return
    if not _gives_rows_for_no_rows(query):
        own = set(sources_of(inner))
        around = set(sources_of(scope)) - own
        where = query.args.get("where")
        for part in conjuncts(where.this if where else None):
            for one, other in equality(part):
                if one.table in own and other.table in around:
                    yield (inner, one), (scope, other)
    if isinstance(value, exp.Column) and value.table in sources_of(scope) and len(query.selects) == 1:
        projection = query.selects[0]
        column = projection.unalias()
        if isinstance(column, exp.Column) and column.table in sources_of(inner):
            yield (inner, column), (scope, value)
            if isinstance(term, exp.In) and passes_filters(inner, [column]):
                yield (scope, value), (inner, column)


def _gives_rows_for_no_rows(query: exp.Select) -> bool:
    """Whether a SELECT has a row even when WHERE lets none through: aggregates of all rows, a total of groups."""
    group = query.args.get("group")
    if group is not None:
        special = any(group.args.get(name) for name in _MANY_GROUPS)
        return special or not any(isinstance(key, exp.Column) for key in group.expressions)
    parts = [*query.selects, query.args.get("having")]
    return any(is_aggregate(node) for part in parts if part is not None for node in nodes(part))
