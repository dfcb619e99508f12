"""A MariaDB server for tests: TCP on a free loopback port, one user who may do all, with a password.

The programs come from the distribution (`mariadbd`, `mariadb-install-db`). Data is not synced to disk:
it is thrown away after the run. Character set and collation are the defaults that users meet:
utf8mb4 with a case-insensitive collation.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from tests.servers.process import (
    ServerMissingError,
    ServerStartError,
    free_port,
    give_to,
    new_password,
    ordinary_user,
    spawn,
    stop,
    wait_until,
)

HOW_TO_GET = "run `python -m tests.servers.install` as root, or apt-get install mariadb-server"
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SETTINGS = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--skip-networking=OFF",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--default-time-zone=+00:00",
    "--local-infile=ON",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=OFF",
    "--innodb-use-native-aio=OFF",
]


@dataclass(frozen=True, slots=True)
class MariaDBServer:
    """A running server and one database in it; `pid` is the keeper's, `log` the server's log file."""

    host: str
    port: int
    user: str
    password: str
    database: str
    pid: int
    log: str

    def new_database(self, name: str) -> MariaDBServer:
        """Create an empty database and give the server with it."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {quoted(name)}")
        return self.with_database(name)

    def with_database(self, name: str) -> MariaDBServer:
        """The same server with another of its databases."""
        return replace(self, database=name)

    def drop_database(self, name: str) -> None:
        """Drop the database, cutting off whoever is still connected to it (a lock of theirs would block us)."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (name,))
            for (number,) in cursor.fetchall():
                with contextlib.suppress(pymysql.err.OperationalError):  # it left by itself meanwhile
                    cursor.execute(f"KILL {int(number)}")
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")

    def connect(self) -> Connection[Cursor]:
        """A new connection in autocommit mode; close it (it is a context manager)."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.database,
            connect_timeout=10,
            local_infile=True,
            autocommit=True,
            charset="utf8mb4",
        )

    def close(self) -> None:
        """Stop the server; its directory stays."""
        stop(self.pid)


def start_mariadb(directory: Path, *, owner: int | None = None, settings: Sequence[str] = ()) -> MariaDBServer:
    """Make a new server below the directory and start it; takes about a second.

    As root it runs as the user mysql or nobody, so that the directory must be reachable for others.
    `owner` is the process whose end ends the server (default: this one). `settings`: options after ours, which they
    overrule.
    Raises ServerMissingError, ServerStartError.
    """
    program = shutil.which("mariadbd", path=SEARCH)
    installer = shutil.which("mariadb-install-db", path=SEARCH)
    if program is None or installer is None:
        raise ServerMissingError(f"MariaDB is not on this machine: {HOW_TO_GET}.")
    user = ordinary_user("mysql")
    give_to(directory, user)
    run_as = [] if user is None else [f"--user={user}"]
    data = directory / "data"
    done = subprocess.run(
        [
            *(installer, "--no-defaults", *run_as, f"--datadir={data}"),
            *("--skip-test-db", "--auth-root-authentication-method=normal"),
            "--innodb-flush-method=nosync",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        # in a shared /tmp one installer removes the temporary tables of another, which then ends
        env={"PATH": SEARCH, "TMPDIR": str(directory)},
    )
    if done.returncode != 0:
        raise ServerStartError(f"mariadb-install-db failed with {done.returncode}: {done.stdout[-1500:]}")
    password = new_password()
    first_statements = directory / "first.sql"
    first_statements.touch(0o600)
    if user is not None:
        shutil.chown(first_statements, user)
    first_statements.write_text(
        f"ALTER USER root@localhost IDENTIFIED BY '{password}';\n"
        f"CREATE USER viewloom@'%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO viewloom@'%' WITH GRANT OPTION;\n"
        "CREATE DATABASE start;\n",
        "utf-8",
    )
    log = directory / "server.log"
    port = free_port()
    pid = spawn(
        [
            *(program, "--no-defaults", *run_as, f"--datadir={data}", f"--port={port}"),
            *(f"--socket={directory / 's.sock'}", f"--pid-file={directory / 'server.pid'}"),
            *(f"--init-file={first_statements}", f"--tmpdir={directory}", *SETTINGS),
            *settings,
        ],
        log=log,
        stop_signal=signal.SIGKILL,  # a clean shutdown takes seconds and saves what nobody reads again
        owner=owner,
    )
    server = MariaDBServer("127.0.0.1", port, "viewloom", password, "start", pid, str(log))
    wait_until(lambda: accepts(server), pid=pid, log=log, what="MariaDB")
    return server


def accepts(server: MariaDBServer) -> bool:
    """Whether the server lets us in; the random password proves that it is ours."""
    try:
        server.connect().close()
    except pymysql.err.OperationalError:
        return False
    return True


def quoted(name: str) -> str:
    """The name as an identifier. Raises ValueError for one that MariaDB does not take."""
    if not re.fullmatch(r"[^\0/\\.]{1,64}", name):
        raise ValueError(f"{name!r} can't be the name of a MariaDB database.")
    return "`" + name.replace("`", "``") + "`"
