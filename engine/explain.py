"""EXPLAIN: how a query runs, as data and as text a person can read. Made from a plan alone; values never appear.

    publications  order_backlog

    s0  erp.orders    about 1,200 rows
        columns    3 of 9: order_id, customer_id, status
        pushed     status in (2 values)
        stayed     lower("o"."name") = ? (the source does not …)
        statement  SELECT "order_id", … FROM "orders" WHERE "status" IN (?, ?)
        read       37 rows, 1.2 KB, first after 0.004 s, all after 0.006 s

`stayed` is what only DuckDB decides; what was pushed is evaluated by it again (law 1 of the design).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlglot

from engine.plan import Plan
from engine.planner import duckdb_sql
from engine.scans import Scan, conditions_of, sorted_by, tables_of
from engine.statement_shape import statement_shape

PUSHED = "pushed "
KEPT = "kept here: "
_LIMIT = re.compile(r"(?i)\blimit \d+")
_ADDRESS_VALUE = re.compile(r"=[^&]*")
WHY_KEPT = "the source does not declare it for this column, or an outer join could let NULLs through"

OFF, OFF_ROWS = 10, 100


@dataclass(frozen=True, slots=True)
class NativeStatement:
    """What a connector sends for a scan, with placeholders; `problem`: why it could not be told."""

    text: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ScanReading:
    """What a scan cost in one run; times in seconds since the run began. `keys`: how many it was restricted to."""

    rows: int
    bytes: int
    seconds_to_first_row: float | None
    seconds: float
    snapshot: bool
    keys: int = 0


@dataclass(frozen=True, slots=True)
class ScanExplained:
    """One scan. `columns_read`: how many of how many. `pushed`: predicates in words; `keys_from`: lists of keys
    that another scan gives while the query runs; `stayed`: what did not go to the source, and why. `shared`: what it
    is read once for."""

    id: str
    connection: str
    table: str
    columns_read: str
    columns: tuple[str, ...]
    pushed: tuple[str, ...]
    keys_from: tuple[str, ...]
    stayed: tuple[str, ...]
    order_by: tuple[str, ...]
    limit: int | None
    row_estimate: int | None
    expected_rows: int | None = None
    statement: str | None = None
    statement_problem: str = ""
    reading: ScanReading | None = None
    shared: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """The scans as they were after a rule, in words."""

    rule: str
    scans: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a query runs. `duckdb`: the statement over the scans, the caller's values as $1, $2, …
    `rows`, `seconds`: of the run, when there was one."""

    publications: tuple[str, ...]
    columns: tuple[str, ...]
    scans: tuple[ScanExplained, ...]
    duckdb: str
    small: bool
    steps: tuple[Step, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The same as JSON."""
        return asdict(self)


def explain_plan(plan: Plan, steps: Sequence[Step] = (), *, expectations: bool = True) -> Explanation:
    """The explanation of a plan. `expectations`: with how many rows each scan is expected to give. Whoever sees them
    can find a column's bounds by asking often, and those may belong to rows that they must not see."""
    return Explanation(
        publications=plan.publications,
        columns=tuple(plan.select.named_selects),
        scans=tuple(_scan(plan, scan, expectations) for scan in plan.scans),
        duckdb=duckdb_sql(plan),
        small=plan.small,
        steps=tuple(steps),
    )


def without_values(explanation: Explanation) -> Explanation:
    """The explanation for who may not see the views behind a publication: its statement with `?` for every value.

    Limits are values too; what goes to sources has placeholders already.
    """
    scans = tuple(
        replace(
            scan,
            limit=None,
            pushed=scan.pushed if scan.limit is None else (*scan.pushed, "limit ?"),
            statement=_native_shape(scan.statement),
        )
        for scan in explanation.scans
    )
    steps = tuple(
        replace(one, scans=tuple(_LIMIT.sub("limit ?", scan) for scan in one.scans)) for one in explanation.steps
    )
    shown = statement_shape(sqlglot.parse_one(explanation.duckdb, dialect="duckdb"))
    return replace(explanation, scans=scans, steps=steps, duckdb=shown)


def _native_shape(statement: str | None) -> str | None:
    """A connector's statement without the number of a limit, or without the values of an address."""
    if statement is None:
        return None
    if statement.startswith("GET "):
        return _ADDRESS_VALUE.sub("=?", statement)
    return _LIMIT.sub("LIMIT ?", statement)


def step(rule: str, plan: Plan) -> Step:
    """What `optimize(observe=…)` sees after a rule, in words."""
    return Step(rule, tuple(f"{scan.id} {scan.connection}.{tables_of(scan)}: {_words(scan)}" for scan in plan.scans))


def with_statements(explanation: Explanation, statements: Mapping[str, NativeStatement]) -> Explanation:
    """The explanation with what the connectors send."""
    scans = []
    for scan in explanation.scans:
        found = statements.get(scan.id, NativeStatement())
        scans.append(replace(scan, statement=found.text or scan.statement, statement_problem=found.problem))
    return replace(explanation, scans=tuple(scans))


def with_run(explanation: Explanation, result: Mapping[str, Any], seconds: float) -> Explanation:
    """The explanation with what a run of it cost: `result` is the worker's last message."""
    readings = {source["scan"]: source for source in result["sources"]}
    scans = []
    for scan in explanation.scans:
        used = readings.get(scan.id)
        reading = None
        if used is not None:
            reading = ScanReading(
                used["rows"],
                used["bytes"],
                used["seconds_to_first_row"],
                used["seconds"],
                used["snapshot"],
                used.get("keys", 0),
            )
        scans.append(replace(scan, reading=reading))
    return replace(explanation, scans=tuple(scans), rows=result["rows"], bytes=result["bytes"], seconds=seconds)


def left_here(plan: Plan, scan: Scan) -> tuple[str, ...]:
    """What of a scan's work did not go to its source, and why; no value is in it."""
    stayed = []
    for note in plan.notes:
        # Keys are told by the scan's own keys_from, columns by their number.
        if note.scan != scan.id or note.text.startswith(PUSHED) or note.rule in ("push_join_keys", "prune_columns"):
            continue
        kept = note.text.startswith(KEPT)
        stayed.append(f"{note.text.removeprefix(KEPT)} ({WHY_KEPT})" if kept else note.text)
    return tuple(dict.fromkeys(stayed))


def _scan(plan: Plan, scan: Scan, expectations: bool) -> ScanExplained:
    pruned = (note.text for note in plan.notes if note.scan == scan.id and note.rule == "prune_columns")
    return ScanExplained(
        id=scan.id,
        connection=scan.connection,
        table=tables_of(scan),
        columns_read=next(pruned, ""),
        columns=tuple(column.source for column in scan.columns),
        pushed=(*conditions_of(scan), *_hints(scan)),
        keys_from=tuple(
            f"({keys.with_target}, {keys.target}) in (the pairs of {keys.scan}, if at most {keys.cap:,})"
            if keys.beside
            else f"{keys.target} in (the values of {keys.scan}.{keys.column}, if at most {keys.cap:,})"
            for keys in scan.keys_from
        ),
        stayed=left_here(plan, scan),
        order_by=sorted_by(scan),
        limit=scan.limit,
        row_estimate=scan.row_estimate,
        expected_rows=scan.expected_rows if expectations else None,
        statement=scan.fragment.sql if scan.fragment is not None else None,
        shared=scan.shared,
    )


def _hints(scan: Scan) -> tuple[str, ...]:
    """What the statement's text doesn't say."""
    return ("many groups: they are to be sorted",) if scan.fragment is not None and scan.fragment.many_groups else ()


def _words(scan: Scan) -> str:
    parts = [f"{len(scan.columns)} columns"]
    if scan.fragment is not None:
        parts.append(f"fragment {scan.fragment.sql}")
    parts += conditions_of(scan)
    if sorting := sorted_by(scan):
        parts.append("order by " + ", ".join(sorting))
    if scan.limit is not None:
        parts.append(f"limit {scan.limit}")
    if scan.shared:
        parts.append(f"read once for {scan.shared}")
    return ", ".join(parts)


def explanation_text(explanation: Explanation) -> str:
    """The explanation for people."""
    return "\n".join(_lines(explanation)) + "\n"


def _lines(explanation: Explanation) -> Iterator[str]:
    if explanation.publications:
        yield f"publications  {', '.join(explanation.publications)}"
        yield ""
    for scan in explanation.scans:
        yield from _scan_lines(scan)
        yield ""
    yield "DuckDB"
    yield from (f"    {line}" for line in _pretty(explanation.duckdb).splitlines())
    for number, done in enumerate(explanation.steps, 1):
        yield ""
        yield f"rule {number}: {done.rule}"
        yield from (f"    {scan}" for scan in done.scans)
    if explanation.seconds is not None:
        read = sum(scan.reading.rows for scan in explanation.scans if scan.reading)
        yield ""
        size = size_text(explanation.bytes or 0)
        yield (
            f"answer  {explanation.rows or 0:,} rows, {size} in {explanation.seconds:.3f} s; "
            f"{read:,} rows read from sources"
        )


def _pretty(sql: str) -> str:
    return sqlglot.parse_one(sql, dialect="duckdb").sql(dialect="duckdb", pretty=True)


def _scan_lines(scan: ScanExplained) -> Iterator[str]:
    yield f"{scan.id}  {scan.connection}.{scan.table}{_estimate(scan)}"
    read = scan.columns_read.removesuffix(" columns")
    yield f"    columns    {read + ': ' if read else ''}{', '.join(scan.columns) or '(none: rows are counted)'}"
    yield from (f"    pushed     {text}" for text in scan.pushed)
    yield from (f"    keys       {text}" for text in scan.keys_from)
    if scan.order_by:
        yield f"    order by   {', '.join(scan.order_by)}"
    if scan.limit is not None:
        yield f"    limit      {scan.limit}"
    if scan.shared:
        yield f"    once       for {scan.shared}"
    yield from (f"    stayed     {text}" for text in scan.stayed)
    if scan.statement is not None:
        yield f"    statement  {scan.statement}"
    if scan.statement_problem:
        yield f"    statement  not known: {scan.statement_problem}"
    if scan.reading is not None:
        reading = scan.reading
        first = (
            f"first after {reading.seconds_to_first_row:.3f} s, " if reading.seconds_to_first_row is not None else ""
        )
        snapshot = "; shares a snapshot" if reading.snapshot else ""
        size = size_text(reading.bytes)
        keys = f" for {reading.keys:,} keys" if reading.keys else ""
        times = f"{first}all after {reading.seconds:.3f} s"
        yield f"    read       {reading.rows:,} rows{keys}, {size}, {times}{snapshot}"
        if scan.expected_rows is not None and _is_off(scan.expected_rows, reading.rows):
            # Keys come from another scan, whose estimate may be the one that was off.
            cure = "" if scan.keys_from else f": `viewloom refresh {scan.connection}` renews statistics"
            yield f"    estimate   {scan.expected_rows:,} rows were expected{cure}"


def _estimate(scan: ScanExplained) -> str:
    """`about 40 of 1,200 rows`: what is expected, and what the table has."""
    whole, some = scan.row_estimate, scan.expected_rows
    if some is None or some == whole:
        return f"    about {whole:,} rows" if whole is not None else ""
    return (
        f"    about {some:,} of {whole:,} rows" if whole is not None and whole > some else f"    about {some:,} rows"
    )


def _is_off(expected: int, found: int) -> bool:
    """Whether an estimate was more than ten times too small or too large; a few rows more or less are nothing."""
    low, high = sorted((expected, found))
    return high >= OFF_ROWS and high > OFF * max(1, low)


def size_text(size: int) -> str:
    """A number of bytes for people: 1.2 KB."""
    amount, units = float(size), ["bytes", "KB", "MB", "GB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{size} bytes" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"
