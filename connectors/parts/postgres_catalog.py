"""PostgreSQL's catalog: its tables, and what a table's columns are and can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, LiteralString

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

LIST_TABLES: Final[LiteralString] = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
  AND (n.nspname || '.' || c.relname) COLLATE "C" LIKE %(pattern)s ESCAPE '!'
  AND (n.nspname COLLATE "C", c.relname COLLATE "C") > (%(schema)s, %(table)s)
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C" LIMIT 1000
"""

# A foreign table's NOT NULL is not tested, and one that is NOT VALID lets NULLs stand that were there before.
DESCRIBE_COLUMNS: Final[LiteralString] = """
SELECT c.oid, a.attname, a.attnotnull AND c.relkind <> 'f' AND NOT EXISTS (
    SELECT 1 FROM pg_catalog.pg_constraint k
    WHERE k.conrelid = c.oid AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY (k.conkey)),
  pg_catalog.col_description(c.oid, a.attnum),
  CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod)
       ELSE pg_catalog.format_type(a.atttypid, a.atttypmod) END,
  t.typtype = 'e' OR b.typtype = 'e', col.collisdeterministic,
  c.reltuples::int8, pg_catalog.obj_description(c.oid, 'pg_class'), pg_catalog.getdatabaseencoding(), t.typtype = 'd'
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_collation col ON col.oid = a.attcollation
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname = %s AND c.relname = %s
ORDER BY a.attnum
"""

# Keys: of whole columns, valid, neither partial nor deferrable, of NOT NULL columns, under PostgreSQL's own equality.
DESCRIBE_KEYS: Final[LiteralString] = """
SELECT 'key', i.indisprimary::text, '', '',
  (SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.n)
   FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.n <= i.indnkeyatts), NULL
FROM pg_catalog.pg_index i
WHERE i.indrelid = %(oid)s AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE k.n <= i.indnkeyatts AND (NOT a.attnotnull OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint u
      WHERE u.conrelid = i.indrelid AND u.contype = 'n' AND NOT u.convalidated AND a.attnum = ANY (u.conkey))))
UNION ALL
SELECT 'foreign', con.conname::text, n.nspname::text, f.relname::text,
  (SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.n)
   FROM pg_catalog.unnest(con.conkey) WITH ORDINALITY k(attnum, n)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.attnum),
  (SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.n)
   FROM pg_catalog.unnest(con.confkey) WITH ORDINALITY k(attnum, n)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.attnum)
FROM pg_catalog.pg_constraint con JOIN pg_catalog.pg_class f ON f.oid = con.confrelid
JOIN pg_catalog.pg_namespace n ON n.oid = f.relnamespace
WHERE con.conrelid = %(oid)s AND con.contype = 'f'
ORDER BY 1, 2 DESC
"""

_PLAIN = {
    "boolean": "BOOLEAN",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "bytea": "BLOB",
    "date": "DATE",
    "uuid": "UUID",
}
_TEXT = ("text", "character varying")
_BOOLEAN = {**NULL_TESTS, **EQUALITY}


def like_pattern(glob: str) -> str:
    """A glob (`*`, `?`) as a LIKE pattern with the escape `!`."""
    quoted = glob.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return quoted.replace("*", "%").replace("?", "_")


def table_of(
    name: TableName, columns: list[tuple[Any, ...]], keys: list[tuple[Any, ...]], *, zone: bool, numeric: str
) -> SqlTable:
    """A table from the rows of DESCRIBE_COLUMNS and DESCRIBE_KEYS.

    `zone`: the connection has a time zone; `numeric`: what a numeric without precision is read as.
    """
    if not columns:
        raise SourceTableMissingError(
            f"there is no table {str(name)!r}, or this user may not see it",
            hint="list the connection's tables; names are case-sensitive and carry their schema: public.orders",
            details={"table": str(name)},
        )
    described = [_column(row, zone=zone, numeric=numeric) for row in columns]
    found = [tuple(row[4]) for row in keys if row[0] == "key"]
    foreign = [
        ForeignKey(tuple(row[4]), TableName((row[2], row[3])), tuple(row[5])) for row in keys if row[0] == "foreign"
    ]
    rows = columns[0][7]
    table = Table(
        name,
        tuple(entry.column for entry in described),
        keys=tuple(dict.fromkeys(found)),
        foreign_keys=tuple(foreign),
        limit=True,
        key_lookup=50_000,
        row_estimate=rows if rows >= 0 else None,
        comment=columns[0][8] or "",
        naive_timestamps=tuple(entry.column.name for entry in described if entry.naive),
    )
    return SqlTable(table, {entry.column.name: entry for entry in described})


def _column(row: tuple[Any, ...], *, zone: bool, numeric: str) -> SqlColumn:
    _, name, not_null, comment, native, is_enum, deterministic, _, _, encoding, is_domain = row
    naive = native.startswith("timestamp") and native.endswith("without time zone")
    sql_type = _sql_type(native, zone=zone, numeric=numeric)
    is_text = native.startswith(_TEXT) and not native.endswith("[]") and not is_enum
    utf8 = encoding == "UTF8"
    operators: Mapping[Op, Support]
    if is_text:
        operators = _text_operators(deterministic=bool(deterministic), utf8=utf8)
    elif naive:
        operators = ROUGH_ORDERED if zone else EXACT_ORDERED
    elif native == "citext" or native.startswith("character("):
        operators = ROUGH_EQUALITY
    elif sql_type == "VARCHAR" or (sql_type == "DOUBLE" and native.startswith("numeric")):
        operators = NULL_TESTS
    elif sql_type == "BOOLEAN":
        operators = _BOOLEAN
    else:
        operators = EXACT_ORDERED
    column = Column(
        name,
        sql_type,
        nullable=not (not_null or False),
        operators=operators,
        orders=(Op.LT in operators and operators[Op.LT] is Support.EXACT) or naive,
        binary_text=is_text and bool(deterministic),
        comment=comment or "",
    )
    return SqlColumn(column, "domain" if is_domain and sql_type == "VARCHAR" and not is_text else native, naive)


def _text_operators(*, deterministic: bool, utf8: bool) -> Mapping[Op, Support]:
    """Deterministic collations compare equal only what is the same bytes; order is asked for under "C"."""
    if not deterministic:
        return ROUGH_EQUALITY
    return {**NULL_TESTS, **EQUALITY, **SUBSTRING, **(ORDER if utf8 else {})}


def _sql_type(native: str, *, zone: bool, numeric: str) -> str:
    if native in _PLAIN:
        return _PLAIN[native]
    if native.startswith("timestamp") and not native.endswith("[]"):
        return "TIMESTAMP" if native.endswith("without time zone") and not zone else "TIMESTAMP WITH TIME ZONE"
    if native.startswith("time") and native.endswith("without time zone"):
        return "TIME"
    if native == "numeric":
        return numeric
    if native.startswith("numeric(") and native.endswith(")"):
        return check_decimal(f"DECIMAL({native[8:-1]})") if "," in native else numeric
    return "VARCHAR"
