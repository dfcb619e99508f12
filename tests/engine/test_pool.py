"""The pool: who gets a worker and when, and that nothing of it is left."""

import gc
import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from engine import pool as pool_module
from engine.errors import NoWorkerError
from tests.engine.pools import has_waited, running, taken
from tests.engine.workers import Talk, job, until, worker_processes


def test_spare_workers_are_started_ahead_and_refilled() -> None:
    with running(workers=3, spare=1) as pool:
        until(lambda: pool.state()["idle"] == 1, 20)
        first = taken(pool)
        until(lambda: pool.state() == {"workers": 2, "busy": 1, "idle": 1, "starting": 0, "waiting": 0}, 20)
        pool.release(first, healthy=True)


def test_no_more_workers_run_than_are_allowed() -> None:
    others = worker_processes()
    with running(workers=2, spare=2) as pool:
        futures = [pool.acquire("a", small=True) for _ in range(6)]
        most = 0
        for future in futures:
            worker = future.result(20)
            most = max(most, len(worker_processes() - others))
            pool.release(worker, healthy=True)
        assert most <= 2


def test_a_tenants_own_idle_worker_is_preferred_to_a_fresh_one() -> None:
    with running(workers=3, spare=1) as pool:
        first = taken(pool)
        pool.release(first, healthy=True)
        until(lambda: pool.state()["idle"] == 2, 20)
        assert taken(pool) is first
        pool.release(first, healthy=True)


def test_a_large_query_leaves_the_warmest_worker_to_small_ones() -> None:
    with running(workers=3, spare=1, reserved=1) as pool:
        warm = taken(pool)
        for _ in range(3):
            pool.release(warm, healthy=True)
            assert taken(pool) is warm
        pool.release(warm, healthy=True)
        until(lambda: pool.state()["idle"] == 2, 10)
        large = taken(pool, small=False)
        assert large is not warm
        assert taken(pool) is warm
        pool.release(large, healthy=True)
        assert taken(pool, small=False) is large
        pool.release(large, healthy=True)
        pool.release(warm, healthy=True)


def test_an_idle_worker_of_another_tenant_makes_place() -> None:
    with running(workers=1) as pool:
        first = taken(pool, "a")
        pool.release(first, healthy=True)
        second = taken(pool, "b")
        assert second is not first
        assert first.process.poll() is not None
        assert not first.spill.exists()
        pool.release(second, healthy=True)


def test_a_tenant_with_a_worker_waits_for_it_a_while_before_another_tenants_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "OWN_SOON", 1.5)
    with running(workers=2) as pool:
        mine, other = taken(pool, "a"), taken(pool, "b")
        pool.release(other, healthy=True)
        for _ in range(20):  # lookups of one tenant by two clients: each waits for the other's, not for a new worker
            waiting = pool.acquire("a", small=True)
            pool.release(mine, healthy=True)
            assert waiting.result(1) is mine
        long = pool.acquire("a", small=True)
        assert has_waited(long, 0.1)
        assert other.process.poll() is None
        second = long.result(20)  # what runs in its own takes long: the unused one makes place
        assert second is not mine
        assert other.process.poll() is not None
        pool.release(second, healthy=True)
        pool.release(mine, healthy=True)


def test_waiting_tenants_are_served_in_turn_and_not_by_the_length_of_their_queues() -> None:
    with running(workers=2) as pool:
        holding = [taken(pool, "a"), taken(pool, "b")]
        many = [pool.acquire("a", small=True) for _ in range(20)]
        few = [pool.acquire("b", small=True) for _ in range(2)]
        order: list[str] = []
        for _ in range(8):
            for worker in holding:
                pool.release(worker, healthy=True)
            holding = [f.result(20) for queue in (many, few) for f in list(queue) if f.done()]
            order += [str(worker.tenant) for worker in holding]
            many, few = [f for f in many if not f.done()], [f for f in few if not f.done()]
        assert not few
        assert sorted(order[:4]) == ["a", "a", "b", "b"]
        for worker in holding:
            pool.release(worker, healthy=True)


def test_a_tenant_that_never_stops_does_not_starve_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The busy tenant's queue is never empty and it holds every worker; the other still gets one."""
    monkeypatch.setattr(pool_module, "PATIENCE", 0.3)
    with running(workers=2) as pool:
        stop = threading.Event()

        def greedy() -> None:
            while not stop.is_set():
                worker = taken(pool, "greedy")
                time.sleep(0.02)
                pool.release(worker, healthy=True)

        threads = [threading.Thread(target=greedy) for _ in range(6)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: pool.state()["busy"] == 2, 20)
            waited = until(pool.acquire("modest", small=True).done, 10)
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        assert waited < 5


def test_a_full_queue_refuses_at_once_and_says_when_to_come_back() -> None:
    with running(workers=1, queue_length=3) as pool:
        worker = taken(pool)
        waiting = [pool.acquire("a", small=True) for _ in range(3)]
        began = time.monotonic()
        with pytest.raises(NoWorkerError, match="busy") as raised:
            pool.acquire("b", small=True)
        assert time.monotonic() - began < 0.05
        assert raised.value.hint
        assert raised.value.details == {"waiting": 3}
        pool.release(worker, healthy=True)
        for future in waiting:
            pool.release(future.result(20), healthy=True)


