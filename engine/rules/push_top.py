"""Let a source cut the rows of a fragment: LIMIT, and ORDER BY with LIMIT, over groups or joined rows.

Only when the fragment's rows are the answer's: nothing filters, joins or groups above it. Sort keys are numbers and
moments, which every source orders as DuckDB does, and texts in the order of their bytes; where NULLs stand is said as
a key of its own. Of rows that are equal in all keys any may be cut, as DuckDB may. DuckDB sorts and cuts again. A
fragment that was cut takes no keys of a join: they would come too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from connectors.sdk import Table
from connectors.sdk.types import family
from engine.dialects import DIALECTS
from engine.plan import Note, Plan
from engine.rules.scopes import computed, is_aggregate, output_value
from engine.scans import Scan
from engine.trees import nodes_of

_BLOCKING = ("joins", "where", "group", "having", "qualify", "distinct", "windows", "laterals", "pivots", "sample")


def push_top(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """The one fragment of a plan gives no more rows than the answer has."""
    if len(plan.scans) != 1 or plan.scans[0].fragment is None or not isinstance(plan.select, exp.Select):
        return plan
    scan, select = plan.scans[0], plan.select
    limit, offset = _number(select.args.get("limit"), None), _number(select.args.get("offset"), 0)
    if limit is None or offset is None or not _is_plain(select, scan):
        return plan
    dialect, texts = DIALECTS[scan.dialect], {c.source for c in scan.columns if family(c.sql_type) == "text"}
    terms = []
    order = select.args.get("order")
    for term in order.expressions if order is not None else []:
        column = _column(term.this, select, scan)
        if column is None:
            why = "sorted here: by what the source may sort otherwise"
            return plan.with_scans(plan.scans, [Note("push_top", scan.id, why)])
        column = dialect.collated(column, "text") if column in texts else column
        down = " DESC" if term.args.get("desc") else ""
        terms.append(f"({column} IS NULL)" + (" DESC" if term.args.get("nulls_first") else ""))
        terms.append(column + down)
    fragment = scan.fragment
    assert fragment is not None
    sql = f"SELECT * FROM ({fragment.sql}) AS f"  # noqa: S608 - rendered, values apart
    sql += (f" ORDER BY {', '.join(terms)}" if terms else "") + f" LIMIT {limit + offset}"
    cut = replace(scan, fragment=replace(fragment, sql=sql, lookups=(), keys_at=None), row_estimate=limit + offset)
    return plan.with_scans([cut], [Note("push_top", scan.id, f"pushed limit {limit + offset}")])


def _number(node: exp.Expr | None, absent: int | None) -> int | None:
    if node is None:
        return absent
    value = node.expression
    return int(value.name) if isinstance(value, exp.Literal) and value.is_int else None


def _is_plain(select: exp.Select, scan: Scan) -> bool:
    """Whether the SELECT has one row for each row of the fragment, read once."""
    from_ = select.args.get("from_")
    if from_ is None or not isinstance(from_.this, exp.Table) or from_.this.name != scan.id:
        return False
    if any(select.args.get(name) for name in (*_BLOCKING, "with_")) or from_.this.args.get("joins"):
        return False
    if len(nodes_of(select, exp.Table)) != 1:
        return False
    special = exp.Window | exp.Unnest | exp.Explode
    return not any(is_aggregate(node) or isinstance(node, special) for node in computed(select))


def _column(term: exp.Expr, select: exp.Select, scan: Scan) -> str | None:
    """The fragment's column by whose order a term of ORDER BY sorts."""
    found: exp.Expr | None = term
    if isinstance(term, exp.Literal) and term.is_int and 0 < int(term.name) <= len(select.selects):
        found = select.selects[int(term.name) - 1].unalias()
    elif isinstance(term, exp.Column) and not term.table:
        found = output_value(select, select, term.name)
    if found is None:
        return None
    node = found.unnest()
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast) and node.to.this == exp.DType.INT128:
        node = node.this  # the sum of integers: the same number
    if not isinstance(node, exp.Column) or node.table != scan.id:
        return None
    column = next((column for column in scan.columns if column.name == node.name), None)
    sorts = scan.fragment.sorts if scan.fragment is not None else ()
    return column.source if column is not None and column.source in sorts else None
