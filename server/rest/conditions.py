"""Conditions of a request → trees over a publication's columns, with typed parameters.

SQL's three-valued logic, as in PostgREST: a comparison with NULL is never true, also not under `not.`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from catalog.records import ViewColumn
from engine.errors import ParameterValueError
from engine.query import Parameter
from server.rest.like import like
from server.rest.request import Comparison, Condition, Group
from server.values import bind, parse_value

FindColumn = Callable[[str], ViewColumn]
MakeColumn = Callable[[ViewColumn], exp.Expr]
_COMPARE: dict[str, type[exp.Binary]] = {
    "eq": exp.EQ, "neq": exp.NEQ, "gt": exp.GT, "gte": exp.GTE, "lt": exp.LT, "lte": exp.LTE,
}  # fmt: skip


def conditions_tree(
    conditions: Sequence[Condition], find: FindColumn, make: MakeColumn, parameters: list[Parameter]
) -> list[exp.Expr]:
    """One tree per condition. `find` raises for a name that is none; `make` gives the column's node."""
    return [_tree(condition, find, make, parameters) for condition in conditions]


def _tree(condition: Condition, find: FindColumn, make: MakeColumn, parameters: list[Parameter]) -> exp.Expr:
    if isinstance(condition, Group):
        terms = [_tree(term, find, make, parameters) for term in condition.terms]
        combine = exp.and_ if condition.operator == "and" else exp.or_
        tree: exp.Expr = exp.paren(combine(*terms), copy=False)
    else:
        tree = _comparison(condition, find(condition.column), make, parameters)
    return exp.Not(this=exp.paren(tree, copy=False)) if condition.negated else tree


def _comparison(condition: Comparison, column: ViewColumn, make: MakeColumn, parameters: list[Parameter]) -> exp.Expr:
    node, operator = make(column), condition.operator
    if operator == "is":
        return _is(condition.values[0], column, node)
    if operator in ("like", "ilike"):
        if column.sql_type != "VARCHAR":
            raise ParameterValueError(
                f"{operator} compares text, and column {column.name!r} is {column.sql_type}",
                hint="use eq, gt, gte, lt, lte or in",
            )
        parse_value(column.name, column.sql_type, condition.values[0])
        return like(node, condition.values[0], parameters, ignore_case=operator == "ilike")
    values = [_bound(column, text, parameters) for text in condition.values]
    if operator == "in":
        # An empty list has no form in SQL; nothing is in it, and NULL is not either.
        return exp.In(this=node, expressions=values) if values else exp.false()
    return _COMPARE[operator](this=node, expression=values[0])


def _is(test: str, column: ViewColumn, node: exp.Expr) -> exp.Expr:
    if test in ("null", "not_null"):
        tree = exp.Is(this=node, expression=exp.null())
        return exp.Not(this=tree) if test == "not_null" else tree
    if column.sql_type != "BOOLEAN":
        raise ParameterValueError(
            f"is.{test} tests a truth value, and column {column.name!r} is {column.sql_type}",
            hint="is.null and is.not_null test any column",
        )
    return exp.Is(this=node, expression=exp.Boolean(this=test == "true"))


def _bound(column: ViewColumn, text: str, parameters: list[Parameter]) -> exp.Expr:
    parsed = parse_value(column.name, column.sql_type, text)
    return bind(parameters, parsed.sql_type, parsed.value)
