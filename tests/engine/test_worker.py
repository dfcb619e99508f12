"""A worker: a fresh process without our environment and descriptors, for one tenant, whose death is one request's."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.engine import Engine
from engine.errors import DeadlineError, EngineBugError, QueryError, QueryValueError, WorkerDiedError
from engine.job import Job
from engine.pool import PoolSettings
from tests.engine.workers import SMALL_POOL, Talk, answer, engine, job, pids, until


@pytest.fixture(scope="module")
def workers() -> Iterator[Engine]:
    with engine(PoolSettings(workers=2, spare=1, reserved=0, memory_mb=256, threads=2)) as made:
        yield made


def test_a_worker_starts_with_an_empty_environment_and_no_descriptor_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWLOOM_SECRET_CANARY", "canary-secret")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        with engine() as made:
            assert answer(made, job("SELECT 1 AS a")) == '{"a":1}\n'
            (pid,) = pids(made.pool)
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            targets = {entry.name: str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
            pipe = str(Path(f"/proc/self/fd/{writing}").readlink())
    finally:
        os.close(reading)
        os.close(writing)
    ours = {b"LC_ALL=C.UTF-8", b"TZ=UTC", b"ARROW_DEFAULT_MEMORY_POOL=system", b"OPENBLAS_NUM_THREADS=1",
            b"JE_ARROW_MALLOC_CONF=background_thread:false"}  # fmt: skip
    assert set(environment.rstrip(b"\0").split(b"\0")) == ours
    assert pipe not in targets.values()
    assert [targets[name] for name in ("0", "1", "2")] == ["/dev/null"] * 3
    assert sum(target.startswith("socket:") for target in targets.values()) == 2  # jobs, cancels
    assert not [target for target in targets.values() if target.startswith("/") and target != "/dev/null"]


def test_a_worker_can_have_no_core_dump_no_new_privileges_and_few_files(workers: Engine) -> None:
    answer(workers, job("SELECT 1 AS a"))
    pid = min(pids(workers.pool))
    limits = Path(f"/proc/{pid}/limits").read_text()
    status = Path(f"/proc/{pid}/status").read_text()
    rows = {line[:25].strip(): line[26:].split() for line in limits.splitlines()}
    assert rows["Max core file size"][:2] == ["0", "0"]
    assert int(rows["Max open files"][1]) <= 1024
    assert int(rows["Max address space"][0]) < 4 << 30
    assert "NoNewPrivs:\t1" in status


def test_a_worker_serves_one_tenant_only(workers: Engine) -> None:
    seen: dict[str, set[int]] = {"a": set(), "b": set()}
    for _ in range(5):
        for tenant, found in seen.items():
            talk = Talk(workers.pool, tenant)
            found.add(talk.worker.process.pid)
            assert talk.worker.tenant == tenant
            talk.start(job("SELECT 1 AS a"))
            assert talk.end()["event"] == "done"
            talk.release()
    assert not seen["a"] & seen["b"]


def test_a_dead_worker_is_one_failed_request(workers: Engine) -> None:
    def kill() -> None:
        for pid in pids(workers.pool):
            os.kill(pid, signal.SIGKILL)

    killer = threading.Timer(0.3, kill)
    killer.start()
    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        answer(
            workers, job("SELECT count(*) AS a FROM range(10000000) x, range(100000) y WHERE (x.range*y.range)%7=3")
        )
    killer.join()
    assert answer(workers, job("SELECT 2 AS a")) == '{"a":2}\n'


def test_a_worker_that_hears_nonsense_ends_and_the_next_request_has_another(workers: Engine) -> None:
    talk = Talk(workers.pool)
    talk.worker.socket.sendall(b"\xff" * 64)
    until(lambda: talk.worker.process.poll() is not None, 5)
    talk.release(healthy=False)
    assert answer(workers, job("SELECT 3 AS a")) == '{"a":3}\n'


def test_a_job_of_unknown_kind_is_an_error_of_ours_and_the_worker_goes_on(workers: Engine) -> None:
    with pytest.raises(EngineBugError):
        workers.run(Job("run", "r"), "a")
    assert answer(workers, job("SELECT 4 AS a")) == '{"a":4}\n'


def test_a_workers_end_of_time_is_the_requests_deadline(workers: Engine) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineError):
        slow = job("SELECT count(*) AS a FROM range(10000000) x, range(100000) y WHERE (x.range*y.range)%7=3")
        answer(workers, slow, timeout=0.5)
    assert time.monotonic() - began < 3
    assert answer(workers, job("SELECT 5 AS a")) == '{"a":5}\n'


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT CAST('canary-row' AS INTEGER) AS a",
        "SELECT CAST(x AS INTEGER) AS a FROM (SELECT 'canary-row' || range AS x FROM range(10))",
        "SELECT strptime('canary-row' || range, '%Y') AS a FROM range(10)",
        "SELECT CAST('canary-row' || range AS DATE) AS a FROM range(10)",
        "SELECT error('canary-row' || range) AS a FROM range(10)",
        "SELECT regexp_matches('canary-row', '(' || range) AS a FROM range(10)",
        "SELECT CAST(99999999 AS TINYINT) + length('canary-row' || range) AS a FROM range(10)",
    ],
)
def test_an_error_of_duckdb_quotes_no_row(workers: Engine, sql: str) -> None:
    with pytest.raises(QueryError) as raised:
        answer(workers, job(sql))
    error = raised.value
    assert isinstance(error, QueryValueError)
    assert "canary" not in f"{error.message} {error.hint} {error.details}"


def test_wide_rows_cross_to_the_api_process_in_small_frames(workers: Engine) -> None:
    talk = Talk(workers.pool)
    talk.start(job("SELECT repeat('x', 3000000) AS a FROM range(10)"))
    assert talk.end()["event"] == "done"
    talk.release()
    assert sum(talk.frames) == 10 * (3_000_000 + len('{"a":""}\n'))
    assert max(talk.frames) <= 1 << 20


def test_a_cancel_that_comes_too_late_does_not_reach_into_the_next_query(workers: Engine) -> None:
    talk = Talk(workers.pool)
    for number in range(200):
        run = f"run {number}"
        talk.start(job(f"SELECT {number} AS a", run=run))
        talk.worker.cancel(run)
        assert talk.end()["event"] in ("done", "error")
        talk.worker.cancel(run)
        talk.start(job(f"SELECT {number} AS a", run=f"{run} again"))
        assert talk.end() == {"event": "done", "rows": 1, "bytes": talk.frames[-1], "sources": []}
    talk.release()


def test_a_worker_ends_when_the_api_process_is_gone() -> None:
    with engine(SMALL_POOL) as made:
        talk = Talk(made.pool)
        talk.worker.socket.close()
        until(lambda: talk.worker.process.poll() is not None, 5)
        talk.release(healthy=False)
