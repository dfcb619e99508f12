"""SQLite's schema: what a declared type is read as, and what may be compared at the source.

A SQLite column holds values of any type; a declared type is a promise that reading checks. Only comparisons that
are right for every value that can be read are declared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sdk.capabilities import Column, ForeignKey, Support, Table
from connectors.sdk.scan import Op, TableName
from connectors.sdk.select import SqlColumn, SqlTable
from connectors.sdk.sql import EQUALITY, EXACT_ORDERED, NULL_TESTS, ORDER, ROUGH_ORDERED, check_decimal
from connectors.sdk.types import decimal_parts

_DECLARED = re.compile(r"\s*([A-Z0-9_ ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
_FLOAT_DIGITS = 15  # so many decimal digits survive a double
# Two texts that are not equal can mean one value of the other types: uniqueness at the source proves nothing there.
_KEY_TYPES = frozenset({"BIGINT", "VARCHAR", "BLOB", "DATE", "BOOLEAN", "DOUBLE"})
_NAMED = {
    **{"BOOLEAN": "BOOLEAN", "BOOL": "BOOLEAN", "DATE": "DATE", "TIME": "TIME", "UUID": "UUID"},
    **{"TIMESTAMP": "TIMESTAMP", "DATETIME": "TIMESTAMP"},
    **{"TIMESTAMP WITH TIME ZONE": "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"},
}


def sql_type_of(declared: str) -> str:
    """The column type of a declared one, else by SQLite's affinity rules; '' (none declared) is any value as text."""
    match = _DECLARED.fullmatch(declared.upper())
    name = match[1] if match else declared.upper()
    if name in _NAMED:
        return _NAMED[name]
    if match and match[2] and name in ("DECIMAL", "NUMERIC", "DEC"):
        return check_decimal(f"DECIMAL({match[2]},{match[3] or 0})")
    for part, sql_type in (("INT", "BIGINT"), ("CHAR", "VARCHAR"), ("CLOB", "VARCHAR"), ("TEXT", "VARCHAR")):
        if part in name:
            return sql_type
    if "BLOB" in name:
        return "BLOB"
    if name in ("", "JSON", "ANY"):
        return "VARCHAR"
    return "DOUBLE"


def table_of(
    name: TableName,
    columns: Sequence[tuple[Any, ...]],
    keys: Sequence[tuple[str, ...]],
    foreign_keys: Sequence[ForeignKey],
    rows: int | None,
    *,
    zone: bool,
    utf8: bool,
) -> SqlTable:
    """A table from its columns (name, declared type, NOT NULL) and from keys whose columns are all NOT NULL."""
    described = {row[0]: _column(row[0], row[1] or "", bool(row[2]), zone=zone, utf8=utf8) for row in columns}
    proven = [key for key in keys if all(described[part].column.sql_type in _KEY_TYPES for part in key)]
    table = Table(
        name,
        tuple(entry.column for entry in described.values()),
        keys=tuple(dict.fromkeys(proven)),
        foreign_keys=tuple(foreign_keys),
        limit=True,
        key_lookup=10_000,
        row_estimate=rows,
        naive_timestamps=tuple(entry.column.name for entry in described.values() if entry.naive),
    )
    return SqlTable(table, described)


def _column(name: str, declared: str, not_null: bool, *, zone: bool, utf8: bool) -> SqlColumn:
    sql_type = sql_type_of(declared)
    naive = sql_type == "TIMESTAMP"
    operators = _operators(sql_type, declared, utf8=utf8)
    column = Column(
        name,
        "TIMESTAMP WITH TIME ZONE" if naive and zone else sql_type,
        nullable=not not_null,
        operators=operators,
        orders=operators.get(Op.LT) is Support.EXACT,
        binary_text=sql_type == "VARCHAR" and declared != "",
    )
    return SqlColumn(column, "any" if sql_type == "VARCHAR" and declared == "" else sql_type, naive)


def _operators(sql_type: str, declared: str, *, utf8: bool) -> Mapping[Op, Support]:
    if sql_type in ("BIGINT", "DOUBLE", "BLOB", "DATE"):
        return EXACT_ORDERED
    if sql_type == "BOOLEAN":
        return {**NULL_TESTS, **EQUALITY}
    if sql_type == "VARCHAR" and declared.upper() not in ("", "ANY", "JSON"):
        ordered = {**ORDER, Op.STARTS_WITH: Support.EXACT} if utf8 else {}
        return {**NULL_TESTS, **EQUALITY, Op.CONTAINS: Support.EXACT, **ordered}
    parts = decimal_parts(sql_type)
    if sql_type == "TIMESTAMP" or (parts and parts[0] <= _FLOAT_DIGITS):
        return ROUGH_ORDERED
    return NULL_TESTS


def reader_of(native: str) -> Callable[[Any], Any] | None:
    """How a stored value becomes one of the column's type; what it can't read it gives back, to be refused."""
    if decimal_parts(native):
        return _decimal
    return _READERS.get(native)


def _decimal(value: Any) -> Any:
    """Numeric affinity stores decimals as doubles: the shortest decimal that is this double is what was written."""
    if isinstance(value, float | str):
        try:
            return Decimal(repr(value) if isinstance(value, float) else value)
        except InvalidOperation:
            return value
    return value


def _boolean(value: Any) -> Any:
    return bool(value) if value in (0, 1) and isinstance(value, int) else value


def _iso(pattern: re.Pattern[str], read: Callable[[str], Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, str) and pattern.fullmatch(value):
            try:
                return read(value)
            except ValueError:  # the 30th of February
                return value
        return value

    return convert


def _instant(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _text(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else str(value) if isinstance(value, int) else value


_READERS: dict[str, Callable[[Any], Any]] = {
    "BOOLEAN": _boolean,
    "DATE": _iso(_DATE, date.fromisoformat),
    "TIME": _iso(_TIME, time.fromisoformat),
    "TIMESTAMP": _iso(_STAMP, datetime.fromisoformat),
    "TIMESTAMP WITH TIME ZONE": _instant,
    "any": _text,
}
