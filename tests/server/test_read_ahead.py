"""Bytes between a worker and its client: in order, within the bound, and into the file only at the pace."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

from server.pace import Pace
from server.read_ahead import MEMORY_BYTES, ReadAhead

MB = 1024 * 1024


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def drained(ahead: ReadAhead) -> bytes:
    pieces = []
    while piece := await ahead.take():
        pieces.append(piece)
    return b"".join(pieces)


def test_everything_comes_out_in_order_whoever_is_quicker(tmp_path: Path) -> None:
    chance = Random(1)
    sent = [chance.randbytes(chance.choice([1, 1_000, 70_000, 300_000, 2_000_000])) for _ in range(40)]

    async def run(slow_client: bool) -> bytes:
        pace = Pace(50 * MB)
        pace.asked()
        ahead = ReadAhead(tmp_path, 4 * MB, pace)

        async def produce() -> None:
            for piece in sent:
                await ahead.put(piece)
                if not slow_client:
                    await asyncio.sleep(0.001)
            ahead.finish()

        task = asyncio.create_task(produce())
        got = []
        while (piece := await ahead.take()) != b"":
            got.append(piece)
            if slow_client and len(got) % 8 == 0:
                await asyncio.sleep(0.002)
        await task
        ahead.close()
        return b"".join(got)

    for slow_client in (True, False):
        assert asyncio.run(run(slow_client)) == b"".join(sent)
    assert list(tmp_path.iterdir()) == []


def test_the_file_grows_at_the_pace_while_small_queries_are_asked(tmp_path: Path) -> None:
    async def run() -> int:
        pace = Pace(2 * MB)
        ahead = ReadAhead(tmp_path, 64 * MB, pace)
        producer = asyncio.create_task(endless(ahead))
        for _ in range(10):
            pace.asked()
            await asyncio.sleep(0.1)
        producer.cancel()
        ahead.close()
        return ahead.total

    total = asyncio.run(run())
    assert MEMORY_BYTES + 1 * MB < total < MEMORY_BYTES + 3 * MB


def test_all_answers_share_one_pace(tmp_path: Path) -> None:
    async def run() -> list[int]:
        pace = Pace(4 * MB)
        aheads = [ReadAhead(tmp_path, 64 * MB, pace) for _ in range(4)]
        pace.asked()
        producers = [asyncio.create_task(endless(ahead)) for ahead in aheads]
        await asyncio.sleep(0.9)
        for producer in producers:
            producer.cancel()
        for ahead in aheads:
            ahead.close()
        return [ahead.total for ahead in aheads]

    totals = asyncio.run(run())
    assert sum(totals) < 4 * MEMORY_BYTES + 5 * MB
    assert min(totals) >= MEMORY_BYTES * 0.9


def test_a_client_that_takes_is_not_held_back_by_the_pace(tmp_path: Path) -> None:
    async def run() -> float:
        pace = Pace(1)  # a byte per second: nothing to speak of may go into the file
        pace.asked()
        ahead = ReadAhead(tmp_path, 64 * MB, pace)
        began = asyncio.get_running_loop().time()

        async def produce() -> None:
            for _ in range(400):
                pace.asked()
                await ahead.put(bytes(100_000))
            ahead.finish()

        task = asyncio.create_task(produce())
        assert len(await drained(ahead)) == 40_000_000
        await task
        return asyncio.get_running_loop().time() - began

    assert asyncio.run(run()) < 5


def test_nobody_asking_means_no_bound() -> None:
    clock = Clock()
    pace = Pace(1_000, clock)
    pace.spend(50_000)
    pace.asked()
    assert pace.wait() == 0  # what was read while nobody asked is not made up for
    pace.spend(50_000)
    assert pace.wait() == 50
    clock.now += 0.5
    assert pace.wait() == 49.5
    clock.now += 1
    assert pace.wait() == 0
    assert Pace(0, clock).wait() == 0


async def endless(ahead: ReadAhead) -> None:
    while True:
        await ahead.put(bytes(100_000))
        await asyncio.sleep(0)
