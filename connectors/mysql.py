"""MySQL (5.7 and later) and MariaDB (10.3 and later), by PyMySQL.

Rows are streamed unbuffered as the protocol's text and converted in bulk by Arrow; those of large answers arrive
packed (`parts/mysql_packed.py`). Sessions are read-only. Why this driver: docs/decisions/0002-mysql-driver.md.
"""

from __future__ import annotations

import contextlib
import fnmatch
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa
import pymysql
from pydantic import Field, SecretStr, model_validator
from pymysql.connections import Connection
from pymysql.converters import encoders
from pymysql.cursors import Cursor, SSCursor

from connectors.parts import mysql_catalog as catalog
from connectors.parts import mysql_statistics as statistics
from connectors.parts.mysql_errors import connection_error, statement_error
from connectors.parts.mysql_packed import Packed, packed, packed_batches, packed_rows, row_values
from connectors.sdk.capabilities import ConnectionCapabilities, Table
from connectors.sdk.connector import ConnectorConfig, Stage
from connectors.sdk.errors import ConnectorError, SourceUnavailableError
from connectors.sdk.probe import log_in, read_tables
from connectors.sdk.scan import Comparison, Op, SortKey, TableName, Value
from connectors.sdk.select import SYMBOL, Dialect, SqlColumn, SqlTable, behind, like_pattern
from connectors.sdk.sessions import Sessions, has_news
from connectors.sdk.sql import Reading, SqlConnector
from connectors.sdk.text_rows import text_batches
from connectors.sdk.tls import Tls

if TYPE_CHECKING:
    Session = Connection[Cursor]
else:
    Session = Connection
_FETCHED = 1_000


class MysqlConfig(ConnectorConfig):
    """A MySQL or MariaDB database and the user to read it as."""

    host: str = Field(min_length=1)
    port: int = Field(default=3306, ge=1, le=65535)
    database: str = Field(min_length=1)
    user: str = Field(min_length=1)
    password: SecretStr = SecretStr("")
    tls: Tls = Tls.REQUIRE
    ca_file: str | None = None
    connect_timeout: float = Field(default=10.0, gt=0, le=300, description="seconds, for TCP, TLS and login together")
    statement_timeout: float = Field(default=300.0, gt=0, le=86_400, description="seconds that one statement may run")
    read_timeout: float = Field(default=60.0, gt=0, le=86_400, description="seconds of silence within an answer")
    tinyint1_is_boolean: bool = Field(
        default=False, description="read TINYINT(1) as BOOLEAN: any number but 0 is true"
    )
    zero_dates: Literal["error", "null"] = Field(default="error", description="what '0000-00-00' is read as")

    @model_validator(mode="after")
    def _check(self) -> MysqlConfig:
        if self.tls is Tls.VERIFY_FULL and not self.ca_file:
            raise ValueError("tls: verify-full needs ca_file, the file of the authority's certificates")
        return self


def _quote(identifier: str) -> str:
    return "`" + identifier.replace("`", "``").replace("%", "%%") + "`"


def _read(name: str, column: SqlColumn) -> str:
    if column.native == "float":
        return f"({name} * 1e0)"  # as text a FLOAT has six digits only
    if column.native == "bit":
        return f"({name} + 0)"
    if column.native == "boolean":
        return f"({name} <> 0)"
    if column.native.endswith("/null"):
        return f"NULLIF({name}, 0)"
    if column.native in ("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring"):
        return f"ST_AsText({name})"
    return name


def _compared(name: str, column: SqlColumn, op: Op | None) -> str:
    return name


def _nulls(term: str, key: SortKey) -> str:
    first = "DESC" if key.nulls_first else "ASC"
    return f"{term} IS NULL {first}, {term} {'DESC' if key.descending else 'ASC'}"


def _adapt(value: Value, column: SqlColumn) -> object:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return str(value) if isinstance(value, UUID) else value


def _plain_decimal(value: Decimal, mapping: object = None) -> str:
    """Digits without an exponent: 1E-10 would be a DOUBLE to MySQL."""
    return format(value, "f")


def _special(name: str, column: SqlColumn, comparison: Comparison) -> tuple[str, Sequence[object]] | None:
    """A constant that the column's character set doesn't have is an error to MySQL: the column is converted then.

    `utf8mb4_bin` takes more texts for equal only where they differ in blanks at the end; to LIKE those count too.
    LIKE with an index loses rows under most collations (docs/decisions/0038): there a prefix is a range of bytes, or
    asked for without the index.
    """
    collation, op = column.column.collation, comparison.op
    values = [value for value in comparison.values if isinstance(value, str)]
    if not collation or all(catalog.holds(collation, value) for value in values):
        return _prefix(name, column, values[0]) if op is Op.STARTS_WITH else None
    bytewise = "utf8mb4_nopad_bin" if column.column.binary_text else "utf8mb4_bin"
    left = f"CONVERT({name} USING utf8mb4) COLLATE {bytewise}"
    if op is Op.IN:
        return f"{left} IN ({', '.join(['%s'] * len(values))})", values
    if op in SYMBOL:
        return f"{left} {SYMBOL[op]} %s", values
    return f"{left} LIKE %s ESCAPE '!'", [like_pattern(op, values[0])]


