"""Opens the metadata database: SQLite in a file, or PostgreSQL by URL; and begins its transactions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from catalog.errors import CatalogError, CatalogRaceError, CatalogUnavailableError, InvalidRecordError

LOCK_WAIT_SECONDS = 30
CONNECT_SECONDS = 5
WRITES = "viewloom_writes"
SNAPSHOT = "viewloom_snapshot"


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://…` (psycopg 3). Nothing is connected yet.

    SQLite: write-ahead log, synced at every commit, foreign keys on, a writer takes its lock when it begins.
    Parameters never stand in errors or logs.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _unusable("it is not a URL") from None
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return _open_postgres(parsed)
    raise _unusable(f"{parsed.get_backend_name()!r} is not supported")


def _unusable(problem: str) -> CatalogError:
    return CatalogError(
        f"The URL of the metadata database can't be used: {problem}.",
        hint="Use sqlite:///path/to/catalog.db or postgresql://user@host/database.",
    )


def _open_sqlite(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise _unusable("a database in memory would forget everything; name a file")
    _make_private_file(Path(str(url.database)))
    engine = sqlalchemy.create_engine(
        url.set(drivername="sqlite+pysqlite"), hide_parameters=True, connect_args={"timeout": LOCK_WAIT_SECONDS}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail as soon as another one wrote in between.
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _make_private_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise CatalogUnavailableError(
            f"The metadata database {str(path)!r} can't be opened: {error.strerror}.",
            hint="Name a file in a directory that the server may write.",
        ) from error


def _open_postgres(url: URL) -> Engine:
    try:
        return sqlalchemy.create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "viewloom catalog"},
        )
    except (ImportError, NoSuchModuleError) as error:
        raise CatalogError(
            "The metadata database is PostgreSQL, but its driver is not installed.",
            hint="Install viewloom[postgres].",
        ) from error


@contextmanager
def begin(
    engine: Engine, settings: Mapping[str, str], *, writes: bool, snapshot: bool = False
) -> Iterator[Connection]:
    """A transaction: committed at the end, rolled back on any exception.

    `settings` (`viewloom.tenant`, …) are what PostgreSQL's row policies compare with; they hold until its end.
    `snapshot`: all statements see one moment (SQLite's transactions always do).
    """
    options: dict[str, Any] = {WRITES: writes}
    if snapshot and engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            if settings and engine.dialect.name == "postgresql":
                values = [sqlalchemy.func.set_config(name, value, True) for name, value in settings.items()]
                connection.execute(select(*values))
            yield connection
    except IntegrityError as error:
        raise CatalogRaceError(
            "Another change to the catalog came in between.", hint="Repeat the request."
        ) from error
    except DataError as error:
        raise InvalidRecordError("value", "it can't be stored in the metadata database.") from error
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise CatalogUnavailableError(
            "The metadata database can't be reached, or stayed locked.",
            hint="See the server's log for the cause, and repeat the request.",
            details={"cause": _cause(error)},
        ) from error


def _cause(error: Exception) -> str:
    """The kind of a database error: its class and SQLSTATE, not its text, which may quote values."""
    original = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None)
    return f"{type(original).__name__} {state}" if state else type(original).__name__
