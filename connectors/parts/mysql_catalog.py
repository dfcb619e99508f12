"""The catalog of MySQL and MariaDB: its tables, and what a table's columns are and can do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from connectors.sdk.capabilities import Column, ForeignKey, Support, Table
from connectors.sdk.errors import SourceTableMissingError
from connectors.sdk.scan import Op, TableName
from connectors.sdk.select import SqlColumn, SqlTable
from connectors.sdk.sql import (
    EQUALITY,
    EXACT_ORDERED,
    NULL_TESTS,
    ORDER,
    ROUGH_EQUALITY,
    ROUGH_ORDERED,
    SUBSTRING,
    check_decimal,
)

LIST_TABLES = (
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
    "AND TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')"
)
DESCRIBE_TABLE = (
    "SELECT TABLE_NAME, TABLE_ROWS, TABLE_COMMENT, TABLE_TYPE FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"
)
DESCRIBE_COLUMNS = (
    "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, COLLATION_NAME, CHARACTER_SET_NAME, COLUMN_COMMENT "
    "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"
)
# A unique index on a prefix of a column (SUB_PART) or with a nullable column is no key.
DESCRIBE_KEYS = (
    "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART, NULLABLE FROM information_schema.STATISTICS "
    "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND NON_UNIQUE = 0 "
    "ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"
)
DESCRIBE_FOREIGN = (
    "SELECT CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME "
    "FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s "
    "AND REFERENCED_TABLE_SCHEMA = DATABASE() ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION"
)

_INTEGERS = {
    "tinyint": ("TINYINT", "UTINYINT"),
    "smallint": ("SMALLINT", "USMALLINT"),
    "mediumint": ("INTEGER", "UINTEGER"),
    "int": ("INTEGER", "UINTEGER"),
    "bigint": ("BIGINT", "UBIGINT"),
}
_OTHERS = {
    **{"double": "DOUBLE", "float": "FLOAT", "date": "DATE", "time": "TIME", "year": "SMALLINT", "uuid": "UUID"},
    **{"timestamp": "TIMESTAMP WITH TIME ZONE", "datetime": "TIMESTAMP"},
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "BLOB"),
}
_TEXT = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
MAX_SORT_LENGTH = 1024  # bytes; sessions are set to it
_BLOB = {**NULL_TESTS, **EQUALITY, **ORDER}


class Rules(NamedTuple):
    """What the configuration says of a connection's types."""

    zone: bool
    tinyint1_is_boolean: bool
    zero_dates_are_null: bool


Rows = list[tuple[Any, ...]]


def table_of(name: TableName, found: Rows, columns: Rows, keys: Rows, foreign: Rows, rules: Rules) -> SqlTable:
    """A table from the rows of the five statements above, values as text."""
    if not found or found[0][0] != name.name or len(name.parts) != 1:
        raise SourceTableMissingError(
            f"there is no table {str(name)!r}, or this user may not see it",
            hint="list the connection's tables; names are those of the connection's own database, without it",
            details={"table": str(name)},
        )
    _, rows, comment, kind = found[0]
    described = [_column(row, rules) for row in columns]
    table = Table(
        name,
        tuple(entry.column for entry in described),
        keys=_keys(keys),
        foreign_keys=_foreign_keys(foreign),
        limit=True,
        key_lookup=50_000,
        row_estimate=int(rows) if rows is not None else None,
        comment="" if kind == "VIEW" else comment or "",
        naive_timestamps=tuple(entry.column.name for entry in described if entry.naive),
    )
    return SqlTable(table, {entry.column.name: entry for entry in described})


def _keys(rows: Rows) -> tuple[tuple[str, ...], ...]:
    indexes: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        indexes.setdefault(row[0], []).append(row)
    whole = [
        parts for parts in indexes.values() if all(part[1] and part[2] is None and part[3] != "YES" for part in parts)
    ]
    return tuple(dict.fromkeys(tuple(part[1] for part in parts) for parts in whole))


def _foreign_keys(rows: Rows) -> tuple[ForeignKey, ...]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return tuple(
        ForeignKey(tuple(part[1] for part in parts), TableName((parts[0][2],)), tuple(part[3] for part in parts))
        for parts in found.values()
    )


