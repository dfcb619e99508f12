"""A connector's sessions at its source: reused when idle, dropped after an error, cancelled together."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from connectors.sdk.errors import ScanCancelledError

S = TypeVar("S")


class Sessions(Generic[S]):
    """`open` makes a session, `usable` says whether an idle one still is, `close` ends one for good, `cancel` ends
    its running statement from another thread; the last two must not raise."""

    def __init__(
        self,
        open: Callable[[], S],
        usable: Callable[[S], bool],
        close: Callable[[S], None],
        cancel: Callable[[S], None],
    ) -> None:
        self._open, self._usable, self._close, self._cancel = open, usable, close, cancel
        self._idle: list[S] = []
        self._busy: list[S] = []
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    @contextmanager
    def use(self) -> Iterator[S]:
        """A session of one's own; it goes back to idle when the block ends well, else it is closed."""
        session = self._take()
        try:
            yield session
        except BaseException:
            self._drop(session)
            raise
        with self._lock:
            self._busy.remove(session)
            self._idle.append(session)

    def _take(self) -> S:
        self.refuse_cancelled()
        session = self._take_idle()
        if session is None:
            session = self._open()
            with self._lock:
                self._busy.append(session)
        if self._cancelled.is_set():  # it came while the session was being opened
            self._drop(session)
            self.refuse_cancelled()
        return session

    def _take_idle(self) -> S | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                session = self._idle.pop()
                self._busy.append(session)
            if self._usable(session):
                return session
            self._drop(session)

    def _drop(self, session: S) -> None:
        with self._lock:
            self._busy.remove(session)
        self._close(session)

    def cancel(self) -> None:
        """End every running statement; sessions are refused until `resume`."""
        self._cancelled.set()
        with self._lock:
            busy = list(self._busy)
        for session in busy:
            self._cancel(session)

    def resume(self) -> None:
        """A new query may use sessions again."""
        self._cancelled.clear()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def refuse_cancelled(self) -> None:
        """Raise ScanCancelledError when the query was cancelled."""
        if self._cancelled.is_set():
            raise ScanCancelledError("the query was cancelled")

    def close(self) -> None:
        """Close every session, busy ones too."""
        self.cancel()
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            self._close(session)


def has_news(descriptor: int) -> bool:
    """Whether an idle connection has something to read: the source closed it, or says that it will."""
    poll = select.poll()  # select() can't take descriptors above 1,023
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def hang_up(descriptor: int) -> None:
    """End a connection under a driver that waits on it in another thread: it wakes up and finds it lost."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as channel:
        channel.shutdown(socket.SHUT_RDWR)
