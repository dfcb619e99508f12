from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from catalog import run_log
from catalog.errors import CatalogUnavailableError
from catalog.records import ApiKey
from catalog.run_log import RunLog, RunLogCounts
from catalog.scope import Scope
from catalog.store import CatalogStore
from catalog.transaction import WorkspaceTransaction
from catalog.workspace_store import WorkspaceStore
from tests.catalog.sample import NOON, run


def test_runs_come_back_as_they_were_recorded_the_newest_first(store: CatalogStore, plant: WorkspaceStore) -> None:
    first, second = run("1"), run("2", started_at=NOON + timedelta(seconds=1), status="error", error="source_timeout")
    with RunLog(store) as log:
        assert log.add(second)
        assert log.add(first)
    assert plant.list_runs() == (second, first)
    assert plant.list_runs(limit=1) == (second,)
    assert plant.list_runs(before=second.started_at) == (first,)
    assert plant.list_runs(status="error") == (second,)
    assert plant.get_run("1") == first
    assert plant.drop_runs(second.started_at) == 1
    assert plant.list_runs() == (second,)


def test_records_and_uses_go_to_their_own_tenants(store: CatalogStore, plant: WorkspaceStore, bolt: Scope) -> None:
    theirs = store.workspace(bolt)
    key, _text = theirs.issue_key("k")
    with RunLog(store) as log:
        for number in range(7):
            log.add(run(str(number), "bolt" if number % 2 else "acme"))
            log.key_used(key)
        log.flush()
        log.key_used(key)
    assert (len(plant.list_runs()), len(theirs.list_runs())) == (4, 3)
    (used,) = theirs.list_keys()
    assert used.uses == 8
    assert used.last_used_at is not None and used.last_used_at >= key.created_at


def test_a_full_batch_is_written_at_once_and_a_small_one_soon(store: CatalogStore, plant: WorkspaceStore) -> None:
    with RunLog(store, batch=5, interval=30) as log:
        for number in range(5):
            log.add(run(str(number)))
        wait_for(lambda: log.counts().written == 5)
    with RunLog(store, interval=0.05) as log:
        log.add(run("soon"))
        wait_for(lambda: log.counts().written == 1)
    assert len(plant.list_runs()) == 6


def wait_for(condition: object) -> None:
    """Until a condition holds, at most ten seconds."""
    end = time.monotonic() + 10
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def unreachable(*_arguments: object) -> Iterator[WorkspaceTransaction]:
    """A database that is away, in place of `write_workspace`."""
    raise CatalogUnavailableError("away")
    yield


def test_a_full_queue_drops_counts_and_reports(
    store: CatalogStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run_log, "write_workspace", unreachable)
    with caplog.at_level(logging.WARNING, "viewloom.catalog"):
        log = RunLog(store, capacity=3, interval=30)
        assert [log.add(run(str(number))) for number in range(5)] == [True, True, True, False, False]
        assert log.counts() == RunLogCounts(waiting=3, written=0, dropped=2)
        log.close()
    assert log.counts() == RunLogCounts(waiting=0, written=0, dropped=5)
    assert not log.add(run("late"))
    reported = [message for message in caplog.messages if message.endswith("run records were dropped")]
    assert sum(int(message.split()[0]) for message in reported) == 5


def test_what_a_database_that_is_away_refused_is_written_later(
    store: CatalogStore, plant: WorkspaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key: ApiKey = plant.issue_key("k")[0]
    with RunLog(store, interval=30) as log:
        with monkeypatch.context() as away:
            away.setattr(run_log, "write_workspace", unreachable)
            for number in range(3):
                log.add(run(str(number)))
            log.key_used(key)
            with pytest.raises(CatalogUnavailableError):
                log.flush()
            log.key_used(key)
        assert log.counts() == RunLogCounts(waiting=3, written=0, dropped=0)
        log.flush()
        assert log.counts() == RunLogCounts(waiting=0, written=3, dropped=0)
    assert sorted(one.id for one in plant.list_runs()) == ["0", "1", "2"]
    assert plant.list_keys()[0].uses == 2


def test_one_record_that_cannot_be_stored_takes_no_others_with_it(store: CatalogStore, plant: WorkspaceStore) -> None:
    odd = run("odd", error="a\0b\ud800")
    naive = run("naive", started_at=NOON.replace(tzinfo=None))
    with RunLog(store, interval=30) as log:
        for record in (run("1"), run("1"), naive, odd, run("lost", "nobody")):
            log.add(record)
    assert log.counts() == RunLogCounts(waiting=0, written=2, dropped=3)
    assert plant.get_run("odd").error == "a\N{REPLACEMENT CHARACTER}b?"
