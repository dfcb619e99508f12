"""PostgreSQL. Proven by tests/engine/dialects/test_operations.py on the live database."""

from __future__ import annotations

from connectors.sdk import Column
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
_TYPES = {
    **{"integer": "bigint", "decimal": "numeric", "text": "text", "date": "date", "timestamp": "timestamp"},
    **{"timestamptz": "timestamptz", "uuid": "uuid", "boolean": "boolean"},
}


def _quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""').replace("%", "%%") + '"'


def _read(column: Column) -> str | None:
    """Which of its types a text comes from is not told: of character(n) the padding must stay."""
    if column.sql_type == "VARCHAR":
        return "{0}" if column.binary_text else None
    return "CAST({0} AS float8)" if column.sql_type == "DOUBLE" else "{0}"  # a numeric may be read as DOUBLE


POSTGRES = DialectTable(
    name="postgres",
    placeholder="%s",
    quote=_quote,
    columns=frozenset({*NUMBERS, *_MOMENTS, "text", "uuid", "boolean"}),
    keys=frozenset({*NUMBERS, *_MOMENTS, "text", "uuid", "boolean"}),
    bound=lambda kind: f"CAST(%s AS {_TYPES[kind]})",
    operations={
        **LOGIC,
        **compared(*NUMBERS, *_MOMENTS, "text"),
        **compared("uuid", "boolean", only=EQUAL),
        **mixed_numbers(),
        # As numeric: no overflow where DuckDB's type would hold the result.
        **arithmetic("(CAST({0} AS numeric) %s CAST({1} AS numeric))"),
        ("condition", ("boolean",)): "{0}",
    },
    aggregates={
        **COUNTS,
        **extremes(*NUMBERS, *_MOMENTS, "text"),
        **SUMS,
        **AVERAGES,
    },
    collated=lambda sql, kind: f'{sql} COLLATE "C"' if kind == "text" else sql,
    read=_read,
    true="TRUE",
    semi_joins="any",
)
