"""Columns that the inner equalities of a SELECT make equal to each other: what holds of one holds of all.

Of one family of types only: 5 = '05' and 5 = '5', but '05' is not '5'. Not of floats: 0.1 as FLOAT is another number
than 0.1 as DOUBLE. A term of WHERE or of an inner ON says it: of a row that counts it is true, so neither side is
NULL, whatever joins stand between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from connectors.sdk.types import family
from engine.rules.scopes import column_origin
from engine.source_tables import our_names

MOST_EQUAL = 32  # columns in one chain of equalities: pairs grow with the square
FAMILIES = frozenset({"integer", "decimal", "text", "uuid", "date", "timestamp", "timestamptz", "boolean"})
Classes = Mapping[tuple[str, str], list[exp.Column]]


def equal_columns(scope: Scope, terms: Iterable[tuple[exp.Expr, set[str]]], tables: Mapping[str, Table]) -> Classes:
    """By (alias, column): all that are equal to it, itself among them. `terms`: with the aliases of which a row may
    be dropped because of them; both sides of an equality must be such."""
    found: dict[tuple[str, str], list[exp.Column]] = {}
    for term, restricted in terms:
        for one, other in equality(term):
            if one.table in restricted and other.table in restricted:
                kind = _family(scope, one, tables)
                if kind in FAMILIES and kind == _family(scope, other, tables):
                    mine = found.setdefault((one.table, one.name), [one])
                    theirs = found.setdefault((other.table, other.name), [other])
                    if mine is not theirs and len(mine) + len(theirs) <= MOST_EQUAL:
                        mine += theirs
                        for column in theirs:
                            found[column.table, column.name] = mine
    return found


def equality(term: exp.Expr) -> Iterator[tuple[exp.Column, exp.Column]]:
    """The two sides of an equality of plain columns, both ways round."""
    if isinstance(term, exp.EQ) and isinstance(term.this, exp.Column) and isinstance(term.expression, exp.Column):
        yield term.this, term.expression
        yield term.expression, term.this


def _family(scope: Scope, column: exp.Column, tables: Mapping[str, Table]) -> str:
    origin = column_origin(scope, column)
    if origin is None or origin[0] not in tables:
        return ""
    table = tables[origin[0]]
    names = zip(table.columns, our_names(table), strict=True)
    return next((family(described.sql_type) for described, name in names if name == origin[1]), "")
