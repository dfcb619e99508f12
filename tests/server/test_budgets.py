"""Statements per connection are bounded, waiting is fair, and a source that keeps failing is left alone."""

import asyncio

import pytest

from server.budgets import Budgets, BudgetSettings
from server.errors import SourceBusyError, SourceRestingError


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_no_more_statements_run_than_may() -> None:
    async def run() -> int:
        budgets, running, most = Budgets(BudgetSettings(statements=3)), 0, 0

        async def one(principal: str) -> None:
            nonlocal running, most
            taken = await budgets.enter("t", principal, {"erp": 1})
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1
            budgets.leave(taken)

        await asyncio.gather(*(one(f"p{i % 4}") for i in range(50)))
        return most

    assert asyncio.run(run()) == 3


def test_principals_take_turns_in_the_queue() -> None:
    async def run() -> list[str]:
        budgets, order = Budgets(BudgetSettings(statements=1)), []
        first = await budgets.enter("t", "x", {"erp": 1})

        async def one(principal: str) -> None:
            taken = await budgets.enter("t", principal, {"erp": 1})
            order.append(principal)
            budgets.leave(taken)

        tasks = [asyncio.create_task(one(name)) for name in ("greedy", "greedy", "greedy", "modest")]
        await asyncio.sleep(0)
        budgets.leave(first)
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(run()) == ["greedy", "modest", "greedy", "greedy"]


def test_a_full_queue_and_a_slow_one_send_callers_away() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(statements=1, queue_length=1, queue_seconds=0.01))
        taken = await budgets.enter("t", "x", {"erp": 1})
        waiting = asyncio.create_task(budgets.enter("t", "y", {"erp": 1}))
        await asyncio.sleep(0)
        with pytest.raises(SourceBusyError, match="busy"):
            await budgets.enter("t", "z", {"erp": 1})
        with pytest.raises(SourceBusyError):
            await waiting
        budgets.leave(taken)
        budgets.leave(await budgets.enter("t", "z", {"erp": 1}))

    asyncio.run(run())


def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(statements=1))
        taken = await budgets.enter("t", "x", {"erp": 1})
        waiting = asyncio.create_task(budgets.enter("t", "y", {"erp": 1, "mes": 2}))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        budgets.leave(taken)
        budgets.leave(await asyncio.wait_for(budgets.enter("t", "z", {"erp": 1, "mes": 1}), 1))

    asyncio.run(run())


def test_tenants_do_not_share_a_connection_of_the_same_name() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(statements=1))
        await budgets.enter("a", "x", {"erp": 1})
        await asyncio.wait_for(budgets.enter("b", "x", {"erp": 1}), 1)

    asyncio.run(run())


def test_a_request_wider_than_the_budget_runs_alone() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(statements=2))
        taken = await asyncio.wait_for(budgets.enter("t", "x", {"erp": 9}), 1)
        assert taken == [("t", "erp", 2)]

    asyncio.run(run())


def test_a_source_that_keeps_failing_rests_and_is_then_tried_by_one() -> None:
    async def run() -> None:
        clock = Clock()
        budgets = Budgets(BudgetSettings(failures=2, rest_seconds=30), clock)
        for _ in range(2):
            budgets.leave(await budgets.enter("t", "x", {"erp": 1}))
            budgets.note("t", "erp", "source_unavailable")
        with pytest.raises(SourceRestingError, match="left alone"):
            await budgets.enter("t", "x", {"erp": 1})
        clock.time += 31
        probe = await budgets.enter("t", "x", {"erp": 1})
        with pytest.raises(SourceRestingError):
            await budgets.enter("t", "y", {"erp": 1})
        budgets.leave(probe)
        budgets.note("t", "erp", None)
        budgets.leave(await budgets.enter("t", "y", {"erp": 1}))

    asyncio.run(run())


def test_what_is_not_the_sources_fault_does_not_open_the_breaker() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(failures=1))
        budgets.leave(await budgets.enter("t", "x", {"erp": 1}))
        budgets.note("t", "erp", "source_data")
        budgets.leave(await budgets.enter("t", "x", {"erp": 1}))

    asyncio.run(run())


def test_large_queries_leave_room_for_small_ones() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(statements=3, reserved=1, queue_seconds=0.02))
        large = [await budgets.enter("t", "x", {"erp": 1}, small=False) for _ in range(2)]
        waiting = asyncio.create_task(budgets.enter("t", "x", {"erp": 1}, small=False))
        await asyncio.sleep(0)
        small = await asyncio.wait_for(budgets.enter("t", "y", {"erp": 1}), 1)
        with pytest.raises(SourceBusyError):
            await waiting
        for taken in (*large, small):
            budgets.leave(taken)
        budgets.leave(await budgets.enter("t", "x", {"erp": 9}, small=False))

    asyncio.run(run())
