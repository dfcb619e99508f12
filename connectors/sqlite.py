"""SQLite database files, by Python's own sqlite3, opened read-only below one directory."""

from __future__ import annotations

import fnmatch
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import Field

from connectors.parts import sqlite_catalog as catalog
from connectors.parts import sqlite_statistics as statistics
from connectors.sdk.batches import to_batches
from connectors.sdk.capabilities import ConnectionCapabilities, ForeignKey, Table
from connectors.sdk.connector import ConnectorConfig, Stage
from connectors.sdk.errors import (
    ConnectorError,
    SourceDataError,
    SourceProtocolError,
    SourceSchemaChangedError,
    SourceTableMissingError,
    SourceTimeoutError,
    SourceUnavailableError,
)
from connectors.sdk.paths import open_file, open_root
from connectors.sdk.probe import read_tables
from connectors.sdk.scan import Comparison, Op, SortKey, TableName, Value
from connectors.sdk.select import SYMBOL, Dialect, SqlColumn, SqlTable, behind
from connectors.sdk.sessions import Sessions
from connectors.sdk.sql import Reading, SqlConnector
from connectors.sdk.types import decimal_parts

_FETCHED = 500


class SqliteConfig(ConnectorConfig):
    """A database file below a directory; no part of the path may be a link or lead out of the directory."""

    directory: Path
    file: str = Field(min_length=1, description="the file's path, relative to the directory")
    busy_timeout: float = Field(default=5.0, ge=0, le=300, description="seconds to wait for a writer")


def _quote(identifier: str) -> str:
    """In backticks: a name in double quotes that no column has is a text for SQLite, and every row would hold it."""
    return "`" + identifier.replace("`", "``") + "`"


class Session(sqlite3.Connection):
    """A session that knows which file it opened."""

    identity: tuple[int, int] = (0, 0)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _compared(name: str, column: SqlColumn, op: Op | None) -> str:
    """Texts are compared byte by byte, whatever the column's collation is."""
    return f"{name} COLLATE BINARY" if column.native in ("VARCHAR", "DATE") else name


def _nulls(term: str, key: SortKey) -> str:
    return f"{term} {'DESC' if key.descending else 'ASC'} NULLS {'FIRST' if key.nulls_first else 'LAST'}"


def _adapt(value: Value, column: SqlColumn) -> object:
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, UUID) else value


def _special(name: str, column: SqlColumn, comparison: Comparison) -> tuple[str, Sequence[object]] | None:
    op, values = comparison.op, comparison.values
    if op in (Op.IS_NULL, Op.IS_NOT_NULL):
        return None
    if op is Op.STARTS_WITH:
        return _starts_with(f"{name} COLLATE BINARY", str(values[0]))
    if op is Op.CONTAINS:
        return f"instr({name}, ?) > 0", [str(values[0])]
    if column.naive:
        return _by_day(f"{name} COLLATE BINARY", op, values)
    if decimal_parts(column.native) and op in (Op.LT, Op.GT):
        # Constants of more digits than a double has may round onto the column's values: let equal ones pass.
        wider = Op.LE if op is Op.LT else Op.GE
        return f"{name} {SYMBOL[wider]} ?", [_adapt(values[0], column)]
    return None


def _starts_with(name: str, text: str) -> tuple[str, Sequence[object]]:
    """A range, because LIKE ignores case here and ends at U+0000."""
    end = behind(text)
    return (f"{name} >= ?", [text]) if end is None else (f"({name} >= ? AND {name} < ?)", [text, end])


def _by_day(name: str, op: Op, values: Sequence[Value]) -> tuple[str, Sequence[object]]:
    """Timestamps are texts with a blank or a T in the middle: only their days compare as texts."""
    days = [value.date() for value in values if isinstance(value, datetime)]
    if op in (Op.GE, Op.GT):
        return f"{name} >= ?", [days[0].isoformat()]
    if op in (Op.LE, Op.LT):
        return f"{name} < ?", [_next(days[0])]
    terms = " OR ".join([f"({name} >= ? AND {name} < ?)"] * len(set(days)))
    return f"({terms})", [text for day in sorted(set(days)) for text in (day.isoformat(), _next(day))]


def _next(day: date) -> str:
    return (day + timedelta(days=1)).isoformat() if day < date.max else ":"  # ':' lies behind every digit


