"""The template of workers: what a forked worker has, has not, and can't learn of another one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine import forked_process, worker_process
from engine import pool as pool_module
from engine.errors import WorkerDiedError
from engine.forked_process import ForkedProcess, can_fork
from engine.job import JobConnection, job_to_json
from engine.pool import PoolSettings, WorkerPool
from tests.engine.workers import Talk, answer, engine, job, until, worker_processes

pytestmark = pytest.mark.skipif(not can_fork(), reason="workers are fresh interpreters here")
SETTINGS = PoolSettings(workers=3, spare=0, reserved=0, memory_mb=256, threads=2)
SEES_OTHERS = pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into processes that are not dumpable")


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    with engine(SETTINGS) as made:
        yield made.pool


def template(pool: WorkerPool) -> psutil.Process:
    assert pool._template is not None
    return psutil.Process(pool._template.pid)


def opened(pid: int) -> dict[int, str]:
    """What a process has open, by descriptor; nothing of one that is gone."""
    found = {}
    with contextlib.suppress(FileNotFoundError, PermissionError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found[int(link.name)] = str(link.readlink())
    return found


def holds(pid: int, wanted: bytes) -> bool:
    """Whether these bytes are anywhere in the memory of a process."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if not rights.startswith("rw") or start >= 1 << 63:
                continue
            memory.seek(start)
            with contextlib.suppress(OSError):
                if wanted in memory.read(end - start):
                    return True
    return False


def secretive(secret: str) -> dict[str, object]:
    """A job whose connection carries a secret; its query needs no source."""
    wanted = job("SELECT 1 AS a")
    config: dict[str, object] = {"directory": "/nowhere", "note": secret}
    return job_to_json(replace(wanted, connections={"lab": JobConnection("files", config)}))


@SEES_OTHERS
def test_a_worker_has_its_two_sockets_and_nothing_of_any_other_process(pool: WorkerPool) -> None:
    talks = [Talk(pool, tenant) for tenant in "abc"]
    others = [process.pid for process in psutil.process_iter()]
    for talk in talks:
        pid = talk.worker.process.pid
        mine = opened(pid)
        assert [mine.pop(number) for number in (0, 1, 2)] == ["/dev/null"] * 3
        sockets = set(mine.values())
        assert len(mine) == len(sockets) == 2
        assert all(name.startswith("socket:") for name in sockets)
        for other in others:
            if other != pid:
                assert not sockets & set(opened(other).values()), f"process {other} shares a socket with a worker"
    for talk in talks:
        talk.release()


@SEES_OTHERS
def test_a_secret_of_one_worker_is_in_no_other_and_not_in_the_template(pool: WorkerPool) -> None:
    secret = "tenant-a-" + os.urandom(12).hex()
    first, early = Talk(pool, "a"), Talk(pool, "b")
    first.send(secretive(secret))
    assert first.end()["event"] == "error"  # the configuration is wrong, and was read
    late = Talk(pool, "c")
    late.start(job("SELECT 1 AS a"))
    late.end()
    assert holds(first.worker.process.pid, secret.encode()), "the search finds nothing at all"
    for process in (early.worker.process.pid, late.worker.process.pid, template(pool).pid):
        assert not holds(process, secret.encode())
    for talk in (first, early, late):
        talk.release()


@SEES_OTHERS
def test_the_template_has_one_thread_one_socket_and_the_ends_where_it_tells_of_workers(pool: WorkerPool) -> None:
    talks = [Talk(pool, tenant) for tenant in "ab"]
    assert template(pool).num_threads() == 1
    mine = list(opened(template(pool).pid).values())
    assert mine.count("/dev/null") == 3
    assert sum(name.startswith("socket:") for name in mine) == 1 + len(talks)
    assert sum("pidfd" in name for name in mine) == len(talks)
    assert len(mine) == 3 + 1 + 2 * len(talks)
    for talk in talks:
        talk.release()
    assert template(pool).memory_info().rss < 250_000_000


def test_a_forked_worker_is_confined_as_a_fresh_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen() -> tuple[object, ...]:
        with engine(SETTINGS) as made, Talk(made.pool) as talk:
            assert isinstance(talk.worker.process, ForkedProcess) == made.pool._forks
            pid = talk.worker.process.pid
            status = dict(
                line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
            )
            names = ("Uid", "Gid", "Groups", "NoNewPrivs", "CapEff", "CapPrm", "SigIgn", "SigBlk")
            limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
            fixed = [line for line in limits if not line.startswith("Max address space")]
            bounded = [line.split()[3] for line in limits if line.startswith("Max address space")]
            environment = Path(f"/proc/{pid}/environ").read_bytes() if os.geteuid() == 0 else b""
            return [status[name] for name in names], fixed, bounded != ["unlimited"], environment, os.getsid(pid) != 0

    forked = seen()
    monkeypatch.setattr(pool_module, "can_fork", lambda: False)
    assert seen() == forked


def test_starting_a_worker_costs_less_than_a_tenth_of_a_second_of_a_core(pool: WorkerPool) -> None:
    costs = []
    for tenant in "abc":
        with Talk(pool, tenant) as talk:
            tasks = Path(f"/proc/{talk.worker.process.pid}/task").glob("*/schedstat")
            costs.append(sum(int(task.read_text().split()[0]) for task in tasks) / 1e9)
    assert min(costs) < 0.1, costs


def test_random_numbers_of_two_workers_differ() -> None:
    with engine(SETTINGS) as made:
        drawn = [answer(made, job("SELECT random() AS a, uuid() AS b", names=("a", "b")), tenant) for tenant in "abc"]
    numbers = [json.loads(row)["a"] for row in drawn]
    assert len(set(numbers)) == len(set(drawn)) == 3


