"""What the API processes of one catalog share of a connection's budget, asked from the event loop.

Over PostgreSQL: slots and pace are the catalog's (`catalog.leases`). Over SQLite there is one process: the pace is
kept here, and slots are what `server.budgets` counts.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Engine

from catalog.leases import Leases, reserve
from catalog.scope import Scope


@dataclass(slots=True, eq=False)
class Taken:
    """Statements that a request may have at a connection, until it gives them back. `slots`: shared ones."""

    scope: Scope
    connection: str
    count: int
    slots: tuple[int, ...] = ()


class SharedBudgets:
    """`engine`: of the catalog; None: nothing is shared."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine if engine is not None and engine.dialect.name == "postgresql" else None
        self._leases = Leases(self._engine) if self._engine is not None else None
        # One thread of its own: what is given back is free for who asks next, and planning queries delays nobody.
        self._threads = ThreadPoolExecutor(1, "budgets") if self._engine is not None else None
        self._next: dict[tuple[str, str, str], float] = {}

    async def take(self, mine: Taken, limit: int) -> bool:
        """Whether as many of the connection's slots as it wants are its own now. Raises CatalogUnavailableError."""
        if self._leases is None:
            return True
        leases = self._leases
        asked = asyncio.get_running_loop().run_in_executor(
            self._threads, leases.take, mine.scope, mine.connection, mine.count, limit
        )
        try:
            mine.slots = await asyncio.shield(asked)
        except asyncio.CancelledError:
            # Nobody waits any more: what comes yet goes back.
            asked.add_done_callback(lambda done: self._give(() if done.exception() else done.result()))
            raise
        return bool(mine.slots)

    async def is_taken(self, scope: Scope, connection: str) -> bool:
        """Whether another process has the only slot of this name. Raises CatalogUnavailableError."""
        if self._leases is None:
            return False
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._leases.is_taken, scope, connection
        )

    def give(self, mine: Taken) -> None:
        """Its slots are free again."""
        slots, mine.slots = mine.slots, ()
        self._give(slots)

    def _give(self, slots: tuple[int, ...]) -> None:
        if slots and self._leases is not None and self._threads is not None:
            self._threads.submit(self._leases.give, slots)

    async def reserve(self, mine: Taken, rate: float, most: float) -> float | None:
        """In how many seconds its statements may begin; None: in more than `most`, and nothing is reserved."""
        span = mine.count / rate
        if self._engine is not None:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, reserve, self._engine, mine.scope, mine.connection, span, most
            )
        place, now = (mine.scope.tenant, mine.scope.workspace, mine.connection), time.monotonic()
        begin = max(now, self._next.get(place, now))
        if begin - now > most:
            return None
        self._next[place] = begin + span
        return begin - now

    def close(self) -> None:
        """Give every slot back."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=False)
        if self._leases is not None:
            self._leases.close()
