"""How many rows a scan will give, roughly, from the table's row count and the shape of its predicates."""

from __future__ import annotations

from connectors.sdk import AllOf, AnyOf, Comparison, Op, Predicate, Table
from engine.scans import Scan

EQUAL, RANGE, PREFIX, UNLIKE = 0.1, 0.3, 0.1, 0.9


def estimated_rows(scan: Scan, table: Table) -> int | None:
    """An upper-ish guess; None when nothing is known of the table's size."""
    fixed = {p.column for p in scan.predicates if isinstance(p, Comparison) and p.op is Op.EQ}
    if any(set(key) <= fixed for key in table.keys):
        return 1
    if table.row_estimate is None:
        return scan.limit
    rows = float(table.row_estimate)
    for predicate in scan.predicates:
        rows *= _share(predicate)
    rows = max(1.0, rows)
    return int(rows if scan.limit is None else min(rows, scan.limit))


def _share(predicate: Predicate) -> float:
    if isinstance(predicate, AllOf):
        share = 1.0
        for term in predicate.terms:
            share *= _share(term)
        return share
    if isinstance(predicate, AnyOf):
        return min(1.0, sum(_share(term) for term in predicate.terms))
    match predicate.op:
        case Op.EQ:
            return EQUAL
        case Op.IN:
            return min(1.0, EQUAL * len(predicate.values) / 2)
        case Op.LT | Op.LE | Op.GT | Op.GE:
            return RANGE
        case Op.STARTS_WITH | Op.CONTAINS | Op.ENDS_WITH:
            return PREFIX
        case Op.IS_NULL:
            return EQUAL
    return UNLIKE
