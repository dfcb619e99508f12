"""What a source can do of a condition that no predicate says: `year(day) = 2024`, `a < b`, `left(code, 2) = 'A1'`.

Taken from the dialect's table: exact operations and supersets. The whole condition stays in DuckDB, so a weaker one
is safe, as a predicate is (0012), and for the same reason it has to reject NULL where an outer join can put NULLs.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from connectors.sdk import Column, Table
from engine.dialects import DIALECTS
from engine.dialects.render import Context, InexactError, superset_condition
from engine.dialects.table import Term
from engine.source_conditions import TABLE, SourceCondition
from engine.source_tables import our_names
from engine.statement_shape import statement_shape

MOST_VALUES = 1_000  # in one condition; a statement takes no more than some ten thousand
# Not NULL where an operand is, or not sure to be.
_TAKES_NULL = (
    exp.Coalesce, exp.Case, exp.If, exp.Nullif, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Exists, exp.Query,
)  # fmt: skip


def source_condition(
    condition: exp.Expr,
    alias: str,
    table: Table,
    dialect: str,
    parameter_types: tuple[str, ...],
    *,
    keeps_null: bool,
) -> SourceCondition | None:
    """The strongest condition in a source's dialect that one over `alias`, a scan of `table`, implies; None when
    there is none. `keeps_null`: rows of NULLs that an outer join puts need no thought."""
    if dialect not in DIALECTS:
        return None
    known: Mapping[str, Column] = dict(zip(our_names(table), table.columns, strict=True))

    def column(node: exp.Column) -> Term:
        described = known.get(node.name) if node.table == alias else None
        if described is None or TABLE in described.name:
            raise InexactError("a column of another source")
        return DIALECTS[dialect].column(TABLE, table, described)

    def is_kept(leaf: exp.Expr) -> bool:
        return keeps_null or is_null_of_nulls(leaf)

    term = superset_condition(condition, Context(DIALECTS[dialect], column, parameter_types), is_kept)
    if term is None or TABLE not in term.sql or len(term.values) > MOST_VALUES:
        return None
    return SourceCondition(term.sql, term.values, statement_shape(condition), term.exact)


def is_null_of_nulls(node: exp.Expr) -> bool:
    """Whether an expression is NULL when every column in it is."""
    if isinstance(node, exp.Column):
        return True
    if isinstance(node, _TAKES_NULL):
        return False
    if isinstance(node, exp.And | exp.Or):
        return is_null_of_nulls(node.this) and is_null_of_nulls(node.expression)
    if isinstance(node, exp.In | exp.Between):
        return is_null_of_nulls(node.this)
    return any(is_null_of_nulls(child) for child in node.iter_expressions())
