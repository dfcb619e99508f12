"""Holds what reads sources beside the answers (previews, EXPLAIN ANALYZE, counts of keys) to connections' budgets.

These take no slot of a budget. A closed window holds for them too, and so few run at once that they flood no source.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from catalog.records import WorkspaceCatalog
from engine.plan import Plan
from server.budgets import check_window, requests_at_once
from server.errors import SourceBusyError

AT_ONCE = 4
_running = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def reading_sources(catalog: WorkspaceCatalog, plan: Plan) -> Iterator[None]:
    """While a plan is run. Raises SourceClosedError, ConnectionBudgetError, SourceBusyError before it is."""
    for name, count in Counter(scan.connection for scan in plan.scans).items():
        connection = catalog.connection(name)
        check_window(name, connection, count * requests_at_once(connection), datetime.now(UTC))
    if not _running.acquire(blocking=False):
        raise SourceBusyError(
            f"{AT_ONCE} previews, analyses or checks run already", hint="try again in a few seconds"
        )
    try:
        yield
    finally:
        _running.release()
