"""What the benchmarks run on, started when first asked for and ended together: databases, data, Viewloom's server."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from benchmarks import orders
from benchmarks.measure import progress
from benchmarks.processes import RunningServer, start_hello, start_viewloom
from benchmarks.tpch.sources import Sources, read_sources, running
from benchmarks.workspace import Offer, database_connection, make_catalog
from tests.servers.mariadb import MariaDBServer, start_mariadb
from tests.servers.postgres import PostgresServer, start_postgres


class Rig:
    """Use it as a context manager. `quick`: small sizes and few rounds, to see that all runs.

    `pictures`: where plots go; None: nowhere. `tpch_state`: of the sources that `benchmarks.tpch serve` keeps up.
    `without`: names of peers that are left out.
    """

    def __init__(
        self, quick: bool, pictures: Path | None, tpch_state: Path | None = None, without: Sequence[str] = ()
    ) -> None:
        self.quick = quick
        self.without = tuple(without)
        self._tpch_state = tpch_state
        self.pictures = pictures
        self.rounds = 1 if quick else 5
        self.rows = 200_000 if quick else 1_000_000
        self.streamed_rows = 1_000_000 if quick else 10_000_000
        self._open = ExitStack()

    def __enter__(self) -> Rig:
        self.directory = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="viewloom-bench-")))
        self.directory.chmod(0o711)  # servers that run as another user walk through it
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def postgres(self) -> PostgresServer:
        """A PostgreSQL server."""
        progress("starting PostgreSQL")
        server = start_postgres(self.directory / "postgres")
        self._open.callback(server.close)
        return server

    @cached_property
    def mariadb(self) -> MariaDBServer:
        """A MariaDB server."""
        progress("starting MariaDB")
        server = start_mariadb(self.directory / "mariadb")
        self._open.callback(server.close)
        return server

    @cached_property
    def orders(self) -> PostgresServer:
        """The database with the table `orders` and the view `readings`."""
        progress(f"making {self.rows:,} orders")
        database = self.postgres.new_database("bench")
        orders.make(database, self.rows, self.streamed_rows)
        return database

    @cached_property
    def tpch(self) -> Sources:
        """The sources of TPC-H, in servers of their own; all tables together in one PostgreSQL database, too."""
        if self._tpch_state is not None:
            return read_sources(self._tpch_state)
        return self._open.enter_context(running(0.1 if self.quick else 1, whole=True))

    def viewloom(self) -> RunningServer:
        """A new server over the orders; each figure has its own, so that none inherits another's memory."""

        def make(data: Path) -> tuple[str, ...]:
            connection = database_connection("erp", "postgres", self.orders, data)
            return make_catalog(data, [connection], [Offer(*offer) for offer in orders.OFFERS])

        return self.serving(make)

    def serving(self, make: Callable[[Path], tuple[str, ...]], **settings: str) -> RunningServer:
        """A new server over the catalog that `make` makes in a data directory; it gives the readers' keys."""
        number = len(list(self.directory.glob("viewloom-*")))
        data = self.directory / f"viewloom-{number}"
        data.mkdir(mode=0o700)
        keys = make(data)
        progress("starting Viewloom")
        server = start_viewloom(data, keys, **settings)
        self._open.callback(server.close)
        return server

    def hello(self, size: int) -> RunningServer:
        """A bare HTTP server whose answers have `size` bytes."""
        server = start_hello(self.directory, size)
        self._open.callback(server.close)
        return server