def _column(row: tuple[Any, ...], rules: Rules) -> SqlColumn:
    name, data_type, column_type, nullable, collation, character_set, comment = row
    naive = data_type == "datetime"
    sql_type, native = _types(data_type, column_type, rules)
    operators: Mapping[Op, Support] = EXACT_ORDERED
    if sql_type == "VARCHAR":
        operators = _text_operators(data_type, collation or "", character_set or "")
    elif sql_type == "BLOB":
        operators = _BLOB
    elif sql_type == "BOOLEAN":
        operators = {**NULL_TESTS, Op.EQ: Support.EXACT}
        if data_type == "tinyint":  # 2 is true too
            operators = NULL_TESTS
    elif native == "uuid":
        operators = {**NULL_TESTS, Op.EQ: Support.EXACT, Op.IN: Support.EXACT}
    elif naive and rules.zone:
        operators = ROUGH_ORDERED
    dated = data_type in ("date", "datetime", "timestamp")
    if dated and rules.zero_dates_are_null:
        # '0000-00-00' is read as NULL but compares as the first of all dates.
        operators = {op: Support.INEXACT for op in operators if op not in (Op.IS_NULL, Op.NE)}
    ordered = sql_type not in ("VARCHAR", "BLOB", "BOOLEAN", "UUID")
    if sql_type == "VARCHAR" and Op.LT in operators:
        ordered = _is_sorted_whole(column_type)
    column = Column(
        name,
        sql_type,
        nullable=nullable == "YES" or (dated and rules.zero_dates_are_null),
        operators=operators,
        orders=ordered and not (dated and rules.zero_dates_are_null),
        binary_text=sql_type == "VARCHAR" and data_type in _TEXT and _is_bytewise(collation or ""),
        comment=comment or "",
        collation=(collation or "") if sql_type == "VARCHAR" else "",
    )
    return SqlColumn(column, native, naive)


def _types(data_type: str, column_type: str, rules: Rules) -> tuple[str, str]:
    """The column type, and the source's type as rendering needs it."""
    if data_type in _INTEGERS:
        if column_type.startswith("tinyint(1)") and rules.tinyint1_is_boolean:
            return "BOOLEAN", "boolean"
        signed, unsigned = _INTEGERS[data_type]
        return (unsigned if "unsigned" in column_type or "zerofill" in column_type else signed), data_type
    if data_type == "bit":
        return ("BOOLEAN", "bit") if column_type == "bit(1)" else ("UBIGINT", "bit")
    if data_type == "decimal":
        return check_decimal("DECIMAL" + column_type[len("decimal") :].split(")")[0] + ")"), data_type
    if data_type in ("date", "datetime", "timestamp"):
        zoned = data_type == "datetime" and rules.zone
        native = data_type + ("/null" if rules.zero_dates_are_null else "")
        return ("TIMESTAMP WITH TIME ZONE" if zoned else _OTHERS[data_type]), native
    if data_type in _OTHERS:
        return _OTHERS[data_type], data_type
    return "VARCHAR", data_type


def _is_bytewise(collation: str) -> bool:
    """Whether equal under the collation means the same text: binary, and blanks at the end count."""
    return collation.endswith("_nopad_bin") or collation in ("utf8mb4_0900_bin", "binary")


def _is_sorted_whole(column_type: str) -> bool:
    """Whether the source sorts and groups by all of a text: it looks at the first max_sort_length bytes."""
    match = re.match(r"(?:var)?char\((\d+)\)", column_type)
    return match is not None and int(match[1]) * 4 <= MAX_SORT_LENGTH


def likes_by_index(collation: str) -> bool:
    """Whether LIKE 'a%' finds the same rows with an index as without.

    MariaDB 10.11's range ends too early for signs beyond U+FFFF in most collations of utf8mb4, for U+FFFD in those of
    UCA 14, and begins too late for control characters in those with _bin (tests/engine/dialects/test_collations.py).
    """
    return re.fullmatch(
        r"(ascii|latin[12]|cp1250|utf8|utf8mb3|utf8mb4)_general(_nopad)?_ci", collation
    ) is not None or (collation in ("latin1_swedish_ci", "latin1_swedish_nopad_ci"))


def holds(collation: str, text: str) -> bool:
    """Whether the character set of a collation is known to have every sign of a text. Half a surrogate pair is in
    none, and is decided elsewhere."""
    character_set = collation.partition("_")[0]
    if text.isascii() or character_set == "utf8mb4" or any("\ud800" <= sign <= "\udfff" for sign in text):
        return True
    if character_set in ("utf8mb3", "utf8", "ucs2"):
        return max(text) <= "\uffff"
    if character_set == "latin1":
        return all(sign.encode("cp1252", "ignore") for sign in text)
    return character_set in ("utf16", "utf16le", "utf32")


def _text_operators(data_type: str, collation: str, character_set: str) -> Mapping[Op, Support]:
    if data_type not in _TEXT:
        return NULL_TESTS
    if _is_bytewise(collation):
        unicode = character_set in ("utf8mb4", "utf8mb3", "utf8", "ascii")
        return {**NULL_TESTS, **EQUALITY, **SUBSTRING, **(ORDER if unicode else {})}
    # LIKE compares sign by sign and never pads: exact under _bin, else case and accents may be ignored.
    like = Support.EXACT if collation.endswith("_bin") else Support.INEXACT
    return {**ROUGH_EQUALITY, **dict.fromkeys(SUBSTRING, like)}
