"""Real servers and data for all tests: each starts when the first test asks for it, one for all workers.

Without a server's program a test is skipped with a sentence that says how to get it; in CI (CI=true)
it fails. Nothing survives the run, even one that was killed.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

from tests.data import flights
from tests.servers.fault_proxy import FaultProxy, start_fault_proxy
from tests.servers.http_source import HttpSource, start_http_source
from tests.servers.mariadb import MariaDBServer, start_mariadb
from tests.servers.nginx import nginx_program
from tests.servers.postgres import PostgresServer, start_postgres
from tests.servers.process import ServerMissingError
from tests.servers.shared import TestRun, end_run, once, shared_server

# CI tries the same examples each time, so that a change is at fault and never chance; developers find new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "developer")

RUN = pytest.StashKey[TestRun]()
database_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Make the directory of the run; an xdist worker is told its controller's."""
    told = getattr(config, "workerinput", None)
    if told is None:
        directory = Path(tempfile.mkdtemp(prefix="viewloom-tests-"))
        directory.chmod(0o711)  # servers that run as another user walk through it
        config.stash[RUN] = TestRun(directory, os.getpid())
    else:
        config.stash[RUN] = TestRun(Path(told["run_directory"]), told["run_owner"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker about the run."""
    run = node.config.stash[RUN]
    node.workerinput["run_directory"] = str(run.directory)
    node.workerinput["run_owner"] = run.owner


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers of the run, in the process that began it."""
    if not hasattr(config, "workerinput") and RUN in config.stash:
        end_run(config.stash[RUN])


def missing(error: ServerMissingError) -> NoReturn:
    """Skip the test, or fail it in CI, where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))


def fresh_name(request: pytest.FixtureRequest) -> str:
    """A database name that says whose it is and that no other worker uses."""
    module = re.sub(r"\W+", "_", request.module.__name__.rpartition(".")[2])[:30]
    return f"{module}_{os.getpid()}_{next(database_numbers)}"


@pytest.fixture(scope="session")
def test_run(pytestconfig: pytest.Config) -> TestRun:
    """The directory of this run and its owning process."""
    return pytestconfig.stash[RUN]


@pytest.fixture
def server_directory(test_run: TestRun) -> Iterator[Path]:
    """A new directory for a test's own server: tmp_path can't be reached by a server's own user."""
    directory = Path(tempfile.mkdtemp(dir=test_run.directory))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres(test_run: TestRun) -> PostgresServer:
    """The PostgreSQL server of this run; tests work in `postgres_database` or in a new_database of theirs."""
    try:
        return shared_server(test_run, PostgresServer, start_postgres)
    except ServerMissingError as error:
        missing(error)


@pytest.fixture(scope="module")
def postgres_database(postgres: PostgresServer, request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """An empty PostgreSQL database for this test module."""
    name = fresh_name(request)
    yield postgres.new_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def mariadb(test_run: TestRun) -> MariaDBServer:
    """The MariaDB server of this run; tests work in `mariadb_database` or in a new_database of theirs."""
    try:
        return shared_server(test_run, MariaDBServer, start_mariadb)
    except ServerMissingError as error:
        missing(error)


@pytest.fixture(scope="module")
def mariadb_database(mariadb: MariaDBServer, request: pytest.FixtureRequest) -> Iterator[MariaDBServer]:
    """An empty MariaDB database for this test module."""
    name = fresh_name(request)
    yield mariadb.new_database(name)
    mariadb.drop_database(name)


@pytest.fixture(scope="session")
def nginx_binary() -> str:
    """The path of nginx; start one by `start_nginx(server_directory, …)`."""
    try:
        return nginx_program()
    except ServerMissingError as error:
        missing(error)


@pytest.fixture
def http_source() -> Iterator[HttpSource]:
    """A real HTTP server without routes, for this test."""
    with start_http_source() as source:
        yield source


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[str, int], FaultProxy]]:
    """`fault_proxy(host, port)` starts a proxy to that server; it is closed after the test."""
    with ExitStack() as open_proxies:
        yield lambda host, port: open_proxies.enter_context(start_fault_proxy(host, port))


@pytest.fixture(scope="session")
def flights_reference(test_run: TestRun) -> Path:
    """The directory with flights, planes, airlines, weather, airports as `<table>.parquet`. Read only."""
    directory = test_run.directory / "flights"

    def make() -> dict[str, object]:
        flights.write_reference(directory)
        return {}

    try:
        once(test_run, "flights_reference", make)
    except ServerMissingError as error:
        missing(error)
    return directory


@pytest.fixture(scope="session")
def flights_postgres(test_run: TestRun, postgres: PostgresServer, flights_reference: Path) -> PostgresServer:
    """The database with the table flights. Shared by all tests: read only."""

    def make() -> dict[str, object]:
        flights.load_flights(postgres.new_database("flights"), flights_reference)
        return {"database": "flights"}

    return postgres.with_database(str(once(test_run, "flights_postgres", make)["database"]))


@pytest.fixture(scope="session")
def flights_mariadb(test_run: TestRun, mariadb: MariaDBServer, flights_reference: Path) -> MariaDBServer:
    """The database with the tables planes and airlines. Shared by all tests: read only."""

    def make() -> dict[str, object]:
        flights.load_planes_and_airlines(mariadb.new_database("flights"), flights_reference)
        return {"database": "flights"}

    return mariadb.with_database(str(once(test_run, "flights_mariadb", make)["database"]))


@pytest.fixture(scope="session")
def flights_weather(flights_reference: Path) -> Path:
    """The weather as a Parquet file. Read only."""
    return flights_reference / "weather.parquet"


@pytest.fixture(scope="session")
def flights_airports(flights_reference: Path) -> list[dict[str, Any]]:
    """The airports as rows for a REST server: `http_source.route("/airports", json_rows(flights_airports))`."""
    return flights.airport_rows(flights_reference)
