"""What a worker finds out about a connection: its tables, whether it works and where it fails, proposed types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from connectors.sdk import Connector, Table, TableName
from connectors.sdk.errors import ConnectorError, SourceTableMissingError
from engine.errors import EngineBugError
from engine.scans import Scan
from engine.source_tables import table_to_json

MAX_TABLES = 5_000


def introspect(
    connector: Connector,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    report: Callable[[dict[str, object]], None],
) -> dict[str, object]:
    """Describe every table whose dotted name one of `include` matches and none of `exclude`.

    A table that can't be described does not hide the others; it is reported. Progress goes out as events.
    """
    names: dict[str, TableName] = {}
    for pattern in include:
        after: TableName | None = None
        while len(names) <= MAX_TABLES:
            page = connector.list_tables(pattern, after)
            names |= {str(name): name for name in page}
            if len(page) < 1_000:
                break
            after = page[-1]
    wanted = [name for text, name in sorted(names.items()) if not any(fnmatchcase(text, p) for p in exclude)]
    tables: list[dict[str, object]] = []
    failed: list[dict[str, object]] = []
    for number, name in enumerate(wanted[:MAX_TABLES], 1):
        try:
            tables.append(table_to_json(measured(connector, connector.describe(name))))
        except ConnectorError as error:
            failed.append({"table": str(name), "code": error.code, "message": error.message, "hint": error.hint})
        if number % 100 == 0:
            report({"event": "progress", "done": number, "of": len(wanted)})
    return {"tables": tables, "failed": failed, "left_out": max(0, len(wanted) - MAX_TABLES)}


def read_statistics(connector: Connector, names: Sequence[tuple[str, ...]]) -> dict[str, object]:
    """Tables described again, one after another on one session, for their statistics; one that fails is left out."""
    tables: list[dict[str, object]] = []
    for parts in names:
        try:
            tables.append(table_to_json(measured(connector, connector.describe(TableName(parts)))))
        except SourceTableMissingError:
            continue  # a refresh tells
    return {"tables": tables}


def measured(connector: Connector, table: Table) -> Table:
    """A described table with its statistics, read now; as it is when they can't be read: nothing depends on them."""
    try:
        return replace(connector.with_statistics(table), statistics_at=datetime.now(UTC))
    except ConnectorError:
        return table


def test_connection(connector: Connector, report: Callable[[dict[str, object]], None]) -> dict[str, object]:
    """Each stage of a connection test, as it ends and all together."""
    stages: list[dict[str, object]] = []
    for stage in connector.test():
        found: dict[str, object] = {
            "stage": stage.name,
            "ok": stage.ok,
            "seconds": round(stage.seconds, 4),
            "message": stage.message,
            "hint": stage.hint,
        }
        stages.append(found)
        report({"event": "stage", **found})
    return {"stages": stages, "ok": bool(stages) and all(stage["ok"] for stage in stages)}


def infer_table(connector: Connector, table: str) -> dict[str, object]:
    """Column types proposed from samples, for connectors whose sources declare none."""
    infer = getattr(connector, "infer", None)
    if infer is None:
        raise EngineBugError(f"a {connector.kind} connection declares its types; there is nothing to infer")
    return {"proposal": asdict(infer(TableName((table,))))}


def native_statements(connectors: Mapping[str, Connector], scans: Sequence[Scan]) -> dict[str, object]:
    """What each connector would send for each scan, with placeholders. A source that is away hides only its own."""
    found: list[dict[str, str | None]] = []
    for scan in scans:
        if scan.fragment is not None and not scan.skipped:
            found.append({"scan": scan.id, "text": scan.fragment.sql, "problem": ""})
            continue
        if scan.skipped:
            found.append({"scan": scan.id, "text": None, "problem": "not asked: a condition contradicts a constant"})
            continue
        try:
            text, problem = connectors[scan.connection].statement(scan.request()), ""
        except ConnectorError as error:
            text, problem = None, error.message
        found.append({"scan": scan.id, "text": text, "problem": problem})
    return {"statements": found}