DIALECT = Dialect(
    _quote, lambda name, column: name, _compared, lambda column: "?", _adapt, _nulls, nan=False, special=_special
)


class Sqlite(SqlConnector):
    """A connection to one SQLite database file."""

    kind = "sqlite"
    config_type = SqliteConfig
    secret_fields: ClassVar[frozenset[str]] = frozenset()
    dialect = DIALECT
    config: SqliteConfig

    def __init__(self, config: ConnectorConfig, time_zone: ZoneInfo | None = None) -> None:
        super().__init__(config, time_zone)
        self._sessions: Sessions[Session] = Sessions(
            self._open, self._is_current, sqlite3.Connection.close, sqlite3.Connection.interrupt
        )

    def capabilities(self) -> ConnectionCapabilities:
        return ConnectionCapabilities(dialect="sqlite", snapshot=False, cancel=True, concurrency=4)

    def list_tables(self, pattern: str = "*", after: TableName | None = None) -> Sequence[TableName]:
        with self._guarded(), self._sessions.use() as session:
            rows = session.execute(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
                "AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
            ).fetchall()
        names = sorted(str(row[0]) for row in rows)
        behind = after.name if after else ""
        return [TableName((n,)) for n in names if n > behind and fnmatch.fnmatchcase(n, pattern)][:1000]

    def read_description(self, name: TableName) -> SqlTable:
        with self._guarded(str(name)), self._sessions.use() as session:
            found = session.execute(
                "SELECT type, sql FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')", (name.name,)
            ).fetchone()
            if found is None or len(name.parts) != 1:
                raise SourceTableMissingError(
                    f"there is no table {str(name)!r} in the file",
                    hint="list the connection's tables; names are case-sensitive here",
                    details={"table": str(name)},
                )
            columns = session.execute(
                'SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1', (name.name,)
            ).fetchall()
            keys = _keys(session, name.name, columns, str(found[1] or ""))
            foreign = _foreign_keys(session, name.name)
            rows = _row_estimate(session, name.name) if found[0] == "table" else None
            encoding = session.execute("PRAGMA encoding").fetchone()[0]
        zone = self.time_zone is not None
        return catalog.table_of(name, columns, keys, foreign, rows, zone=zone, utf8=encoding == "UTF-8")

    def with_statistics(self, table: Table) -> Table:
        with self._guarded(str(table.name)), self._sessions.use() as session:
            return statistics.with_statistics(table, session)

    def read(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        table = self._described.get(TableName((reading.table,)))
        natives = {name: entry.native for name, entry in table[0].columns.items()} if table else {}
        readers = [
            (index, reader)
            for index, (name, sql_type) in enumerate(reading.columns)
            if (reader := catalog.reader_of(natives.get(name, sql_type))) is not None
        ]
        with self._guarded(reading.table), self._sessions.use() as session:
            cursor = session.execute(reading.statement.sql, reading.statement.parameters)
            try:
                yield from to_batches(
                    self._converted(cursor, readers),
                    reading.columns,
                    table=reading.table,
                    time_zone=self.time_zone,
                )
            finally:
                cursor.close()

    def _converted(self, cursor: sqlite3.Cursor, readers: list[tuple[int, Any]]) -> Iterator[Sequence[object]]:
        while rows := cursor.fetchmany(_FETCHED):
            self._sessions.refuse_cancelled()
            if not readers:
                yield from rows
                continue
            for row in rows:
                values = list(row)
                for index, reader in readers:
                    if values[index] is not None:
                        values[index] = reader(values[index])
                yield values

    def end(self) -> None:
        self._sessions.resume()

    def cancel(self) -> None:
        self._sessions.cancel()

    def close(self) -> None:
        self._sessions.close()

    def test(self) -> Iterator[Stage]:
        yield from read_tables(self, "check `file`: is it the right database?")

    def _is_current(self, session: Session) -> bool:
        """Whether the path still names the file that the session opened: a replaced one would be read for ever."""
        try:
            return _identity(self._path()) == session.identity
        except OSError:
            return False

    def _path(self) -> Path:
        return (self.config.directory / self.config.file).absolute()

    def _open(self) -> Session:
        """Check the path part by part, then let SQLite open it: it needs the name, for the journal beside it."""
        root = open_root(self.config.directory)
        try:
            open_file(root, self.config.file).handle.close()
        finally:
            os.close(root)
        path = self._path()
        identity = _identity(path)
        with self._guarded():
            session: Session = sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro",
                factory=Session,
                uri=True,
                timeout=self.config.busy_timeout,
                isolation_level=None,
                check_same_thread=False,
            )
            session.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # no statement can open another file
            session.execute("PRAGMA query_only = ON")
            session.execute("PRAGMA trusted_schema = OFF")
        session.identity = identity
        return session

    @contextmanager
    def _guarded(self, table: str = "") -> Iterator[None]:
        """Turn sqlite3's errors into ours; after a cancel every one of them is ScanCancelledError."""
        try:
            yield
        except (sqlite3.Error, UnicodeError) as error:
            self._sessions.refuse_cancelled()
            raise _error(error, table) from None


