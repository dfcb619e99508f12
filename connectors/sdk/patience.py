"""A client's own limit to a wait that its driver can't bound: a thread that acts when time is up."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

TICK = 0.25
_IDLE_TICKS = 20


@dataclass(slots=True, eq=False)
class Wait:
    """One wait: when it ends at the latest, what ends it, and whether that was needed."""

    due: float
    act: Callable[[], None]
    ended: bool = False


class Patience:
    """Waits of one connector. Its thread looks four times a second, and ends when there was no wait for a while."""

    def __init__(self) -> None:
        self._waits: list[Wait] = []
        self._lock = threading.Lock()
        self._watching = False

    @contextmanager
    def at_most(self, seconds: float, act: Callable[[], None]) -> Iterator[Wait]:
        """Run the block; after so many seconds `act`, which must wake it up, is called from another thread.

        It is never called behind the block. `ended` of what is given says whether it was called.
        """
        wait = Wait(time.monotonic() + seconds, act)
        with self._lock:
            self._waits.append(wait)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="patience", daemon=True).start()
        try:
            yield wait
        finally:
            with self._lock:
                if wait in self._waits:
                    self._waits.remove(wait)

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(TICK)
            with self._lock:
                idle = 0 if self._waits else idle + 1
                if idle > _IDLE_TICKS:
                    self._watching = False
                    return
                now = time.monotonic()
                for wait in [wait for wait in self._waits if wait.due <= now]:
                    self._waits.remove(wait)
                    wait.ended = True
                    with contextlib.suppress(Exception):  # what it would have woken is gone; others still wait
                        wait.act()
