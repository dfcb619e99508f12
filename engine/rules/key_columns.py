"""Which columns take the keys of a join."""

from __future__ import annotations

from connectors.sdk import Column, Comparison, Op, Support, Table
from connectors.sdk.types import family
from engine.scans import Scan

MOMENTS = frozenset({"timestamp", "timestamptz"})


def takes_keys(column: Column, of_fragment: bool = False) -> bool:
    """Whether a column may be looked up in a list of values.

    Moments only where the source compares them as they are: an instant on a naive column is a range for each key, and
    texts of moments are compared by their day. A fragment's columns were looked at when it was made.
    """
    support = column.operators.get(Op.IN)
    if support is None or of_fragment or family(column.sql_type) not in MOMENTS:
        return support is not None
    return support is Support.EXACT


def finds_pairs(scan: Scan, table: Table, column: str, beside: str) -> bool:
    """Whether an index finds the rows of a key beside each value of a second column. Without one the source would go
    through all those alternatives for each row of the table: twice the time of one list, measured."""
    if scan.fragment is not None:
        return False
    fixed = {one.column for one in scan.predicates if isinstance(one, Comparison) and one.op is Op.EQ}
    leading = [[name for name in key if name not in fixed][:2] for key in table.keys]
    return column in table.indexed or any({column, beside} == set(two) for two in leading)
