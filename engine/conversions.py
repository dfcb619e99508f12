"""Constants as values of a column's type: only where DuckDB's comparison and a source's then agree.

That is within one comparison family, and when the value survives the conversion exactly. What can't be converted is
not pushed; DuckDB still evaluates the condition.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import cast
from uuid import UUID

from connectors.sdk import Value
from connectors.sdk.types import decimal_parts, family


def convertible(given: str, wanted: str) -> bool:
    """Whether values of type `given` can be compared as values of type `wanted` without changing an answer."""
    numbers = ("integer", "decimal")
    given_family, wanted_family = family(given), family(wanted)
    if given_family == wanted_family:
        return given_family != "blob" and wanted != "FLOAT" and given != "FLOAT"
    if wanted_family in numbers:
        return given_family in numbers
    if wanted == "DOUBLE":
        return given_family in numbers
    return (given_family, wanted_family) in {
        ("date", "timestamptz"), ("date", "timestamp"), ("text", "uuid"), ("timestamp", "timestamptz"),
    }  # fmt: skip


def convert(value: Value, given: str, wanted: str) -> Value | None:
    """A value of type `given` as one of type `wanted`, when it survives exactly; else None (then it isn't pushed)."""
    if not convertible(given, wanted):
        return None
    kind = family(wanted)
    if kind == "integer" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        whole = Decimal(value)
        return int(whole) if whole == whole.to_integral_value() and abs(whole) < 2**63 else None
    parts = decimal_parts(wanted)
    if parts and isinstance(value, int | Decimal):
        number = Decimal(value).normalize()
        exponent = cast(int, number.as_tuple().exponent)
        fits = -exponent <= parts[1] and number.adjusted() < parts[0] - parts[1]
        return Decimal(value) if fits else None
    if wanted == "DOUBLE" and isinstance(value, int | Decimal | float):
        if isinstance(value, float):
            return value
        # DuckDB divides by a power of ten: beyond 15 digits its double may differ from the nearest one.
        return float(value) if len(Decimal(value).normalize().as_tuple().digits) <= 15 else None
    if kind in ("timestamptz", "timestamp") and isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if kind == "timestamptz" and isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)  # a worker's DuckDB session is in UTC
    if kind == "uuid":
        return value if isinstance(value, UUID) else from_text(str(value), "UUID")
    return value


def from_text(text: str, sql_type: str) -> Value | None:
    """A literal's text as a value of a type, only in the strict forms that every side reads alike."""
    try:
        match family(sql_type):
            case "text":
                return text if "\x00" not in text else None
            case "date":
                return date.fromisoformat(text) if len(text) == 10 else None
            case "timestamp" | "timestamptz" if len(text) >= 10 and text[4] == "-":
                value = datetime.fromisoformat(text)
                if family(sql_type) == "timestamp":
                    return value if value.tzinfo is None else None
                return value if value.tzinfo else value.replace(tzinfo=UTC)
            case "uuid":
                return UUID(text) if len(text) == 36 else None
            case "integer":
                return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else None
            case "boolean":
                return {"true": True, "false": False}.get(text.lower())
    except ValueError:
        return None
    return None
