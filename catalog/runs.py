"""Run records: what is kept of each execution, never rows and never literals."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from catalog.errors import NotFoundError
from catalog.names import check_text
from catalog.records import RunRecord, SourceUse
from catalog.tables import runs
from catalog.transaction import WorkspaceTransaction

MAX_LISTED = 1000


def add_runs(tx: WorkspaceTransaction, records: Sequence[RunRecord]) -> None:
    """Keep records of this workspace."""
    tx.add(runs, *[_values(record) for record in records])


def list_runs(
    tx: WorkspaceTransaction, limit: int, before: datetime | None, status: str | None, principal: str | None = None
) -> tuple[RunRecord, ...]:
    """The newest runs first; `before`: only those that started earlier, for the next page; `principal`: its own."""
    conditions = []
    if principal is not None:
        conditions.append(runs.c.principal == principal)
    if before is not None:
        conditions.append(runs.c.started_at < before)
    if status is not None:
        check_text("status", status)
        conditions.append(runs.c.status == status)
    order = (runs.c.started_at.desc(), runs.c.id.desc())
    rows = tx.rows(runs, *conditions, order_by=order, limit=max(0, min(limit, MAX_LISTED)))
    return tuple(map(_record, rows))


def get_run(tx: WorkspaceTransaction, run_id: str) -> RunRecord:
    """One run's record."""
    check_text("id", run_id)
    row = tx.row(runs, runs.c.id == run_id)
    if row is None:
        raise NotFoundError("run", run_id)
    return _record(row)


def drop_runs(tx: WorkspaceTransaction, before: datetime) -> int:
    """Forget runs that started before a moment; how many."""
    return tx.remove(runs, runs.c.started_at < before)


def _values(record: RunRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "principal": _storable(record.principal),
        "protocol": record.protocol,
        "publications": list(record.publications),
        "statement": _storable(record.statement),
        "status": record.status,
        "started_at": record.started_at,
        "seconds": record.seconds,
        "rows": record.rows,
        "bytes": record.bytes,
        "error": _storable(record.error),
        "sources": [_source_values(source) for source in record.sources],
    }


def _source_values(source: SourceUse) -> dict[str, object]:
    as_of = source.as_of.isoformat() if source.as_of is not None else None
    texts = {"statement": _storable(source.statement), "left": [_storable(text) for text in source.left]}
    return {**dataclasses.asdict(source), **texts, "as_of": as_of}


def _source(values: dict[str, Any]) -> SourceUse:
    as_of = values.get("as_of")
    moment = datetime.fromisoformat(as_of) if as_of else None
    return SourceUse(**{**values, "left": tuple(values.get("left", ())), "as_of": moment})


def _storable(text: str) -> str:
    """A record is never lost for a character that the database can't hold."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _record(row: RowMapping) -> RunRecord:
    return RunRecord(
        id=row["id"],
        tenant=row["tenant_id"],
        workspace=row["workspace_id"],
        principal=row["principal"],
        protocol=row["protocol"],
        publications=tuple(row["publications"]),
        statement=row["statement"],
        status=row["status"],
        started_at=row["started_at"],
        seconds=row["seconds"],
        rows=row["rows"],
        bytes=row["bytes"],
        error=row["error"],
        sources=tuple(map(_source, row["sources"])),
    )
