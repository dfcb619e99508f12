"""Large queries in the pool: they leave room to small ones, and begin one after another while those are asked."""

from __future__ import annotations

import time

import pytest

from engine import pool as pool_module
from tests.engine.pools import has_waited, running, taken
from tests.engine.workers import until


def test_large_queries_leave_the_reserved_workers_alone() -> None:
    with running(workers=3, reserved=1) as pool:
        large = [taken(pool, small=False) for _ in range(2)]
        third = pool.acquire("a", small=False)
        assert has_waited(third)
        small = taken(pool, small=True)
        assert not third.done()
        pool.release(small, healthy=True)
        assert has_waited(third)
        pool.release(large.pop(), healthy=True)
        large.append(third.result(20))
        for worker in large:
            pool.release(worker, healthy=True)


def test_a_small_query_overtakes_large_ones_of_its_own_tenant_that_may_not_run() -> None:
    with running(workers=2, reserved=1) as pool:
        large = taken(pool, small=False)
        waiting = pool.acquire("a", small=False)
        small = taken(pool, small=True)
        assert not waiting.done()
        pool.release(small, healthy=True)
        pool.release(large, healthy=True)
        pool.release(waiting.result(20), healthy=True)


def test_unused_workers_begin_large_queries_one_after_another_while_small_ones_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "LARGE_APART", 1.0)
    monkeypatch.setattr(pool_module, "CALM", -1.0)
    monkeypatch.setattr(pool_module, "QUIET_SECONDS", 60.0)
    with running(workers=5, spare=2, reserved=1) as pool:
        until(lambda: pool.state()["idle"] == 2, 20)
        pool.release(taken(pool, "small"), healthy=True)
        until(lambda: pool.state()["idle"] == 3, 20)
        began = time.monotonic()
        asked = [pool.acquire("a", small=False) for _ in range(3)]
        small = pool.acquire("a", small=True)
        first = asked[0].result(0.1)
        pool.release(small.result(0.5), healthy=True)  # behind them in the queue, and not held back with them
        others = [future.result(20) for future in asked[1:]]
        assert time.monotonic() - began > 1.0
        for worker in (first, *others):
            pool.release(worker, healthy=True)
        began = time.monotonic()
        again = [pool.acquire("a", small=False).result(1) for _ in range(2)]  # these have worked
        assert time.monotonic() - began < 0.9
        for worker in again:
            pool.release(worker, healthy=True)


def test_a_large_query_begins_as_soon_as_the_one_before_it_takes_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "LARGE_APART", 60.0)
    monkeypatch.setattr(pool_module, "QUIET_SECONDS", 60.0)
    with running(workers=5, spare=3, reserved=1) as pool:
        until(lambda: pool.state()["idle"] == 3, 20)
        pool.release(taken(pool, "small"), healthy=True)
        large = [pool.acquire("a", small=False) for _ in range(2)]
        for worker in [future.result(20) for future in large]:
            pool.release(worker, healthy=True)


def test_large_queries_begin_at_once_while_nobody_asks_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "LARGE_APART", 60.0)
    with running(workers=3, spare=2, reserved=0) as pool:
        until(lambda: pool.state()["idle"] == 2, 20)
        for worker in [pool.acquire("a", small=False).result(10) for _ in range(2)]:
            pool.release(worker, healthy=True)


def test_workers_of_others_are_not_ended_for_a_large_query_that_may_not_run_yet() -> None:
    with running(workers=2, reserved=1) as pool:
        other = taken(pool, "b")
        pool.release(other, healthy=True)
        large = taken(pool, "a", small=False)
        waiting = pool.acquire("a", small=False)
        assert has_waited(waiting, 0.6)
        assert other.process.poll() is None
        pool.release(large, healthy=True)
        pool.release(waiting.result(20), healthy=True)
