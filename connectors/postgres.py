"""PostgreSQL (12 and later), by psycopg 3 and asyncpg.

Large answers come by COPY as CSV through asyncpg (`parts/postgres_copy.py`), parsed by pyarrow; small ones by a plain
prepared SELECT of psycopg. Sessions are read-only.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, LiteralString
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
from psycopg import pq, sql
from pydantic import Field, SecretStr, model_validator

from connectors.parts import postgres_catalog as catalog
from connectors.parts import postgres_statistics as statistics
from connectors.parts.postgres_errors import connection_error, silent, statement_error
from connectors.sdk.batches import to_batches
from connectors.sdk.capabilities import ConnectionCapabilities, Table
from connectors.sdk.connector import ConnectorConfig, Stage
from connectors.sdk.csv_rows import CsvColumns, csv_batches
from connectors.sdk.errors import SourceTimeoutError
from connectors.sdk.patience import Patience
from connectors.sdk.probe import log_in, read_tables
from connectors.sdk.scan import Op, SortKey, TableName, Value
from connectors.sdk.select import Dialect, SqlColumn, SqlTable
from connectors.sdk.sessions import Sessions, hang_up, has_news
from connectors.sdk.sql import SMALL_ROWS, Reading, SqlConnector
from connectors.sdk.tls import Tls
from connectors.sdk.types import arrow_type, decimal_parts

if TYPE_CHECKING:
    from connectors.parts.postgres_copy import CopySession

if importlib.util.find_spec("asyncpg") is None:  # imported when the first large answer is read; missed now
    raise ModuleNotFoundError("No module named 'asyncpg'", name="asyncpg")

Session = psycopg.Connection[tuple[Any, ...]]


class PostgresConfig(ConnectorConfig):
    """A PostgreSQL database and the user to read it as."""

    host: str = Field(min_length=1)
    port: int = Field(default=5432, ge=1, le=65535)
    database: str = Field(min_length=1)
    user: str = Field(min_length=1)
    password: SecretStr = SecretStr("")
    tls: Tls = Tls.REQUIRE
    ca_file: str | None = None
    connect_timeout: float = Field(default=10.0, gt=0, le=300, description="seconds, for TCP, TLS and login together")
    statement_timeout: float = Field(default=300.0, gt=0, le=86_400, description="seconds that one statement may run")
    read_timeout: float = Field(default=60.0, gt=0, le=86_400, description="seconds of silence within an answer")
    unconstrained_numeric: str = Field(
        default="DECIMAL(38,9)",
        description="what a numeric without precision is read as: a DECIMAL, DOUBLE or VARCHAR",
    )

    @model_validator(mode="after")
    def _check(self) -> PostgresConfig:
        if self.tls is Tls.VERIFY_FULL and not self.ca_file:
            raise ValueError("tls: verify-full needs ca_file, the file of the authority's certificates")
        if self.unconstrained_numeric not in ("DOUBLE", "VARCHAR"):
            if decimal_parts(self.unconstrained_numeric) is None:
                raise ValueError("unconstrained_numeric is DECIMAL(p,s), DOUBLE or VARCHAR")
            arrow_type(self.unconstrained_numeric)
        return self


def _quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""').replace("%", "%%") + '"'


def _read(name: str, column: SqlColumn) -> str:
    """Types without a form of their own travel as text, numerics as DOUBLE only where the configuration says so."""
    if column.column.sql_type == "VARCHAR" and not column.native.startswith(("text", "character varying")):
        # character(n) loses its padding as text; bpcharout keeps it, as every client sees it.
        return f"pg_catalog.bpcharout({name})::text" if column.native.startswith("character(") else f"{name}::text"
    return f"{name}::float8" if column.column.sql_type == "DOUBLE" and column.native.startswith("numeric") else name


def _compared(name: str, column: SqlColumn, op: Op | None) -> str:
    is_text = column.column.sql_type == "VARCHAR"
    return f'{name} COLLATE "C"' if is_text and op in (None, Op.LT, Op.LE, Op.GT, Op.GE) else name


def _nulls(term: str, key: SortKey) -> str:
    return f"{term} {'DESC' if key.descending else 'ASC'} NULLS {'FIRST' if key.nulls_first else 'LAST'}"


def _adapt(value: Value, column: SqlColumn) -> object:
    return value


def _many(left: str, column: SqlColumn) -> str | None:
    """One array for all values: one statement however many they are. Of types whose arrays compare as the values do:
    character(n), citext and the like would be compared as text. The array has the column's type: PostgreSQL hashes
    it only then, else it goes through all of it for each row."""
    native = "text" if column.native.startswith("character varying") else column.native
    if native.startswith("timestamp") and not native.endswith("[]"):  # of any precision
        native = "timestamptz" if native.endswith("with time zone") else "timestamp"
    plain = native in ("smallint", "integer", "bigint", "text", "uuid", "date", "timestamp", "timestamptz")
    return f"{left} = ANY(%s::{native}[])" if plain else None


DIALECT = Dialect(_quote, _read, _compared, lambda column: "%s", _adapt, _nulls, nul=False, many=_many)


class Postgres(SqlConnector):
    """A connection to one PostgreSQL database."""

    kind = "postgres"
    config_type = PostgresConfig
    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})
    dialect = DIALECT
    config: PostgresConfig

    def __init__(self, config: ConnectorConfig, time_zone: ZoneInfo | None = None) -> None:
        super().__init__(config, time_zone)
        self._sessions: Sessions[Session] = Sessions(self._open, _usable, _close, _cancel)
        # A copy's own thread ends it: it looks for a cancel ten times a second.
        self._copying: Sessions[CopySession] = Sessions(
            self._open_copying,
            lambda session: session.usable(),
            lambda session: session.close(),
            lambda session: None,
        )
        self._patience = Patience()
        self._run = ""
        self._snapshot: str | None = None
        self._holder: contextlib.ExitStack | None = None

    def capabilities(self) -> ConnectionCapabilities:
        return ConnectionCapabilities(dialect="postgres", snapshot=True, cancel=True, concurrency=4)

    def list_tables(self, pattern: str = "*", after: TableName | None = None) -> Sequence[TableName]:
        schema, table = (after.parts[-2:] if len(after.parts) > 1 else ("public", after.name)) if after else ("", "")
        values = {"pattern": catalog.like_pattern(pattern), "schema": schema, "table": table}
        return [TableName(row) for row in self._rows(catalog.LIST_TABLES, values)]

    def read_description(self, name: TableName) -> SqlTable:
        schema, table = name.parts if len(name.parts) == 2 else ("", name.name)
        with self._session() as session:
            columns = session.execute(catalog.DESCRIBE_COLUMNS, (schema, table)).fetchall()
            keys = session.execute(catalog.DESCRIBE_KEYS, {"oid": columns[0][0]}).fetchall() if columns else []
        numeric = self.config.unconstrained_numeric
        return catalog.table_of(name, columns, keys, zone=self.time_zone is not None, numeric=numeric)

    def with_statistics(self, table: Table) -> Table:
        schema, name = table.name.parts
        return statistics.with_statistics(table, self._rows(statistics.STATISTICS, {"schema": schema, "table": name}))

    def read(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        if (reading.small or (reading.few and not reading.ordered)) and self._snapshot is None:
            yield from self._fetch(reading)
        else:
            yield from self._copy(reading)

    def begin(self, run: str, scans: int) -> bool:
        """Export a snapshot for the scans of the query when there are several."""
        self.end()
        self._run = run
        if scans < 2:
            return False
        with contextlib.ExitStack() as stack, self._guarded():
            session = stack.enter_context(self._sessions.use())
            with self._at_most(session, self.config.read_timeout, "read_timeout"):
                session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                stack.callback(self._rollback, session)
                row = session.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
            self._snapshot = str(row[0]) if row else None
            self._holder = stack.pop_all()
        return self._snapshot is not None

    def end(self) -> None:
        holder, self._holder, self._snapshot, self._run = self._holder, None, None, ""
        if holder is not None:
            with contextlib.suppress(psycopg.Error, SourceTimeoutError):  # a lost session is closed by its own block
                holder.close()
        self._sessions.resume()
        self._copying.resume()

    def cancel(self) -> None:
        self._copying.cancel()
        self._sessions.cancel()

    def close(self) -> None:
        self.end()
        self._copying.close()
        self._sessions.close()

    def test(self) -> Iterator[Stage]:
        config = self.config
        for stage in log_in(config.host, config.port, config.connect_timeout, self._try_login):
            yield stage
            if not stage.ok:
                return
        yield from read_tables(self, "GRANT USAGE ON SCHEMA … and GRANT SELECT ON TABLE … to this user")

    def _try_login(self) -> str:
        with self._session() as session:
            version = session.info.server_version
            tls = "with TLS" if session.pgconn.ssl_in_use else "without TLS"
            return f"PostgreSQL {version // 10_000}.{version % 10_000}, {tls}"

    # Sessions and statements ----------------------------------------------------------------------------------

    def _open(self) -> Session:
        config = self.config
        try:
            session: Session = psycopg.connect(
                host=config.host,
                port=config.port,
                dbname=config.database,
                user=config.user,
                password=config.password.get_secret_value(),
                sslmode=config.tls.value,
                sslrootcert=config.ca_file or "",
                connect_timeout=max(2, round(config.connect_timeout)),
                application_name="viewloom",
                client_encoding="UTF8",
                keepalives_idle=30,
                tcp_user_timeout=int(config.read_timeout * 1000),
                passfile="/dev/null",
                autocommit=True,
            )
        except psycopg.Error as error:
            raise connection_error(error, config.host, config.port) from None
        session.prepare_threshold = 1
        try:
            with self._at_most(session, config.connect_timeout, "connect_timeout"):
                session.execute(*self._settings(session.info.server_version), prepare=False)
        except psycopg.Error as error:
            _close(session)
            raise statement_error(error, "") from None
        except SourceTimeoutError:
            _close(session)
            raise
        return session

    def _settings(self, version: int) -> tuple[str, list[str]]:
        """The statement that prepares a session of a server of that version, and its parameters."""
        settings = {
            "default_transaction_read_only": "on",
            "statement_timeout": str(int(self.config.statement_timeout * 1000)),
            "timezone": "UTC",
            "datestyle": "ISO, YMD",
            "intervalstyle": "iso_8601",
            "extra_float_digits": "1",
            "bytea_output": "hex",
            "standard_conforming_strings": "on",
        }
        if version >= 140_000:
            # The server looks every second if its client is still there: a killed worker's statement ends.
            settings["client_connection_check_interval"] = "1000"
        calls = ", ".join(["pg_catalog.set_config(%s, %s, false)"] * len(settings))
        return f"SELECT {calls}", [text for pair in settings.items() for text in pair]

    @contextlib.contextmanager
    def _session(self, table: str = "") -> Iterator[Session]:
        """A session for one statement. The server ends it at statement_timeout; one that is silent then is left."""
        config = self.config
        with self._guarded(table), self._sessions.use() as session:
            think = config.statement_timeout + config.connect_timeout
            with self._at_most(session, think, "statement_timeout"):
                yield session

    @contextlib.contextmanager
    def _at_most(self, session: Session, seconds: float, setting: str) -> Iterator[None]:
        """libpq waits for ever for a server that says nothing: cut the connection, and name the setting."""
        with self._patience.at_most(seconds, lambda: hang_up(session.fileno())) as wait:
            try:
                yield
            except psycopg.Error:
                if wait.ended:
                    self._sessions.refuse_cancelled()
                    raise silent(setting) from None
                raise

    def _rollback(self, session: Session) -> None:
        with self._at_most(session, self.config.connect_timeout, "connect_timeout"):
            session.execute("ROLLBACK")

    @contextlib.contextmanager
    def _guarded(self, table: str = "") -> Iterator[None]:
        """Turn psycopg's errors into ours; after a cancel every one of them is ScanCancelledError."""
        try:
            yield
        except psycopg.Error as error:
            self._sessions.refuse_cancelled()
            raise statement_error(error, table) from None

    def _rows(self, sql: LiteralString, values: dict[str, str]) -> list[tuple[Any, ...]]:
        with self._session() as session:
            return session.execute(sql, values).fetchall()

    def _fetch(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """A small answer by a prepared SELECT, in one round trip on a warm session. One that was only expected to be
        small is cut where it no longer is, thrown away, and read in bulk."""
        statement, bound = reading.statement, f" AS few LIMIT {SMALL_ROWS + 1}"
        text = statement.sql if reading.small else f"SELECT * FROM ({statement.sql}){bound}"  # noqa: S608 - rendered
        rows: list[tuple[Any, ...]] | None = None
        with self._session(reading.table) as session:
            cursor = session.execute(text, statement.parameters)
            try:
                rows = cursor.fetchall()
            except psycopg.DataError as error:  # Python has no such date; COPY, below, names the column
                if error.sqlstate is not None:
                    raise
        if rows is None or (not reading.small and len(rows) > SMALL_ROWS):
            yield from self._copy(reading)
        else:
            yield from to_batches(rows, reading.columns, table=reading.table, time_zone=self.time_zone)

    def _copy(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """A large answer by COPY. Closing the generator early ends the statement and the session."""
        config, begin = self.config, ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"]
        if self._snapshot is not None:
            begin.append("SET TRANSACTION SNAPSHOT " + _literal("%s", (self._snapshot,)))
        begin.append("SET LOCAL application_name = " + _literal("%s", (f"viewloom {self._run}"[:60],)))
        begin += ["SET LOCAL enable_hashagg = off"] if reading.many_groups else []
        select = _literal(reading.statement.sql, reading.statement.parameters)
        columns = CsvColumns(reading.columns, reading.naive, self.time_zone, table=reading.table)
        with self._copying.use() as session:
            session.execute("; ".join(begin), config.read_timeout, "read_timeout")
            think = config.statement_timeout + config.connect_timeout
            with contextlib.closing(session.copy(select, think, config.read_timeout, reading.table)) as blocks:
                yield from csv_batches(blocks, columns)
            session.execute("COMMIT", config.read_timeout, "read_timeout")

    def _open_copying(self) -> CopySession:
        from connectors.parts.postgres_copy import open_copy_session  # 0.1 s to import: not for small answers

        config = self.config
        login = {
            "host": config.host,
            "port": config.port,
            "database": config.database,
            "user": config.user,
            "password": config.password.get_secret_value(),
        }
        return open_copy_session(
            login,
            config.tls,
            config.ca_file,
            config.connect_timeout,
            lambda version: _literal(*self._settings(version)),
            self._copying.refuse_cancelled,
        )


def _literal(text: str, parameters: Sequence[object]) -> str:
    """Text with its parameters written as literals by psycopg: COPY takes no parameters."""
    return text % tuple(sql.Literal(value).as_string(None) for value in parameters)


def _usable(session: Session) -> bool:
    """Whether an idle session still is one: open, outside a transaction, and not ended by the server."""
    idle = not session.closed and session.pgconn.transaction_status == pq.TransactionStatus.IDLE
    return idle and not has_news(session.fileno())


def _close(session: Session) -> None:
    with contextlib.suppress(psycopg.Error):  # a lost session can't say goodbye
        session.close()


def _cancel(session: Session) -> None:
    with contextlib.suppress(psycopg.Error):  # nothing runs there any more, or the server is gone
        session.cancel_safe(timeout=2.0)


CONNECTOR = Postgres
