"""SQLite. Proven by tests/engine/dialects/test_operations.py.

A column holds values of any type, whatever is declared: a sum checks each value and fails, as reading it would.
Sums are made of two halves of 32 bits, because SQLite's own end at 64. Arithmetic turns into floats where it
overflows, and decimals are floats: neither is here.
"""

from __future__ import annotations

from engine.dialects.table import (
    COUNTS,
    LOGIC,
    Aggregate,
    DialectTable,
    Part,
    compared,
    extremes,
)

_CHECKED = "SUM(CASE typeof({0}) WHEN 'integer' THEN {0} %s WHEN 'null' THEN NULL ELSE json('') END)"
_HALVES = (Part(_CHECKED % ">> 32", "BIGINT"), Part(_CHECKED % "& 4294967295", "BIGINT"))
_WHOLE = "(CAST({0} AS HUGEINT) * 4294967296 + CAST({1} AS HUGEINT))"


def _quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


SQLITE = DialectTable(
    name="sqlite",
    placeholder="?",
    quote=_quote,
    columns=frozenset({"integer", "text", "date"}),
    keys=frozenset({"integer", "text", "date"}),
    bound=lambda kind: "?",
    operations={**LOGIC, **compared("integer", "text", "date")},
    aggregates={
        **COUNTS,
        **extremes("integer", "text", "date"),
        ("sum", "integer"): Aggregate(_HALVES, _WHOLE),
        ("avg", "integer"): Aggregate((*_HALVES, Part("COUNT({0})", "BIGINT")), f"{_WHOLE}::DOUBLE / {{2}}"),
    },
    collated=lambda sql, kind: f"{sql} COLLATE BINARY" if kind in ("text", "date") else sql,
    collated_always=True,
    read=lambda column: None if column.sql_type == "VARCHAR" and not column.binary_text else "{0}",
)
