"""A statement's shape: its SQL without a single value, for run records, notes and the EXPLAIN of readers.

Names stay (tables, columns, aliases, fields of structs); literals become `?`, and remarks are left out.
"""

from __future__ import annotations

from sqlglot import exp

from engine.trees import copied, nodes_of, put

# A path into JSON is written as a string, and may hold one.
_VALUES = (
    exp.Literal, exp.HexString, exp.BitString, exp.ByteString, exp.RawString, exp.National, exp.JSONPath,
)  # fmt: skip
# sqlglot makes a word of the first argument of date_trunc('…', x), whatever stands there.
_UNITS = frozenset(
    f"{unit}{s}"
    for unit in (
        "MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR",
        "DECADE", "CENTURY", "MILLENNIUM", "DOW", "ISODOW", "DOY", "ISOYEAR", "EPOCH",
    )
    for s in ("", "S")
)  # fmt: skip


def statement_shape(tree: exp.Expr) -> str:
    """The SQL of a tree with `?` for every value; the tree is left as it is."""
    holder = exp.Paren(this=copied(tree))
    for node in nodes_of(holder, exp.Var, *_VALUES):
        if not isinstance(node, exp.Var) or node.name.upper() not in _UNITS:
            put(exp.Placeholder(), instead_of=node)
    shape: exp.Expr = holder.this.pop()
    return shape.sql(dialect="duckdb", comments=False, copy=False)
