"""One server over the four sources for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.end_to_end.flights.workspace import (
    AIRPORT_FILTERS,
    FlightsServer,
    connect_sources,
    fill_reference,
    publish_views,
)
from tests.end_to_end.server import SiteSettings, running_site
from tests.servers.http_replies import Paging, pages
from tests.servers.http_source import start_http_source
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

AIRPORT_PAGE = 200
SETTINGS = SiteSettings({"VIEWLOOM_WORKERS": "4", "VIEWLOOM_WORKER_MEMORY_MB": "768"})


@pytest.fixture(scope="session")
def flights(
    tmp_path_factory: pytest.TempPathFactory,
    flights_postgres: PostgresServer,
    flights_mariadb: MariaDBServer,
    flights_weather: Path,
    flights_airports: list[dict[str, Any]],
) -> Iterator[FlightsServer]:
    """A workspace with all views published."""
    secrets = {"VIEWLOOM_SECRET_OPS": flights_postgres.password, "VIEWLOOM_SECRET_FLEET": flights_mariadb.password}
    with (
        start_http_source() as source,
        running_site(tmp_path_factory.mktemp("flights"), secrets, SETTINGS) as site,
        duckdb.connect() as reference,
    ):
        reply = pages(flights_airports, Paging.NEXT_LINK, size=AIRPORT_PAGE, filters=AIRPORT_FILTERS)
        source.route("/v2/airports", reply)
        connect_sources(site, flights_postgres, flights_mariadb, flights_weather, source)
        publish_views(site)
        fill_reference(reference, flights_weather.parent)
        yield FlightsServer(site, reference)
