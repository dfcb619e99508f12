"""A workspace over the three sources: erp (PostgreSQL), parts (MariaDB), files (Parquet), a view for each table.

The views have the tables' own names, so the queries stand as the standard writes them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tpch.data import IN_FILES, IN_MARIADB, IN_POSTGRES
from benchmarks.tpch.sources import Sources
from benchmarks.workspace import Offer, database_connection, files_connection, make_workspace
from catalog.records import Connection, WorkspaceCatalog
from server.settings import Settings
from server.state import ServerState, open_state

WHERE = {"erp.public": IN_POSTGRES, "parts": IN_MARIADB, "files": IN_FILES}
OFFERS = tuple(
    Offer(table, f"SELECT * FROM {place}.{table}", ()) for place, tables in WHERE.items() for table in tables
)


@dataclass(frozen=True, slots=True)
class TpchWorkspace:
    """A running engine, and the catalog that its queries are planned over."""

    state: ServerState
    catalog: WorkspaceCatalog


def connections(sources: Sources, data: Path) -> list[Connection]:
    """The three connections; passwords go into files among the server's secrets in `data`."""
    return [
        database_connection("erp", "postgres", sources.postgres, data),
        database_connection("parts", "mysql", sources.mariadb, data),
        files_connection("files", Path(sources.files)),
    ]


@contextmanager
def opened(sources: Sources) -> Iterator[TpchWorkspace]:
    """The workspace in a directory of its own, with the server's default settings; ended after the block."""
    with tempfile.TemporaryDirectory(prefix="viewloom-tpch-") as made:
        data = Path(made)
        with closing(open_state(Settings(data_directory=data), spare_workers=1)) as state:
            scope = make_workspace(state, connections(sources, data), OFFERS)
            yield TpchWorkspace(state, state.store.workspace(scope).read())
