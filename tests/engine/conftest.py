"""Sources that several test files put their questions to: filled once for each file, and never changed by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.sdk import Connector
from tests.engine.live import live_connectors
from tests.engine.live_five import five_connectors
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="module")
def three_sources(
    postgres_database: PostgresServer, mariadb_database: MariaDBServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Connector]]:
    """Connectors to PostgreSQL, MariaDB and SQLite: pg, my, lite."""
    with live_connectors(postgres_database, mariadb_database, tmp_path_factory.mktemp("three")) as connectors:
        yield connectors


@pytest.fixture(scope="module")
def five_sources(
    postgres_database: PostgresServer, mariadb_database: MariaDBServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Connector]]:
    """The same with Parquet files and a web API: lake, api."""
    with five_connectors(postgres_database, mariadb_database, tmp_path_factory.mktemp("five")) as connectors:
        yield connectors
