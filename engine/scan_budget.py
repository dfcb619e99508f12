"""Holds one statement at a source to its connection's budget: past it the query fails, it is never cut short."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from connectors.sdk.errors import ScanBudgetError


@dataclass(frozen=True, slots=True)
class ScanBudget:
    """What one statement may cost: rows, bytes (as Arrow), seconds until its last row was taken. None: no bound."""

    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None


def bounded(
    batches: Iterator[pa.RecordBatch], budget: ScanBudget, table: str, cancel: Callable[[], None]
) -> Iterator[pa.RecordBatch]:
    """The batches of one statement. Raises ScanBudgetError, for time after `cancel` has ended it at the source."""
    if budget == ScanBudget():
        return batches
    return _bounded(batches, budget, table, cancel)


def _bounded(
    batches: Iterator[pa.RecordBatch], budget: ScanBudget, table: str, cancel: Callable[[], None]
) -> Iterator[pa.RecordBatch]:
    rows = size = 0
    watch = _Watch(budget.seconds, cancel)
    try:
        for batch in batches:
            rows += batch.num_rows
            size += batch.nbytes
            if budget.rows is not None and rows > budget.rows:
                raise _passed(table, f"gives more than {budget.rows:,} rows")
            if budget.bytes is not None and size > budget.bytes:
                raise _passed(table, f"gives more than {budget.bytes:,} bytes")
            yield batch
    except Exception:
        if watch.end():
            raise _passed(table, f"takes more than {budget.seconds:g} seconds") from None
        raise
    finally:
        late = watch.end()
        close = getattr(batches, "close", None)
        if close is not None:
            close()
    if late:  # it came to its end in the moment in which it was ended: other statements of the query were, too
        raise _passed(table, f"takes more than {budget.seconds:g} seconds")


def _passed(table: str, what: str) -> ScanBudgetError:
    return ScanBudgetError(
        f"a statement on {table} {what}, which is the connection's budget for one",
        hint="filter earlier or ask for less, or raise the connection's budget",
        details={"table": table},
    )


class _Watch:
    """Ends a statement when its time is over. `end` says whether it did; after that it never will."""

    def __init__(self, seconds: float | None, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._lock = threading.Lock()
        self._over = self._late = False
        self._timer = threading.Timer(seconds, self._expire) if seconds is not None else None
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        with self._lock:
            if self._over:
                return
            self._late = True
        self._cancel()

    def end(self) -> bool:
        with self._lock:
            self._over = True
        if self._timer is not None:
            self._timer.cancel()
        return self._late
