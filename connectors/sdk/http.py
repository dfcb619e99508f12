"""GET requests to one configured origin: streamed, retried, each of them ended by any thread.

Credentials go to that origin only. A redirect or a next link that leads elsewhere is refused, whatever its spelling:
the address that is compared is the parsed one that is asked.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any

import httpx

from connectors.sdk.errors import ConnectorError, ScanCancelledError, SourceProtocolError
from connectors.sdk.http_auth import ExpiringToken, FixedHeaders
from connectors.sdk.http_body import Allowance, decoded, timed_pieces
from connectors.sdk.http_errors import BusyError, check_status, explained, shown

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Times in seconds; `retries` is how often a request is tried again; `pace` requests a second at most, 0: any."""

    connect_timeout: float
    timeout: float
    retries: int
    pace: float = 0.0


class Call:
    """One request that runs in some thread, and how any other thread ends it."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        """`wake`: called when it is ended, for who waits for it elsewhere."""
        self.ended = threading.Event()
        self._wake = wake
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def uses(self, opened: socket.socket | None) -> None:
        """The socket that it blocks on from now on; None: none any more."""
        with self._lock:
            self._socket = opened
            if self.ended.is_set():
                self._shut()

    def end(self) -> None:
        """Its thread wakes up from whatever it waits for, and raises ScanCancelledError."""
        self.ended.set()
        with self._lock:
            self._shut()
        self._wake()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # closed already
                # The plain socket's shutdown: that of a TLS socket isn't made for a second thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@dataclass(slots=True, eq=False)
class _Lane:
    """A client with one connection at most, for one request at a time, so that a request's socket is known."""

    client: httpx.Client
    socket: socket.socket | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer (2xx) whose body has not been read yet."""

    url: httpx.URL
    headers: Mapping[str, str]
    _response: httpx.Response
    _ended: threading.Event

    def raw(self) -> Iterator[bytes]:
        """The body as it comes over the wire, piece by piece."""
        with explained(self.url, self._ended):
            yield from self._response.iter_raw()

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
        self._verify = verify
        self._cookies = CookieJar()
        self._idle: list[_Lane] = []
        self._calls: set[Call] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._next_request = 0.0
        self._held_until = 0.0
        self.requested = 0
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
    def running(self, call: Call) -> Iterator[None]:
        """While a call runs, `cancel` ends it."""
        with self._lock:
            self._calls.add(call)
        try:
            yield
        finally:
            with self._lock:
                self._calls.discard(call)

    @contextmanager
    def open(self, url: httpx.URL, patience: float, call: Call) -> Iterator[Answer]:
        """Ask once (with one renewal of expired credentials) and give the answer, closed at the end.

        `patience`: seconds that the caller would wait for a source that asked for a pause. Errors that are worth a
        second try are `retryable`; the caller knows whether it may ask again.
        """
        with self._lane(call) as lane:
            with explained(url, call.ended):
                pause(0.0, call.ended)
                response = self._asked(url, patience, call, lane)
            try:
                yield Answer(response.url, response.headers, response, call.ended)
            finally:
                response.close()

    def _asked(self, url: httpx.URL, patience: float, call: Call, lane: _Lane) -> httpx.Response:
        renewed = False
        for _ in range(MAX_REDIRECTS + 2):
            self.check_origin(url)
            self._keep_pace(url, patience, call)
            credentials = self._auth.headers()
            response = self._sent("GET", url, credentials, None, call, lane)
            try:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    url = self.joined(url, response.headers["location"])
                elif response.status_code == 401 and not renewed and self._auth.renew(credentials):
                    renewed = True
                else:
                    check_status(response)
                    return response
            except BusyError as error:
                self._hold(error.until)
                response.close()
                raise
            except BaseException:
                response.close()
                raise
            response.close()
        raise SourceProtocolError(f"{shown(url)} redirects again and again")

    def post_form(self, url: httpx.URL, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and at most 64 KB of body of one POST, for a token endpoint. Never tried again."""
        call = Call()
        allowance = Allowance(self._limits.timeout + self._limits.connect_timeout, 64 << 10, 64 << 10, 1000)
        with self.running(call), self._lane(call) as lane, explained(url, call.ended):
            response = self._sent("POST", url, headers, form, call, lane)
            try:
                raw = timed_pieces(response.iter_raw(), allowance)
                body = b"".join(decoded(raw, response.headers.get("content-encoding", ""), allowance))
                return response.status_code, body
            finally:
                response.close()

    @contextmanager
    def _lane(self, call: Call) -> Iterator[_Lane]:
        """A lane that no other request uses meanwhile."""
        with self._lock:
            lane = self._idle.pop() if self._idle else None
        lane = lane or self._new_lane()
        if not call.ended.is_set():  # else its connection would be lost for nothing
            call.uses(lane.socket)
        try:
            yield lane
        finally:
            call.uses(None)
            with self._lock:
                closed = self._closed
                if not closed:
                    self._idle.append(lane)
            if closed:
                lane.client.close()

    def _new_lane(self) -> _Lane:
        return _Lane(
            httpx.Client(
                verify=self._verify,
                trust_env=False,  # no proxy, no .netrc: the configuration says all
                follow_redirects=False,
                timeout=httpx.Timeout(self._limits.timeout, connect=self._limits.connect_timeout),
                limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
                headers={"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "viewloom"},
                cookies=self._cookies,
            )
        )

    def _sent(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        call: Call,
        lane: _Lane,
    ) -> httpx.Response:
        def watch(event: str, info: Mapping[str, Any]) -> None:
            # Raised only where httpcore closes the connection then: not when one was made or is closed.
            if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
                lane.socket = info["return_value"].get_extra_info("socket")
                call.uses(lane.socket)
            elif event == "http11.send_request_headers.started" and call.ended.is_set():
                raise ScanCancelledError("the query was cancelled")

        with self._lock:
            self.requested += 1
        request = lane.client.build_request(
            method, url, headers=dict(headers), data=form, extensions={"trace": watch}
        )
        return lane.client.send(request, stream=True)

    def cancel(self) -> None:
        """End every request that runs. Set the event that the fetches were given before."""
        with self._lock:
            calls = list(self._calls)
        for call in calls:
            call.end()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._closed = True
            lanes, self._idle = self._idle, []
        self.cancel()
        for lane in lanes:
            lane.client.close()

    def _keep_pace(self, url: httpx.URL, patience: float, call: Call) -> None:
        """Wait for this request's place in the pace, and for the end of a pause that the source asked for."""
        place = -1.0
        while True:
            with self._lock:
                now = time.monotonic()
                if self._held_until - now >= patience:
                    raise BusyError(f"{shown(url)} asked for a pause", self._held_until - now)
                if self._limits.pace and place < max(0.0, self._held_until):
                    place = max(now, self._next_request, self._held_until)
                    self._next_request = place + 1 / self._limits.pace
                wait = max(place, self._held_until) - now
            if wait <= 0:
                return
            pause(wait, call.ended)

    def _hold(self, until: float | None) -> None:
        """No request begins before this moment."""
        with self._lock:
            self._held_until = max(self._held_until, until or 0.0)

    def before_retry(
        self, error: ConnectorError, attempt: int, allowance: Allowance, cancelled: threading.Event
    ) -> None:
        """Wait before the next attempt (the first retry is attempt 1), or raise the error if there may be none.

        The source's own Retry-After counts, capped at 60 s; else 0.2 s, doubled each time, with jitter. A source that
        is busy gets no other request meanwhile.
        """
        now = time.monotonic()
        asked = error.until if isinstance(error, BusyError) else None
        backoff = min(10.0, 0.2 * 2 ** (attempt - 1)) * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)
        seconds = max(0.0, asked - now) if asked is not None else backoff
        if not error.retryable or attempt > self._limits.retries or seconds >= allowance.seconds:
            raise error
        if isinstance(error, BusyError):
            self._hold(now + seconds)
        with self._lock:
            self.retried += 1
        pause(seconds, cancelled)
        allowance.wait(now)


def pause(seconds: float, cancelled: threading.Event) -> None:
    """Sleep, but wake up with ScanCancelledError when the query is cancelled."""
    if cancelled.wait(seconds):
        raise ScanCancelledError("the query was cancelled")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host.lower(), url.port or _DEFAULT_PORTS.get(url.scheme)
