"""GET requests to one configured origin: streamed, capped, retried, cancellable.

Credentials go to that origin only. A redirect or a next link that leads elsewhere is refused, whatever its spelling:
the address that is compared is the parsed one that is asked.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

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
from connectors.sdk.http_auth import ExpiringToken, FixedHeaders
from connectors.sdk.http_body import Allowance, decoded, timed_pieces

MAX_REDIRECTS = 5
MAX_RETRY_AFTER = 60.0
BUSY = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Times in seconds; `retries` is how often a request is tried again; `pace` requests a second at most, 0: any."""

    connect_timeout: float
    timeout: float
    retries: int
    pace: float = 0.0


class BusyError(SourceUnavailableError):
    """The source asks for patience (429, 503 …); `seconds` is its Retry-After, if it sent one."""

    def __init__(self, message: str, seconds: float | None) -> None:
        super().__init__(message, hint="ask less often (requests_per_second), or try again later")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer (2xx) whose body has not been read yet."""

    url: httpx.URL
    headers: Mapping[str, str]
    _response: httpx.Response
    _allowance: Allowance
    _cancelled: threading.Event

    def pieces(self) -> Iterator[bytes]:
        """The unpacked body, piece by piece; see `http_body.decoded`."""
        with _explained(self.url, self._cancelled):
            raw = timed_pieces(self._response.iter_raw(), self._allowance)
            yield from decoded(raw, self.headers.get("content-encoding", ""), self._allowance)

    def next_link(self) -> str | None:
        """The address in a `Link: <…>; rel="next"` header."""
        link: str | None = self._response.links.get("next", {}).get("url")
        return link


class HttpClient:
    """Requests to one origin, from several threads at once."""

    def __init__(
        self, base: httpx.URL, auth: FixedHeaders | ExpiringToken, limits: HttpLimits, verify: ssl.SSLContext | bool
    ) -> None:
        self._base = base
        self._auth = auth
        self._limits = limits
        self._client = httpx.Client(
            verify=verify,
            trust_env=False,  # no proxy, no .netrc: the configuration says all
            follow_redirects=False,
            timeout=httpx.Timeout(limits.timeout, connect=limits.connect_timeout),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "viewloom"},
        )
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._next_request = 0.0
        self.retried = 0

    def check_origin(self, url: httpx.URL) -> None:
        """SourceProtocolError if an address that the source sent is not of the configured origin."""
        if _origin(url) != _origin(self._base) or url.userinfo:
            raise SourceProtocolError(
                f"the source leads to another origin, {url.scheme}://{url.host}, than the configured "
                f"{self._base.scheme}://{self._base.host}: not followed",
                hint="credentials are sent to the configured origin only; correct base_url if the other one is meant",
            )

    def joined(self, at: httpx.URL, link: str) -> httpx.URL:
        """An address that the source sent, relative to where it sent it; of the configured origin."""
        try:
            url = at.join(link.strip()).copy_with(fragment=None)
        except (httpx.InvalidURL, ValueError):
            raise SourceProtocolError("the source sent a next link that is not an address") from None
        self.check_origin(url)
        return url

    @contextmanager
    def open(self, url: httpx.URL, allowance: Allowance, cancelled: threading.Event) -> Iterator[Answer]:
        """Ask once (with one renewal of expired credentials) and give the answer, closed at the end.

        Errors that are worth a second try are `retryable`; the caller knows whether it may ask again.
        """
        with _explained(url, cancelled):
            response = self._asked(url, allowance, cancelled)
        try:
            yield Answer(response.url, response.headers, response, allowance, cancelled)
        finally:
            response.close()

    def _asked(self, url: httpx.URL, allowance: Allowance, cancelled: threading.Event) -> httpx.Response:
        renewed = False
        for _ in range(MAX_REDIRECTS + 2):
            self.check_origin(url)
            self._keep_pace(cancelled)
            credentials = self._auth.headers()
            since = time.monotonic()
            response = self._sent(
                "GET", url, credentials, None, min(self._limits.timeout, allowance.seconds), cancelled
            )
            try:
                allowance.wait(since)
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    url = self.joined(url, response.headers["location"])
                elif response.status_code == 401 and not renewed and self._auth.renew(credentials):
                    renewed = True
                else:
                    _check_status(response)
                    return response
            except BaseException:
                response.close()
                raise
            response.close()
        raise SourceProtocolError(f"{_shown(url)} redirects again and again")

    def post_form(self, url: httpx.URL, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and at most 64 KB of body of one POST, for a token endpoint. Never tried again."""
        never = threading.Event()
        allowance = Allowance(self._limits.timeout + self._limits.connect_timeout, 64 << 10, 64 << 10, 1000)
        with _explained(url, never):
            response = self._sent("POST", url, headers, form, self._limits.timeout, never)
            try:
                raw = timed_pieces(response.iter_raw(), allowance)
                body = b"".join(decoded(raw, response.headers.get("content-encoding", ""), allowance))
                return response.status_code, body
            finally:
                response.close()

    def _sent(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        timeout: float,
        cancelled: threading.Event,
    ) -> httpx.Response:
        request = self._client.build_request(
            method,
            url,
            headers=dict(headers),
            data=form,
            timeout=httpx.Timeout(max(timeout, 0.01), connect=self._limits.connect_timeout),
            extensions={"trace": lambda event, info: self._watch(event, info, cancelled)},
        )
        return self._client.send(request, stream=True)

    def _watch(self, event: str, info: Mapping[str, Any], cancelled: threading.Event) -> None:
        """Keep each new socket, so that `cancel` can end what blocks on it.

        Nothing is raised from the events of closing: httpcore would leave the connection open.
        """
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            opened = info["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets = {kept for kept in self._sockets if kept.fileno() >= 0}
                self._sockets.add(opened)
        elif event != "http11.send_request_headers.started":
            return
        if cancelled.is_set():
            raise ScanCancelledError("the query was cancelled")

    def cancel(self) -> None:
        """End every request that runs: its thread wakes up from reading. Set the scans' event before."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for opened in sockets:
            try:
                # The plain socket's shutdown: that of a TLS socket isn't made for a second thread.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)
            except OSError:
                continue  # already closed

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def _keep_pace(self, cancelled: threading.Event) -> None:
        if not self._limits.pace:
            return
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_request)
            self._next_request = start + 1 / self._limits.pace
        if start > now:
            pause(start - now, cancelled)

    def before_retry(
        self, error: ConnectorError, attempt: int, allowance: Allowance, cancelled: threading.Event
    ) -> None:
        """Wait before the next attempt (the first retry is attempt 1), or raise the error if there may be none.

        The source's own Retry-After counts, capped at 60 s; else 0.2 s, doubled each time, with jitter.
        """
        asked = error.seconds if isinstance(error, BusyError) else None
        backoff = min(10.0, 0.2 * 2 ** (attempt - 1)) * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)
        seconds = min(asked, MAX_RETRY_AFTER) if asked is not None else backoff
        if not error.retryable or attempt > self._limits.retries or seconds >= allowance.seconds:
            raise error
        with self._lock:
            self.retried += 1
        since = time.monotonic()
        pause(seconds, cancelled)
        allowance.wait(since)


def pause(seconds: float, cancelled: threading.Event) -> None:
    """Sleep, but wake up with ScanCancelledError when the query is cancelled."""
    if cancelled.wait(seconds):
        raise ScanCancelledError("the query was cancelled")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host.lower(), url.port or _DEFAULT_PORTS.get(url.scheme)


def _shown(url: httpx.URL) -> str:
    """An address for messages: without its query, which may hold filter values or secrets."""
    return f"{url.scheme}://{url.netloc.decode('ascii').rpartition('@')[2]}{url.path}"


def _check_status(response: httpx.Response) -> None:
    status, where = response.status_code, _shown(response.url)
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
def _explained(url: httpx.URL, cancelled: threading.Event) -> Iterator[None]:
    """httpx's errors as the SDK's; whatever went wrong after a cancellation is the cancellation."""
    try:
        yield
    except ScanCancelledError:
        raise
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, ConnectorError, OSError) as error:
        if cancelled.is_set():
            raise ScanCancelledError("the query was cancelled") from None
        if isinstance(error, ConnectorError):
            raise
        raise _translated(error, _shown(url)) from None


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
