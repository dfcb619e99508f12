"""Ask each source for the columns that are used anywhere, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections

from connectors.sdk import Table
from connectors.sdk.types import arrow_type
from engine.plan import Note, Plan
from engine.rules.scopes import computed, is_aggregate, scan_of, scopes, sources_of
from engine.scans import ScanColumn
from engine.trees import copied, nodes_of

_USES_PROJECTIONS = ("group", "having", "qualify", "distinct", "windows", "order", "limit", "offset", "fetch")


def prune_columns(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Projections that nothing reads leave the tree, columns that nothing reads leave the scans.

    A scan of which only the number of rows matters keeps its narrowest column: Arrow has no rows without columns.
    """
    select = copied(plan.select)
    _ask_exists_for_rows_only(select)
    pushdown_projections(select)
    used: dict[str, set[str]] = {scan.id: set() for scan in plan.scans}
    for table in nodes_of(select, exp.Table):
        if table.args.get("pivots") and table.name in used:
            # PIVOT groups by every column that it does not name.
            used[table.name] |= {c.name for scan in plan.scans if scan.id == table.name for c in scan.columns}
    all_scopes = scopes(select)
    for scope in all_scopes:
        for alias, source in sources_of(scope).items():
            scan_id = scan_of(source)
            if scan_id in used:
                used[scan_id] |= {column.name for column in scope.columns if column.table == alias}
    scans, notes = [], []
    for scan in plan.scans:
        if scan.fragment is not None:
            scans.append(scan)
            continue
        kept = tuple(column for column in scan.columns if column.name in used[scan.id])
        kept = kept or (min(scan.columns, key=_width),)
        scans.append(replace(scan, columns=kept))
        notes.append(Note("prune_columns", scan.id, f"{len(kept)} of {len(scan.columns)} columns"))
    return plan.with_select(select, all_scopes).with_scans(scans, notes)


def _ask_exists_for_rows_only(select: exp.Query) -> None:
    """`EXISTS (SELECT * …)` needs no column; what a plain SELECT gives is looked at by nobody."""
    for exists in nodes_of(select, exp.Exists):
        query = exists.this
        if isinstance(query, exp.Select) and not any(query.args.get(name) for name in _USES_PROJECTIONS):
            special = exp.Window | exp.Unnest | exp.Explode
            if not any(is_aggregate(node) or isinstance(node, special) for node in computed(query)):
                query.set("expressions", [exp.alias_(exp.Literal.number(1), "one", quoted=True)])


def _width(column: ScanColumn) -> int:
    kind = arrow_type(column.sql_type)
    return kind.bit_width if pa.types.is_primitive(kind) else 1_000