def test_waiters_who_left_take_no_place_in_the_queue() -> None:
    with running(workers=1, queue_length=3) as pool:
        worker = taken(pool)
        for _ in range(20):
            left = [pool.acquire("a", small=True) for _ in range(3)]
            assert all(future.cancel() for future in left)
        assert pool.state()["waiting"] == 0
        last = pool.acquire("a", small=True)
        pool.release(worker, healthy=True)
        assert last.result(20) is worker
        pool.release(worker, healthy=True)


def test_a_recycled_tenant_gets_fresh_workers_and_busy_ones_end_when_released() -> None:
    with running(workers=3) as pool:
        busy, idle, others = taken(pool, "a"), taken(pool, "a"), taken(pool, "b")
        pool.release(idle, healthy=True)
        pool.release(others, healthy=True)
        pool.recycle("a")
        assert idle.process.poll() is not None
        assert busy.process.poll() is None
        assert pool.state()["workers"] == 2  # the busy one still counts against the bound
        pool.release(busy, healthy=True)
        assert busy.process.poll() is not None
        assert others.process.poll() is None
        fresh = taken(pool, "a")
        assert fresh not in (busy, idle)
        pool.release(fresh, healthy=True)


def test_a_recycled_busy_worker_is_still_watched_and_ended_on_close() -> None:
    with running() as pool:
        busy = taken(pool)
        pool.recycle("a")
    assert busy.process.poll() is not None


def test_a_worker_given_back_unhealthy_is_ended_and_replaced() -> None:
    with running(workers=1) as pool:
        first = taken(pool)
        pool.release(first, healthy=False)
        assert first.process.poll() is not None
        second = taken(pool)
        assert second is not first
        pool.release(second, healthy=True)


def test_an_idle_worker_that_dies_is_forgotten() -> None:
    with running(workers=1) as pool:
        first = taken(pool)
        pool.release(first, healthy=True)
        os.kill(first.process.pid, 9)
        until(lambda: first.process.poll() is not None, 5)
        second = taken(pool)
        assert second is not first
        pool.release(second, healthy=True)


def test_a_worker_that_stays_large_is_not_kept() -> None:
    with running(workers=1, memory_mb=256) as pool:
        talk = Talk(pool)
        talk.start(job("SELECT length(list(range)::VARCHAR) AS a FROM range(6000000)"))
        talk.end()
        size = psutil.Process(talk.worker.process.pid).memory_info().rss
        talk.release()
        assert (talk.worker.process.poll() is not None) == (size >= pool._bound // 2)


def test_workers_that_never_start_fail_the_waiters_and_not_the_keeper(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(broken))
        with running(workers=1) as pool:
            waiting = pool.acquire("a", small=True)
            until(lambda: pool.failures >= 2, 10)
            assert not waiting.done()
            patched.undo()
            pool.release(waiting.result(20), healthy=True)
            assert pool.failures == 0


def test_a_program_that_cannot_be_executed_is_a_failed_start_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        with running(workers=1, spare=1) as pool:
            until(lambda: pool.failures >= 2, 10)
            assert list(pool._directory.iterdir()) == []


def test_closing_fails_the_waiters_and_refuses_new_ones() -> None:
    with running(workers=1) as pool:
        taken(pool)
        waiting = pool.acquire("a", small=True)
    with pytest.raises(NoWorkerError, match="stopping"):
        waiting.result(1)
    with pytest.raises(NoWorkerError):
        pool.acquire("a", small=True)


@pytest.mark.parametrize("moment", ["at once", "while starting", "with busy workers"])
def test_closing_leaves_no_process_descriptor_thread_or_directory(moment: str) -> None:
    gc.collect()
    me = psutil.Process()
    before = me.num_fds(), threading.active_count(), worker_processes()
    began = time.monotonic()
    with running(workers=2, spare=2) as pool:
        root = pool._directory
        if moment == "while starting":
            until(lambda: pool.state()["starting"], 10)
        elif moment == "with busy workers":
            talk = Talk(pool)
            talk.start(job("SELECT count(*) AS a FROM range(10000000) x, range(100000) y WHERE x.range*y.range%7=3"))
            began = time.monotonic()
    assert time.monotonic() - began < 2
    assert not root.exists()
    gc.collect()
    assert (me.num_fds(), threading.active_count(), worker_processes()) == before


def test_many_threads_take_release_cancel_and_recycle_without_losing_a_worker() -> None:
    others = worker_processes()
    with running(workers=3, reserved=1) as pool:
        stop = time.monotonic() + 3
        held: set[int] = set()
        twice: list[int] = []
        lock = threading.Lock()

        def client(number: int) -> None:
            turn = 0
            while time.monotonic() < stop:
                turn += 1
                future = pool.acquire(f"tenant {number % 3}", small=turn % 4 != 0)
                if turn % 5 == 0 and future.cancel():
                    continue
                worker = future.result(30)
                with lock:
                    twice.extend(held & {worker.process.pid})
                    held.add(worker.process.pid)
                with lock:
                    held.discard(worker.process.pid)
                if turn % 97 == 0:
                    pool.recycle(f"tenant {number % 3}")
                pool.release(worker, healthy=turn % 53 != 0)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(40)
        assert not twice
        until(lambda: pool.state()["busy"] == 0 and pool.state()["waiting"] == 0, 5)
        assert len(worker_processes() - others) <= 3 + 1  # one may be ending
