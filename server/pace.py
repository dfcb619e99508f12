"""How fast workers may run ahead of slow clients, all of them together, while others ask small queries.

Filling read-aheads as fast as sources give takes every core (measured: key lookups beside sixteen slow clients had a
p99 166 times that of an idle server until the read-aheads were full). Nobody waits for what is read ahead; whoever
asks for a key does. While nobody does, there is no bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable

QUIET_SECONDS = 1.0


class Pace:
    """`rate`: bytes per second; 0: no bound. For one event loop."""

    def __init__(self, rate: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._asked = float("-inf")
        self._free_at = float("-inf")

    def asked(self) -> None:
        """Somebody asks a small query."""
        self._asked = self._now()

    def wait(self) -> float:
        """Seconds until more may be read ahead; 0: now."""
        return max(0.0, self._free_at - self._now()) if self._is_bound() else 0.0

    def spend(self, size: int) -> None:
        """So many bytes are read ahead now. What was read while nobody asked is not made up for."""
        if self._is_bound():
            self._free_at = max(self._now(), self._free_at) + size / self._rate

    def _is_bound(self) -> bool:
        return self._rate > 0 and self._now() - self._asked <= QUIET_SECONDS
