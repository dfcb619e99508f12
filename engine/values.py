"""Typed values in JSON, exactly: what a plan or a job carries between processes."""

from __future__ import annotations

import base64
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

from connectors.sdk.scan import Value


def to_json(value: Value | None) -> dict[str, object]:
    """`{"type": text}` of a value; text keeps decimals, 64-bit integers, NaN and microseconds exactly."""
    if value is None:
        return {"null": True}
    match value:
        case bool():
            return {"bool": value}
        case int():
            return {"int": str(value)}
        case float():
            return {"float": value.hex()}
        case Decimal():
            return {"decimal": str(value)}
        case str():
            return {"str": value}
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case time():
            return {"time": value.isoformat()}
        case UUID():
            return {"uuid": str(value)}


def from_json(data: dict[str, object]) -> Value | None:
    """Inverse of `to_json`. Raises ValueError for a form that it does not know."""
    ((kind, content),) = data.items()
    text = str(content)
    match kind:
        case "null":
            return None
        case "bool":
            return bool(content)
        case "int":
            return int(text)
        case "float":
            return float.fromhex(text)
        case "decimal":
            return Decimal(text)
        case "str":
            return text
        case "bytes":
            return base64.b64decode(text)
        case "datetime":
            return datetime.fromisoformat(text)
        case "date":
            return date.fromisoformat(text)
        case "time":
            return time.fromisoformat(text)
        case "uuid":
            return UUID(text)
    raise ValueError(f"no value has the form {kind!r}")
