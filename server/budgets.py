"""How much of a source may be asked at once: statements per connection, a fair queue, and a breaker.

A slow ERP is not flooded: past `statements` running statements on one connection, requests wait here, each principal
in turn, before a worker or the source is touched. Past the queue's length or its time they are told to come back; one
principal never fills it for the others: it waits with `queue_share` requests at most.
A source that failed `failures` times in a row is left alone for a while (`server.breakers`).

A connection's own budget (`catalog.budget`) says more: fewer statements, new ones per second, windows in which it is
closed. What it says, and a breaker, hold for all API processes over one PostgreSQL catalog (`server.shared_budgets`);
the settings' own bounds hold for one process.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from catalog.budget import Standing, standing
from catalog.records import Budget, Connection
from catalog.scope import Scope
from server.breakers import Breaker
from server.errors import (
    ConnectionBudgetError,
    QueueShareError,
    ServerError,
    SourceBusyError,
    SourceClosedError,
)
from server.shared_budgets import SharedBudgets, Taken

NO_BUDGET = Budget()
POLL_SECONDS = (0.02, 0.1)  # between two looks for slots that another process has


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """`statements`: at once per connection; `reserved` of them for small queries only, so that large answers to slow
    clients don't keep a connection from everybody else. `queue_length`, `queue_seconds`: of waiting requests;
    `queue_share` of them may be one principal's. `failures`: in a row that open the breaker for `rest_seconds`."""

    statements: int = 8
    reserved: int = 2
    queue_length: int = 100
    queue_share: int = 25
    queue_seconds: float = 30.0
    failures: int = 5
    rest_seconds: float = 30.0


@dataclass(slots=True, eq=False)
class _Waiter:
    wanted: int
    room: Callable[[], int]
    future: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class _Source:
    """One connection of one tenant."""

    breaker: Breaker
    running: int = 0
    waiting: OrderedDict[str, deque[_Waiter]] = field(default_factory=OrderedDict)

    def queued(self) -> int:
        return sum(len(queue) for queue in self.waiting.values())


