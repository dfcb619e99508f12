"""Statements per connection are bounded, waiting is fair, and a source that keeps failing is left alone."""

import asyncio
import os
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from catalog.operator import ensure_workspace
from catalog.records import Budget, Connection, Window
from catalog.scope import Scope
from catalog.store import CatalogStore
from server.budgets import Budgets, BudgetSettings
from server.errors import (
    ConnectionBudgetError,
    QueueShareError,
    SourceBusyError,
    SourceClosedError,
    error_headers,
    status_of,
)
from server.shared_budgets import SharedBudgets
from tests.servers.postgres import PostgresServer


def of(principal: str) -> Scope:
    return Scope("t", "w", principal)


def test_no_more_statements_run_than_may() -> None:
    async def run() -> int:
        budgets, running, most = Budgets(BudgetSettings(statements=3)), 0, 0

        async def one(principal: str) -> None:
            nonlocal running, most
            taken = await budgets.enter(of(principal), {"erp": 1})
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
        first = await budgets.enter(of("x"), {"erp": 1})

        async def one(principal: str) -> None:
            taken = await budgets.enter(of(principal), {"erp": 1})
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
        taken = await budgets.enter(of("x"), {"erp": 1})
        waiting = asyncio.create_task(budgets.enter(of("y"), {"erp": 1}))
        await asyncio.sleep(0)
        with pytest.raises(SourceBusyError, match="busy"):
            await budgets.enter(of("z"), {"erp": 1})
        with pytest.raises(SourceBusyError):
            await waiting
        budgets.leave(taken)
        budgets.leave(await budgets.enter(of("z"), {"erp": 1}))

    asyncio.run(run())


def test_one_principal_never_fills_the_queue_for_the_others() -> None:
    async def run() -> list[str]:
        budgets, order = Budgets(BudgetSettings(statements=1, queue_length=9, queue_share=3)), []
        first = await budgets.enter(of("x"), {"erp": 1})

        async def one(principal: str) -> None:
            taken = await budgets.enter(of(principal), {"erp": 1})
            order.append(principal)
            budgets.leave(taken)

        flood = [asyncio.create_task(one("greedy")) for _ in range(5)]
        await asyncio.sleep(0)
        modest = asyncio.create_task(one("modest"))
        await asyncio.sleep(0)
        assert budgets.waiting() == 4
        budgets.leave(first)
        await modest
        found = await asyncio.gather(*flood, return_exceptions=True)
        refused = [error for error in found if error is not None]
        assert len(refused) == 2 and all(isinstance(error, QueueShareError) for error in refused), found
        assert (status_of(refused[0]), error_headers(refused[0])) == (429, [(b"retry-after", b"5")])
        assert budgets.refused["queue_share"] == 2
        await one("greedy")
        return order

    assert asyncio.run(run()) == ["greedy", "modest", "greedy", "greedy", "greedy"]


def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(statements=1))
        taken = await budgets.enter(of("x"), {"erp": 1})
        waiting = asyncio.create_task(budgets.enter(of("y"), {"erp": 1, "mes": 2}))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        budgets.leave(taken)
        budgets.leave(await asyncio.wait_for(budgets.enter(of("z"), {"erp": 1, "mes": 1}), 1))

    asyncio.run(run())


def test_tenants_do_not_share_a_connection_of_the_same_name() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(statements=1))
        await budgets.enter(of("x"), {"erp": 1})
        await asyncio.wait_for(budgets.enter(Scope("other", "w", "x"), {"erp": 1}), 1)
        await asyncio.wait_for(budgets.enter(Scope("t", "other", "x"), {"erp": 1}), 1)

    asyncio.run(run())


def test_a_request_wider_than_the_budget_runs_alone() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(statements=2))
        taken = await asyncio.wait_for(budgets.enter(of("x"), {"erp": 9}), 1)
        assert [(mine.connection, mine.count) for mine in taken] == [("erp", 2)]

    asyncio.run(run())


def test_large_queries_leave_room_for_small_ones() -> None:
    async def run() -> None:
        budgets = Budgets(BudgetSettings(statements=3, reserved=1, queue_seconds=0.02))
        large = [await budgets.enter(of("x"), {"erp": 1}, small=False) for _ in range(2)]
        waiting = asyncio.create_task(budgets.enter(of("x"), {"erp": 1}, small=False))
        await asyncio.sleep(0)
        small = await asyncio.wait_for(budgets.enter(of("y"), {"erp": 1}), 1)
        with pytest.raises(SourceBusyError):
            await waiting
        for taken in (*large, small):
            budgets.leave(taken)
        budgets.leave(await budgets.enter(of("x"), {"erp": 9}, small=False))

    asyncio.run(run())


def connection(**budget: object) -> dict[str, Connection]:
    return {"erp": Connection("erp", "sqlite", {}, "UTC", budget=Budget(**budget))}  # type: ignore[arg-type]


def test_a_connections_own_budget_is_never_passed() -> None:
    async def run() -> None:
        budgets, own = Budgets(BudgetSettings(statements=8, reserved=1)), connection(statements=2)
        with pytest.raises(ConnectionBudgetError, match="needs 3 statements at once"):
            await budgets.enter(of("x"), {"erp": 3}, connections=own)
        taken = await budgets.enter(of("x"), {"erp": 2}, False, own)
        waiting = asyncio.create_task(budgets.enter(of("y"), {"erp": 1}, True, own))
        await asyncio.sleep(0.01)
        assert budgets.waiting() == 1 and not waiting.done()
        budgets.leave(taken)
        budgets.leave(await asyncio.wait_for(waiting, 1))
        assert budgets.refused["connection_budget"] == 1

    asyncio.run(run())


