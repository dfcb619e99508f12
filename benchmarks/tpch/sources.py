"""The three sources of the split, running: where they are, what they hold, and that as a file for other processes."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import progress
from benchmarks.tpch.data import IN_FILES, IN_MARIADB, IN_POSTGRES, TABLES, write_csv, write_parquet
from benchmarks.tpch.load import load_mariadb, load_postgres
from tests.servers.mariadb import MariaDBServer, start_mariadb
from tests.servers.postgres import PostgresServer, start_postgres

# As a small server would be set for a gigabyte of data; a test's 64 MB would measure the disk.
POSTGRES_SETTINGS = {"shared_buffers": "1GB", "work_mem": "64MB", "maintenance_work_mem": "512MB"}
MARIADB_SETTINGS = ("--innodb-buffer-pool-size=1G",)


@dataclass(frozen=True, slots=True)
class Sources:
    """The databases, the directory with nation and region, the one with all eight tables as Parquet.

    `whole`: a PostgreSQL database that has all eight tables, where one was asked for.
    """

    scale: float
    postgres: PostgresServer
    mariadb: MariaDBServer
    files: str
    reference: str
    whole: str | None = None

    def save(self, path: Path) -> None:
        """Write it for other processes; only we may read it, it has the passwords."""
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")


def read_sources(path: Path) -> Sources:
    """What `save` wrote."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return Sources(
        found["scale"],
        PostgresServer(**found["postgres"]),
        MariaDBServer(**found["mariadb"]),
        found["files"],
        found["reference"],
        found["whole"],
    )


def fill(
    directory: Path,
    scale: float,
    postgres: PostgresServer,
    mariadb: MariaDBServer,
    whole: PostgresServer | None = None,
) -> Sources:
    """Make the rows below the directory and load them into these empty databases; `whole` gets all eight tables."""
    reference, rows, files = directory / "reference", directory / "rows", directory / "files"
    progress(f"making TPC-H's rows at scale {scale:g}")
    write_parquet(reference, scale)
    files.mkdir()
    for table in IN_FILES:
        shutil.copy(reference / f"{table}.parquet", files)
    write_csv(rows, scale, TABLES if whole else (*IN_POSTGRES, *IN_MARIADB))
    progress("loading PostgreSQL")
    load_postgres(postgres, rows, IN_POSTGRES)
    progress("loading MariaDB")
    load_mariadb(mariadb, rows, IN_MARIADB)
    if whole is not None:
        progress("loading all tables into one PostgreSQL database")
        load_postgres(whole, rows, TABLES)
    shutil.rmtree(rows)
    return Sources(scale, postgres, mariadb, str(files), str(reference), whole.database if whole else None)


@contextmanager
def running(scale: float, whole: bool = False) -> Iterator[Sources]:
    """Servers with the rows, below a temporary directory; all is gone after the block."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="viewloom-tpch-")))
        directory.chmod(0o711)  # servers that run as another user walk through it
        postgres = start_postgres(directory / "postgres", settings=POSTGRES_SETTINGS)
        stack.callback(postgres.close)
        mariadb = start_mariadb(directory / "mariadb", settings=MARIADB_SETTINGS)
        stack.callback(mariadb.close)
        together = postgres.new_database("tpch_whole") if whole else None
        yield fill(directory, scale, postgres.new_database("tpch"), mariadb.new_database("tpch"), together)
