"""SQLite. Proven by tests/engine/dialects.

A column holds values of any type, whatever is declared: a sum checks each value and fails, as reading it would.
Sums are made of two halves of 32 bits, because SQLite's own end at 64. Arithmetic turns into floats where it
overflows, and decimals are floats: neither is here. LIKE and the functions of texts end at U+0000 (and LIKE ignores
case): texts are compared as bytes, and of a pattern that is no simple one each piece has to be there, a superset.
"""

from __future__ import annotations

from connectors.sdk import Column
from engine.dialects.entries import COUNTS, LOGIC, Entries, compared, extremes
from engine.dialects.table import Aggregate, DialectTable, Operation, Part

_CHECKED = "SUM(CASE typeof({0}) WHEN 'integer' THEN {0} %s WHEN 'null' THEN NULL ELSE json('') END)"
_HALVES = (Part(_CHECKED % ">> 32", "BIGINT"), Part(_CHECKED % "& 4294967295", "BIGINT"))
_WHOLE = "(CAST({0} AS HUGEINT) * 4294967296 + CAST({1} AS HUGEINT))"
_COUNT = "length(CAST({1} AS BLOB))"
# Of an empty text the blob is one of which substr makes NULL.
_PART = (
    f"(CASE WHEN {_COUNT} = 0 THEN {{0}} IS NOT NULL OR NULL WHEN length(CAST({{0}} AS BLOB)) < {_COUNT} THEN 0 "
    "ELSE substr(CAST({0} AS BLOB), %s) = CAST({1} AS BLOB) END)"
)
_TEXTS: Entries = {
    ("starts_with", ("text", "text")): Operation(_PART % f"1, {_COUNT}"),
    ("ends_with", ("text", "text")): Operation(_PART % f"-{_COUNT}"),
    ("contains", ("text", "text")): Operation("(instr({0}, {1}) > 0)"),
    ("pieces", ("text", "text")): Operation("(instr({0}, {1}) > 0)", exact=False),
}


def _quote(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"  # an unknown name in double quotes is a text


def _read(column: Column) -> str | None:
    return None if column.sql_type == "VARCHAR" and not column.binary_text else "{0}"


SQLITE = DialectTable(
    name="sqlite",
    placeholder="?",
    quote=_quote,
    columns=frozenset({"integer", "text", "date"}),
    keys=frozenset({"integer", "text", "date"}),
    bound=lambda kind: "?",
    operations={**LOGIC, **compared("integer", "text", "date"), **_TEXTS},
    aggregates={
        **COUNTS,
        **extremes("integer", "text", "date"),
        ("sum", "integer"): Aggregate(_HALVES, _WHOLE),
        ("avg", "integer"): Aggregate((*_HALVES, Part("COUNT({0})", "BIGINT")), f"{_WHOLE}::DOUBLE / {{2}}"),
    },
    collated=lambda sql, kind: f"{sql} COLLATE BINARY" if kind in ("text", "date") else sql,
    collated_always=True,
    read=_read,
)
