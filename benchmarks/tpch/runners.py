"""Who answers the 22 queries: Viewloom, each peer, one PostgreSQL with all tables, DuckDB over Parquet.

Each runner gives the seconds until the last row was there, and whether the answer is right. Viewloom's is compared
exactly (floats at 1e-9); the others' numbers at 1e-9 relative, because each engine has its own types.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import psycopg

from benchmarks.machine import cores
from benchmarks.peers.process import QUERY_SECONDS, PeerProcess
from benchmarks.tpch.ask import Reference, ask
from benchmarks.tpch.data import IN_MARIADB, IN_POSTGRES
from benchmarks.tpch.sources import Sources
from benchmarks.tpch.workspace import TpchWorkspace
from engine.errors import EngineError
from tests.engine.workspace import Answer

Plain = str | float | None


@dataclass(frozen=True, slots=True)
class Result:
    """One answer. `wrong`: empty when it is right. `rows`, `bytes`: fetched from the sources, where that is known."""

    seconds: float
    wrong: str = ""
    rows: int | None = None
    bytes: int | None = None


class Runner(Protocol):
    """Answers queries and compares the answers, which costs time that is not measured."""

    def run(self, sql: str) -> Result: ...


class Expected:
    """The right answers, each asked for once."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._known: dict[str, Answer] = {}

    def answer(self, sql: str) -> Answer:
        """DuckDB's answer over the Parquet files."""
        if sql not in self._known:
            self._known[sql] = self.reference.answer(sql)
        return self._known[sql]


class Viewloom:
    """The engine, with planning, in a worker process, answers as Arrow."""

    def __init__(self, workspace: TpchWorkspace, expected: Expected) -> None:
        self.workspace = workspace
        self.expected = expected

    def run(self, sql: str) -> Result:
        """Plan and run; a failure is a wrong answer."""
        began = time.perf_counter()
        try:
            asked = ask(self.workspace, sql)
        except EngineError as error:
            return Result(time.perf_counter() - began, f"{type(error).__name__}: {error}")
        wrong = self.expected.reference.difference(asked.answer, sql)
        return Result(asked.seconds, wrong or "", asked.rows, asked.bytes)


class OfPeer:
    """A peer's process."""

    def __init__(self, process: PeerProcess, expected: Expected) -> None:
        self.process = process
        self.expected = expected

    def run(self, sql: str) -> Result:
        """Its answer; one that it can't give is wrong."""
        try:
            answer = self.process.ask(sql)
        except RuntimeError as error:
            return Result(QUERY_SECONDS, str(error))
        if answer.rows is None:
            return Result(answer.seconds, answer.error)
        return Result(answer.seconds, different(answer.rows, self.expected.answer(sql)))


class OnePostgres:
    """Everything inside one PostgreSQL that has all eight tables."""

    def __init__(self, sources: Sources, expected: Expected) -> None:
        assert sources.whole is not None
        self.connection: psycopg.Connection[Any] = sources.postgres.with_database(sources.whole).connect()
        self.expected = expected

    def run(self, sql: str) -> Result:
        """The rows as Python values."""
        began = time.perf_counter()
        rows = self.connection.execute(sql).fetchall()
        seconds = time.perf_counter() - began
        plain = [[value if isinstance(value, str) else _text(value) for value in row] for row in rows]
        return Result(seconds, different(plain, self.expected.answer(sql)))


class OverParquet:
    """DuckDB over the Parquet files of all tables: no source, no wire."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        reference.session.execute(f"SET threads = {cores()}")

    def run(self, sql: str) -> Result:
        """It is what the others are compared with."""
        began = time.perf_counter()
        with closing(self.reference.session.cursor()) as cursor:
            cursor.execute(sql).fetchall()
        return Result(time.perf_counter() - began)


def peer_order(sources: Sources) -> dict[str, object]:
    """Where the sources are, as a peer's process is told."""

    def at(server: Any, tables: Sequence[str]) -> dict[str, object]:
        where = {name: getattr(server, name) for name in ("host", "port", "user", "password", "database")}
        return where | {"tables": list(tables)}

    return {
        "threads": cores(),
        "postgres": at(sources.postgres, IN_POSTGRES),
        "mariadb": at(sources.mariadb, IN_MARIADB),
        "files": {path.stem: str(path) for path in sorted(Path(sources.files).glob("*.parquet"))},
    }


def different(rows: Sequence[Sequence[Any]], expected: Answer) -> str:
    """Empty, or how a peer's rows differ: in any order, numbers at 1e-9 relative."""
    found = sorted([_plain(row) for row in rows], key=_order)
    wanted = sorted([_plain([_text(value) for value in row]) for row in expected.rows], key=_order)
    if len(found) != len(wanted):
        return f"{len(found)} rows instead of {len(wanted)}"
    for one, other in zip(found, wanted, strict=True):
        if not all(map(_alike, one, other)):
            return f"{one} instead of {other}"
    return ""


def _text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return value.isoformat()[:10] if isinstance(value, date) else [str(value)]


def _plain(row: Sequence[Any]) -> tuple[Plain, ...]:
    return tuple(float(value[0]) if isinstance(value, list) else value for value in row)


def _order(row: tuple[Plain, ...]) -> tuple[str, ...]:
    return tuple(f"{value:.7g}" if isinstance(value, float) else str(value) for value in row)


def _alike(one: Plain, other: Plain) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return one == other