def _prefix(name: str, column: SqlColumn, text: str) -> tuple[str, Sequence[object]] | None:
    if catalog.likes_by_index(column.column.collation):
        return None
    end = behind(text)
    if column.column.binary_text and column.column.collation.startswith("utf8mb4_"):
        return (f"{name} >= %s", [text]) if end is None else (f"({name} >= %s AND {name} < %s)", [text, end])
    return f"CONCAT({name}) LIKE %s ESCAPE '!'", [like_pattern(Op.STARTS_WITH, text)]


DIALECT = Dialect(
    _quote, _read, _compared, lambda column: "%s", _adapt, _nulls, infinities=False, nan=False, special=_special
)
_ENCODERS: dict[Any, Any] = {**encoders, Decimal: _plain_decimal}


class Mysql(SqlConnector):
    """A connection to one database of a MySQL or MariaDB server."""

    kind = "mysql"
    config_type = MysqlConfig
    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})
    dialect = DIALECT
    config: MysqlConfig

    def __init__(self, config: ConnectorConfig, time_zone: ZoneInfo | None = None) -> None:
        super().__init__(config, time_zone)
        self._sessions: Sessions[Session] = Sessions(self._open, _usable, _close, self._kill)

    def capabilities(self) -> ConnectionCapabilities:
        return ConnectionCapabilities(dialect="mysql", snapshot=False, cancel=True, concurrency=4)

    def list_tables(self, pattern: str = "*", after: TableName | None = None) -> Sequence[TableName]:
        names = sorted(str(row[0]) for row in self._rows(catalog.LIST_TABLES)[0])
        behind = after.name if after else ""
        return [TableName((n,)) for n in names if n > behind and fnmatch.fnmatchcase(n, pattern)][:1000]

    def read_description(self, name: TableName) -> SqlTable:
        found, columns, keys, foreign = self._rows(
            catalog.DESCRIBE_TABLE,
            catalog.DESCRIBE_COLUMNS,
            catalog.DESCRIBE_KEYS,
            catalog.DESCRIBE_FOREIGN,
            parameters=(name.name,),
        )
        config = self.config
        rules = catalog.Rules(self.time_zone is not None, config.tinyint1_is_boolean, config.zero_dates == "null")
        return catalog.table_of(name, found, columns, keys, foreign, rules)

    def with_statistics(self, table: Table) -> Table:
        (indexes,) = self._rows(statistics.INDEXES, parameters=(table.name.name,))
        sql, ended = statistics.ends_statement(table, indexes)
        ends = self._rows(sql)[0] if sql else []
        try:
            (columns,) = self._rows(statistics.COLUMNS, parameters=(table.name.name,))
        except ConnectorError:  # MySQL has no such table, and not every user may read MariaDB's
            columns = []
        return statistics.with_statistics(table, indexes, ends, ended, columns)

    def read(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Closing the generator early kills the statement and drops the session without reading on."""
        with self._guarded(reading.table), self._sessions.use() as session:
            try:
                form = packed(DIALECT, reading)
                yield from self._plain(session, reading) if form is None else self._packed(session, reading, form)
            except (GeneratorExit, ConnectorError):
                self._kill(session)
                raise

    def _plain(self, session: Session, reading: Reading) -> Iterator[pa.RecordBatch]:
        rows = self._stream(session, reading)
        return text_batches(rows, reading.columns, naive=reading.naive, time_zone=self.time_zone, table=reading.table)

    def _packed(self, session: Session, reading: Reading, form: Packed) -> Iterator[pa.RecordBatch]:
        sql = Cursor(session).mogrify(form.sql, reading.statement.parameters)
        rows = packed_rows(session, sql, len(form.apart), self._sessions.refuse_cancelled)
        return packed_batches(rows, form, reading, self.time_zone)

    def end(self) -> None:
        self._sessions.resume()

    def cancel(self) -> None:
        self._sessions.cancel()

    def close(self) -> None:
        self._sessions.close()

    def test(self) -> Iterator[Stage]:
        config = self.config
        for stage in log_in(config.host, config.port, config.connect_timeout, self._try_login):
            yield stage
            if not stage.ok:
                return
        yield from read_tables(self, "GRANT SELECT ON the database's tables to this user")

    def _try_login(self) -> str:
        with self._guarded(), self._sessions.use() as session:
            tls = "with TLS" if _is_encrypted(session) else "without TLS"
            return f"server version {_version(session)}, {tls}"

    # Sessions and statements ----------------------------------------------------------------------------------

    def _open(self, timeout: float | None = None) -> Session:
        config = self.config
        try:
            session: Session = Connection(
                host=config.host,
                port=config.port,
                database=config.database,
                user=config.user,
                password=config.password.get_secret_value(),
                connect_timeout=max(1, round(timeout or config.connect_timeout)),
                read_timeout=max(1, round(timeout or config.connect_timeout)),  # of the login, raised below
                write_timeout=max(1, round(config.read_timeout)),
                charset="utf8mb4",
                use_unicode=False,
                conv=_ENCODERS,
                autocommit=True,
                local_infile=False,
                program_name="viewloom",
                **_tls_options(config),
            )
        except (pymysql.err.MySQLError, OSError, ValueError) as error:
            raise connection_error(error, config.host, config.port) from None
        if config.tls is not Tls.DISABLE and not _is_encrypted(session):
            _close(session)
            raise SourceUnavailableError(
                f"the server at {config.host} port {config.port} offers no TLS",
                hint="enable TLS at the server, or set `tls: disable` where the network is trusted",
            )
        try:
            _prepare_session(session, config.statement_timeout)
        except pymysql.err.MySQLError as error:
            _close(session)
            raise statement_error(error, "") from None
        # A statement may think for as long as it may run; within an answer nothing is silent that long.
        setattr(session, "_read_timeout", max(config.read_timeout, config.statement_timeout) + 5)  # noqa: B010
        return session

    def _kill(self, session: Session) -> None:
        """End the session's statement at the source by a second session, then cut the socket: an unbuffered answer
        would have to be read to its end before the session could be used again."""
        number = getattr(session, "thread_id")()  # noqa: B009 - the stubs have no type for it
        with contextlib.suppress(ConnectorError, pymysql.err.MySQLError, OSError):  # the server may be gone
            other = self._open(timeout=2)
            try:
                with other.cursor() as cursor:
                    cursor.execute("KILL QUERY %s", (number,))
            finally:
                _close(other)
        with contextlib.suppress(OSError, AttributeError):  # closed in the meantime
            getattr(session, "_sock").shutdown(socket.SHUT_RDWR)  # noqa: B009

    @contextlib.contextmanager
    def _guarded(self, table: str = "") -> Iterator[None]:
        """Turn PyMySQL's errors into ours; after a cancel every one of them is ScanCancelledError."""
        try:
            yield
        except (pymysql.err.MySQLError, OSError) as error:
            self._sessions.refuse_cancelled()
            raise statement_error(error, table) from None

    def _rows(self, *statements: str, parameters: tuple[object, ...] = ()) -> list[list[tuple[Any, ...]]]:
        """The rows of catalog statements, values as text."""
        found = []
        with self._guarded(), self._sessions.use() as session, session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, parameters or None)
                found.append(
                    [tuple(None if cell is None else cell.decode() for cell in row) for row in cursor.fetchall()]
                )
        return found

    def _stream(self, session: Session, reading: Reading) -> Iterator[Sequence[bytes | None]]:
        cursor = SSCursor(session)
        try:
            cursor.execute(reading.statement.sql, reading.statement.parameters)
            # PyMySQL's own parser makes four calls per value; this one doubles the rows per second.
            setattr(getattr(cursor, "_result"), "_read_row_from_packet", _row)  # noqa: B009, B010
            while rows := cursor.fetchmany(_FETCHED):
                self._sessions.refuse_cancelled()
                yield from rows
        except BaseException:
            _abandon(cursor)
            raise
        cursor.close()


