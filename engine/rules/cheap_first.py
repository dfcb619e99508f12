"""The order of a statement's conditions: those that cost a row least come first.

PostgreSQL takes a comparison of texts to cost what one of dates does, and tests what costs the same in the order in
which it stands. A row that a date drops needs no text to be compared. Ranges come before comparisons of two columns,
which drop fewer rows as a rule.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from connectors.sdk import Column
from connectors.sdk.types import family
from engine.trees import nodes

_COLUMNS = {"text": 4, "decimal": 2}
_WORK = 8  # a pattern, a function, a CASE


def cost(term: exp.Expr, columns: Mapping[str, Mapping[str, Column]]) -> int:
    """About what a condition costs a row, in comparisons of whole numbers. `columns`: by scan and our name."""
    total = 0
    for node in nodes(term):
        if isinstance(node, exp.Column):
            described = columns.get(node.table, {}).get(node.name)
            total += 1 if described is None else _COLUMNS.get(family(described.sql_type), 1)
        elif isinstance(node, exp.In):
            total += len(node.expressions)
        elif isinstance(node, exp.Like | exp.ILike | exp.Case) or (
            isinstance(node, exp.Func) and not isinstance(node, exp.Connector | exp.Cast)
        ):
            total += _WORK
    return total
