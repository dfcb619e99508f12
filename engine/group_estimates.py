"""How many groups a grouping of joined tables will have, roughly: whether rows or groups cross the wire.

Apart from `engine/estimates.py`, because it knows of joins: columns of one table have no more groups together than
the table has rows, and a column that equals another one has no more values than that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp

from connectors.sdk import Table
from engine.estimates import FANOUT, distinct_values, drawn, estimated_rows
from engine.rules.relation import Item
from engine.source_tables import our_names
from engine.trees import nodes_of

Origin = tuple[str, str]  # (scan, column by our name)


def rows_joined_by_keys(items: Sequence[Item], tables: Mapping[str, Table]) -> int | None:
    """About how many rows items in canonical order give: those of the first, less what filters on others drop."""
    rows = estimated_rows(items[0].scan, tables[items[0].scan.id])
    if rows is None:
        return None
    share = 1.0
    for item in items[1:]:
        table = tables[item.scan.id]
        some = estimated_rows(item.scan, table)
        if item.on is None and some is not None and table.row_estimate:
            share *= min(1.0, some / table.row_estimate)
    return max(1, int(rows * share))


def estimated_groups(
    keys: Iterable[exp.Expr],
    rows: int,
    items: Sequence[Item],
    tables: Mapping[str, Table],
    equal: Mapping[Origin, int],
) -> int:
    """About how many different values `rows` rows have in their keys, which are expressions over the items.

    `equal`: at most so many values, because the column equals one of another table.
    """
    boxes = 1.0
    columns = {(c.table, c.name) for key in keys for c in nodes_of(key, exp.Column)}
    for item in items:
        table = tables[item.scan.id]
        own = [name for scan, name in columns if scan == item.scan.id]
        most = float(rows if table.row_estimate is None else table.row_estimate)
        counts = [_values(item.scan.id, name, table, equal, most / FANOUT) for name in own]
        boxes *= max(1.0, min(most, math.prod(counts))) if own else 1.0
    return rows if boxes > 100.0 * rows else max(1, min(rows, round(drawn(boxes, rows))))


def _values(scan: str, name: str, table: Table, equal: Mapping[Origin, int], guess: float) -> float:
    known = [n for n in (values_of(name, table), equal.get((scan, name))) if n is not None]
    return float(min(known)) if known else guess


def values_of(name: str, table: Table) -> int | None:
    """How many values a column (by our name) has; None when nothing is known."""
    spelled = dict(zip(our_names(table), table.columns, strict=True))[name]
    return distinct_values(table, spelled.name)
