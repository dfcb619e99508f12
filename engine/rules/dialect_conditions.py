"""What a source can do of a condition that no predicate says: `year(day) = 2024`, `a < b`, `left(code, 2) = 'A1'`.

Taken from the dialect's table: exact operations and supersets. The whole condition stays in DuckDB, so a weaker one
is safe, as a predicate is (0012), and for the same reason it has to reject NULL where an outer join can put NULLs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from connectors.sdk import Column, Table, Value
from engine.dialects import DIALECTS
from engine.dialects.render import Context, InexactError, render, superset_condition
from engine.dialects.table import SORTED, Term, is_sorted_text
from engine.fragments import Param
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

    def is_kept(leaf: exp.Expr) -> bool:
        return keeps_null or is_null_of_nulls(leaf)

    term = superset_condition(condition, _context(alias, table, dialect, parameter_types), is_kept)
    if term is None or TABLE not in term.sql or len(term.values) > MOST_VALUES:
        return None
    return SourceCondition(term.sql, term.values, statement_shape(condition), term.exact)


def source_order(
    terms: Sequence[tuple[exp.Expr, bool, bool]],
    alias: str,
    table: Table,
    dialect: str,
    parameter_types: tuple[str, ...],
) -> SourceCondition | None:
    """Terms of ORDER BY (expression over `alias`, descending, NULLs first) in a source's dialect; None where it may
    sort by one of them otherwise than DuckDB."""
    if dialect not in DIALECTS:
        return None
    found = DIALECTS[dialect]
    texts, values = list[str](), list[Value | Param | None]()
    for node, descending, nulls_first in terms:
        try:
            term = render(node, _context(alias, table, dialect, parameter_types))
        except InexactError:
            return None
        if term.family not in SORTED or not term.ordered or not term.exact or term.is_constant:
            return None
        if term.family == "text" and not is_sorted_text(term):
            return None
        text = found.order(found.collated(term.sql, term.family), descending, nulls_first)
        texts.append(text)
        values += term.values * text.count(term.sql)
    words = ", ".join(statement_shape(node) + (" desc" if descending else "") for node, descending, _ in terms)
    return SourceCondition(", ".join(texts), tuple(values), words, True)


def _context(alias: str, table: Table, dialect: str, parameter_types: tuple[str, ...]) -> Context:
    known: Mapping[str, Column] = dict(zip(our_names(table), table.columns, strict=True))

    def column(node: exp.Column) -> Term:
        described = known.get(node.name) if node.table == alias else None
        if described is None or TABLE in described.name:
            raise InexactError("a column of another source")
        return DIALECTS[dialect].column(TABLE, table, described)

    return Context(DIALECTS[dialect], column, parameter_types)


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
