"""Constants as values of a column's type: only where DuckDB's comparison and a source's then agree.

That is within one comparison family, and when the value survives the conversion exactly. What can't be converted is
not pushed; DuckDB still evaluates the condition.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import cast
from uuid import UUID

from connectors.sdk import Value
from connectors.sdk.types import decimal_parts, family

# What Python reads beyond these (week dates, commas, nanoseconds, any hyphens) DuckDB reads otherwise or not at all.
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d(:\d\d)?)?)?", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)


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
    if isinstance(value, Decimal | float) and not math.isfinite(value):
        return None
    if kind == "integer" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        whole = Decimal(value)
        return int(whole) if whole == whole.to_integral_value() and abs(whole) < 2**63 else None
    parts = decimal_parts(wanted)
    if parts and isinstance(value, int | Decimal):
        digits, exponent = _digits(Decimal(value))
        fits = -exponent <= parts[1] and (digits == "0" or len(digits) + exponent <= parts[0] - parts[1])
        return Decimal(value) if fits else None
    if wanted == "DOUBLE" and isinstance(value, int | Decimal | float):
        if isinstance(value, float):
            return value
        # DuckDB divides by a power of ten: beyond 15 digits its double may differ from the nearest one.
        digits, exponent = _digits(Decimal(value))
        return float(value) if len(digits) <= 15 and abs(exponent) <= 22 else None
    if kind in ("timestamptz", "timestamp") and isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if kind == "timestamptz" and isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)  # a worker's DuckDB session is in UTC
    if kind == "uuid":
        return value if isinstance(value, UUID) else from_text(str(value), "UUID")
    return value


def _digits(value: Decimal) -> tuple[str, int]:
    """The digits of a finite number without those that say nothing, and its exponent; not rounded to any context."""
    _, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    shortest = text.rstrip("0")
    return (shortest or "0"), (cast(int, exponent) + len(text) - len(shortest) if shortest else 0)


def from_text(text: str, sql_type: str) -> Value | None:
    """A literal's text as a value of a type, only in the strict forms that every side reads alike."""
    try:
        match family(sql_type):
            case "text":
                return text if "\x00" not in text else None
            case "date":
                return date.fromisoformat(text) if _DATE.fullmatch(text) else None
            case "timestamp" | "timestamptz" if _TIMESTAMP.fullmatch(text):
                value = datetime.fromisoformat(text)
                if family(sql_type) == "timestamp":
                    return value if value.tzinfo is None else None
                return value if value.tzinfo else value.replace(tzinfo=UTC)
            case "uuid":
                return UUID(text) if _UUID.fullmatch(text) else None
            case "integer":
                return int(text) if _INTEGER.fullmatch(text) and abs(int(text)) < 2**63 else None
            case "boolean":
                return {"true": True, "false": False}.get(text.lower())
    except ValueError:
        return None
    return None
