"""What a running server (or a command) holds: settings, catalog, engine. Made once, passed to whoever needs it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.records import Connection
from catalog.secrets import SecretRules, resolve_config
from catalog.store import CatalogStore
from connectors.sdk.registry import connector_type
from engine.engine import Engine
from engine.pool import PoolSettings
from server.settings import Settings

KEPT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ServerState:
    """Close the engine before the store: runs that end are recorded."""

    settings: Settings
    store: CatalogStore
    engine: Engine

    def close(self) -> None:
        self.engine.close()
        self.store.close()


def open_state(settings: Settings, spare_workers: int | None = None) -> ServerState:
    """Open the catalog (migrating it) and an engine with its pool of workers."""
    settings.data_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = CatalogStore(settings.catalog_url)
    pool = PoolSettings(
        workers=settings.workers,
        spare=settings.spare_workers if spare_workers is None else spare_workers,
        reserved=settings.reserved_workers,
        memory_mb=settings.worker_memory_mb,
        spill_mb=settings.worker_spill_mb,
        threads=settings.worker_threads,
        queue_length=settings.queue_length,
        uid=settings.worker_uid if settings.worker_uid >= 0 else None,
    )
    directories = (settings.data_directory / "secrets", *map(Path, settings.secret_directories))
    rules = SecretRules(settings.secret_environment, directories)
    return ServerState(settings, store, Engine(pool, SecretReader(rules)))


class SecretReader:
    """Gives a connection's configuration with its references followed, each read at most once a second."""

    def __init__(self, rules: SecretRules) -> None:
        self._rules = rules
        self._kept: dict[int, tuple[float, Connection, Mapping[str, object]]] = {}

    def __call__(self, connection: Connection) -> Mapping[str, object]:
        """The configuration. Raises the catalog's secret errors."""
        now = time.monotonic()
        kept = self._kept.get(id(connection))
        if kept is not None and kept[1] is connection and now - kept[0] < KEPT_SECONDS:
            return kept[2]
        fields = connector_type(connection.connector).secret_fields
        found = resolve_config(connection.config, fields, self._rules)
        self._kept = {key: entry for key, entry in self._kept.items() if now - entry[0] < KEPT_SECONDS}
        self._kept[id(connection)] = (now, connection, found)
        return found
