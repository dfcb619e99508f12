"""Give a large scan the distinct keys of the small side that it is joined with: IN instead of a whole table.

The keys are found at run time: the small scan is read first, and when it has no more than `KEY_CAP` rows, its values
go to the large scan as one more predicate. When it has more, both are read whole, as without the rule. A set of no
keys reads nothing. Chained: keys found by one join may feed the next scan.

Which columns may take keys from which, and why that is safe, is `key_pairs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connectors.sdk import Op, Table
from connectors.sdk.types import family
from engine.estimates import (
    UNKNOWN_PROVIDER_ROWS,
    WORTH_ROWS,
    distinct_values,
    estimated_rows,
    keys_pay,
    rows_of_keys,
)
from engine.plan import Note, Plan
from engine.rules.key_pairs import key_pairs
from engine.rules.scopes import scopes
from engine.scans import KeysFrom, Scan

KEY_CAP = 10_000
FAMILIES = frozenset({"integer", "text", "uuid", "date"})


def push_join_keys(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Each large scan that is joined by equality with a small one gets its keys from it."""
    rows = {scan.id: estimated_rows(scan, tables[scan.id]) for scan in plan.scans}
    by_id = {scan.id: scan for scan in plan.scans}
    edges: dict[str, list[KeysFrom]] = {}
    notes = []
    pairs = dict.fromkeys(key_pairs(scopes(plan.select), tables))
    for provider, column, target, wanted in sorted(pairs, key=lambda p: _order(rows[p[0]])):
        if _reaches(edges, target, provider):
            continue
        table, scan = tables[target], by_id[target]
        spelled = next(c.source for c in scan.columns if c.name == wanted)
        values = _values(by_id[provider], rows[provider], tables, column)
        found = None if values is None else rows_of_keys(values, scan, table, spelled)
        if not keys_pay(rows[provider], rows[target], found, KEY_CAP) and not _spares_reading(
            scan, values, found, table
        ):
            continue
        described = table.column(spelled)
        if described is None or Op.IN not in described.operators or not table.key_lookup:
            continue
        if any(keys.target == spelled for keys in edges.get(target, [])):
            continue
        if (
            _family(by_id[provider], column) != family(described.sql_type)
            or family(described.sql_type) not in FAMILIES
        ):
            continue
        edges.setdefault(target, []).append(KeysFrom(provider, column, spelled, min(KEY_CAP, table.key_lookup)))
        mine = rows[target]
        rows[target] = found if mine is None or found is None else min(mine, found)
        notes.append(Note("push_join_keys", target, f"keys of {provider}.{column} on {spelled}"))
    scans = [replace(scan, keys_from=tuple(edges.get(scan.id, ()))) for scan in plan.scans]
    return plan.with_scans(scans, notes)


def _order(rows: int | None) -> int:
    return UNKNOWN_PROVIDER_ROWS if rows is None else rows


def _values(provider: Scan, rows: int | None, tables: Mapping[str, Table], column: str) -> int | None:
    """How many keys a provider's column is expected to have."""
    if rows is None:
        return None
    source = next((c.source for c in provider.columns if c.name == column), column)
    values = distinct_values(tables[provider.id], source, rows)
    return rows if values is None else min(rows, values)


def _spares_reading(scan: Scan, values: int | None, found: int | None, table: Table) -> bool:
    """Whether keys spare a fragment's source half of what it goes through for the few rows, groups say, that it
    gives."""
    if scan.fragment is None or scan.fragment.rows_read is None or table.row_estimate is None:
        return False
    if values is None or found is None or values > KEY_CAP:
        return False
    return scan.fragment.rows_read > WORTH_ROWS and 2 * found <= table.row_estimate


def _family(scan: Scan, column: str) -> str:
    return next((family(c.sql_type) for c in scan.columns if c.name == column), "")


def _reaches(edges: Mapping[str, list[KeysFrom]], provider: str, target: str) -> bool:
    """Whether `target` (directly or not) waits for `provider`: then the other way round would wait for ever."""
    return provider == target or any(_reaches(edges, provider, keys.scan) for keys in edges.get(target, []))
