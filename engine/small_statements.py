"""Which statements a worker's DuckDB may plan once for all values: those over few rows whose values are compared.

A value that is only compared decides no type and no function; `date_part($1, …)` gives another type for `'epoch'`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from engine.job import FEW_ROWS
from engine.query import parameter_index
from engine.scans import Scan
from engine.trees import nodes_of

_COMPARED = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Limit, exp.Offset)


def is_small_statement(select: exp.Query, scans: Sequence[Scan]) -> bool:
    """Whether few rows are expected of every scan, and each parameter stands right in a comparison, or is a limit."""
    expected = [scan.expected_rows for scan in scans]
    if not scans or any(rows is None for rows in expected) or sum(rows or 0 for rows in expected) > FEW_ROWS:
        return False
    return all(_is_compared(node) for node in nodes_of(select, exp.Placeholder) if parameter_index(node) is not None)


def _is_compared(placeholder: exp.Placeholder) -> bool:
    cast = placeholder.parent
    return isinstance(cast, exp.Cast) and isinstance(cast.parent, _COMPARED)
