"""Give a large scan the distinct keys of the small side that it is joined with: IN instead of a whole table.

The keys are found at run time: the small scan is read first, and when it has no more than `KEY_CAP` rows, its values
go to the large scan as one more predicate. When it has more, both are read whole, as without the rule. A set of no
keys reads nothing. Chained: keys found by one join may feed the next scan.

Safe because a kept equality implies "y is one of the keys", and that rejects NULL: so inner and semi joins take keys
both ways, an outer or anti join only on its null-supplied (or probed) side, an equality in WHERE both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Op, Table
from connectors.sdk.types import family
from engine.estimates import (
    UNKNOWN_PROVIDER_ROWS,
    WORTH_ROWS,
    distinct_values,
    estimated_rows,
    keys_pay,
    rows_of_keys,
)
from engine.plan import Note, Plan
from engine.predicates import conjuncts
from engine.rules.scopes import column_origin, filter_targets, joins_are_plain, scopes, sources_of
from engine.scans import KeysFrom, Scan

KEY_CAP = 10_000
FAMILIES = frozenset({"integer", "text", "uuid", "date"})


def push_join_keys(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Each large scan that is joined by equality with a small one gets its keys from it."""
    rows = {scan.id: estimated_rows(scan, tables[scan.id]) for scan in plan.scans}
    by_id = {scan.id: scan for scan in plan.scans}
    edges: dict[str, list[KeysFrom]] = {}
    notes = []
    for provider, column, target, wanted in sorted(_pairs(plan, tables), key=lambda p: _order(rows[p[0]])):
        if _reaches(edges, target, provider):
            continue
        table, scan = tables[target], by_id[target]
        spelled = next(c.source for c in scan.columns if c.name == wanted)
        values = _values(by_id[provider], rows[provider], tables, column)
        found = None if values is None else rows_of_keys(values, scan, table, spelled)
        if not keys_pay(rows[provider], rows[target], found, KEY_CAP) and not _spares_reading(scan, values, table):
            continue
        described = table.column(spelled)
        if described is None or Op.IN not in described.operators or not table.key_lookup:
            continue
        if any(keys.target == spelled for keys in edges.get(target, [])):
            continue
        if (
            _family(by_id[provider], column) != family(described.sql_type)
            or family(described.sql_type) not in FAMILIES
        ):
            continue
        edges.setdefault(target, []).append(KeysFrom(provider, column, spelled, min(KEY_CAP, table.key_lookup)))
        mine = rows[target]
        rows[target] = found if mine is None or found is None else min(mine, found)
        notes.append(Note("push_join_keys", target, f"keys of {provider}.{column} on {spelled}"))
    scans = [replace(scan, keys_from=tuple(edges.get(scan.id, ()))) for scan in plan.scans]
    return plan.with_scans(scans, notes)


def _order(rows: int | None) -> int:
    return UNKNOWN_PROVIDER_ROWS if rows is None else rows


def _values(provider: Scan, rows: int | None, tables: Mapping[str, Table], column: str) -> int | None:
    """How many keys a provider's column is expected to have."""
    if rows is None:
        return None
    source = next((c.source for c in provider.columns if c.name == column), column)
    values = distinct_values(tables[provider.id], source, rows)
    return rows if values is None else min(rows, values)


def _spares_reading(scan: Scan, values: int | None, table: Table) -> bool:
    """Whether keys spare a fragment's source most of what it goes through for the few rows, groups say, that it
    gives: taken to be one row for each key."""
    if scan.fragment is None or scan.fragment.rows_read is None or table.row_estimate is None or values is None:
        return False
    return values <= KEY_CAP and scan.fragment.rows_read > WORTH_ROWS and 2 * values <= table.row_estimate


def _family(scan: Scan, column: str) -> str:
    return next((family(c.sql_type) for c in scan.columns if c.name == column), "")


def _reaches(edges: Mapping[str, list[KeysFrom]], provider: str, target: str) -> bool:
    """Whether `target` (directly or not) waits for `provider`: then the other way round would wait for ever."""
    return provider == target or any(_reaches(edges, provider, keys.scan) for keys in edges.get(target, []))


def _pairs(plan: Plan, tables: Mapping[str, Table]) -> Iterator[tuple[str, str, str, str]]:
    """(scan, column) whose values contain every value that (scan, column) must have to count."""
    all_scopes = scopes(plan.select)
    for scope in all_scopes:
        select = scope.expression
        if not isinstance(select, exp.Select) or not joins_are_plain(select):
            continue
        for one, other in _equalities(scope):
            origin = column_origin(scope, one)
            if origin is not None and origin[0] in tables:
                for target in filter_targets(scope, other, all_scopes):
                    if target[0] in tables and target[0] != origin[0]:
                        yield (*origin, *target)


def _equalities(scope: Scope) -> Iterator[tuple[exp.Column, exp.Column]]:
    """(a, b): values of b that are none of a don't count."""
    select = scope.expression
    own = set(sources_of(scope))
    where = select.args.get("where")
    for term in conjuncts(where.this if where else None):
        yield from _both_ways(term, own, own)
        if isinstance(term, exp.In) and isinstance(term.this, exp.Column) and term.args.get("query"):
            yield from _in_query(scope, term)
    inner = _null_rejected(where)
    from_ = select.args.get("from_")
    before = {from_.this.alias_or_name} if from_ is not None else set()
    for join in select.args.get("joins") or []:
        side = str(join.args.get("side") or "").upper()
        kind = str(join.args.get("kind") or "").upper()
        this = {join.this.alias_or_name}
        if kind == "ANTI" or (side == "LEFT" and not this & inner):
            restricted = this
        elif side == "RIGHT":
            restricted = set(before)
        elif side == "FULL":
            restricted = set()
        else:
            restricted = before | this
        for term in conjuncts(join.args.get("on")):
            yield from _both_ways(term, own, restricted)
        before |= this


def _null_rejected(where: exp.Expr | None) -> set[str]:
    """Aliases of which WHERE needs a column that is not NULL: an outer join to them is as good as an inner one."""
    found = set()
    for term in conjuncts(where.this if where else None):
        if isinstance(term, exp.EQ | exp.NEQ | exp.LT | exp.LTE | exp.GT | exp.GTE | exp.Like | exp.Between | exp.In):
            sides = (term.this, term.args.get("expression"))
            found |= {side.table for side in sides if isinstance(side, exp.Column)}
    return found


def _both_ways(term: exp.Expr, own: set[str], restricted: set[str]) -> Iterator[tuple[exp.Column, exp.Column]]:
    if isinstance(term, exp.EQ) and isinstance(term.this, exp.Column) and isinstance(term.expression, exp.Column):
        for one, other in ((term.this, term.expression), (term.expression, term.this)):
            if one.table != other.table and one.table in own and other.table in restricted:
                yield one, other


def _in_query(scope: Scope, term: exp.In) -> Iterator[tuple[exp.Column, exp.Column]]:
    """`x IN (SELECT y …)`: a virtual pair, y seen from inside its own scope."""
    query = term.args["query"]
    inner = query.this if isinstance(query, exp.Subquery) else query
    for subscope in scope.subquery_scopes:
        if subscope.expression is inner and isinstance(inner, exp.Select) and len(inner.selects) == 1:
            projection = inner.selects[0]
            column = projection.this if isinstance(projection, exp.Alias) else projection
            if isinstance(column, exp.Column):
                marked = column.copy()
                marked.meta["scope"] = subscope
                yield marked, term.this
