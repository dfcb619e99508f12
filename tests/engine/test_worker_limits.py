"""Queries that want all memory, CPU or disk end in a typed error within their bound, and the next one runs."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.engine import Engine
from engine.errors import AnswerLimitError, CpuLimitError, EngineError, MemoryLimitError
from engine.isolation import resident
from engine.pool import PoolSettings
from engine.worker import ADDRESS_SPACE_BASE
from tests.engine.workers import answer, engine, job, pids, until

MEMORY_MB = 256
BOUND = int((MEMORY_MB * 1.5 + 300) * 1024 * 1024)
OVERSHOOT = 256 * 1024 * 1024  # what a process can touch between two looks of the watchdog

MEMORY = {
    "repeat": "SELECT length(repeat('x', 4000000000)) AS a",
    "repeat in every row": "SELECT repeat('x', 400000000) AS a FROM range(10)",
    "printf": "SELECT length(printf('%1000000000d', 1)) AS a",
    "list of a range": "SELECT len(range(1000000000)) AS a",
    "list of lists": "SELECT list_transform(range(100000), lambda x: range(100000)) AS a",
    "string_agg over a cross join": (
        "SELECT string_agg(x.range::VARCHAR || y.range::VARCHAR, ',') AS a FROM range(100000) x, range(100000) y"
    ),
    "list of a billion": "SELECT list(range) AS a FROM range(1000000000)",
    "doubling": (
        "WITH RECURSIVE r(s, n) AS (SELECT 'x', 0 UNION ALL SELECT s || s, n + 1 FROM r WHERE n < 40) "
        "SELECT max(length(s)) AS a FROM r"
    ),
}
CPU = {
    "levenshtein": "SELECT levenshtein(repeat('ab', 500000), repeat('ba', 500000)) AS a",
    "jaro_winkler": "SELECT jaro_winkler_similarity(repeat('ab', 900000), repeat('ba', 900000)) AS a",
    "cross join": "SELECT count(*) AS a FROM range(10000000) x, range(10000000) y WHERE (x.range*y.range)%7=3",
    "endless recursion": (
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n % 7 + 1 FROM r) SELECT count(*) AS a FROM r"
    ),
}


@pytest.fixture(scope="module")
def workers() -> Iterator[Engine]:
    with engine(PoolSettings(workers=2, spare=1, reserved=0, memory_mb=MEMORY_MB, spill_mb=64, threads=2)) as made:
        yield made


class Watch:
    """The largest resident size of a pool's workers while the block runs."""

    def __init__(self, made: Engine) -> None:
        self.most = 0
        self._made = made
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.most = max([self.most, *(resident(pid) or 0 for pid in pids(self._made.pool))])

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()


def _is_recovered(workers: Engine) -> None:
    assert answer(workers, job("SELECT sum(range) AS a FROM range(1000)")) == '{"a":499500}\n'


@pytest.mark.parametrize("name", MEMORY)
def test_a_memory_bomb_ends_in_an_error_and_within_the_bound(workers: Engine, name: str) -> None:
    began = time.monotonic()
    with Watch(workers) as watch, pytest.raises(MemoryLimitError) as raised:
        answer(workers, job(MEMORY[name], cpu_seconds=30), timeout=60)
    assert time.monotonic() - began < 20
    assert watch.most < BOUND + OVERSHOOT
    assert raised.value.hint
    _is_recovered(workers)


@pytest.mark.parametrize("name", CPU)
def test_a_cpu_bomb_ends_when_its_seconds_are_over(workers: Engine, name: str) -> None:
    began = time.monotonic()
    with pytest.raises(CpuLimitError) as raised:
        answer(workers, job(CPU[name], cpu_seconds=1), timeout=60)
    assert time.monotonic() - began < 12
    assert raised.value.hint
    _is_recovered(workers)


def test_the_limit_on_address_space_is_final_once_duckdb_is_open() -> None:
    """A worker that runs SQL can't raise it, and DuckDB's own start is not taken from what a query may map."""
    with engine(PoolSettings(workers=1, spare=1, reserved=0, memory_mb=64, threads=1)) as made:
        until(lambda: made.pool.state()["idle"] == 1, 20)
        (pid,) = pids(made.pool)

        def bounds() -> list[str]:
            lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
            return next(line.split()[3:5] for line in lines if line.startswith("Max address space"))

        assert bounds()[0] != "unlimited"
        _is_recovered(made)  # its first query
        soft, hard = bounds()
        assert soft == hard
        mapped = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * 4096
        free = int(soft) - mapped
        assert 0.9e9 < free < 64 * 1.5 * 1024**2 + ADDRESS_SPACE_BASE + 50e6


def test_cpu_seconds_are_counted_for_each_query_anew(workers: Engine) -> None:
    for _ in range(6):
        began = time.process_time()
        answer(workers, job("SELECT count(*) AS a FROM range(7000) x, range(7000) y WHERE x.range*y.range%7=3",
                            cpu_seconds=1))  # fmt: skip
        assert time.process_time() - began < 2


def test_a_query_that_spills_more_than_it_may_is_told_so() -> None:
    with engine(PoolSettings(workers=1, spare=1, reserved=0, memory_mb=64, spill_mb=4, threads=1)) as made:
        wide = "md5(range::VARCHAR) || md5((range + 1)::VARCHAR)"
        with pytest.raises(MemoryLimitError, match="spill"):
            answer(made, job(f"SELECT {wide} AS a FROM range(2000000) ORDER BY a"))
        _is_recovered(made)


def test_a_huge_answer_of_one_row_is_an_error_and_not_a_dead_server(workers: Engine) -> None:
    with pytest.raises(EngineError) as raised:
        answer(workers, job("SELECT list(range) AS a FROM range(20000000)"))
    assert isinstance(raised.value, MemoryLimitError)
    _is_recovered(workers)


@pytest.mark.parametrize("form", ["ndjson", "csv", "json", "arrow", "parquet"])
def test_an_answer_past_its_bytes_is_broken_in_every_format(workers: Engine, form: str) -> None:
    from dataclasses import replace

    from engine.encoders.encoding import Encoding, Format

    wanted = job("SELECT range AS a, hash(range) AS b FROM range(1000000)",
                 encoding=Encoding(Format(form), ("a", "b"), prefix="[", suffix="]"))  # fmt: skip
    with pytest.raises(AnswerLimitError, match="bytes"):
        answer(workers, replace(wanted, max_bytes=1_000_000))
    with pytest.raises(AnswerLimitError, match="rows"):
        answer(workers, replace(wanted, max_rows=10_000))
