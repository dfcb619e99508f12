"""Leaves a source alone that failed again and again; then one request tries it.

Over one PostgreSQL catalog it is one request of all API processes: whoever leaves a source alone, or tries it, holds
an advisory lock meanwhile. Another process looks for the lock at its own first failure, and needs it to try again. A
source that answers never costs a look; without the catalog each process goes by what it saw itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from catalog.errors import CatalogError
from catalog.scope import Scope
from server.errors import SourceRestingError
from server.shared_budgets import SharedBudgets, Taken

BREAKING = frozenset({"source_unavailable", "source_timeout", "source_login"})
ELSEWHERE_SECONDS = 1.0  # until it is looked again whether another process still leaves the source alone


@dataclass(slots=True, eq=False)
class Breaker:
    """Of one connection of one tenant. `most`: failures in a row that open it for `rest_seconds`."""

    scope: Scope
    connection: str
    most: int
    rest_seconds: float
    now: Callable[[], float]
    shared: SharedBudgets
    failures: int = 0
    _resting_until: float = 0.0
    _probing: bool = False
    _held: Taken | None = None
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    async def check(self) -> None:
        """Before the source is asked. Raises SourceRestingError while it is left alone, or another tries it."""
        if self.failures < self.most:
            return
        if self.now() < self._resting_until or self._probing:
            raise self._resting()
        self._probing, mine = True, False
        try:
            mine = await self._take()
        finally:
            self._probing = mine
        if not mine:
            self._resting_until = self.now() + ELSEWHERE_SECONDS
            raise self._resting()

    def leave(self) -> None:
        """A request has ended. If it tried the source and that told nothing, the next one may try."""
        self._probing = False

    def note(self, source_code: str | None) -> None:
        """What came of asking: None is success, else a connector error's code."""
        self._probing = False
        if source_code not in BREAKING:
            self.failures = 0
            self._resting_until = 0.0
            self._let_go(self._held)
            return
        self.failures += 1
        if self.failures >= self.most:
            self._resting_until = self.now() + self.rest_seconds
        if self.failures >= self.most or self.failures == 1:
            task = asyncio.get_running_loop().create_task(self._tell())
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def close(self) -> None:
        """Nothing is held any more."""
        for task in self._telling:
            task.cancel()
        self._held = None

    def _resting(self) -> SourceRestingError:
        left = max(1, round(self._resting_until - self.now()))
        return SourceRestingError(
            f"connection {self.connection!r} failed {self.failures} times in a row and is left alone for now",
            hint=f"it is tried again in {left} seconds; see `viewloom connections test {self.connection}`",
        )

    async def _tell(self) -> None:
        """Tell the other processes that the source is left alone; at a first failure learn it from them."""
        if self.failures >= self.most:
            await self._take()
        elif await self._is_held_elsewhere() and self.failures:
            self.failures = max(self.failures, self.most)
            self._resting_until = max(self._resting_until, self.now() + ELSEWHERE_SECONDS)

    async def _take(self) -> bool:
        """Hold the lock for `rest_seconds` from now on; False when another process has it."""
        held = self._held or Taken(self.scope, f"{self.connection}\0breaker", 1)
        if not held.slots:
            with contextlib.suppress(CatalogError):  # then by what this process saw itself
                if not await self.shared.take(held, 1):
                    return False
        # Another object each time: of several calls to let go only the last one counts.
        self._held = Taken(held.scope, held.connection, held.count, held.slots)
        asyncio.get_running_loop().call_later(self.rest_seconds, self._let_go, self._held)
        return True

    async def _is_held_elsewhere(self) -> bool:
        try:
            return await self.shared.is_taken(self.scope, f"{self.connection}\0breaker")
        except CatalogError:
            return False

    def _let_go(self, held: Taken | None) -> None:
        if held is not None and held is self._held:
            self._held = None
            self.shared.give(held)
