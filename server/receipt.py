"""The receipt of an answer: what a run asked of its sources and what that cost, as its run record keeps it.

Nothing in it is a literal, a row or a secret: statements are shapes, and what stayed here is told by rule and shape.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from catalog.records import RunRecord, SourceUse
from engine.engine import Prepared
from engine.explain import left_here
from engine.plan import Plan
from engine.scans import Scan, shape
from server.answer import RequestContext


@dataclass(slots=True)
class Outcome:
    """What became of a request, for its run record and log line."""

    status: str = "ok"
    http_status: int = 200
    error: str = ""
    statement: str = ""
    rows: int = 0
    bytes: int = 0
    sources: tuple[SourceUse, ...] = ()
    seconds_planned: float = 0.0
    seconds_queued: float = 0.0
    seconds_to_head: float = 0.0


def account(outcome: Outcome, result: Mapping[str, Any], prepared: Prepared, counting: Prepared | None) -> None:
    """What the worker reported, in its last message, into the outcome. `counting`: the plan that counted all rows."""
    outcome.rows = int(result.get("rows", 0))
    found = []
    for used in result.get("sources", []):
        plan = counting.plan if counting is not None and used["count"] else prepared.plan
        found += [_use(used, plan, scan) for scan in plan.scans if scan.id == used["scan"]]
    outcome.sources = tuple(found)


def _use(used: Mapping[str, Any], plan: Plan, scan: Scan) -> SourceUse:
    keys = int(used["keys"])
    statement = shape(scan) + (f" for {keys} keys" if keys else "")
    return SourceUse(
        scan=scan.id,
        connection=scan.connection,
        table=str(used["table"]),
        statement=statement + (f", read once for {scan.shared}" if scan.shared else ""),
        rows=int(used["rows"]),
        bytes=int(used["bytes"]),
        seconds_to_first_row=used["seconds_to_first_row"],
        seconds=float(used["seconds"]),
        snapshot=bool(used["snapshot"]),
        counting=bool(used["count"]),
        left=left_here(plan, scan),
        as_of=datetime.fromisoformat(used["as_of"]) if used["as_of"] else None,
        nulls_made=int(used.get("nulls_made", 0)),
        retries=int(used["retries"]),
        requests=int(used["requests"]),
    )


def run_record(context: RequestContext, publications: tuple[str, ...], outcome: Outcome, started: float) -> RunRecord:
    """The record that is kept of a run: no row, no literal."""
    seconds = time.time() - started
    return RunRecord(
        id=context.run_id,
        tenant=context.scope.tenant,
        workspace=context.scope.workspace,
        principal=context.scope.principal,
        protocol=context.protocol,
        publications=publications,
        statement=outcome.statement,
        status=outcome.status,
        started_at=datetime.fromtimestamp(started, UTC),
        seconds=seconds,
        rows=outcome.rows,
        bytes=outcome.bytes,
        error=outcome.error,
        sources=outcome.sources,
    )
