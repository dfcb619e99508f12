"""The demo plant, built once for all tests of its folder."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from server.demo.build import DemoPlant, Mes, build_demo, start_mes

from .warehouse import open_warehouse


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> DemoPlant:
    return build_demo(Path(tmp_path_factory.mktemp("demo")))


@pytest.fixture(scope="session")
def warehouse(plant: DemoPlant) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(plant) as database:
        yield database


@pytest.fixture(scope="session")
def mes() -> Iterator[Mes]:
    """An MES that answers at once and never refuses."""
    with start_mes(page_seconds=0, throttle_every=0) as running:
        yield running
