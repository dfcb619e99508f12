"""What goes wrong with an HTTP request, as the SDK's errors; no message shows an address's query."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from connectors.sdk.errors import (
    ConfigurationError,
    ConnectorError,
    ScanCancelledError,
    SourceLoginError,
    SourcePermissionError,
    SourceProtocolError,
    SourceTableMissingError,
    SourceTimeoutError,
    SourceUnavailableError,
)

MAX_RETRY_AFTER = 60.0
BUSY = frozenset({408, 429, 500, 502, 503, 504})


class BusyError(SourceUnavailableError):
    """The source asks for patience (429, 503 …). `until`: the moment (time.monotonic) that its Retry-After names, at
    most 60 s ahead; None if it sent none."""

    def __init__(self, message: str, seconds: float | None) -> None:
        super().__init__(message, hint="ask less often (requests_per_second), or try again later")
        self.until = None if seconds is None else time.monotonic() + min(seconds, MAX_RETRY_AFTER)


def shown(url: httpx.URL) -> str:
    """An address for messages: without its query, which may hold filter values or secrets."""
    return f"{url.scheme}://{url.netloc.decode('ascii').rpartition('@')[2]}{url.path}"


def check_status(response: httpx.Response) -> None:
    """Raise the error of any status but a good one."""
    status, where = response.status_code, shown(response.url)
    if 200 <= status < 300 and status != 204:
        return
    if status == 401:
        raise SourceLoginError(f"{where} refused the credentials (401)", hint="check the connection's credentials")
    if status in (403, 407):
        raise SourcePermissionError(
            f"{where} may not be read with these credentials ({status})", hint="ask its owner for the right to read"
        )
    if status in (404, 410):
        raise SourceTableMissingError(f"{where} is not there ({status})", hint="check base_url and the table's path")
    if status in BUSY:
        raise BusyError(f"{where} answered {status}", _retry_after(response.headers.get("retry-after")))
    raise SourceProtocolError(
        f"{where} answered {status} where 200 is expected",
        hint="check the table's path, parameters and filters against the source's documentation",
    )


def _retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None if it holds neither."""
    text = (header or "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


@contextmanager
def explained(url: httpx.URL, ended: threading.Event) -> Iterator[None]:
    """httpx's errors as the SDK's; whatever went wrong after it was ended is the cancellation."""
    try:
        yield
    except ScanCancelledError:
        raise
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, ConnectorError, OSError) as error:
        if ended.is_set():
            raise ScanCancelledError("the query was cancelled") from None
        if isinstance(error, ConnectorError):
            raise
        raise _translated(error, shown(url)) from None


def _translated(error: Exception, where: str) -> ConnectorError:
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return SourceTimeoutError(
            f"{where} did not accept a connection in time", hint="is the host up and reachable?"
        )
    if isinstance(error, httpx.TimeoutException):
        return SourceTimeoutError(
            f"{where} did not answer in time", hint="raise the connection's timeout, or ask later"
        )
    if isinstance(error, httpx.ConnectError):
        tls = isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error) or "SSL" in str(error)
        if tls:
            return SourceUnavailableError(
                f"{where}: the TLS certificate was not accepted", hint="set ca_file to the authority that signed it"
            )
        return SourceUnavailableError(f"{where} can't be reached", hint="check base_url, and that the source is up")
    if isinstance(error, httpx.LocalProtocolError | httpx.InvalidURL | httpx.UnsupportedProtocol):
        return ConfigurationError(f"{where}: the request can't be written ({type(error).__name__})")
    return SourceUnavailableError(
        f"{where}: the answer was cut off ({type(error).__name__})",
        hint="the source dropped the connection; ask again",
    )