def test_random_numbers_of_libraries_differ_in_two_forked_processes() -> None:
    """OpenSSL, which drivers use for TLS, and Python: what they had in the template must not be drawn twice."""
    program = """
import os, random, ssl, tempfile, uuid
from engine.template import prepare
prepare()
drawn = lambda: [random.random(), ssl.RAND_bytes(8).hex(), uuid.uuid4().hex, next(tempfile._get_candidate_names())]
drawn()
for _ in range(2):
    if os.fork() == 0:
        print(*drawn(), sep="\\n", flush=True)
        os._exit(0)
    os.wait()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    numbers = done.stdout.split()
    assert len(set(numbers)) == len(numbers) == 8


def test_the_exit_status_of_a_worker_is_known_and_no_zombie_is_left(pool: WorkerPool) -> None:
    talk = Talk(pool)
    process = talk.worker.process
    waiting = threading.Thread(target=process.wait)
    waiting.start()
    os.kill(process.pid, signal.SIGSEGV)
    waiting.join(5)
    assert process.poll() == process.wait() == -signal.SIGSEGV
    process.kill()  # of one that has ended: nothing
    talk.release(healthy=False)
    assert not template(pool).children()


def test_a_template_that_dies_takes_its_workers_along_and_is_replaced() -> None:
    others = worker_processes()
    with engine(SETTINGS) as made:
        endless = "SELECT count(*) AS a FROM range(10000000) x, range(100000) y WHERE x.range*y.range%7=3"
        failed: list[BaseException] = []

        def run() -> None:
            try:
                answer(made, job(endless))
            except WorkerDiedError as error:
                failed.append(error)

        running = threading.Thread(target=run)
        running.start()
        until(lambda: made.pool.state()["busy"] == 1, 20)
        idle = Talk(made.pool, "b")
        idle.release()
        first = template(made.pool)
        workers = worker_processes() - others
        first.kill()
        running.join(10)
        assert failed
        assert answer(made, job("SELECT 1 AS a"), "b") == '{"a":1}\n'
        assert template(made.pool).pid != first.pid
        assert not worker_processes() & workers
        assert made.pool.state()["workers"] <= 2


@SEES_OTHERS
def test_workers_of_another_user_end_with_the_template_too() -> None:
    settings = PoolSettings(workers=1, spare=1, reserved=0, memory_mb=64, threads=1, uid=65534)
    with engine(settings) as made:
        until(lambda: made.pool.state()["workers"] or made.pool.failures, 20)
        if not made.pool.state()["workers"]:
            pytest.skip("this checkout can't be read by the user nobody")
        with Talk(made.pool) as talk:
            process = talk.worker.process
            template(made.pool).kill()
            until(lambda: process.poll() is not None, 5)
            assert process.poll() == -signal.SIGKILL


def test_nothing_outlives_an_api_process_that_is_killed() -> None:
    program = """
import sys, time
from engine.pool import PoolSettings, WorkerPool
pool = WorkerPool(PoolSettings(workers=2, spare=1, memory_mb=64, threads=1))
worker = pool.acquire("a", True).result(30)
while pool.state()["workers"] < 2:
    time.sleep(0.01)
print(pool._template.pid, *(one.process.pid for one in pool._workers), flush=True)
time.sleep(60)
"""
    api = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert api.stdout is not None
        below = [psutil.Process(int(pid)) for pid in api.stdout.readline().split()]
        assert len(below) == 3
    finally:
        api.kill()
        api.communicate()
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in below), 5)


def test_without_a_template_workers_are_fresh_interpreters(monkeypatch: pytest.MonkeyPatch) -> None:
    others = worker_processes()
    monkeypatch.setattr(pool_module, "can_fork", lambda: False)
    with engine(SETTINGS) as made:
        assert answer(made, job("SELECT 1 AS a")) == '{"a":1}\n'
        assert made.pool._template is None
        assert len(worker_processes() - others) == 1


def test_a_template_in_which_a_thread_runs_forks_nothing_and_workers_start_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calmed = {name: value for name, value in worker_process.ENVIRONMENT.items() if name != "JE_ARROW_MALLOC_CONF"}
    monkeypatch.setattr(worker_process, "ENVIRONMENT", calmed)
    with engine(SETTINGS) as made:
        assert answer(made, job("SELECT 1 AS a")) == '{"a":1}\n'
        assert not made.pool._forks
        with Talk(made.pool, "b") as talk:
            assert not isinstance(talk.worker.process, ForkedProcess)


def test_a_template_that_does_not_answer_is_ended_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with engine(SETTINGS) as made:
        answer(made, job("SELECT 1 AS a"))
        first = template(made.pool)
        monkeypatch.setattr(forked_process, "START_SECONDS", 0.5)
        first.suspend()
        waiting = made.pool.acquire("b", small=True)
        until(lambda: not first.is_running() or first.status() == psutil.STATUS_ZOMBIE, 10)
        monkeypatch.undo()
        made.pool.release(waiting.result(30), healthy=True)
        assert template(made.pool).pid != first.pid


def test_many_workers_start_and_end_and_leave_no_descriptor(pool: WorkerPool) -> None:
    def turn(tenant: str) -> None:
        talk = Talk(pool, tenant)
        talk.release(healthy=False)

    turn("first")
    me, its = psutil.Process().num_fds(), template(pool).num_fds()
    for number in range(30):
        turn(f"tenant {number}")
    time.sleep(0.2)
    assert psutil.Process().num_fds() <= me
    assert template(pool).num_fds() <= its
    assert not template(pool).children()