def _row(packet: Any) -> tuple[bytes | None, ...]:
    data: bytes = packet.get_all_data()
    return tuple(row_values(data, 0, len(data)))


def _abandon(cursor: SSCursor) -> None:
    """Keep PyMySQL from reading an unwanted answer to its end when the cursor is collected."""
    result = getattr(cursor, "_result", None)
    if result is not None:
        result.unbuffered_active = False
    setattr(cursor, "connection", None)  # noqa: B010


def _prepare_session(session: Session, statement_timeout: float) -> None:
    with session.cursor() as cursor:
        cursor.execute(
            "SET SESSION sql_mode = '', time_zone = '+00:00', group_concat_max_len = 1073741824, "
            f"max_sort_length = {catalog.MAX_SORT_LENGTH}"
        )
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
        if "MariaDB" in _version(session):
            cursor.execute("SET SESSION max_statement_time = %s", (statement_timeout,))
        else:
            cursor.execute("SET SESSION max_execution_time = %s", (int(statement_timeout * 1000),))


def _tls_options(config: MysqlConfig) -> dict[str, Any]:
    if config.tls is Tls.DISABLE:
        return {"ssl_disabled": True}
    if config.tls is Tls.REQUIRE:
        return {"ssl": {"check_hostname": False, "verify_mode": "none"}}
    return {"ssl_ca": config.ca_file, "ssl_verify_cert": True, "ssl_verify_identity": True}


def _version(session: Session) -> str:
    return str(getattr(session, "get_server_info")())  # noqa: B009 - the stubs have no type for it


def _is_encrypted(session: Session) -> bool:
    return bool(getattr(session, "_secure", False))


def _usable(session: Session) -> bool:
    """Whether an idle session still is one: the server says nothing unasked but goodbye."""
    channel = getattr(session, "_sock", None)
    return channel is not None and not has_news(channel.fileno())


def _close(session: Session) -> None:
    """Cut the connection: a polite close would read an unfinished answer to its end."""
    getattr(session, "_force_close")()  # noqa: B009


CONNECTOR = Mysql
