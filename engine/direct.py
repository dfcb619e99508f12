"""Which plans need no DuckDB: one scan whose rows, as the source gives them, are the answer, and few of them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from connectors.sdk import Comparison, Op, Table
from engine.plan import Plan
from engine.rules.push_limit import all_pushed_exactly, chain_to_scan, traced

DIRECT_ROWS = 200


def direct_columns(plan: Plan, tables: Mapping[str, Table]) -> tuple[str, ...] | None:
    """The scan's columns in the order of the output; None when DuckDB has something to do or the answer is large.

    Every level is a plain SELECT of plain columns, every filter is done exactly by the source, and order and limit
    are the source's too, or a whole key is given, so that there is at most one row.
    """
    if len(plan.scans) != 1 or not isinstance(plan.select, exp.Select) or plan.scans[0].shared:
        return None
    scan, table = plan.scans[0], tables[plan.scans[0].id]
    chain = chain_to_scan(plan)
    if isinstance(chain, str) or not all_pushed_exactly(chain, scan, table, plan):
        return None
    fixed = {p.column for p in scan.predicates if isinstance(p, Comparison) and p.op is Op.EQ}
    one_row = any(set(key) <= fixed for key in table.keys)
    offset = plan.select.args.get("offset")
    if offset is not None:
        return None
    if not one_row and (scan.limit is None or scan.limit > DIRECT_ROWS):
        return None
    if one_row and plan.select.args.get("limit") is not None and scan.limit is None:
        return None
    columns = []
    for projection in plan.select.selects:
        column = traced(projection.this if isinstance(projection, exp.Alias) else projection, chain)
        if column is None:
            return None
        columns.append(column.name)
    return tuple(columns)
