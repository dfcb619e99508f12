"""Writes run records and counts of key uses, in batches and from a thread of its own: no request waits for it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType

from sqlalchemy.exc import SQLAlchemyError

from catalog.api_keys import count_uses
from catalog.errors import CatalogError, CatalogUnavailableError
from catalog.records import ApiKey, RunRecord
from catalog.runs import add_runs
from catalog.scope import Scope
from catalog.store import CatalogStore
from catalog.transaction import write_workspace

logger = logging.getLogger("viewloom.catalog")

BATCH = 200
INTERVAL = 1.0
CAPACITY = 10_000
PRINCIPAL = "run-log"


@dataclass(frozen=True, slots=True)
class RunLogCounts:
    """What became of run records: `dropped` ones found the queue full, or their workspace gone."""

    waiting: int
    written: int
    dropped: int


Place = tuple[str, str]
KeyPlace = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class KeyUses:
    """How often a key was used since the last write, and when last."""

    count: int
    last_used_at: datetime

    def plus(self, newer: KeyUses) -> KeyUses:
        return KeyUses(self.count + newer.count, newer.last_used_at)


class RunLog:
    """Keeps run records and key uses: at once in memory, within `interval` seconds or `batch` records on disk.

    A full queue drops new records and counts them: nobody waits for the log. A database that is away keeps the
    records waiting. `close` writes what waits; use it as a context manager.
    """

    def __init__(
        self, store: CatalogStore, *, capacity: int = CAPACITY, batch: int = BATCH, interval: float = INTERVAL
    ) -> None:
        self._store = store
        self._capacity, self._batch, self._interval = capacity, batch, interval
        self._records: deque[RunRecord] = deque()
        self._uses: dict[KeyPlace, KeyUses] = {}
        self._written = self._dropped = self._reported = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="run-log", daemon=True)
        self._thread.start()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def add(self, record: RunRecord) -> bool:
        """Take a record; False when it was dropped. Never waits for the database."""
        with self._lock:
            if self._closed or len(self._records) >= self._capacity:
                self._dropped += 1
                return False
            self._records.append(record)
            # Only on the way up: while the database is away the queue stays long, and not every record may try it.
            if len(self._records) == self._batch:
                self._wake.set()
        return True

    def key_used(self, key: ApiKey) -> None:
        """Count one use of a key, now."""
        place, once = (key.tenant, key.workspace, key.id), KeyUses(1, datetime.now(UTC))
        with self._lock:
            before = self._uses.get(place)
            self._uses[place] = once if before is None else before.plus(once)

    def counts(self) -> RunLogCounts:
        """What became of the records so far."""
        with self._lock:
            return RunLogCounts(len(self._records), self._written, self._dropped)

    def flush(self) -> None:
        """Write all that waits, now, in this thread. CatalogUnavailableError leaves it waiting."""
        with self._writing:
            while True:
                records, uses = self._take_batch()
                if not records and not uses:
                    return
                places = {(record.tenant, record.workspace) for record in records}
                places |= {(tenant, workspace) for tenant, workspace, _key in uses}
                for place in sorted(places):
                    mine = [record for record in records if (record.tenant, record.workspace) == place]
                    my_uses = {key: counted for key, counted in uses.items() if key[:2] == place}
                    try:
                        self._write(place, mine, my_uses)
                    except CatalogUnavailableError:
                        self._put_back(records, uses)
                        raise
                    records = [record for record in records if (record.tenant, record.workspace) != place]
                    uses = {key: counted for key, counted in uses.items() if key[:2] != place}

    def close(self) -> None:
        """Write what waits and end the thread. What can't be written now is dropped, counted and reported."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._interval)
            self._wake.clear()
            self._flush_or_report()
        self._flush_or_report()
        with self._lock:
            self._dropped += len(self._records)
            self._records.clear()
        self._report()

    def _flush_or_report(self) -> None:
        try:
            self.flush()
        except Exception as error:
            # The thread must outlive any failure. Only the kind is logged: a database's text may quote values.
            logger.warning("run records can't be written: %s", type(error).__name__)
        self._report()

    def _report(self) -> None:
        with self._lock:
            news = self._dropped - self._reported
            self._reported = self._dropped
        if news:
            logger.warning("%d run records were dropped", news)

    def _take_batch(self) -> tuple[list[RunRecord], dict[KeyPlace, KeyUses]]:
        """The oldest records and all counted uses, out of the queue: the caller writes them or puts them back."""
        with self._lock:
            records = [self._records.popleft() for _ in range(min(self._batch, len(self._records)))]
            uses, self._uses = self._uses, {}
        return records, uses

    def _put_back(self, records: list[RunRecord], uses: dict[KeyPlace, KeyUses]) -> None:
        with self._lock:
            self._records.extendleft(reversed(records))
            for place, waiting in uses.items():
                newer = self._uses.get(place)
                self._uses[place] = waiting if newer is None else waiting.plus(newer)

    def _write(self, place: Place, records: list[RunRecord], uses: dict[KeyPlace, KeyUses]) -> None:
        """Write what belongs to one workspace. CatalogUnavailableError: nothing was written."""
        try:
            self._write_together(place, records, uses)
            written = len(records)
        except CatalogUnavailableError:
            raise
        except Exception as error:
            # The workspace is gone, or one record can't be stored: that one must not take the others with it.
            logger.warning("a batch of run records was refused: %s", type(error).__name__)
            written = sum(self._write_alone(place, record) for record in records)
        with self._lock:
            self._written += written
            self._dropped += len(records) - written

    def _write_alone(self, place: Place, record: RunRecord) -> bool:
        try:
            self._write_together(place, [record], {})
        except (CatalogError, SQLAlchemyError, ValueError) as error:
            logger.warning("a run record was refused: %s", type(error).__name__)
            return False
        return True

    def _write_together(self, place: Place, records: list[RunRecord], uses: dict[KeyPlace, KeyUses]) -> None:
        tenant, workspace = place
        with write_workspace(self._store.engine, Scope(tenant, workspace, PRINCIPAL)) as tx:
            add_runs(tx, records)
            for (_tenant, _workspace, key_id), counted in uses.items():
                count_uses(tx, key_id, counted.count, counted.last_used_at)
