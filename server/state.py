"""What a running server (or a command) holds: settings, catalog, engine. Made once, passed to whoever needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from catalog.records import Connection
from catalog.secrets import SecretRules, resolve_config
from catalog.store import CatalogStore
from connectors.sdk.registry import connector_type
from engine.engine import Engine
from engine.pool import PoolSettings
from server.settings import Settings


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
    return ServerState(settings, store, Engine(pool, partial(resolve_with, rules)))


def resolve_with(rules: SecretRules, connection: Connection) -> Mapping[str, object]:
    """A connection's configuration with its references followed. Raises the catalog's secret errors."""
    return resolve_config(connection.config, connector_type(connection.connector).secret_fields, rules)
