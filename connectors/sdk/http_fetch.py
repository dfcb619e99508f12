"""One GET in a thread of its own: its answer arrives while the caller does other things, bounded in bytes.

The thread only moves bytes. They are unpacked, counted and timed in the caller's thread when it takes them, so that
an answer that nobody waits for costs no patience.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import httpx

from connectors.sdk.errors import ScanCancelledError
from connectors.sdk.http import Answer, Call, HttpClient
from connectors.sdk.http_body import Allowance, decoded


class Fetch:
    """A request that has begun. `end` it, whatever came of it."""

    def __init__(
        self, http: HttpClient, url: httpx.URL, most_bytes: int, patience: float, cancelled: threading.Event
    ) -> None:
        """`most_bytes`: of the body that may wait here; the source is not read further until some were taken.
        `patience`: see `HttpClient.open`. `cancelled`: set before the client's `cancel` is called."""
        self.url = url
        self.received = False  # the whole answer is here, or it failed
        self._http = http
        self._most_bytes = most_bytes
        self._patience = patience
        self._changed = threading.Condition()
        self._call = Call(self._wake)
        self._answer: Answer | None = None
        self._error: BaseException | None = None
        self._pieces: deque[bytes] = deque()
        self._bytes = 0
        threading.Thread(target=self._run, args=(cancelled,), name="fetch", daemon=True).start()

    def answer(self, allowance: Allowance) -> Answer:
        """The answer's head, as soon as it is there. Raises what went wrong."""
        with self._changed:
            self._wait(lambda: self._answer is not None or self.received, allowance)
            if self._answer is None:
                raise self._error or ScanCancelledError("the query was cancelled")
            return self._answer

    def pieces(self, allowance: Allowance) -> Iterator[bytes]:
        """The unpacked body, piece by piece; see `http_body.decoded`."""
        encoding = self.answer(allowance).headers.get("content-encoding", "")
        yield from decoded(self._raw(allowance), encoding, allowance)

    def end(self) -> None:
        """Nobody wants more of it: its connection is closed, unless it has given all."""
        self._call.end()

    def _raw(self, allowance: Allowance) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._wait(lambda: bool(self._pieces) or self.received, allowance)
                if not self._pieces:
                    if self._error is not None:
                        raise self._error
                    return
                piece = self._pieces.popleft()
                self._bytes -= len(piece)
                self._changed.notify_all()
            yield piece

    def _wait(self, come: Callable[[], bool], allowance: Allowance) -> None:
        since = time.monotonic()
        self._changed.wait_for(lambda: come() or self._call.ended.is_set(), max(0.0, allowance.seconds))
        if self._call.ended.is_set():
            raise ScanCancelledError("the query was cancelled")
        allowance.wait(since)

    def _run(self, cancelled: threading.Event) -> None:
        try:
            with self._http.running(self._call):
                if cancelled.is_set():
                    self._call.end()
                with self._http.open(self.url, self._patience, self._call) as answer:
                    with self._changed:
                        self._answer = answer
                        self._changed.notify_all()
                    for piece in answer.raw():
                        self._put(piece)
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self.received = True
                self._changed.notify_all()

    def _put(self, piece: bytes) -> None:
        with self._changed:
            while self._bytes and self._bytes + len(piece) > self._most_bytes and not self._call.ended.is_set():
                self._changed.wait()
            if self._call.ended.is_set():
                raise ScanCancelledError("the query was cancelled")
            self._pieces.append(piece)
            self._bytes += len(piece)
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
