"""A job: all that a worker needs to do one thing, as one JSON object. Made in the API process, read in a worker.

It holds the resolved secrets of the connections that it names, so it is never logged and never kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import cast

from engine.encoders.encoding import Encoding, encoding_from_json, encoding_to_json
from engine.scans import Scan, scan_from_json, scan_to_json


@dataclass(frozen=True, slots=True)
class JobConnection:
    """A connection with its secrets resolved. `max_rows`, `max_bytes`, `max_seconds`: of one statement."""

    kind: str
    config: dict[str, object]
    time_zone: str | None = None
    max_rows: int | None = None
    max_bytes: int | None = None
    max_seconds: float | None = None


FEW_ROWS = 5_000  # that the scans of a small statement are expected to give together, and held to each


@dataclass(frozen=True, slots=True)
class Statement:
    """One SELECT for DuckDB over scans, values bound. `plain`: the columns of its one scan that are the answer as
    they come, or None; `few`: and it has few rows. `types`: what the first output columns must be, None
    for one of which nothing was promised. `kept`: of a small statement, its text with `$1`, `$2` … in place of
    `values`, which are literals of text."""

    sql: str
    scans: tuple[Scan, ...]
    plain: tuple[str, ...] | None = None
    types: tuple[str | None, ...] = ()
    kept: str | None = None
    values: tuple[str, ...] = ()
    few: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """`kind`: `run` (statement, perhaps count, and encoding), `describe` or `explain` (statement), `test` or
    `introspect` (one connection; `tables`: patterns to include, `exclude`: to leave out), `infer` (one table),
    `statistics` (one connection; `names` of its tables)."""

    kind: str
    run: str
    connections: dict[str, JobConnection] = field(default_factory=dict)
    statement: Statement | None = None
    count: Statement | None = None
    encoding: Encoding | None = None
    max_rows: int | None = None
    max_bytes: int | None = None
    cpu_seconds: int = 600
    max_source_time: float | None = None
    tables: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    names: tuple[tuple[str, ...], ...] = ()


_CONNECTION_FIELDS = tuple(field.name for field in fields(JobConnection))


def job_to_json(job: Job) -> dict[str, object]:
    """JSON form of a job."""
    return {
        "job": job.kind,
        "run": job.run,
        "connections": {name: _connection_to_json(c) for name, c in job.connections.items()},
        "statement": _statement_to_json(job.statement),
        "count": _statement_to_json(job.count),
        "encoding": encoding_to_json(job.encoding) if job.encoding else None,
        "max_rows": job.max_rows,
        "max_bytes": job.max_bytes,
        "cpu_seconds": job.cpu_seconds,
        "max_source_time": job.max_source_time,
        "tables": list(job.tables),
        "exclude": list(job.exclude),
        "names": [list(parts) for parts in job.names],
    }


def job_from_json(data: dict[str, object]) -> Job:
    """Inverse of `job_to_json`."""
    connections = cast("dict[str, dict[str, object]]", data["connections"])
    encoding = cast("dict[str, object] | None", data["encoding"])
    return Job(
        kind=str(data["job"]),
        run=str(data["run"]),
        connections={name: JobConnection(**values) for name, values in connections.items()},  # type: ignore[arg-type]
        statement=_statement_from_json(cast("dict[str, object] | None", data["statement"])),
        count=_statement_from_json(cast("dict[str, object] | None", data["count"])),
        encoding=encoding_from_json(encoding) if encoding else None,
        max_rows=cast("int | None", data["max_rows"]),
        max_bytes=cast("int | None", data["max_bytes"]),
        cpu_seconds=cast(int, data["cpu_seconds"]),
        max_source_time=cast("float | None", data["max_source_time"]),
        tables=tuple(cast("list[str]", data["tables"])),
        exclude=tuple(cast("list[str]", data["exclude"])),
        names=tuple(tuple(parts) for parts in cast("list[list[str]]", data["names"])),
    )


def _connection_to_json(connection: JobConnection) -> dict[str, object]:
    # Not asdict(), which copies what is in the configuration.
    return {name: getattr(connection, name) for name in _CONNECTION_FIELDS}


def _statement_to_json(statement: Statement | None) -> dict[str, object] | None:
    if statement is None:
        return None
    scans = [scan_to_json(scan) for scan in statement.scans]
    return {
        "sql": statement.sql,
        "scans": scans,
        "plain": statement.plain,
        "types": statement.types,
        "kept": statement.kept,
        "values": statement.values,
        "few": statement.few,
    }


def _statement_from_json(data: dict[str, object] | None) -> Statement | None:
    if data is None:
        return None
    scans = cast("list[dict[str, object]]", data["scans"])
    plain = cast("list[str] | None", data["plain"])
    bound = tuple(scan_from_json(scan) for scan in scans)
    types = tuple(cast("list[str | None]", data["types"]))
    kept, values = cast("str | None", data["kept"]), tuple(cast("list[str]", data["values"]))
    return Statement(
        sql=str(data["sql"]),
        scans=bound,
        plain=None if plain is None else tuple(plain),
        types=types,
        kept=kept,
        values=values,
        few=bool(data["few"]),
    )
