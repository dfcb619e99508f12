"""Numbers that a fragment's source computes in place of the columns that they are made of: price * (1 - discount).

A product travels as one decimal where its columns, used for nothing else, would be two. It is computed for rows that
DuckDB may never come to, so nothing of it can fail: its digits, not cut as DuckDB cuts them, fit 38. In DuckDB it is
cast to the type that DuckDB gives the expression, which fails for the values for which the expression would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from connectors.sdk.types import decimal_parts
from engine.dialects.render import InexactError, render
from engine.dialects.table import Term
from engine.rules.partial_aggregates import is_strict
from engine.rules.relation import Relation
from engine.rules.scopes import computed, is_aggregate
from engine.rules.statement import Output, Statement
from engine.trees import nodes, nodes_of

MOST_DIGITS, SHORT = 38, 18  # of DuckDB's decimals; of those that it multiplies in 64 bits
_INTEGER, _DECIMAL = re.compile(r"\d{1,9}"), re.compile(r"\d{1,9}\.\d{1,9}")


@dataclass(frozen=True, slots=True)
class DecimalType:
    """`width`, `scale`: as DuckDB types it. `digits`: that its values may have, not cut."""

    digits: int
    width: int
    scale: int


@dataclass(frozen=True, slots=True)
class Computed:
    """A node of the tree that the source computes, as a term, and what type DuckDB gives it."""

    node: exp.Expr
    term: Term
    type: DecimalType

    def over(self, statement: Statement, scan_id: str) -> exp.Expr:
        """The same over the fragment's output for it."""
        name = statement.output(Output(self.term, f"DECIMAL({self.type.digits},{self.type.scale})"))
        column = exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(scan_id, quoted=True))
        return exp.cast(column, f"DECIMAL({self.type.width},{self.type.scale})", dialect="duckdb", copy=False)


def computed_outputs(
    select: exp.Select, columns: Sequence[exp.Column], relation: Relation, statement: Statement
) -> list[Computed]:
    """What to compute at the source of the expressions of a SELECT over these columns of it; nothing where that
    would not be fewer columns to read."""
    found: dict[int, Computed] = {}
    plain: list[exp.Column] = []
    for column in columns:
        node = _largest(column, {id(other) for other in columns})
        made = None if node is column or not _may_move(node, select) else _computed(node, relation, statement)
        if made is None:
            plain.append(column)
        else:
            found[id(node)] = made
    before = {relation.expand(column) for column in columns}
    after = {relation.expand(column) for column in plain}
    terms = {made.term for made in found.values()}
    return list(found.values()) if len(after) + len(terms) < len(before) else []


def decimal_type(node: exp.Expr, type_of: Callable[[exp.Column], str]) -> DecimalType | None:
    """The type of sums, differences and products of decimal columns and literals; None of all else."""
    if isinstance(node, exp.Paren | exp.Neg):
        return decimal_type(node.this, type_of)
    if isinstance(node, exp.Column):
        parts = decimal_parts(type_of(node))
        return DecimalType(parts[0], *parts) if parts else None
    if isinstance(node, exp.Literal) and not node.is_string:
        if _INTEGER.fullmatch(node.name):
            return DecimalType(len(node.name), 10, 0)  # an INTEGER
        if _DECIMAL.fullmatch(node.name):
            scale = len(node.name.partition(".")[2])
            return DecimalType(len(node.name) - 1, len(node.name) - 1, scale)
    if not isinstance(node, exp.Add | exp.Sub | exp.Mul):
        return None
    one, other = decimal_type(node.this, type_of), decimal_type(node.expression, type_of)
    if one is None or other is None:
        return None
    if isinstance(node, exp.Mul):
        scale, width = one.scale + other.scale, one.width + other.width
        if width > SHORT and max(one.width, other.width) <= SHORT and scale < SHORT:
            width = SHORT
        return DecimalType(one.digits + other.digits, min(width, MOST_DIGITS), scale)
    scale = max(one.scale, other.scale)
    width, digits = (
        max(a - one.scale, b - other.scale) + scale + 1
        for a, b in ((one.width, other.width), (one.digits, other.digits))
    )
    return DecimalType(digits, min(width, MOST_DIGITS), scale)


def _largest(column: exp.Column, known: set[int]) -> exp.Expr:
    """The largest arithmetic around a column over these columns alone."""
    node: exp.Expr = column
    while isinstance(node.parent, exp.Paren | exp.Neg | exp.Add | exp.Sub | exp.Mul):
        inner = nodes(node.parent)
        if not all(isinstance(n, _ARITHMETIC) for n in inner if id(n) not in known and not _is_part(n)):
            break
        node = node.parent
    while isinstance(node, exp.Paren):
        node = node.this
    return node


_ARITHMETIC = (exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Literal)


def _is_part(node: exp.Expr) -> bool:
    """The name of a column, which is no expression of its own."""
    return isinstance(node, exp.Identifier)


def _may_move(node: exp.Expr, select: exp.Select) -> bool:
    """Whether the SELECT stays valid: what is grouped by, and what has to be among it, is left as it is."""
    if node.find_ancestor(exp.Select) is not select:
        return False
    above: exp.Expr | None = node.parent
    while above is not None and above is not select:
        if is_aggregate(above):
            return True
        above = above.parent
    if any(select.args.get(name) for name in ("group", "distinct", "having", "order", "qualify")):
        return False
    return not any(is_aggregate(node) for node in computed(select))


def _computed(node: exp.Expr, relation: Relation, statement: Statement) -> Computed | None:
    expanded = relation.expand(node)
    if len({*nodes_of(expanded, exp.Column)}) < 2 or not is_strict(expanded):
        return None
    made = decimal_type(expanded, lambda column: statement.spelled[column.table][column.name].sql_type)
    if made is None or made.digits > MOST_DIGITS or made.scale > made.width:
        return None
    try:
        term = render(expanded, statement.context)
    except InexactError:
        return None
    if term.family != "decimal" or term.scale != made.scale:
        return None
    return Computed(node, term, made)
