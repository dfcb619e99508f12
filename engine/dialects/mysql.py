"""MySQL and MariaDB. Proven by tests/engine/dialects/test_operations.py on a live MariaDB.

Texts of a byte-wise collation may be compared with constants, but are no keys: a sort at the source looks at their
first 1,024 bytes only, and columns of different collations can't be compared at all.
"""

from __future__ import annotations

from connectors.sdk import Column, Op, Support
from connectors.sdk.types import family
from engine.dialects.table import (
    AVERAGES,
    COUNTS,
    EQUAL,
    LOGIC,
    NUMBERS,
    SUMS,
    DialectTable,
    arithmetic,
    compared,
    extremes,
    mixed_numbers,
)

_MOMENTS = ("date", "timestamp", "timestamptz")


def _quote(identifier: str) -> str:
    return "`" + identifier.replace("`", "``").replace("%", "%%") + "`"


def _read(column: Column) -> str | None:
    """Zero dates that are NULL, naive timestamps and texts of unknown origin are the connector's."""
    if column.sql_type == "VARCHAR" and Op.EQ not in column.operators:
        return None
    if family(column.sql_type) in _MOMENTS and column.operators.get(Op.EQ) is not Support.EXACT:
        return None
    # BIT comes as bytes, TINYINT(1) as any number, FLOAT with six digits.
    return {"UBIGINT": "({0} + 0)", "BOOLEAN": "({0} <> 0)", "FLOAT": "({0} * 1e0)"}.get(column.sql_type, "{0}")


MYSQL = DialectTable(
    name="mysql",
    placeholder="%s",
    quote=_quote,
    columns=frozenset({*NUMBERS, *_MOMENTS, "text"}),
    keys=frozenset({*NUMBERS, *_MOMENTS}),
    # A bare constant takes the column's side of a comparison, its collation included.
    bound=lambda kind: {"date": "CAST(%s AS DATE)"}.get(kind, "%s"),
    operations={
        **LOGIC,
        **compared(*NUMBERS, *_MOMENTS),
        **compared("text", only=EQUAL),
        **mixed_numbers(),
        # As decimals: unsigned columns refuse to go below zero, and BIGINT overflows in between.
        **arithmetic("(CAST({0} AS DECIMAL(65,{s0})) %s CAST({1} AS DECIMAL(65,{s1})))"),
    },
    aggregates={
        **COUNTS,
        **extremes(*NUMBERS, *_MOMENTS),
        **SUMS,
        **AVERAGES,
    },
    collated=lambda sql, kind: sql,
    read=_read,
    most_digits=65,
    most_scale=30,
    semi_joins="equal",
)
