"""What every scan checks before it reads: the request against the table's description."""

from __future__ import annotations

from connectors.sdk.capabilities import Support, Table
from connectors.sdk.errors import RequiredFilterError, SourceSchemaChangedError, UnsupportedPredicateError
from connectors.sdk.scan import Comparison, Op, ScanRequest, comparisons

_VALUES = {Op.IS_NULL: (0, 0), Op.IS_NOT_NULL: (0, 0), Op.IN: (1, None)}


def check_request(table: Table, request: ScanRequest) -> None:
    """Refuse what the description doesn't hold.

    SourceSchemaChangedError: a column is gone or of another type. UnsupportedPredicateError: a predicate, order or
    limit that isn't declared. RequiredFilterError: a required column has no EQ or IN on the top level.
    """
    for name, sql_type in request.columns:
        column = table.column(name)
        if column is None or column.sql_type != sql_type:
            found = "is gone" if column is None else f"is {column.sql_type} now, was {sql_type}"
            raise SourceSchemaChangedError(
                f"column {name!r} of {table.name} {found}",
                hint="refresh the connection's schema, then check the views that use the column",
                details={"table": str(table.name), "column": name},
            )
    for predicate in request.predicates:
        for comparison in comparisons(predicate):
            _check_comparison(table, comparison)
    _check_order_and_limit(table, request)
    fixed = {
        predicate.column
        for predicate in request.predicates
        if isinstance(predicate, Comparison) and predicate.op in (Op.EQ, Op.IN)
    }
    missing = [name for name in table.required_filters if name not in fixed]
    if missing:
        raise RequiredFilterError(
            f"{table.name} can't be read without a filter on {', '.join(map(repr, missing))}",
            hint="add an equality for each of them to the query",
            details={"table": str(table.name), "columns": missing},
        )


def _check_comparison(table: Table, comparison: Comparison) -> None:
    column = table.column(comparison.column)
    if column is None or comparison.op not in column.operators:
        raise UnsupportedPredicateError(
            f"{table.name} does not declare {comparison.op.value} on column {comparison.column!r}",
            hint="push only what `describe` declares",
        )
    least, most = _VALUES.get(comparison.op, (1, 1))
    count = len(comparison.values)
    if count < least or (most is not None and count > most):
        raise UnsupportedPredicateError(f"{comparison.op.value} on {comparison.column!r} was given {count} values")


def _check_order_and_limit(table: Table, request: ScanRequest) -> None:
    for key in request.order_by:
        column = table.column(key.column)
        if column is None or not column.orders:
            raise UnsupportedPredicateError(f"{table.name} does not declare an order on column {key.column!r}")
    if request.limit is None:
        return
    if not table.limit:
        raise UnsupportedPredicateError(f"{table.name} does not declare a limit")
    if request.conditions:
        return  # they say exactly what an inexact predicate beside them says roughly
    for predicate in request.predicates:
        for comparison in comparisons(predicate):
            column = table.column(comparison.column)
            if column is None or column.operators[comparison.op] is not Support.EXACT:
                raise UnsupportedPredicateError(
                    f"a limit on {table.name} with an inexact filter on {comparison.column!r} would lose rows"
                )
