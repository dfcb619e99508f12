"""What MySQL and MariaDB know of a table's size: the indexes' cardinalities, the ends of the indexes, and MariaDB's
engine-independent statistics where this user may read them."""

from __future__ import annotations

from typing import Any

from connectors.sdk.capabilities import Table
from connectors.sdk.statistics import MEASURED, ColumnStatistics, place_of_text, with_columns
from connectors.sdk.types import family

Rows = list[tuple[Any, ...]]

# Of an index on several columns, the first one's cardinality is that of its first column alone.
INDEXES = (
    "SELECT COLUMN_NAME, MAX(CARDINALITY) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() "
    "AND TABLE_NAME = %s AND SEQ_IN_INDEX = 1 AND SUB_PART IS NULL AND INDEX_TYPE IN ('BTREE', 'HASH') "
    "AND COLUMN_NAME IS NOT NULL GROUP BY COLUMN_NAME"
)
# MariaDB, after ANALYZE TABLE … PERSISTENT FOR ALL; MySQL has no such table, and few users may read it.
COLUMNS = (
    "SELECT column_name, min_value, max_value, nulls_ratio, avg_frequency FROM mysql.column_stats "
    "WHERE db_name = DATABASE() AND table_name = %s"
)


def ends_statement(table: Table, indexes: Rows) -> tuple[str, list[str]]:
    """One SELECT of the ends of the indexes on numbers and dates (two entries of each are read), and its columns."""
    names = [row[0] for row in indexes]
    kept = [c.name for c in table.columns if c.name in names and family(c.sql_type) in MEASURED]
    quoted = ["`" + name.replace("`", "``") + "`" for name in kept]
    source = "`" + table.name.name.replace("`", "``") + "`"
    parts = [f"(SELECT {end}({name}) FROM {source})" for name in quoted for end in ("MIN", "MAX")]  # noqa: S608
    return "SELECT " + ", ".join(parts) if parts else "", kept


def with_statistics(table: Table, indexes: Rows, ends: Rows, ended: list[str], columns: Rows) -> Table:
    """The table with the rows of INDEXES, of `ends_statement` (over the columns `ended`) and of COLUMNS, as text."""
    rows = table.row_estimate
    types = {column.name: column.sql_type for column in table.columns}
    found: dict[str, ColumnStatistics] = {}
    for name, least, greatest, nulls, frequency in columns:
        if name in types:
            repeats = float(frequency or 0)
            share = float(nulls) if nulls is not None else None
            distinct = round(rows * (1 - (share or 0.0)) / repeats) if rows is not None and repeats >= 1 else None
            low, high = place_of_text(least, types[name]), place_of_text(greatest, types[name])
            found[name] = ColumnStatistics(distinct, share, low, high)
    values = iter(ends[0] if ends else ())
    between = {name: tuple(place_of_text(next(values, None), types[name]) for _ in range(2)) for name in ended}
    for name, cardinality in indexes:
        if name in types:
            known = found.get(name, ColumnStatistics())
            low, high = between.get(name, (known.minimum, known.maximum))
            distinct = int(cardinality) if cardinality is not None else known.distinct
            found[name] = ColumnStatistics(distinct, known.nulls, low, high)
    return with_columns(table, found, None, (row[0] for row in indexes))
