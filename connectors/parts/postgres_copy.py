"""COPY … TO STDOUT by asyncpg, as blocks of bytes for a synchronous reader.

asyncpg hands over all rows that a packet brought, psycopg one row per call; that is the whole difference
(docs/decisions/0022-postgres-in-bulk.md). Each session has an event loop of its own, which runs in the reader's
thread and only while the reader waits: between two blocks nothing is read from the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any, TypeVar

import asyncpg

from connectors.parts.postgres_errors import asyncpg_error, connection_error, silent
from connectors.sdk.batches import MOST_BYTES
from connectors.sdk.tls import Tls

T = TypeVar("T")
_TICK = 0.1  # seconds after which a waiting reader looks whether the query was cancelled
FIRST_BYTES = 128 * 1024
_LINGER = 0.2  # seconds of silence after which the rows that are there are handed on
_GOODBYE, _CUT = 2.0, 0.5
_DRAIN, _DRAIN_BYTES = 0.02, 256 * 1024  # so much is read of what nobody wants, if that is all there is
_RAISED = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class CopySession:
    """A connection of asyncpg with its loop. `check` raises when the query was cancelled."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Any, check: Callable[[], None]) -> None:
        self._loop, self._connection, self._check = loop, connection, check
        self._room = asyncio.Event()
        self._ready: asyncio.Future[None] | None = None
        self._pieces: list[bytes] = []
        self._size, self._wanted = 0, 1
        self._leaving = self._cut = False

    def execute(self, sql: str, seconds: float, setting: str) -> None:
        """Run statements without an answer. SourceTimeoutError names the setting."""
        try:
            _run(self._loop, self._connection.execute(sql), seconds, setting, self._check)
        except _RAISED as error:
            self._check()
            raise asyncpg_error(error, "") from None

    def copy(self, select: str, think: float, silence: float, table: str) -> Generator[bytes]:
        """The rows of a SELECT as CSV, in blocks of whole rows, small ones first.

        `think`: seconds until the first row (statement_timeout and connect_timeout); `silence`: between rows
        (read_timeout). Closing the generator early ends the statement.
        """
        self._pieces, self._size, self._wanted = [], 0, 1
        task = self._loop.create_task(self._connection.copy_from_query(select, output=self._take, format="csv"))
        heard, patience, setting = time.monotonic(), think, "statement_timeout"
        try:
            while True:
                before = self._size
                self._loop.run_until_complete(self._advance(task))
                self._check()
                now, ended = time.monotonic(), task.done()
                if ended:
                    task.result()
                if self._size != before:
                    heard, patience, setting = now, silence, "read_timeout"
                if self._size and (ended or self._size >= self._wanted or now - heard > _LINGER):
                    block = b"".join(self._pieces)
                    self._pieces, self._size = [], 0
                    # Twice as large each time: what is read before the first rows are through is not much.
                    self._wanted = min(max(2 * self._wanted, FIRST_BYTES), MOST_BYTES // 2)
                    yield block
                    heard = time.monotonic()
                if ended:
                    return
                if now - heard > patience:
                    raise silent(setting)
        except _RAISED as error:
            self._check()
            raise asyncpg_error(error, table) from None
        finally:
            self._leave(task)

    def _leave(self, task: asyncio.Task[Any]) -> None:
        """End the copy, whose rows are not wanted any more.

        When the last of them has been sent there is nothing to cancel, and asyncpg would wait for the server's word
        that it was: so a little is read on first.
        """
        if not task.done():
            self._leaving, self._size, self._wanted = True, 0, _DRAIN_BYTES
            self._loop.run_until_complete(self._advance(task, _DRAIN))
        if not task.done():
            self._cut = True
            task.cancel()  # asyncpg sends PostgreSQL's cancel request
            self._room.set()
            self._loop.run_until_complete(asyncio.wait({task}, timeout=1.0))
        if task.done() and not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report it

    async def _advance(self, task: asyncio.Task[Any], seconds: float = _TICK) -> None:
        """Read until there is enough for a block, the copy is over, or a tick has passed."""
        self._ready = self._loop.create_future()
        self._room.set()
        await asyncio.wait({task, self._ready}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def _take(self, data: bytes) -> None:
        """What asyncpg calls with whole rows; it reads on when this returns."""
        if not self._leaving:
            self._pieces.append(data)
        self._size += len(data)
        if self._size >= self._wanted:
            self._room.clear()
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
            await self._room.wait()

    def usable(self) -> bool:
        """Whether an idle session still is one: connected, and the server has said nothing since."""
        if self._connection.is_closed() or self._connection.is_in_transaction():
            return False
        with contextlib.suppress(*_RAISED):
            self._loop.run_until_complete(asyncio.sleep(0))  # so that a goodbye of the server is read
        return not self._connection.is_closed()

    def close(self) -> None:
        """End the session for good; a server that does not answer is left after two seconds, and after half a
        second when its copy was cut: it may have sent the last row in that moment."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(*_RAISED, TimeoutError):
            if self._cut:
                sending = asyncio.all_tasks(self._loop)  # the cancel request, and the wait for what it did
                self._loop.run_until_complete(asyncio.wait(sending, timeout=_CUT) if sending else asyncio.sleep(0))
                self._connection.terminate()
            else:
                self._loop.run_until_complete(self._connection.close(timeout=_GOODBYE))
        _end(self._loop)


def open_copy_session(
    login: Mapping[str, Any],
    tls: Tls,
    ca_file: str | None,
    timeout: float,
    settings: Callable[[int], str],
    check: Callable[[], None],
) -> CopySession:
    """A new session. `login`: host, port, database, user, password; `settings`: the statement that prepares a session
    of a server of that version. Its errors are those of psycopg's sessions."""
    loop = asyncio.new_event_loop()
    try:
        opening = asyncpg.connect(**login, ssl=_context(tls, ca_file), timeout=timeout, statement_cache_size=0)
        try:
            connection = _run(loop, opening, timeout, "connect_timeout", check)
        except _RAISED as error:
            raise connection_error(error, login["host"], login["port"]) from None
        session = CopySession(loop, connection, check)
        version = connection.get_server_version()
        try:
            session.execute(settings(version.major * 10_000 + version.minor), timeout, "connect_timeout")
        except BaseException:
            session.close()
            raise
        return session
    except BaseException:
        _end(loop)
        raise


def _run(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, T],
    seconds: float,
    setting: str,
    check: Callable[[], None],
) -> T:
    """What the work gives. SourceTimeoutError after so many seconds, whatever `check` raises at the next tick."""
    task = loop.create_task(work)
    due = time.monotonic() + seconds
    try:
        while not task.done():
            loop.run_until_complete(asyncio.wait({task}, timeout=_TICK))
            check()
            if time.monotonic() > due and not task.done():
                raise silent(setting)
        return task.result()
    except TimeoutError:
        raise silent(setting) from None
    finally:
        if not task.done():
            task.cancel()
            loop.run_until_complete(asyncio.wait({task}, timeout=1.0))


def _context(tls: Tls, ca_file: str | None) -> ssl.SSLContext | bool:
    if tls is Tls.DISABLE:
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls is Tls.VERIFY_FULL:
        context.load_verify_locations(ca_file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _end(loop: asyncio.AbstractEventLoop) -> None:
    if loop.is_closed():
        return
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=1.0))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
