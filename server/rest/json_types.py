"""Column types → JSON Schema (2020-12, as in OpenAPI 3.1) of their values in a JSON answer, and example filters."""

from __future__ import annotations

from connectors.sdk.types import decimal_parts

_INTEGERS: dict[str, dict[str, object]] = {
    "TINYINT": {"format": "int8", "minimum": -128, "maximum": 127},
    "SMALLINT": {"format": "int16", "minimum": -32768, "maximum": 32767},
    "INTEGER": {"format": "int32"},
    "BIGINT": {"format": "int64"},
    "HUGEINT": {},
    "UTINYINT": {"format": "uint8", "minimum": 0, "maximum": 255},
    "USMALLINT": {"format": "uint16", "minimum": 0, "maximum": 65535},
    "UINTEGER": {"format": "uint32", "minimum": 0, "maximum": 2**32 - 1},
    "UBIGINT": {"format": "uint64", "minimum": 0},
    "UHUGEINT": {"minimum": 0},
}
_STRINGS: dict[str, dict[str, object]] = {
    "VARCHAR": {},
    "BLOB": {"contentEncoding": "base64url"},
    "DATE": {"format": "date"},
    "TIME": {"format": "time-local"},
    "TIMESTAMP": {"format": "date-time"},
    "TIMESTAMP WITH TIME ZONE": {"format": "date-time"},
    "UUID": {"format": "uuid"},
}
_EXAMPLES = {
    "BOOLEAN": "is.true",
    "VARCHAR": "like.A*",
    "BLOB": "is.not_null",
    "DATE": "gte.2024-01-01",
    "TIME": "lt.12:00:00",
    "TIMESTAMP": "gte.2024-01-01T00:00:00",
    "TIMESTAMP WITH TIME ZONE": "gte.2024-01-01T00:00:00Z",
    "UUID": "eq.01234567-89ab-cdef-0123-456789abcdef",
    "FLOAT": "gt.0.5",
    "DOUBLE": "gt.0.5",
}


def json_schema(sql_type: str, *, nullable: bool) -> dict[str, object]:
    """The schema of a column's values. Doubles that are no numbers are written as text."""
    schema = _schema(sql_type)
    if not nullable or not schema:
        return schema
    kinds = schema["type"]
    return {**schema, "type": [*kinds, "null"] if isinstance(kinds, list) else [kinds, "null"]}


def example_filter(sql_type: str) -> str:
    """A filter that a column of this type can take."""
    if sql_type in _INTEGERS:
        return "in.(1,2,3)"
    if decimal_parts(sql_type):
        return "gte.100"
    return _EXAMPLES.get(sql_type, "is.not_null")


def _schema(sql_type: str) -> dict[str, object]:
    if sql_type in _INTEGERS:
        return {"type": "integer", **_INTEGERS[sql_type]}
    if sql_type in _STRINGS:
        return {"type": "string", **_STRINGS[sql_type]}
    parts = decimal_parts(sql_type)
    if parts is not None:
        return {"type": "number", "description": f"at most {parts[0]} digits, {parts[1]} of them behind the point"}
    if sql_type == "BOOLEAN":
        return {"type": "boolean"}
    if sql_type in ("FLOAT", "DOUBLE"):
        bits = "float" if sql_type == "FLOAT" else "double"
        return {"type": ["number", "string"], "format": bits, "description": "a number, or NaN, INF, -INF as text"}
    if sql_type.endswith("]"):
        return {"type": "array"}
    if sql_type.startswith(("STRUCT", "MAP")):
        return {"type": "object"}
    return {} if sql_type.startswith(("JSON", "UNION")) else {"type": "string"}
