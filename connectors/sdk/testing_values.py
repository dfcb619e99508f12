"""Values that the contract suite writes, the constants it compares with, and DuckDB's comparison in plain Python."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from connectors.sdk.scan import AllOf, Comparison, Op, Predicate, Value
from connectors.sdk.types import SIMPLE, decimal_parts, family
from connectors.sdk.zones import to_instant

TEXT = (
    *("", " ", "abc", "ABC", "Abc", "abc ", " abc", "ab", "abcd", "ä", "Ä", "a\u0308", "ß", "ss", "ı", "I", "é", "e"),
    *("100%", "100x", "a_c", "a\\c", "a\\%", "%", "_", "'", "''", '"', "`", "a;b", "--", "\n", "a\r\nb", "a\tb", ","),
    *("\U0001f600", "日本語", "NULL", "null", "\\N", "0", "1", "true", "zebra", "Zebra", "z", "[x]", "*", "?"),
)
_FLOATS = (0.0, -0.0, 1.5, -1.5, 0.1, 1e10, -1e-10, 3.0, math.nan, math.inf, -math.inf)
_STAMPS = (
    datetime(1970, 1, 1),
    datetime(2024, 2, 29, 12, 30, 15, 123456),
    datetime(2024, 2, 29, 12, 30, 15),
    datetime(1850, 6, 1, 0, 0, 0, 1),
    datetime(2024, 3, 31, 2, 30),  # a gap in Europe/Berlin
    datetime(2024, 3, 31, 1, 59, 59, 999999),
    datetime(2024, 3, 31, 3, 0),
    datetime(2024, 10, 27, 2, 30),  # an overlap there
    datetime(2024, 10, 27, 3, 0),
    datetime(2024, 10, 6, 2, 15),  # a gap of half an hour in Australia/Lord_Howe
    datetime(2024, 4, 7, 1, 45),
    datetime(2050, 7, 1, 12),
    datetime(9998, 12, 31, 23, 59, 59, 999999),
)
_VALUES: dict[str, tuple[Any, ...]] = {
    "BOOLEAN": (True, False),
    "FLOAT": (*_FLOATS, 3.4028234663852886e38, 16777216.0, 0.10000000149011612),
    "DOUBLE": (*_FLOATS, 1.7976931348623157e308, 5e-324, 9007199254740993.0, 0.30000000000000004),
    "VARCHAR": TEXT,
    "BLOB": (b"", b"\x00", b"a", b"A", b"a\x00", b"\xff\xfe", b"\\x41", bytes(range(256)), b"'"),
    "DATE": (date(1970, 1, 1), date(2024, 2, 29), date(1850, 6, 1), date(1582, 10, 10), date(9998, 12, 31)),
    "TIME": (time(0), time(12, 30, 15, 123456), time(12, 30, 15), time(23, 59, 59, 999999)),
    "TIMESTAMP": _STAMPS,
    "TIMESTAMP WITH TIME ZONE": tuple(stamp.replace(tzinfo=UTC) for stamp in _STAMPS),
    "UUID": (UUID(int=0), UUID("abcdef00-1122-3344-5566-77889900aabb"), UUID(int=2**128 - 1), UUID(int=1 << 127)),
}


def values_of(sql_type: str) -> tuple[Any, ...]:
    """Boundaries and odd values of a column type, in no order, without NULL."""
    if sql_type in _VALUES:
        return _VALUES[sql_type]
    parts = decimal_parts(sql_type)
    if parts:
        with localcontext(prec=80):  # the default of 28 digits would round the largest ones
            unit = Decimal(1).scaleb(-parts[1])
            most = (Decimal(10) ** parts[0] - 1).scaleb(-parts[1])
            some = (Decimal(0), unit, -unit, Decimal("1.10"), Decimal("-7"), Decimal("12345.5"), most, -most)
            return tuple(dict.fromkeys(value.quantize(unit) for value in some if abs(value) <= most))
    bits, signed = SIMPLE[sql_type].bit_width, not sql_type.startswith("U")
    most_int = 2 ** (bits - signed) - 1
    least = -most_int - 1 if signed else 0
    some_ints = (0, 1, -1, 7, 100, most_int, most_int - 1, least, 2**53 + 1)
    return tuple(value for value in some_ints if least <= value <= most_int)


def constants_of(sql_type: str, seen: Sequence[Any]) -> list[Value]:
    """What a column is compared with: the values seen in it (at most 60), and neighbours that are not there."""
    kind = family(sql_type)
    near: list[Value] = []
    for value in seen[:20]:
        if kind == "timestamptz" or (kind == "timestamp" and value.year > 1):
            near += [value + timedelta(microseconds=1), value - timedelta(hours=1)]
        elif kind == "decimal":
            near.append(value + Decimal("0.0000000001") if abs(value) < 10**9 else value)
        elif kind == "float" and math.isfinite(value):
            near.append(math.nextafter(value, math.inf))
        elif kind == "text" and value:
            near += [value[:-1], value.swapcase()]
    extra: dict[str, list[Value]] = {"decimal": [5], "float": [0.1, 2.0**24 + 1, -5e-324], "text": ["zzz", "b%"]}
    usual = [UUID(str(value)) if kind == "uuid" else value for value in seen[:60]]
    unique: dict[str, Value] = {repr(value): value for value in [*usual, *near, *extra.get(kind, [])]}
    return list(unique.values())


def rank(value: Any) -> Any:
    """A key that sorts and compares values of one column as DuckDB does: NaN equals NaN and is the greatest."""
    if isinstance(value, float):
        return (1, 0.0) if math.isnan(value) else (0, value + 0.0)
    if isinstance(value, UUID):
        return str(value)
    return value


def holds(predicate: Predicate, row: dict[str, Any]) -> bool:
    """Whether DuckDB would keep the row (NULL counts as false)."""
    if not isinstance(predicate, Comparison):
        combine = all if isinstance(predicate, AllOf) else any
        return combine(holds(term, row) for term in predicate.terms)
    value, op = row[predicate.column], predicate.op
    if op in (Op.IS_NULL, Op.IS_NOT_NULL):
        return (value is None) == (op is Op.IS_NULL)
    if value is None:
        return False
    if op in (Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS):
        part = str(predicate.values[0])
        text = str(value)
        return {
            Op.STARTS_WITH: text.startswith(part),
            Op.ENDS_WITH: text.endswith(part),
            Op.CONTAINS: part in text,
        }[op]
    left, rights = rank(value), [rank(constant) for constant in predicate.values]
    if op is Op.IN:
        return left in rights
    right = rights[0]
    return bool(
        {
            Op.EQ: left == right,
            Op.NE: left != right,
            Op.LT: left < right,
            Op.LE: left <= right,
            Op.GT: left > right,
            Op.GE: left >= right,
        }[op]
    )


def as_read(sql_type: str, value: Any, time_zone: ZoneInfo | None = None) -> Any:
    """A value as it comes out of Arrow: UUIDs as text, FLOATs rounded to 32 bits, naive timestamps as instants."""
    if isinstance(value, UUID):
        return str(value)
    if sql_type == "FLOAT" and value is not None:
        return struct.unpack("f", struct.pack("f", value))[0]
    if isinstance(value, datetime) and value.tzinfo is None and sql_type == "TIMESTAMP WITH TIME ZONE":
        assert time_zone is not None
        return to_instant(value, time_zone)
    return value
