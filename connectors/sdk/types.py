"""Column types: a closed set of DuckDB type names, and their Arrow forms.

Every connector describes its columns in these words, the catalog stores them, and `$metadata`, OpenAPI and the
encoders are made from them. What has no word here is read as text (VARCHAR) by the connector.
"""

from __future__ import annotations

import re
from functools import lru_cache

import pyarrow as pa

SIMPLE: dict[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "UTINYINT": pa.uint8(),
    "USMALLINT": pa.uint16(),
    "UINTEGER": pa.uint32(),
    "UBIGINT": pa.uint64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "BLOB": pa.binary(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    "UUID": pa.string(),  # travels as canonical lower-case text; the executor casts it
}
_DECIMAL = re.compile(r"DECIMAL\((\d{1,2}),\s*(\d{1,2})\)")

INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})


@lru_cache(maxsize=4_096)
def decimal_parts(sql_type: str) -> tuple[int, int] | None:
    """(precision, scale) of a DECIMAL type's text, else None."""
    match = _DECIMAL.fullmatch(sql_type)
    return (int(match[1]), int(match[2])) if match else None


@lru_cache(maxsize=4_096)
def arrow_type(sql_type: str) -> pa.DataType:
    """The Arrow type in which values of a column type travel. Raises ValueError for a type outside the set."""
    if sql_type in SIMPLE:
        return SIMPLE[sql_type]
    parts = decimal_parts(sql_type)
    if parts is None or not (0 < parts[0] <= 38 and parts[1] <= parts[0]):
        raise ValueError(f"{sql_type!r} is not a column type")
    return pa.decimal128(*parts)


@lru_cache(maxsize=4_096)
def family(sql_type: str) -> str:
    """The comparison family of a type: two values compare the same way here and at a source only within one.

    boolean, integer, decimal, float, text, blob, date, time, timestamp, timestamptz, uuid.
    """
    if sql_type in INTEGERS:
        return "integer"
    if sql_type in ("FLOAT", "DOUBLE"):
        return "float"
    if decimal_parts(sql_type):
        return "decimal"
    if sql_type == "TIMESTAMP WITH TIME ZONE":
        return "timestamptz"
    return {"VARCHAR": "text"}.get(sql_type, sql_type.lower())
