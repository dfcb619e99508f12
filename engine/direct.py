"""Which plans need no DuckDB: one scan whose rows, as the source gives them, are the answer."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from connectors.sdk import Comparison, Op, Table
from engine.plan import Plan
from engine.rules.push_limit import all_pushed_exactly, chain_to_scan, traced

DIRECT_ROWS = 200


def plain_columns(plan: Plan, tables: Mapping[str, Table]) -> tuple[str, ...] | None:
    """The scan's columns in the order of the output; None when DuckDB has something to do.

    Every level is a plain SELECT of plain columns, every filter is done exactly by the source, and order and limit
    are the source's too, or there is none, or a whole key is given, so that there is at most one row.
    """
    if len(plan.scans) != 1 or not isinstance(plan.select, exp.Select) or plan.scans[0].shared:
        return None
    scan, table = plan.scans[0], tables[plan.scans[0].id]
    chain = chain_to_scan(plan)
    if isinstance(chain, str) or not all_pushed_exactly(chain, scan, table, plan):
        return None
    if plan.select.args.get("offset") is not None:
        return None
    if scan.limit is None and plan.select.args.get("limit") is not None:
        return None
    if scan.limit is None and not _one_row(plan, table) and any(s.expression.args.get("order") for s in chain):
        return None
    columns = []
    for projection in plan.select.selects:
        column = traced(projection.unalias(), chain)
        if column is None:
            return None
        columns.append(column.name)
    return tuple(columns)


def is_few(plan: Plan, tables: Mapping[str, Table]) -> bool:
    """Whether the one scan gives so few rows that they are written one by one."""
    scan = plan.scans[0]
    return _one_row(plan, tables[scan.id]) or (scan.limit is not None and scan.limit <= DIRECT_ROWS)


def _one_row(plan: Plan, table: Table) -> bool:
    fixed = {p.column for p in plan.scans[0].predicates if isinstance(p, Comparison) and p.op is Op.EQ}
    return any(set(key) <= fixed for key in table.keys)
