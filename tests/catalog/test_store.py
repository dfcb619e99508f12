"""Snapshots, transactions, and writers that meet."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.errors import (
    CatalogError,
    CatalogUnavailableError,
    ConflictError,
    InvalidNameError,
    NameTakenError,
    NotFoundError,
)
from catalog.operator import create_tenant, create_workspace, ensure_workspace, list_tenants, list_workspaces
from catalog.scope import Scope
from catalog.store import CatalogStore
from catalog.workspace_store import WorkspaceStore
from tests.catalog.sample import ERP, fill, schema, view


def test_every_change_that_planning_can_see_raises_the_version(
    store: CatalogStore, plant: WorkspaceStore, acme: Scope
) -> None:
    changes: list[Callable[[], object]] = [
        lambda: fill(plant),
        lambda: plant.save_view(view("orders", "SELECT 2 AS a")),
        lambda: plant.save_schemas([schema("t")]),
        lambda: plant.drop_schemas("erp", ["t"]),
        lambda: plant.save_publication(dataclasses.replace(plant.get_publication("late"), comment="x")),
        lambda: plant.drop_publication("late"),
        lambda: plant.drop_view("late"),
        lambda: plant.drop_view("orders"),
        lambda: plant.drop_connection("erp"),
    ]
    for change in changes:
        before, snapshot = store.version(acme), plant.read()
        assert snapshot.version == before
        change()
        assert store.version(acme) > before
        assert plant.read() is not snapshot


def test_a_snapshot_cannot_be_changed(plant: WorkspaceStore) -> None:
    fill(plant)
    catalog = plant.read()
    with pytest.raises(TypeError):
        catalog.connections["erp"] = ERP  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalog.version = 5  # type: ignore[misc]


def test_changes_together_are_all_kept_or_none(plant: WorkspaceStore) -> None:
    before = plant.read()
    with pytest.raises(NotFoundError), plant.together() as whole:
        fill(whole)
        inside = whole.read()
        assert inside.version < 0 and inside.view("orders") is not None
        whole.drop_view("nothing")
    assert plant.read() is before
    assert plant.list_connections() == ()
    with plant.together() as whole:
        fill(whole)
        whole.save_view(view("more"))
    after = plant.read()
    assert after.version == before.version + 1
    assert after.view("more") is not None


@pytest.mark.parametrize("together", [False, True])
def test_of_two_writers_at_once_none_loses_an_update(plant: WorkspaceStore, together: bool) -> None:
    plant.save_view(view("v", "SELECT 0 AS a"))
    conflicts: list[ConflictError] = []
    writers, rounds = 3, 6

    def write() -> None:
        done = 0
        while done < rounds:
            seen = plant.get_view("v")
            changed = view("v", f"SELECT {int(seen.sql.split()[1]) + 1} AS a")
            try:
                if together:
                    with plant.together() as whole:
                        whole.save_view(changed, expected_version=seen.version)
                else:
                    plant.save_view(changed, expected_version=seen.version)
                done += 1
            except ConflictError as error:
                conflicts.append(error)

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert plant.get_view("v").sql == f"SELECT {writers * rounds} AS a"
    assert [one.version for one in plant.view_history("v")] == list(range(writers * rounds + 1, 0, -1))


def test_of_two_writers_of_one_new_name_one_is_told(plant: WorkspaceStore) -> None:
    results: list[object] = []
    start = threading.Barrier(2)

    def write(name: str) -> None:
        start.wait()
        try:
            results.append(plant.save_view(view(name)).version)
        except NameTakenError:
            results.append("taken")

    threads = [threading.Thread(target=write, args=(name,)) for name in ("Orders", "orders")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["1", "taken"]


WRITER = """
import sys
from catalog.operator import operator_scope
from catalog.store import CatalogStore
from catalog.records import View, ViewColumn
plant = CatalogStore(sys.argv[1]).workspace(operator_scope("acme", "plant"))
while True:
    sql = f"SELECT {plant.get_view('v').version + 1} AS a"
    plant.save_view(View("v", 0, sql, sql, (ViewColumn("a", "INTEGER"),)))
    print("saved", flush=True)
"""


def test_a_killed_writer_leaves_whole_versions_only(
    store: CatalogStore, plant: WorkspaceStore, catalog_url: str, acme: Scope
) -> None:
    plant.save_view(view("v", "SELECT 1 AS a"))
    for _ in range(2):
        command = [sys.executable, "-c", WRITER, catalog_url]
        repository = str(Path(__file__).parents[2])
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=repository) as writer:
            assert writer.stdout is not None
            for _ in range(5):
                assert writer.stdout.readline() == b"saved\n"
            time.sleep(0.02)
            os.kill(writer.pid, signal.SIGKILL)
    with CatalogStore(catalog_url) as reopened:
        history = reopened.workspace(acme).view_history("v")
    assert len(history) > 10
    assert [one.sql for one in history] == [f"SELECT {number} AS a" for number in range(len(history), 0, -1)]
    if catalog_url.startswith("sqlite"):
        check = sqlite3.connect(catalog_url.removeprefix("sqlite:///"))
        assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert check.execute("PRAGMA foreign_key_check").fetchall() == []
        check.close()


def test_sqlite_is_set_for_safety(tmp_path: Path) -> None:
    path = tmp_path / "a" / "catalog.db"
    with CatalogStore(f"sqlite:///{path}") as store, store.engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["wal", 2, 1, 30_000]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u:hunter2@h/d", ""])
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(CatalogError) as caught:
        CatalogStore(url)
    assert "sqlite:///" in caught.value.hint
    assert "hunter2" not in str(caught.value)


def test_a_database_that_is_away_is_named_as_such_without_its_password() -> None:
    with pytest.raises(CatalogUnavailableError) as caught:
        CatalogStore("postgresql://u:hunter2@127.0.0.1:1/d")
    assert caught.value.retryable
    assert "hunter2" not in caught.value.message + repr(caught.value.details)
    with pytest.raises(CatalogUnavailableError):
        CatalogStore("sqlite:////proc/no/catalog.db")


def test_the_operator_makes_tenants_and_workspaces(store: CatalogStore) -> None:
    create_tenant(store, "new-1")
    create_workspace(store, "new-1", "w_1")
    assert "new-1" in list_tenants(store)
    places = [(place.tenant, place.workspace) for place in list_workspaces(store)]
    assert places == [("acme", "plant"), ("bolt", "plant"), ("new-1", "w_1")]
    with pytest.raises(NameTakenError):
        create_tenant(store, "acme")
    with pytest.raises(NameTakenError):
        create_workspace(store, "acme", "plant")
    with pytest.raises(NotFoundError):
        create_workspace(store, "nobody", "plant")
    assert ensure_workspace(store, "acme", "plant").is_admin


@pytest.mark.parametrize("name", ["key", "v1", "admin", "", "A", "1a", "a b", "a/b", "ä", "a" * 64, "a\n"])
def test_reserved_and_odd_workspace_names_are_refused(store: CatalogStore, name: str) -> None:
    with pytest.raises(InvalidNameError):
        create_workspace(store, "acme", name)