class Budgets:
    """The budgets of all connections of an API process. `shared`: what it shares with others."""

    def __init__(
        self,
        settings: BudgetSettings,
        now: Callable[[], float] = time.monotonic,
        shared: SharedBudgets | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._now = now
        self._clock = clock
        self._shared = shared or SharedBudgets(None)
        self._sources: dict[tuple[str, str, str], _Source] = {}
        self.refused: Counter[str] = Counter()

    def close(self) -> None:
        """Give back what is shared."""
        for source in self._sources.values():
            source.breaker.close()
        self._shared.close()

    def waiting(self) -> int:
        """How many requests wait for a connection."""
        return sum(source.queued() for source in self._sources.values())

    async def enter(
        self,
        scope: Scope,
        statements: Mapping[str, int],
        small: bool = True,
        connections: Mapping[str, Connection] | None = None,
    ) -> list[Taken]:
        """Wait until every connection has room for its statements; what to give back to `leave`.

        Connections are taken in the order of their names, so that two requests never wait for each other.
        `connections`: of the catalog, for their own budgets. Raises SourceBusyError, QueueShareError,
        SourceClosedError, SourceRestingError, ConnectionBudgetError, before any source is touched.
        """
        taken: list[Taken] = []
        try:
            for name in sorted(statements):
                await self._enter(scope, name, statements[name], small, (connections or {}).get(name.lower()), taken)
        except ServerError as error:
            self.refused[error.code] += 1
            self.leave(taken)
            raise
        except BaseException:
            self.leave(taken)
            raise
        return taken

    async def _enter(
        self,
        scope: Scope,
        name: str,
        statements: int,
        small: bool,
        connection: Connection | None,
        taken: list[Taken],
    ) -> None:
        def room() -> int:
            own = _standing(connection, self._clock()).statements
            allowed = self._settings.statements if own is None else own
            left = allowed if small else allowed - max(0, min(self._settings.reserved, allowed - 1))
            # What a connection's own budget says is never passed, so all of a query's statements count.
            return left if own is None else max(left, min(statements, own))

        statements *= requests_at_once(connection)
        source = self._source(scope, name)
        check_window(name, connection, statements, self._clock())
        await source.breaker.check()
        wanted = min(max(1, statements), room())
        if source.running + wanted > room() or (source.queued() and not small):
            await self._wait(name, source, scope.principal, wanted, room)
            self._check_after_wait(name, source, connection, statements, wanted)
        else:
            source.running += wanted
        mine = Taken(scope, name, wanted)
        taken.append(mine)
        if connection is not None and connection.budget != NO_BUDGET:
            await self._share(mine, connection, room)

    def _source(self, scope: Scope, name: str) -> _Source:
        found = self._sources.get((scope.tenant, scope.workspace, name))
        if found is None:
            settings = self._settings
            breaker = Breaker(scope, name, settings.failures, settings.rest_seconds, self._now, self._shared)
            found = self._sources[(scope.tenant, scope.workspace, name)] = _Source(breaker)
        return found

    async def _share(self, mine: Taken, connection: Connection, room: Callable[[], int]) -> None:
        """Take what is shared with other processes: slots, and a place in the pace."""
        deadline = self._now() + self._settings.queue_seconds
        if connection.budget.statements is not None or connection.budget.windows:
            while not await self._shared.take(mine, room()):
                if self._now() >= deadline:
                    raise _busy(mine.connection, room())
                await asyncio.sleep(random.uniform(*POLL_SECONDS))  # noqa: S311 - no secret
        rate = connection.budget.statements_per_second
        if rate is not None:
            wait = await self._shared.reserve(mine, rate, max(0.0, deadline - self._now()))
            if wait is None:
                raise SourceBusyError(
                    f"connection {mine.connection!r} takes {rate:g} new statements a second, and others wait",
                    hint="try again in a few seconds",
                )
            await asyncio.sleep(wait)

    def _check_after_wait(
        self, name: str, source: _Source, connection: Connection | None, statements: int, wanted: int
    ) -> None:
        """A window may have begun meanwhile."""
        try:
            check_window(name, connection, statements, self._clock())
        except ServerError:
            source.running -= wanted
            self._admit(source)
            raise

    def leave(self, taken: list[Taken]) -> None:
        """The statements have ended; who waits may go."""
        for mine in taken:
            source = self._sources[(mine.scope.tenant, mine.scope.workspace, mine.connection)]
            source.running -= mine.count
            source.breaker.leave()
            self._shared.give(mine)
            self._admit(source)
        taken.clear()

    def note(self, scope: Scope, connection: str, source_code: str | None) -> None:
        """What came of asking a source: None is success, else a connector error's code."""
        source = self._sources.get((scope.tenant, scope.workspace, connection))
        if source is not None:
            source.breaker.note(source_code)

    async def _wait(
        self, connection: str, source: _Source, principal: str, wanted: int, room: Callable[[], int]
    ) -> None:
        share = self._settings.queue_share
        if len(source.waiting.get(principal, ())) >= share:
            raise QueueShareError(
                f"{share} of your requests wait for connection {connection!r} already",
                hint="ask for less at once: wait for the answers that are on their way",
            )
        if source.queued() >= self._settings.queue_length:
            raise _busy(connection, room())
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
                raise _busy(connection, room()) from None
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
                waiter = next((w for w in queue if source.running + w.wanted <= w.room()), None)
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


def requests_at_once(connection: Connection | None) -> int:
    """How many statements one scan of a connection counts as: a REST connection may ask for `pages_at_once`."""
    found = connection.config.get("pages_at_once") if connection is not None else None
    return int(found) if isinstance(found, int | str) and str(found).isdecimal() and int(found) > 0 else 1


def _standing(connection: Connection | None, moment: datetime) -> Standing:
    if connection is None or connection.budget == NO_BUDGET:
        return Standing(None)
    return standing(connection.budget, connection.time_zone, moment)


def check_window(name: str, connection: Connection | None, statements: int, moment: datetime) -> None:
    """Refuse what a connection's own budget allows never, or not at a moment. Raises ConnectionBudgetError,
    SourceClosedError."""
    found = _standing(connection, moment)
    if found.statements is None or found.statements >= statements:
        return
    why = f" ({found.window})" if found.window else ""
    if found.until is None and not found.statements:
        raise SourceClosedError(
            f"connection {name!r} is closed{why}, and its windows never open it",
            hint="whoever administers it changes the windows of its budget",
            retry_after=86_400,
        )
    if found.until is None:
        raise ConnectionBudgetError(
            f"the query needs {statements} statements at once on connection {name!r}; its budget allows "
            f"{found.statements}",
            hint="join its tables in one view over one connection, ask for less, raise the budget, "
            "or lower pages_at_once",
        )
    open_again = found.until.astimezone(ZoneInfo((connection.time_zone if connection else None) or "UTC"))
    allows = f"takes {found.statements} statements at once" if found.statements else "is closed"
    raise SourceClosedError(
        f"connection {name!r} {allows} until {open_again:%Y-%m-%d %H:%M}{why}",
        hint="ask again then",
        retry_after=max(1, math.ceil((found.until - moment).total_seconds())),
    )


def _busy(connection: str, statements: int) -> SourceBusyError:
    return SourceBusyError(
        f"connection {connection!r} is busy: {statements} statements run on it, and others wait",
        hint="try again in a few seconds",
    )
