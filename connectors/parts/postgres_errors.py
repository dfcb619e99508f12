"""psycopg's errors as the SDK's. The server's own text is never passed on: it can hold values of rows."""

from __future__ import annotations

import re

import psycopg
from psycopg.errors import ConnectionTimeout

from connectors.sdk.errors import (
    ConfigurationError,
    ConnectorError,
    SourceDataError,
    SourceLimitError,
    SourceLoginError,
    SourcePermissionError,
    SourceSchemaChangedError,
    SourceTableMissingError,
    SourceTimeoutError,
    SourceUnavailableError,
)

# By SQLSTATE, the longest prefix first.
_BY_STATE: tuple[tuple[str, type[ConnectorError], str, str], ...] = (
    ("42P01", SourceTableMissingError, "the table is not there (any more)", "refresh the connection's schema"),
    ("3F000", SourceTableMissingError, "the schema is not there (any more)", "refresh the connection's schema"),
    (
        "42501",
        SourcePermissionError,
        "the user may not read this",
        "GRANT SELECT on the table to the connection's user",
    ),
    (
        "57014",
        SourceTimeoutError,
        "the statement was ended at the source",
        "raise statement_timeout, or ask for less",
    ),
    ("25P03", SourceTimeoutError, "the source ended an idle transaction", "raise the server's time limit"),
    ("57P", SourceUnavailableError, "the server is shutting down or starting", "try again in a moment"),
    ("53300", SourceUnavailableError, "the server has no connection left", "raise its max_connections"),
    ("53", SourceLimitError, "the server is out of memory, disk or connections", "look at the server's log"),
    ("28", SourceLoginError, "the server refused the credentials", "check user and password"),
    ("22", SourceDataError, "the source could not compute a value", "look at the view's expressions at the source"),
    (
        "42",
        SourceSchemaChangedError,
        "the statement does not fit the table any more",
        "refresh the connection's schema",
    ),
    ("08", SourceUnavailableError, "the connection to the server was lost", "look at the server and the network"),
)


def statement_error(error: psycopg.Error, table: str) -> ConnectorError:
    """The error of a running statement."""
    where = f" ({table})" if table else ""
    state = error.sqlstate or ""
    said = _of_state(state, error.diag.message_primary or "", table)
    if said is not None:
        return said
    if isinstance(error, psycopg.DataError):
        return SourceDataError(
            f"PostgreSQL: a value has no form here{where}",
            hint="look for infinite or out-of-calendar dates",
            details={"table": table},
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return SourceUnavailableError(
            f"PostgreSQL: the connection to the server was lost{where}",
            hint="look at the server and the network, then try again",
            details={"table": table},
        )
    return ConnectorError(
        f"PostgreSQL refused the statement with SQLSTATE {state or 'unknown'}{where}",
        hint="this is a fault of the connector: please report it",
        details={"sqlstate": state, "table": table},
    )


def _of_state(state: str, message: str, table: str) -> ConnectorError | None:
    """The error that the server's SQLSTATE names; None for one that we know nothing of."""
    where = f" ({table})" if table else ""
    if state == "42703" and (column := missing_column(message)):
        return SourceSchemaChangedError(
            f"PostgreSQL: the column {column!r} is not there any more{where}",
            hint="refresh the connection's schema",
            details={"sqlstate": state, "table": table, "column": column},
        )
    for prefix, kind, meaning, hint in _BY_STATE:
        if state.startswith(prefix):
            return kind(f"PostgreSQL: {meaning}{where}", hint=hint, details={"sqlstate": state, "table": table})
    return None


def asyncpg_error(error: Exception, table: str) -> ConnectorError:
    """The error of a statement of asyncpg: the server's, by its SQLSTATE, or that of a lost connection."""
    where = f" ({table})" if table else ""
    state = str(getattr(error, "sqlstate", None) or "")
    said = _of_state(state, str(error.args[0]) if error.args else "", table)
    if said is not None:
        return said
    if state:
        return ConnectorError(
            f"PostgreSQL refused the statement with SQLSTATE {state}{where}",
            hint="this is a fault of the connector: please report it",
            details={"sqlstate": state, "table": table},
        )
    return SourceUnavailableError(
        f"PostgreSQL: the connection to the server was lost{where}",
        hint="look at the server and the network, then try again",
        details={"table": table},
    )


def silent(setting: str) -> SourceTimeoutError:
    """The error of a server that says nothing for longer than the setting allows."""
    return SourceTimeoutError(
        f"PostgreSQL fell silent: nothing came for longer than {setting} allows",
        hint=f"look at the server and the network, or raise {setting}",
        details={"setting": setting},
    )


def missing_column(message: str) -> str | None:
    """The column that the server's message names, where it is in English. It is a name of our own statement."""
    found = re.fullmatch(r'column (?:"(.+)"|(?:[^.]+\.)?(.+)) does not exist', message)
    return None if found is None else found[1] or found[2]


def connection_error(error: Exception, host: str, port: int) -> ConnectorError:
    """The error of opening a session, also one of asyncpg. libpq gives no SQLSTATE then, only text, which may be
    translated."""
    where = f"PostgreSQL at {host} port {port}"
    text = str(error).lower()
    state = str(getattr(error, "sqlstate", None) or "")
    if state.startswith("28"):
        text = "password"
    if isinstance(error, ConnectionTimeout | TimeoutError) or "timeout expired" in text:
        return SourceTimeoutError(
            f"{where} did not answer within connect_timeout", hint="check host and port, or raise connect_timeout"
        )
    if "ssl" in text or "certificate" in text:
        return SourceUnavailableError(
            f"{where}: TLS could not be agreed on",
            hint="check `tls` and `ca_file`: the server may offer no TLS, or another certificate",
        )
    if "database" in text and "does not exist" in text:
        return ConfigurationError(
            f"{where} has no such database", hint="check field `database`", details={"fields": ["database"]}
        )
    if "connection slots" in text or "too many connections" in text or "too many clients" in text:
        return SourceUnavailableError(f"{where} has no connection left", hint="raise its max_connections")
    if "shutting down" in text or "starting up" in text:
        return SourceUnavailableError(f"{where} is starting or shutting down", hint="try again in a moment")
    if "fatal" in text or "password" in text or "pg_hba" in text:
        return SourceLoginError(
            f"{where} refused the credentials",
            hint="check user and password; pg_hba.conf must allow this user from this address",
        )
    return SourceUnavailableError(
        f"{where} can't be reached", hint="check host and port, that the server runs, and the firewall"
    )
