"""One server over the four sources for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.flights.workspace import FlightsServer, flights_server
from tests.servers.http_source import start_http_source
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def flights(
    tmp_path_factory: pytest.TempPathFactory,
    flights_postgres: PostgresServer,
    flights_mariadb: MariaDBServer,
    flights_weather: Path,
    flights_airports: list[dict[str, Any]],
) -> Iterator[FlightsServer]:
    """The workspace `flights`, with all its views published."""
    directory = tmp_path_factory.mktemp("flights")
    with (
        start_http_source() as source,
        flights_server(
            directory, flights_postgres, flights_mariadb, flights_weather, flights_airports, source
        ) as server,
    ):
        yield server
