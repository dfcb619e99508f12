"""What SQLite knows of a table's size: ANALYZE's `sqlite_stat1`, the ends of its indexes, and, of a table of at most
10,000 rows, the values themselves, counted in one reading."""

from __future__ import annotations

import sqlite3
from typing import Any

from connectors.sdk.capabilities import Table
from connectors.sdk.statistics import ColumnStatistics, place, place_of_text, with_columns
from connectors.sdk.types import family

COUNTED_ROWS = 10_000
_COUNTED = frozenset({"integer", "float", "text", "date", "boolean"})
_ENDED = frozenset({"integer", "float", "date"})


def with_statistics(table: Table, session: sqlite3.Connection) -> Table:
    """The table with its statistics, read on this session."""
    indexes = _indexes(session, table)
    rowid = [name for (name,) in session.execute(
        "SELECT name FROM pragma_table_info(?) WHERE pk = 1 AND upper(type) = 'INTEGER'", (table.name.name,)
    )]  # fmt: skip
    indexed = [*rowid, *indexes]
    if table.row_estimate is not None and table.row_estimate <= COUNTED_ROWS:
        rows, counted = _count(session, table)
        if rows <= COUNTED_ROWS:
            return with_columns(table, counted, rows, indexed)
    found: dict[str, ColumnStatistics] = {}
    for name in dict.fromkeys(indexed):
        column = table.column(name)
        if column is not None:
            low, high = _ends(session, table, name) if family(column.sql_type) in _ENDED else (None, None)
            distinct = table.row_estimate if name in rowid else indexes.get(name)
            found[name] = ColumnStatistics(distinct, None, low, high)
    return with_columns(table, found, None, indexed)


def _indexes(session: sqlite3.Connection, table: Table) -> dict[str, int | None]:
    """Columns that lead a whole index, and how many values ANALYZE found in them."""
    leading = session.execute(
        "SELECT i.name, x.name FROM pragma_index_list(?) i, pragma_index_info(i.name) x "
        "WHERE i.partial = 0 AND x.seqno = 0 AND x.name IS NOT NULL",
        (table.name.name,),
    ).fetchall()
    try:
        analyzed = session.execute("SELECT idx, stat FROM sqlite_stat1 WHERE tbl = ?", (table.name.name,)).fetchall()
    except sqlite3.OperationalError:
        analyzed = []  # never analyzed: there is no such table
    found: dict[str, int | None] = {}
    stats = {index: str(stat).split() for index, stat in analyzed}
    for index, column in leading:
        numbers = stats.get(index, [])
        known = len(numbers) > 1 and all(number.isdigit() for number in numbers[:2]) and int(numbers[1]) > 0
        distinct = max(1, round(int(numbers[0]) / int(numbers[1]))) if known else None
        found[column] = distinct if found.get(column) is None else found[column]
    return found


def _count(session: sqlite3.Connection, table: Table) -> tuple[int, dict[str, ColumnStatistics]]:
    """Everything, from one reading of a small table; of one that has grown since ANALYZE, no more than was asked."""
    columns = [column for column in table.columns if family(column.sql_type) in _COUNTED]
    parts = ["count(*)"]
    for column in columns:
        name = _quote(column.name)
        ends = f"min({name}), max({name})" if family(column.sql_type) in _ENDED else "NULL, NULL"
        parts += [f"count(DISTINCT {name}), count({name}), {ends}"]
    source = f"(SELECT * FROM {_quote(table.name.name)} LIMIT {COUNTED_ROWS + 1})"  # noqa: S608
    row = session.execute(f"SELECT {', '.join(parts)} FROM {source}").fetchone()  # noqa: S608
    rows, values = row[0], iter(row[1:])
    found: dict[str, ColumnStatistics] = {}
    for column in columns:
        distinct, known, low, high = (next(values) for _ in range(4))
        nulls = (rows - known) / rows if rows else None
        found[column.name] = ColumnStatistics(
            distinct, nulls, _place(low, column.sql_type), _place(high, column.sql_type)
        )
    return rows, found


def _ends(session: sqlite3.Connection, table: Table, name: str) -> tuple[float | None, float | None]:
    column, source = _quote(name), _quote(table.name.name)
    sql = f"SELECT (SELECT min({column}) FROM {source}), (SELECT max({column}) FROM {source})"  # noqa: S608
    low, high = session.execute(sql).fetchone()
    described = table.column(name)
    assert described is not None
    return _place(low, described.sql_type), _place(high, described.sql_type)


def _place(value: Any, sql_type: str) -> float | None:
    return place_of_text(value, sql_type) if isinstance(value, str) else place(value)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
