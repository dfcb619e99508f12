"""Whether a LEFT JOIN leaves the rows of its left side as they are: each finds one partner at most.

That is so when equalities of ON fix a proven key of what is joined. Both sides of such an equality must be of one
family, and of integers, texts or UUIDs: else a conversion (of '01' and '1', say) could make two keys one.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from connectors.sdk.types import family
from engine.predicates import conjuncts
from engine.rules.relation import keys_of
from engine.rules.scopes import (
    column_origin,
    computed,
    is_aggregate,
    is_recursive,
    output_column,
    scan_of,
    sources_of,
)
from engine.source_tables import our_names

_FAMILIES = frozenset({"integer", "text", "uuid"})
_ONE_TO_ONE = (
    "group", "having", "qualify", "distinct", "windows", "laterals", "pivots", "sample", "limit", "offset", "joins",
    "fetch", "with_",
)  # fmt: skip


def matches_once(scope: Scope, join: exp.Join, tables: Mapping[str, Table]) -> bool:
    """Whether a join of a SELECT is a LEFT JOIN that gives one row for each row of its left side."""
    if str(join.args.get("side") or "").upper() != "LEFT" or join.args.get("method") or join.args.get("using"):
        return False
    if str(join.args.get("kind") or "").upper() not in ("", "OUTER"):
        return False
    if any(join.this.args.get(name) for name in ("joins", "pivots", "sample", "laterals")):
        return False
    alias, fixed, scans = join.this.alias_or_name, set[str](), set[str]()
    for term in conjuncts(join.args.get("on")):
        if not isinstance(term, exp.EQ):
            continue
        for one, other in ((term.this, term.expression), (term.expression, term.this)):
            if not isinstance(one, exp.Column) or not isinstance(other, exp.Column):
                continue
            if one.table != alias or other.table == alias:
                continue
            own, its = _key_column(scope, one), column_origin(scope, other)
            if own is None or its is None or its[0] not in tables or own[0] not in tables:
                continue
            kinds = {_family(tables[own[0]], own[1]), _family(tables[its[0]], its[1])}
            if len(kinds) == 1 and kinds <= _FAMILIES:
                fixed.add(own[1])
                scans.add(own[0])
    return len(scans) == 1 and any(key <= fixed for key in keys_of(tables[scans.pop()]))


def _key_column(scope: Scope, column: exp.Column) -> tuple[str, str] | None:
    """(scan, column) that a column of a source is, when the source's rows are rows of that one scan; else None."""
    source = sources_of(scope).get(column.table)
    while source is not None:
        scan = scan_of(source)
        if scan is not None:
            return scan, column.name
        if not isinstance(source, Scope) or not _is_one_to_one(source):
            return None
        inner = output_column(source, source, column.name)
        if inner is None:
            return None
        column, source = inner, sources_of(source).get(inner.table)
    return None


def _is_one_to_one(scope: Scope) -> bool:
    """Whether each row of a SELECT is a row of its one source."""
    select = scope.expression
    if (
        not isinstance(select, exp.Select)
        or any(select.args.get(name) for name in _ONE_TO_ONE)
        or is_recursive(scope)
    ):
        return False
    return not any(is_aggregate(n) or isinstance(n, exp.Window | exp.Unnest | exp.Explode) for n in computed(select))


def _family(table: Table, name: str) -> str:
    described = dict(zip(our_names(table), table.columns, strict=True)).get(name)
    return family(described.sql_type) if described is not None else ""
