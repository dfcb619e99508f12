"""Pools of a few small workers, and what tests do with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from engine.pool import PoolSettings, WorkerPool
from engine.worker_process import WorkerProcess


@contextmanager
def running(**settings: object) -> Iterator[WorkerPool]:
    values = {"workers": 2, "spare": 0, "reserved": 0, "memory_mb": 64, "threads": 1} | settings
    made = WorkerPool(PoolSettings(**values))  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


def taken(pool: WorkerPool, tenant: str = "a", small: bool = True) -> WorkerProcess:
    return pool.acquire(tenant, small).result(20)


def has_waited(future: Future[WorkerProcess], seconds: float = 0.3) -> bool:
    time.sleep(seconds)
    return not future.done()
