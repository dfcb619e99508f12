"""PyMySQL's errors as the SDK's. The server's own text is never passed on: it can hold values of rows."""

from __future__ import annotations

import re

import pymysql

from connectors.sdk.errors import (
    ConfigurationError,
    ConnectorError,
    SourceDataError,
    SourceLoginError,
    SourcePermissionError,
    SourceSchemaChangedError,
    SourceTableMissingError,
    SourceTimeoutError,
    SourceUnavailableError,
)

_NO_COLUMN = 1054
_REFRESH = "refresh the connection's schema"
_NETWORK = "look at the server and the network, then try again"
_BY_NUMBER: dict[int, tuple[type[ConnectorError], str, str]] = {
    1044: (SourcePermissionError, "the user may not use this database", "GRANT SELECT on it to the user"),
    1045: (SourceLoginError, "the server refused the credentials", "check user and password"),
    1698: (SourceLoginError, "the server refused the credentials", "check user and password"),
    1862: (SourceLoginError, "the user's password has expired", "set a new one at the server"),
    1130: (SourceLoginError, "the server does not accept this machine", "create the user for this host, or for '%'"),
    1142: (SourcePermissionError, "the user may not read this", "GRANT SELECT on the table to the user"),
    1143: (SourcePermissionError, "the user may not read a column of this", "GRANT SELECT on the table to the user"),
    1146: (SourceTableMissingError, "the table is not there (any more)", _REFRESH),
    1051: (SourceTableMissingError, "the table is not there (any more)", _REFRESH),
    _NO_COLUMN: (SourceSchemaChangedError, "a column is not there any more", _REFRESH),
    1356: (SourceSchemaChangedError, "the view at the source is broken", "repair the view at the source"),
    1040: (SourceUnavailableError, "the server has no connection left", "raise its max_connections"),
    1203: (SourceUnavailableError, "the user has no connection left", "raise the user's max_user_connections"),
    1053: (SourceUnavailableError, "the server is shutting down", "try again in a moment"),
    1317: (SourceTimeoutError, "the statement was ended at the source", "ask who ended it, or try again"),
    1969: (SourceTimeoutError, "the statement ran longer than statement_timeout", "raise it, or ask for less"),
    3024: (SourceTimeoutError, "the statement ran longer than statement_timeout", "raise it, or ask for less"),
    2006: (SourceUnavailableError, "the connection to the server was lost", _NETWORK),
    2013: (SourceUnavailableError, "the connection to the server was lost", _NETWORK),
}


def statement_error(error: Exception, table: str) -> ConnectorError:
    """The error of a running statement."""
    where = f" ({table})" if table else ""
    number = _number(error)
    details: dict[str, object] = {"number": number, "table": table}
    if "timed out" in str(error):
        return SourceTimeoutError(
            f"the MySQL server fell silent for longer than statement_timeout and read_timeout allow{where}",
            hint="look at the server and the network, or raise statement_timeout or read_timeout",
            details=details,
        )
    if number in _BY_NUMBER:
        kind, message, hint = _BY_NUMBER[number]
        # "Unknown column 'name' in …", in any language of the server: a name of our own statement.
        if number == _NO_COLUMN and (found := re.search(r"'(.+?)' ", str(error.args[1]))):
            details["column"] = column = found[1].rpartition(".")[2]
            message = f"the column {column!r} is not there any more"
        return kind(f"MySQL: {message}{where}", hint=hint, details=details)
    if isinstance(error, pymysql.err.DataError):
        return SourceDataError(
            f"MySQL could not compute a value{where}", hint="look at the view's expressions", details=details
        )
    if isinstance(error, pymysql.err.OperationalError | pymysql.err.InterfaceError | OSError) and number in (0, 2055):
        return SourceUnavailableError(
            f"MySQL: the connection to the server was lost{where}", hint=_NETWORK, details=details
        )
    if isinstance(error, pymysql.err.InternalError) and number == 0:
        return SourceUnavailableError(f"MySQL: the answer was cut{where}", hint=_NETWORK, details=details)
    return ConnectorError(
        f"MySQL refused the statement with error {number}{where}",
        hint="this is a fault of the connector: please report it",
        details=details,
    )


def connection_error(error: Exception, host: str, port: int) -> ConnectorError:
    """The error of opening a session."""
    where = f"MySQL at {host} port {port}"
    number, text = _number(error), str(error).lower()
    if "timed out" in text:
        return SourceTimeoutError(
            f"{where} did not answer within connect_timeout", hint="check host and port, or raise connect_timeout"
        )
    if "ssl" in text or "certificate" in text or number == 2026:
        return SourceUnavailableError(
            f"{where}: TLS could not be agreed on",
            hint="check `tls` and `ca_file`: the server may offer no TLS, or another certificate",
        )
    if number == 1049:
        return ConfigurationError(
            f"{where} has no such database", hint="check field `database`", details={"fields": ["database"]}
        )
    if number in _BY_NUMBER and number not in (2006, 2013):
        kind, message, hint = _BY_NUMBER[number]
        return kind(f"{where}: {message}", hint=hint, details={"number": number})
    return SourceUnavailableError(
        f"{where} can't be reached", hint="check host and port, that the server runs, and the firewall"
    )


def _number(error: Exception) -> int:
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0
