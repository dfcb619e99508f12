"""Slots and pace that API processes over one PostgreSQL share; each `Leases` here is what one process has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, text

from catalog.database import open_engine
from catalog.leases import Leases, reserve
from catalog.operator import ensure_workspace
from catalog.scope import Scope
from catalog.store import CatalogStore
from tests.servers.postgres import PostgresServer


@pytest.fixture
def scope(postgres_catalog: PostgresServer) -> Scope:
    with CatalogStore(postgres_catalog.dsn) as store:
        return ensure_workspace(store, "acme", "plant")


@pytest.fixture
def processes(postgres_catalog: PostgresServer, scope: Scope) -> Iterator[list[tuple[Engine, Leases]]]:
    with ExitStack() as stack:
        found = []
        for _ in range(3):
            engine = open_engine(postgres_catalog.dsn)
            leases = Leases(engine)
            stack.callback(engine.dispose)
            stack.callback(leases.close)
            found.append((engine, leases))
        yield found


def test_all_processes_together_have_no_more_slots_than_there_are(
    processes: list[tuple[Engine, Leases]], scope: Scope
) -> None:
    (_, one), (_, two), (_, three) = processes
    assert len(one.take(scope, "erp", 2, 3)) == 2
    assert two.take(scope, "erp", 2, 3) == ()  # all that it wants, or nothing
    last = two.take(scope, "ERP", 1, 3)
    assert len(last) == 1 and three.take(scope, "erp", 1, 3) == one.take(scope, "erp", 1, 3) == ()
    assert len(three.take(scope, "mes", 1, 1)) == 1
    assert len(three.take(Scope("acme", "other", "p"), "erp", 3, 3)) == 3
    two.give(last)
    assert len(three.take(scope, "erp", 1, 3)) == 1


def test_racing_processes_never_pass_the_limit(processes: list[tuple[Engine, Leases]], scope: Scope) -> None:
    held, most, lock = 0, 0, threading.Lock()

    def work(leases: Leases) -> None:
        nonlocal held, most
        for _ in range(60):
            slots = leases.take(scope, "erp", 1, 2)
            if slots:
                with lock:
                    held += 1
                    most = max(most, held)
                with lock:
                    held -= 1
                leases.give(slots)

    threads = [threading.Thread(target=work, args=(leases,)) for _, leases in processes for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 2
    assert len(processes[0][1].take(scope, "erp", 2, 2)) == 2, "nothing was left behind"


def test_the_slots_of_a_process_that_dies_are_free(
    processes: list[tuple[Engine, Leases]], scope: Scope, postgres: PostgresServer
) -> None:
    (_, one), (_, two), _ = processes
    mine = one.take(scope, "erp", 1, 1)
    assert mine and two.take(scope, "erp", 1, 1) == ()
    with postgres.connect() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory') AND pid <> pg_backend_pid()"
        )
    taken = two.take(scope, "erp", 1, 1)
    assert len(taken) == 1
    one.give(mine)  # its session is gone: it must not free what another has now
    assert processes[2][1].take(scope, "erp", 1, 1) == one.take(scope, "erp", 1, 1) == ()
    two.give(taken)
    assert len(one.take(scope, "erp", 1, 1)) == 1, "with a new session"


def test_a_pace_is_kept_by_all_together_and_nothing_is_reserved_beyond_the_wait(
    processes: list[tuple[Engine, Leases]], scope: Scope
) -> None:
    waits = [reserve(engine, scope, "pace", 0.5, 10.0) for engine, _ in processes for _ in range(2)]
    assert waits[0] == 0.0
    assert all(w is not None and 0.5 * n - 0.4 < w <= 0.5 * n for n, w in enumerate(waits)), waits
    assert reserve(processes[0][0], scope, "pace", 0.5, 1.0) is None
    after = reserve(processes[1][0], scope, "pace", 0.5, 10.0)
    assert after is not None and after <= 3.0, "the refused one took no place"
    with processes[0][0].connect() as connection:  # row level security: without a scope nobody sees it
        assert connection.execute(text("SELECT count(*) FROM source_paces")).scalar() == 0
