"""The metadata database, opened: gives each scope its workspace, and keys their scope."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import UTC, datetime
from types import TracebackType

from sqlalchemy import Engine

from catalog.api_keys import KEY_FORM, find_key, key_hash
from catalog.database import begin, open_engine
from catalog.migrate import upgrade
from catalog.records import ApiKey, WorkspaceCatalog
from catalog.scope import Scope
from catalog.transaction import read_workspace
from catalog.workspace_catalog import SchemaMap, read_catalog
from catalog.workspace_store import WorkspaceStore

MAX_SNAPSHOTS = 256


class CatalogStore:
    """The metadata database at a URL: `sqlite:///path` or `postgresql://…`; its tables are made or upgraded first.

    Safe to use from several threads. Use it as a context manager, or `close` it.
    """

    def __init__(self, url: str) -> None:
        self.engine: Engine = open_engine(url)
        try:
            upgrade(self.engine)
        except BaseException:
            self.engine.dispose()
            raise
        self._snapshots: OrderedDict[tuple[str, str], tuple[WorkspaceCatalog, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> CatalogStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database's connections."""
        self.engine.dispose()

    def workspace(self, scope: Scope) -> WorkspaceStore:
        """The scope's workspace. NotFoundError comes at the first use when there is none."""
        return WorkspaceStore(self.engine, scope, self._read)

    def version(self, scope: Scope) -> int:
        """The workspace's version: it goes up with each change that planning can see."""
        with read_workspace(self.engine, scope) as tx:
            return int(tx.counters()["version"])

    def authenticate(self, key: str) -> tuple[Scope, ApiKey] | None:
        """What a key may do; None for one that is unknown, revoked or expired, without a word why."""
        if not KEY_FORM.fullmatch(key):
            return None
        hashed = key_hash(key)
        with begin(self.engine, {"viewloom.key_hash": hashed}, writes=False) as connection:
            return find_key(connection, hashed, datetime.now(UTC))

    def held(self) -> tuple[tuple[str, str], ...]:
        """Tenant and workspace of each snapshot that is held: those that were asked for, the least recent first."""
        with self._lock:
            return tuple(self._snapshots)

    def _read(self, scope: Scope) -> WorkspaceCatalog:
        """The workspace's snapshot: the kept one while its version holds, and its schemas while theirs does."""
        place = (scope.tenant, scope.workspace)
        with read_workspace(self.engine, scope) as tx:
            counters = tx.counters()
            with self._lock:
                kept, kept_schemas = self._snapshots.get(place, (None, -1))
            if kept is not None and kept.version == counters["version"]:
                return kept
            schemas: SchemaMap | None = None
            if kept is not None and kept_schemas == counters["schemas_version"]:
                schemas = kept.schemas
            snapshot = read_catalog(tx, schemas)
        with self._lock:
            self._snapshots[place] = (snapshot, int(counters["schemas_version"]))
            self._snapshots.move_to_end(place)
            while len(self._snapshots) > MAX_SNAPSHOTS:
                self._snapshots.popitem(last=False)
        return snapshot
