"""Errors of the server, and the only table from exception to HTTP status.

ServerError
├── CredentialError          no credential, or none that is valid; told the same whatever is wrong with it
├── PathError                nothing is at this path
├── MethodError              the path does not take this method
├── AnswerHeldError          the answer needs HTTP/1.1: it is too large to be held back for an HTTP/1.0 client
├── RequestSizeError         the URL or the body is larger than the server takes
├── BodyError                the body is not what the path takes
├── SourceBusyError          as many statements run on a connection as may, and the queue is full or too slow
├── QueueShareError          one principal waits for a connection as often as one may
├── SourceClosedError        a window of the connection's budget allows no statement now
├── ConnectionBudgetError    the query needs more statements at once than the connection's budget allows
└── SourceRestingError       a connection failed again and again and is left alone for a while

Errors of catalog, connectors, engine and of the protocols have their places in `STATUS` below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from catalog import errors as catalog_errors
from connectors.sdk import errors as connector_errors
from engine import errors as engine_errors
from server.odata.errors import (
    ODataNotAcceptableError,
    ODataNotImplementedError,
    ODataRequestError,
    ODataSyntaxError,
    UnknownResourceError,
)
from server.operations import errors as operation_errors
from server.rest import errors as rest_errors
from server.settings import SettingError


class ServerError(Exception):
    """Root of the server's own errors."""

    code = "server_error"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        details: Mapping[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        """`retry_after`: seconds after which it is worth asking again, when that is known."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})
        self.retry_after = retry_after


class CredentialError(ServerError):
    """No credential, or none that is valid here."""

    code = "credential"


class PathError(ServerError):
    """Nothing is at this path."""

    code = "path"


class MethodError(ServerError):
    """The path does not take this method."""

    code = "method"


class AnswerHeldError(ServerError):
    """The answer is too large to be held back for an HTTP/1.0 client."""

    code = "http_version"


class RequestSizeError(ServerError):
    """The URL or the body is larger than the server takes."""

    code = "request_size"


class BodyError(ServerError):
    """The body is not what the path takes."""

    code = "body"


class SourceBusyError(ServerError):
    """As many statements run on a connection as may, or as many began, and the queue is full or too slow."""

    code = "source_busy"


class QueueShareError(ServerError):
    """As many requests of one principal wait for a connection as may, whatever others do."""

    code = "queue_share"


class SourceClosedError(ServerError):
    """A window of the connection's budget allows no statement now, or fewer than the query needs."""

    code = "source_closed"


class ConnectionBudgetError(ServerError):
    """The query needs more statements at once than the connection's budget allows."""

    code = "connection_budget"


class SourceRestingError(ServerError):
    """A connection failed again and again and is left alone for a while."""

    code = "source_resting"


STATUS: dict[type[BaseException], int] = {
    CredentialError: 401,
    PathError: 404,
    MethodError: 405,
    AnswerHeldError: 505,
    RequestSizeError: 413,
    BodyError: 400,
    SourceBusyError: 503,
    QueueShareError: 429,
    SourceRestingError: 503,
    SourceClosedError: 503,
    ConnectionBudgetError: 422,
    ServerError: 500,
    SettingError: 500,
    ODataSyntaxError: 400,
    ODataNotImplementedError: 501,
    ODataRequestError: 400,
    ODataNotAcceptableError: 406,
    UnknownResourceError: 404,
    rest_errors.NotAcceptableError: 406,
    rest_errors.RestRequestError: 400,
    engine_errors.SqlSyntaxError: 400,
    engine_errors.SqlNotAllowedError: 400,
    engine_errors.QueryTooLargeError: 413,
    engine_errors.UnknownNameError: 404,
    engine_errors.UnknownColumnError: 400,
    engine_errors.ParameterValueError: 400,
    engine_errors.QueryValueError: 422,
    engine_errors.QueryError: 400,
    engine_errors.ViewProblemsError: 422,
    engine_errors.SourceError: 502,  # see SOURCE_STATUS
    engine_errors.MemoryLimitError: 422,
    engine_errors.CpuLimitError: 422,
    engine_errors.AnswerLimitError: 422,
    engine_errors.DeadlineError: 504,
    engine_errors.ResourceError: 422,
    engine_errors.DuplicateKeyError: 409,
    engine_errors.QueryCancelledError: 499,
    engine_errors.NoWorkerError: 503,
    engine_errors.WorkerDiedError: 500,
    engine_errors.EngineBugError: 500,
    engine_errors.EngineError: 500,
    operation_errors.KeyCheckError: 409,
    operation_errors.FilesProblemsError: 422,
    operation_errors.RelationError: 422,
    operation_errors.OperationError: 422,
    catalog_errors.NotFoundError: 404,
    catalog_errors.NameTakenError: 409,
    catalog_errors.InvalidNameError: 422,
    catalog_errors.InvalidRecordError: 422,
    catalog_errors.ConflictError: 409,
    catalog_errors.InUseError: 409,
    catalog_errors.ViewCycleError: 422,
    catalog_errors.NotAdminError: 403,
    catalog_errors.SecretError: 422,
    catalog_errors.FilesError: 422,
    catalog_errors.CatalogRaceError: 409,
    catalog_errors.CatalogUnavailableError: 503,
    catalog_errors.CatalogVersionError: 500,
    catalog_errors.CatalogError: 500,
    connector_errors.ConfigurationError: 422,
    connector_errors.UnknownConnectorError: 422,
    connector_errors.DriverMissingError: 422,
    connector_errors.RequiredFilterError: 400,
    connector_errors.SourceTimeoutError: 504,
    connector_errors.ScanBudgetError: 422,
    connector_errors.ConnectorError: 502,
}

SOURCE_STATUS = {
    "source_timeout": 504,
    "required_filter": 400,
    "scan_budget": 422,
    "connection_configuration": 500,
    "driver_missing": 500,
    "unknown_connector": 500,
}

RETRY_AFTER_SECONDS = 5
KNOWN_ROOTS = tuple(STATUS)


def status_of(error: BaseException) -> int:
    """The HTTP status of an exception: its class's, or the nearest parent's; 500 for what is not in the table."""
    if isinstance(error, engine_errors.SourceError):
        return SOURCE_STATUS.get(error.source_code, 502)
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def error_fields(error: BaseException) -> dict[str, Any]:
    """code, message, hint, details of an exception; of one that is not ours nothing but that it happened."""
    if not isinstance(error, KNOWN_ROOTS):
        return {"code": "internal", "message": "the server failed; its log has the run id", "hint": "", "details": {}}
    known: Any = error
    details = dict(getattr(known, "details", None) or {})
    for name in ("option", "position"):
        if getattr(known, name, None) not in (None, ""):
            details[name] = getattr(known, name)
    if isinstance(error, engine_errors.SourceError):
        details |= {"connection": error.connection, "source_code": error.source_code}
    return {
        "code": str(known.code),
        "message": str(known.message),
        "hint": str(getattr(known, "hint", "")),
        "details": details,
    }


def error_headers(error: BaseException) -> list[tuple[bytes, bytes]]:
    """Headers that a status asks for."""
    status = status_of(error)
    if status == 401:
        return [(b"www-authenticate", b'Basic realm="Viewloom", charset="UTF-8"')]
    if status in (429, 503):
        seconds = getattr(error, "retry_after", None) or RETRY_AFTER_SECONDS
        return [(b"retry-after", str(seconds).encode())]
    return []


def error_body(error: BaseException, protocol: str, run: str) -> bytes:
    """The JSON body in the protocol's own form: OData JSON 4.01 clause 21.1, else a flat object."""
    fields = error_fields(error)
    if protocol != "odata":
        return orjson.dumps({**fields, "run": run}, default=str)
    text = fields["message"] + (f" ({fields['hint']})" if fields["hint"] else "")
    inner = {"hint": fields["hint"], "run": run, **fields["details"]}
    return orjson.dumps({"error": {"code": fields["code"], "message": text, "innererror": inner}}, default=str)
