"""Errors of connectors.

ConnectorError
├── ConfigurationError          a field of the connection is wrong; names the field, never its value
├── UnknownConnectorError       no connector of that kind
├── DriverMissingError          the driver is an optional extra that isn't installed
├── SourceUnavailableError      DNS, TCP or TLS failed, or the source refused or dropped the connection
├── SourceTimeoutError          the source did not answer in time
├── SourceLoginError            the source refused the credentials
├── SourcePermissionError       logged in, but not allowed to read this
├── SourceTableMissingError     the table is not there (any more)
├── SourceSchemaChangedError    a column is missing or has another type than the plan was made for
├── SourceDataError             a value can't be read as its declared type; names where it stands
├── SourceProtocolError         the answer is not what the protocol promises: cut, invalid JSON, wrong content
├── SourceLimitError            a cap on bytes, rows, pages or ratio was passed
├── ScanBudgetError             a statement passed its connection's budget: rows, bytes or time
├── UnsupportedPredicateError   asked for a (column, operator), order or limit that the description doesn't declare
├── RequiredFilterError         the table can't be read without a filter on named columns
└── ScanCancelledError          the query was cancelled; nobody waits for this answer
"""

from __future__ import annotations

from collections.abc import Mapping


class ConnectorError(Exception):
    """Root of all that a connector raises; `message` never holds a secret or a row's value."""

    code = "connector_error"
    retryable = False

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})


class ConfigurationError(ConnectorError):
    """A field of a connection's configuration is missing, unknown or wrong."""

    code = "connection_configuration"


class UnknownConnectorError(ConnectorError):
    """No connector of that kind is installed."""

    code = "unknown_connector"


class DriverMissingError(ConnectorError):
    """The connector's driver is an optional extra that isn't installed."""

    code = "driver_missing"


class SourceUnavailableError(ConnectorError):
    """The source can't be reached, or it refused or dropped the connection."""

    code = "source_unavailable"
    retryable = True


class SourceTimeoutError(ConnectorError):
    """The source did not answer within the connection's time limit."""

    code = "source_timeout"
    retryable = True


class SourceLoginError(ConnectorError):
    """The source refused the credentials."""

    code = "source_login"


class SourcePermissionError(ConnectorError):
    """The credentials are good, but they may not read this."""

    code = "source_permission"


class SourceTableMissingError(ConnectorError):
    """The table, file or resource is not there."""

    code = "source_table_missing"


class SourceSchemaChangedError(ConnectorError):
    """A column is missing or has another type than the plan was made for."""

    code = "source_schema_changed"


class SourceDataError(ConnectorError):
    """A value can't be read as its declared type; the message says where it stands, not what it is."""

    code = "source_data"


class SourceProtocolError(ConnectorError):
    """The answer is not what the protocol promises: cut off, invalid JSON, an unexpected status."""

    code = "source_protocol"


class SourceLimitError(ConnectorError):
    """A cap on bytes, rows, pages or expansion ratio was passed."""

    code = "source_limit"


class ScanBudgetError(ConnectorError):
    """A statement passed what its connection's budget allows one: rows, bytes or time."""

    code = "scan_budget"


class UnsupportedPredicateError(ConnectorError):
    """A scan asked for a (column, operator), an order or a limit that the table's description doesn't declare."""

    code = "unsupported_predicate"


class RequiredFilterError(ConnectorError):
    """The table can't be read without a filter on the columns named in `details["columns"]`."""

    code = "required_filter"


class ScanCancelledError(ConnectorError):
    """The query that the scan belongs to was cancelled."""

    code = "scan_cancelled"
