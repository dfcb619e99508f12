"""A small shop for tests of operations, admin API and commands: an SQLite database, and an open server state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from catalog.operator import ensure_workspace
from catalog.records import Connection
from catalog.scope import Scope
from server.settings import Settings
from server.state import ServerState, open_state

TENANT = "shop"
_numbers = count(1)
SCHEMA = """
CREATE TABLE customers (customer_id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, status TEXT, total DECIMAL(12,2), placed_at TIMESTAMP
);
INSERT INTO customers VALUES (1, 'Anna'), (2, 'Björn');
INSERT INTO orders VALUES
    (10, 1, 'open', 12.50, '2026-03-01 08:00:00'), (11, 1, 'late', 7.00, '2026-03-02 09:00:00'),
    (12, 2, 'open', 100.00, '2026-03-03 10:00:00');
"""


@contextmanager
def open_small_state(directory: Path) -> Iterator[ServerState]:
    """A server's state with a pool of two small workers."""
    state = open_state(Settings(data_directory=directory, workers=2, spare_workers=1, worker_memory_mb=256))
    try:
        yield state
    finally:
        state.close()


@dataclass(frozen=True, slots=True)
class Shop:
    """A fresh workspace over fresh sources."""

    state: ServerState
    scope: Scope
    directory: Path

    @property
    def database(self) -> Path:
        return self.directory / "shop.db"

    def connection(self, **options: object) -> Connection:
        config = {"directory": str(self.directory), "file": "shop.db"}
        return Connection("erp", "sqlite", config, **{"time_zone": "UTC", **options})  # type: ignore[arg-type]

    def change(self, sql: str) -> None:
        """Change the source behind the connection's back."""
        with closing(sqlite3.connect(self.database)) as database:
            database.executescript(sql)

    def write(self, files: dict[str, str]) -> Path:
        """A directory of catalog as code."""
        root = self.directory / "code"
        for name, text in {"connections.yaml": self.connections_yaml(), **files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root

    def connections_yaml(self) -> str:
        return (
            "erp:\n  connector: sqlite\n  time_zone: UTC\n"
            f"  config: {{directory: '{self.directory}', file: shop.db}}\n"
        )


def new_shop(state: ServerState, directory: Path) -> Shop:
    """A workspace of its own, and a database of its own."""
    scope = ensure_workspace(state.store, TENANT, f"w{next(_numbers)}")
    shop = Shop(state, scope, directory)
    shop.change(SCHEMA)
    return shop
