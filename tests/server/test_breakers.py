"""A source that keeps failing is left alone and then tried by one, of all API processes over one PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from catalog.database import open_engine
from catalog.operator import ensure_workspace
from catalog.scope import Scope
from catalog.store import CatalogStore
from server.budgets import Budgets, BudgetSettings
from server.errors import SourceRestingError
from server.shared_budgets import SharedBudgets
from tests.servers.postgres import PostgresServer

REST = 0.4
DOWN = "source_unavailable"
ALONE = Scope("t", "w", "x")


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


async def asked(budgets: Budgets, scope: Scope, came: str | None) -> bool:
    """Ask the source, which answers so; False when the breaker refused."""
    try:
        taken = await budgets.enter(scope, {"erp": 1})
    except SourceRestingError:
        return False
    budgets.leave(taken)
    budgets.note(scope, "erp", came)
    await asyncio.sleep(0.1)  # what is told to the others is told behind the request
    return True


def test_a_source_that_keeps_failing_rests_and_is_then_tried_by_one() -> None:
    async def run() -> None:
        clock = Clock()
        budgets = Budgets(BudgetSettings(failures=2, rest_seconds=30), clock)
        for _ in range(2):
            assert await asked(budgets, ALONE, DOWN)
        with pytest.raises(SourceRestingError, match="failed 2 times in a row and is left alone"):
            await budgets.enter(ALONE, {"erp": 1})
        clock.time += 31
        probe = await budgets.enter(ALONE, {"erp": 1})
        with pytest.raises(SourceRestingError):
            await budgets.enter(replace(ALONE, principal="y"), {"erp": 1})
        budgets.leave(probe)
        budgets.note(ALONE, "erp", None)
        assert await asked(budgets, ALONE, None)

    asyncio.run(run())


def test_what_is_not_the_sources_fault_does_not_open_the_breaker() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(failures=1))
        assert await asked(budgets, ALONE, "source_data")
        assert await asked(budgets, ALONE, "source_data")

    asyncio.run(run())


# Several processes --------------------------------------------------------------------------------------------


class Processes:
    """Three API processes' budgets over one catalog."""

    def __init__(self, stores: list[CatalogStore], scope: Scope) -> None:
        self.scope = scope
        settings = BudgetSettings(failures=3, rest_seconds=REST)
        self.budgets = [Budgets(settings, shared=SharedBudgets(store.engine)) for store in stores]

    async def ask(self, process: int, came: str | None) -> bool:
        return await asked(self.budgets[process], self.scope, came)

    def close(self) -> None:
        for budgets in self.budgets:
            budgets.close()


@pytest.fixture
def processes(postgres: PostgresServer) -> Iterator[Processes]:
    name = f"breakers_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    database = postgres.new_database(name)
    with ExitStack() as stack:
        stack.callback(postgres.drop_database, name)
        stores = [stack.enter_context(CatalogStore(database.dsn)) for _ in range(3)]
        scope = replace(ensure_workspace(stores[0], "t", "w"), principal="x")
        found = Processes(stores, scope)
        stack.callback(found.close)
        yield found


def test_a_source_that_one_process_found_down_is_left_alone_by_the_others_after_one_failure(
    processes: Processes,
) -> None:
    async def run() -> None:
        for _ in range(3):
            assert await processes.ask(0, DOWN)
        assert not await processes.ask(0, None)
        for other in (1, 2):
            assert await processes.ask(other, DOWN)
            assert not await processes.ask(other, None)

    asyncio.run(run())


def test_one_process_of_all_tries_it_and_the_others_hear_of_its_success(processes: Processes) -> None:
    async def run() -> None:
        for process in (0, 0, 0, 1, 2):
            assert await processes.ask(process, DOWN)
        await asyncio.sleep(1.1)
        one, two, _ = processes.budgets
        probe = await two.enter(processes.scope, {"erp": 1})
        for process in (0, 2):
            assert not await processes.ask(process, None)
        two.leave(probe)
        two.note(processes.scope, "erp", DOWN)
        await asyncio.sleep(0.1)
        assert not await processes.ask(1, None)
        await asyncio.sleep(1.1)
        tried = [await processes.ask(process, None) for process in range(3)]
        assert tried == [True] * 3, "the lock is free as soon as one had an answer"
        assert one.refused["source_resting"] >= 1

    asyncio.run(run())


def test_a_failure_in_each_of_several_processes_opens_no_breaker(processes: Processes) -> None:
    async def run() -> None:
        for _ in range(2):
            assert all(await asyncio.gather(*(processes.ask(process, DOWN) for process in range(3))))
        assert all(await asyncio.gather(*(processes.ask(process, None) for process in range(3))))

    asyncio.run(run())


def test_a_process_that_ends_leaves_nothing_behind(processes: Processes) -> None:
    async def run() -> None:
        for _ in range(3):
            assert await processes.ask(0, DOWN)
        processes.budgets[0].close()
        await asyncio.sleep(0.5)  # PostgreSQL hears of it
        assert await processes.ask(1, DOWN)
        assert await processes.ask(1, None)
        await asyncio.sleep(REST + 0.2)

    asyncio.run(run())


def test_without_the_catalog_each_process_goes_by_what_it_saw() -> None:
    async def run() -> None:
        engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
        budgets = Budgets(BudgetSettings(failures=3, rest_seconds=REST), shared=SharedBudgets(engine))
        for _ in range(3):
            assert await asked(budgets, ALONE, DOWN)
        assert not await asked(budgets, ALONE, None)
        await asyncio.sleep(REST)
        assert await asked(budgets, ALONE, None)
        assert await asked(budgets, ALONE, None)
        budgets.close()
        engine.dispose()

    asyncio.run(run())
