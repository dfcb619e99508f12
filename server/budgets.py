"""How much of a source may be asked at once: statements per connection, a fair queue, and a breaker.

A slow ERP is not flooded: past `statements` running statements on one connection, requests wait here, each principal
in turn, before a worker or the source is touched. Past the queue's length or its time they are told to come back.
A source that failed `failures` times in a row is left alone for a while; then one request tries it.
Bounds hold for one API process.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from server.errors import SourceBusyError, SourceRestingError

BREAKING = frozenset({"source_unavailable", "source_timeout", "source_login"})


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """`statements`: at once per connection; `reserved` of them for small queries only, so that large answers to slow
    clients don't keep a connection from everybody else. `queue_length`, `queue_seconds`: of waiting requests.
    `failures`: in a row that open the breaker for `rest_seconds`."""

    statements: int = 8
    reserved: int = 2
    queue_length: int = 100
    queue_seconds: float = 30.0
    failures: int = 5
    rest_seconds: float = 30.0


@dataclass(slots=True, eq=False)
class _Waiter:
    wanted: int
    room: int
    future: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class _Source:
    """One connection of one tenant."""

    running: int = 0
    waiting: OrderedDict[str, deque[_Waiter]] = field(default_factory=OrderedDict)
    failures: int = 0
    resting_until: float = 0.0
    probing: bool = False

    def queued(self) -> int:
        return sum(len(queue) for queue in self.waiting.values())


class Budgets:
    """The budgets of all connections of an API process."""

    def __init__(self, settings: BudgetSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._sources: dict[tuple[str, str], _Source] = {}

    async def enter(
        self, tenant: str, principal: str, statements: Mapping[str, int], small: bool = True
    ) -> list[tuple[str, str, int]]:
        """Wait until every connection has room for its statements; what to give back to `leave`.

        Connections are taken in the order of their names, so that two requests never wait for each other.
        Raises SourceBusyError, SourceRestingError.
        """
        taken: list[tuple[str, str, int]] = []
        try:
            for connection in sorted(statements):
                room = self._room(small)
                wanted = min(max(1, statements[connection]), room)
                source = self._sources.setdefault((tenant, connection), _Source())
                self._check_breaker(connection, source)
                if source.running + wanted > room or (source.queued() and not small):
                    await self._wait(connection, source, principal, wanted, room)
                else:
                    source.running += wanted
                taken.append((tenant, connection, wanted))
        except BaseException:
            self.leave(taken)
            raise
        return taken

    def _room(self, small: bool) -> int:
        kept = 0 if small else min(self._settings.reserved, self._settings.statements - 1)
        return self._settings.statements - kept

    def leave(self, taken: list[tuple[str, str, int]]) -> None:
        """The statements have ended; who waits may go."""
        for tenant, connection, count in taken:
            source = self._sources[(tenant, connection)]
            source.running -= count
            source.probing = False  # a probe that nobody waited for tells nothing; the next one may try
            self._admit(source)
        taken.clear()

    def note(self, tenant: str, connection: str, source_code: str | None) -> None:
        """What came of asking a source: None is success, else a connector error's code."""
        source = self._sources.get((tenant, connection))
        if source is None:
            return
        source.probing = False
        if source_code not in BREAKING:
            source.failures = 0
            source.resting_until = 0.0
            return
        source.failures += 1
        if source.failures >= self._settings.failures:
            source.resting_until = self._now() + self._settings.rest_seconds

    def _check_breaker(self, connection: str, source: _Source) -> None:
        left = source.resting_until - self._now()
        if source.failures < self._settings.failures or (left <= 0 and not source.probing):
            source.probing = source.failures >= self._settings.failures
            return
        raise SourceRestingError(
            f"connection {connection!r} failed {source.failures} times in a row and is left alone for now",
            hint=f"it is tried again in {max(1, round(left))} seconds; see `viewloom connections test {connection}`",
        )

    async def _wait(self, connection: str, source: _Source, principal: str, wanted: int, room: int) -> None:
        if source.queued() >= self._settings.queue_length:
            raise _busy(connection, self._settings.statements)
        waiter = _Waiter(wanted, room, asyncio.get_running_loop().create_future())
        source.waiting.setdefault(principal, deque()).append(waiter)
        try:
            # Not wait_for(): up to Python 3.11 it forgets a cancel that comes together with the result.
            async with asyncio.timeout(self._settings.queue_seconds):
                await waiter.future
        except (TimeoutError, asyncio.CancelledError) as error:
            if waiter.future.done() and not waiter.future.cancelled():
                source.running -= wanted
            if isinstance(error, TimeoutError):
                raise _busy(connection, self._settings.statements) from None
            raise
        finally:
            queue = source.waiting.get(principal)
            if queue is not None and waiter in queue:
                queue.remove(waiter)
                if not queue:
                    del source.waiting[principal]
            self._admit(source)

    def _admit(self, source: _Source) -> None:
        """Let waiters in while there is room for them, one principal after another; small ones pass waiting large
        ones, for which some room is never given."""
        admitted = True
        while admitted:
            admitted = False
            for principal, queue in list(source.waiting.items()):
                waiter = next((w for w in queue if source.running + w.wanted <= w.room), None)
                if waiter is None:
                    continue
                queue.remove(waiter)
                source.waiting.move_to_end(principal)
                if not queue:
                    del source.waiting[principal]
                if not waiter.future.done():
                    source.running += waiter.wanted
                    waiter.future.set_result(None)
                admitted = True
                break


def _busy(connection: str, statements: int) -> SourceBusyError:
    return SourceBusyError(
        f"connection {connection!r} is busy: {statements} statements run on it, and others wait",
        hint="try again in a few seconds",
    )