def test_a_scan_that_reads_pages_side_by_side_counts_as_so_many_statements() -> None:
    async def run() -> None:
        wide = {"erp": replace(connection(statements=5)["erp"], config={"pages_at_once": 3})}
        budgets = Budgets(BudgetSettings())
        taken = await budgets.enter(of("x"), {"erp": 1}, connections=wide)
        assert [mine.count for mine in taken] == [3]
        waiting = asyncio.create_task(budgets.enter(of("y"), {"erp": 1}, connections=wide))
        await asyncio.sleep(0.01)
        assert budgets.waiting() == 1
        budgets.leave(taken)
        budgets.leave(await asyncio.wait_for(waiting, 1))
        with pytest.raises(ConnectionBudgetError, match="needs 6 statements at once") as caught:
            await budgets.enter(of("x"), {"erp": 2}, connections=wide)
        assert "pages_at_once" in caught.value.hint

    asyncio.run(run())


def test_a_closed_window_refuses_before_the_source_is_touched_and_says_when_to_come_back() -> None:
    async def run() -> None:
        moment = datetime(2026, 11, 30, 18, 59, tzinfo=UTC)
        budgets = Budgets(BudgetSettings(), clock=lambda: moment)
        own = connection(windows=(Window("month-end", ("last",), "18:00", "20:00", 0),))
        with pytest.raises(SourceClosedError, match=r"closed until 2026-11-30 20:00 \(month-end\)") as caught:
            await budgets.enter(of("x"), {"erp": 1}, connections=own)
        assert error_headers(caught.value) == [(b"retry-after", b"3660")] and status_of(caught.value) == 503
        moment = datetime(2026, 11, 30, 20, tzinfo=UTC)
        budgets.leave(await budgets.enter(of("x"), {"erp": 1}, connections=own))

    asyncio.run(run())


def test_a_source_that_its_windows_never_open_is_closed_without_a_date() -> None:
    async def run() -> None:
        own = connection(windows=(Window("mrp", (), "00:00", "24:00", 0),))
        with pytest.raises(SourceClosedError, match=r"is closed \(mrp\), and its windows never open it"):
            await Budgets(BudgetSettings()).enter(of("x"), {"erp": 1}, connections=own)
        one = connection(windows=(Window("mrp", (), "00:00", "24:00", 1),))
        with pytest.raises(ConnectionBudgetError, match="its budget allows 1"):
            await Budgets(BudgetSettings()).enter(of("x"), {"erp": 2}, connections=one)

    asyncio.run(run())


def test_a_window_that_begins_while_one_waits_counts() -> None:
    async def run() -> None:
        moment = datetime(2026, 11, 30, 17, 59, tzinfo=UTC)
        budgets = Budgets(BudgetSettings(queue_seconds=0.2), clock=lambda: moment)
        own = connection(statements=1, windows=(Window("", (), "18:00", "20:00", 0),))
        taken = await budgets.enter(of("x"), {"erp": 1}, connections=own)
        waiting = asyncio.create_task(budgets.enter(of("y"), {"erp": 1}, connections=own))
        await asyncio.sleep(0.01)
        moment = datetime(2026, 11, 30, 18, 1, tzinfo=UTC)
        budgets.leave(taken)
        with pytest.raises((SourceClosedError, SourceBusyError)):
            await waiting
        moment = datetime(2026, 11, 30, 20, 1, tzinfo=UTC)
        budgets.leave(await budgets.enter(of("y"), {"erp": 1}, connections=own))

    asyncio.run(run())


def test_new_statements_come_at_the_pace_of_the_budget() -> None:
    async def run() -> None:
        budgets, own = Budgets(BudgetSettings(queue_seconds=0.35)), connection(statements_per_second=10)
        started = time.monotonic()
        for count in (1, 2, 1):
            budgets.leave(await budgets.enter(of("x"), {"erp": count}, connections=own))
        assert 0.29 < time.monotonic() - started < 1.5
        together = [budgets.enter(of("x"), {"erp": 1}, connections=own) for _ in range(8)]
        found = await asyncio.gather(*together, return_exceptions=True)
        refused = [one for one in found if isinstance(one, SourceBusyError)]
        assert 3 <= len(refused) <= 6, found

    asyncio.run(run())


def test_processes_over_one_postgresql_share_a_budget(postgres: PostgresServer) -> None:
    """Two servers' budgets over one database; the second waits until the first gives back."""
    name = f"budgets_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    database = postgres.new_database(name)
    stores = [CatalogStore(database.dsn) for _ in range(2)]
    scope = replace(ensure_workspace(stores[0], "t", "w"), principal="x")
    shared = [SharedBudgets(store.engine) for store in stores]

    async def run() -> None:
        one, two = (Budgets(BudgetSettings(queue_seconds=0.3), shared=each) for each in shared)
        own = connection(statements=2)
        taken = await one.enter(scope, {"erp": 2}, connections=own)
        with pytest.raises(SourceBusyError):
            await two.enter(scope, {"erp": 1}, connections=own)
        waiting = asyncio.create_task(two.enter(scope, {"erp": 1}, connections=own))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        waiting = asyncio.create_task(two.enter(scope, {"erp": 1}, connections=own))
        await asyncio.sleep(0.05)
        one.leave(taken)
        two.leave(await asyncio.wait_for(waiting, 2))
        for _ in range(50):
            both = await one.enter(scope, {"erp": 2}, connections=own)
            one.leave(both)

    try:
        asyncio.run(run())
    finally:
        for each, store in zip(shared, stores, strict=True):
            each.close()
            store.close()
        postgres.drop_database(name)