def _keys(
    session: sqlite3.Connection, table: str, columns: list[tuple[Any, ...]], create: str
) -> list[tuple[str, ...]]:
    """The primary key and the unique indexes, where every column is NOT NULL.

    A PRIMARY KEY may hold NULLs in SQLite, except the row id's alias and in tables without row id.
    """
    parts = sorted((row for row in columns if row[3]), key=lambda row: int(row[3]))
    primary = tuple(str(row[0]) for row in parts)
    not_null = {str(row[0]) for row in columns if row[2]}
    is_alias = len(parts) == 1 and str(parts[0][1]).upper() == "INTEGER"
    tail = create.upper().rpartition(")")[2]
    keys = []
    if primary and (is_alias or ("WITHOUT" in tail and "ROWID" in tail) or set(primary) <= not_null):
        keys.append(primary)
    indexes = session.execute('SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial', (table,))
    for (index,) in indexes.fetchall():
        names = session.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,)).fetchall()
        if all(name in not_null for (name,) in names):  # an expression has no name
            keys.append(tuple(str(name) for (name,) in names))
    return keys


def _foreign_keys(session: sqlite3.Connection, table: str) -> list[ForeignKey]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in session.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (table,)
    ):
        found.setdefault(row[0], []).append(row)
    return [
        ForeignKey(tuple(row[2] for row in rows), TableName((rows[0][1],)), tuple(row[3] for row in rows))
        for rows in found.values()
        if all(row[3] is not None for row in rows)
    ]


def _row_estimate(session: sqlite3.Connection, table: str) -> int | None:
    """What ANALYZE found, else the span of row ids, which costs nothing to find; None in a table without."""
    try:
        known = session.execute(
            "SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = ?", (table,)
        ).fetchone()
        if known[0] is not None:
            return int(known[0])
    except sqlite3.OperationalError:
        known = (None,)  # never analyzed: there is no such table
    try:
        largest = session.execute(f"SELECT max(rowid) - min(rowid) + 1 FROM {_quote(table)}").fetchone()[0]  # noqa: S608
    except sqlite3.OperationalError:
        return None
    return largest if isinstance(largest, int) and largest >= 0 else (0 if largest is None else None)


def _error(error: Exception, table: str) -> ConnectorError:
    where = f" ({table})" if table else ""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    name = getattr(error, "sqlite_errorname", "")
    details = {"table": table, "sqlite": name}
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return SourceTimeoutError(
            f"SQLite: a writer held the file longer than busy_timeout{where}",
            hint="raise busy_timeout, or let the writer use WAL mode",
            details=details,
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return SourceProtocolError(
            f"SQLite: the file is damaged, or not a database{where}",
            hint="check `file`; restore it from a backup if it is damaged",
            details=details,
        )
    if isinstance(error, UnicodeError) or "UTF-8" in str(error):
        return SourceDataError(
            f"SQLite: a text is not valid Unicode{where}", hint="correct the value at the source", details=details
        )
    if code == sqlite3.SQLITE_ERROR:
        if found := re.match(r"no such column: (?:.+\.)?(.+)$", str(error)):  # a name of our own statement
            return SourceSchemaChangedError(
                f"SQLite: the column {found[1]!r} is not there any more{where}",
                hint="refresh the connection's schema",
                details={**details, "column": found[1]},
            )
        return SourceSchemaChangedError(
            f"SQLite: the statement does not fit the table any more{where}",
            hint="refresh the connection's schema",
            details=details,
        )
    return SourceUnavailableError(
        f"SQLite: the file can't be read{where} ({name or 'unknown error'})",
        hint="check that this process may read the file and its directory",
        details=details,
    )


CONNECTOR = Sqlite
