"""Statistics are renewed behind the requests' back, and plans that hang on them are made anew."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.sdk import Table
from engine.check_view import ViewSource
from engine.parse import parse_query
from engine.query import Query
from engine.source_tables import table_from_json
from server.budgets import Budgets, BudgetSettings
from server.operations.connections import save_connection
from server.operations.refresh import refresh
from server.operations.statistics import due_connections, renew_statistics
from server.operations.views import save_view
from server.statistics_keeper import StatisticsKeeper

from .shop import Shop

MORE = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
    "INSERT INTO orders SELECT 12 + i, i, 'open', 1, NULL FROM n"
)


@pytest.fixture
def read(shop: Shop) -> Shop:
    """A shop whose orders a view reads."""
    save_connection(shop.state, shop.scope, shop.connection())
    refresh(shop.state, shop.scope, "erp")
    save_view(shop.state, shop.scope, ViewSource("totals", "SELECT order_id, total FROM erp.orders"))
    return shop


def orders(shop: Shop) -> Table:
    (found,) = [s for s in shop.state.store.workspace(shop.scope).list_schemas("erp") if s.table == "orders"]
    return table_from_json(dict(found.definition))


def test_only_tables_that_views_read_are_due_and_only_when_they_are_old(read: Shop) -> None:
    catalog = read.state.store.workspace(read.scope).read()
    now = datetime.now(UTC)
    assert due_connections(catalog, now, timedelta(hours=1)) == {}
    assert due_connections(catalog, now + timedelta(hours=2), timedelta(hours=1)) == {"erp": (("orders",),)}


def test_a_few_more_rows_keep_the_plans_and_many_make_them_anew(read: Shop) -> None:
    workspace = read.state.store.workspace(read.scope)
    before, query = workspace.read(), Query(parse_query("SELECT order_id FROM totals"))
    plan = read.state.engine.prepare(query, before, workspace_names=True)
    read.change(MORE.format(1))
    assert not renew_statistics(read.state, read.scope, "erp", (("orders",),)).replanned
    assert orders(read).row_estimate == 4, "kept in the catalog all the same"
    assert read.state.engine.prepare(query, workspace.read(), workspace_names=True) is plan
    read.change("DELETE FROM orders WHERE order_id > 12;" + MORE.format(500))
    assert renew_statistics(read.state, read.scope, "erp", (("orders",),)).replanned
    anew = read.state.engine.prepare(query, workspace.read(), workspace_names=True)
    assert anew is not plan and anew.plan.scans[0].expected_rows == 503


def test_what_the_source_changed_besides_is_left_for_a_refresh(read: Shop) -> None:
    read.change("ALTER TABLE orders ADD COLUMN note TEXT")
    renew_statistics(read.state, read.scope, "erp", (("orders",), ("gone",)))
    assert orders(read).column("note") is None
    assert refresh(read.state, read.scope, "erp").diff.changed[0].added == ("note",)


def test_a_refresh_says_how_old_the_statistics_were(read: Shop) -> None:
    age = refresh(read.state, read.scope, "erp").statistics_age
    assert age is not None and 0 <= age < 60


def test_the_keeper_renews_what_is_due_once(read: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = StatisticsKeeper(read.state, Budgets(BudgetSettings()))
    read.state.store.workspace(read.scope).read()
    read.change(MORE.format(500))
    asyncio.run(keeper.look())
    assert orders(read).row_estimate == 3, "fresh statistics are left alone"
    later = orders(read).statistics_at
    assert later is not None
    monkeypatch.setattr("server.statistics_keeper.datetime", _Later)
    asyncio.run(keeper.look())
    first = orders(read)
    assert first.row_estimate == 503 and first.statistics_at is not None and first.statistics_at > later
    asyncio.run(keeper.look())
    assert orders(read).statistics_at == first.statistics_at


def test_a_source_that_fails_is_logged_and_left_alone_for_a_while(
    read: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = StatisticsKeeper(read.state, Budgets(BudgetSettings()))
    monkeypatch.setattr("server.statistics_keeper.datetime", _Later)
    impatient = replace(read.connection(), config={**read.connection().config, "busy_timeout": 0.1})
    save_connection(read.state, read.scope, impatient)
    read.state.store.workspace(read.scope).read()
    with closing(_locked(read)), caplog.at_level(logging.WARNING, "viewloom"):
        asyncio.run(keeper.look())
        asyncio.run(keeper.look())
    warnings = [r for r in caplog.records if getattr(r, "workspace", "") == read.scope.workspace]
    assert [record.message for record in warnings] == ["statistics not renewed"]


def test_planning_does_not_wait_for_statistics(read: Shop) -> None:
    """The source hangs in the middle of a look at it; a query is planned at once, with what is known."""
    workspace = read.state.store.workspace(read.scope)
    query = Query(parse_query("SELECT order_id, count(*) FROM totals GROUP BY order_id"))
    read.state.engine.prepare(query, workspace.read(), workspace_names=True)  # what is loaded at the first use
    texts = [f"SELECT order_id, max(total) FROM totals WHERE total > 5 GROUP BY order_id LIMIT {n}" for n in range(5)]
    others = [Query(parse_query(text)) for text in texts]  # none is in the cache

    async def race() -> tuple[float, bool]:
        renewing = asyncio.create_task(
            asyncio.to_thread(renew_statistics, read.state, read.scope, "erp", (("orders",),))
        )
        await asyncio.sleep(0.5)
        times = []
        for other in others:
            began = time.monotonic()
            read.state.engine.prepare(other, workspace.read(), workspace_names=True)
            times.append(time.monotonic() - began)
        planned = min(times)  # the machine may be busy with something else
        waited = not renewing.done()
        with closing(lock):
            lock.rollback()
        await renewing
        return planned, waited

    lock = _locked(read)
    planned, waited = asyncio.run(race())
    assert waited and planned < 0.05


def _locked(shop: Shop) -> sqlite3.Connection:
    """A connection that keeps everybody else out of the source until it is closed."""
    lock = sqlite3.connect(shop.database, isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN EXCLUSIVE")
    return lock


class _Later(datetime):
    """A clock of tomorrow."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + timedelta(days=1)
