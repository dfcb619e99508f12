"""The one DuckDB of a worker: unnamed, in memory, locked; a cursor per query.

Only SQL generated from a checked tree runs in it; that it is locked as well is the second layer. `memory_limit` is
no bound on the process (a 4 GB repeat() ignores it): the address-space limit of the worker is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import duckdb

# Optimizers of 2.0.0. Wrong: a CTE that was read twice lost its order under LIMIT (docs/evidence/differential.md).
WRONG = ("common_subplan",)
REORDERING = ("join_order", "build_side_probe_side")


def is_sound(session: duckdb.DuckDBPyConnection) -> bool:
    """Whether an instance still works: after an internal error of its own DuckDB refuses everything."""
    try:
        session.execute("SELECT 1")
    except duckdb.Error:
        return False
    return True


class Session(Protocol):
    """An instance as a query needs it."""

    def cursor(self) -> duckdb.DuckDBPyConnection: ...


class LateSession:
    """An instance that is opened when the first cursor is wanted: a key lookup needs none, and it takes 20 ms."""

    def __init__(self, open: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._open = open
        self._made: duckdb.DuckDBPyConnection | None = None

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A new cursor. Raises duckdb.Error."""
        return self.opened().cursor()

    def opened(self) -> duckdb.DuckDBPyConnection:
        """The instance itself."""
        if self._made is None:
            self._made = self._open()
        return self._made

    def is_sound(self) -> bool:
        """Whether it works, or has not been opened yet."""
        return self._made is None or is_sound(self._made)


def open_session(
    memory_limit_mb: int, threads: int, spill: Path, spill_limit_mb: int, plain: bool = False
) -> duckdb.DuckDBPyConnection:
    """A locked instance. `spill`: its own directory, mode 0700, deleted with the worker. `plain`: joins are made as
    they are written; its internal errors (seen on 2.0.0: "dict-surviving cache …") depend on their order."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "memory_limit": f"{memory_limit_mb}MB",
            "threads": str(threads),
            "temp_directory": str(spill),
        },
    )
    for statement in (
        # Given to connect() it is stored and shown, but never reaches the buffer manager (measured on 2.0.0).
        f"SET max_temp_directory_size = '{spill_limit_mb}MB'",
        "SET enable_external_access = false",
        "SET python_enable_replacements = false",  # else SQL reads Python variables of the calling frame
        "SET GLOBAL TimeZone = 'UTC'",  # GLOBAL: else the cursors have the machine's
        "SET errors_as_json = false",
        "SET streaming_buffer_size = '64KB'",  # the first rows leave early; a slow reader stops the sources soon
        f"SET disabled_optimizers = '{','.join((*WRONG, *(REORDERING if plain else ())))}'",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)
    return connection
