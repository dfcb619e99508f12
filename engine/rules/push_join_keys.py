"""Give a large scan the distinct keys of the small side that it is joined with: IN instead of a whole table.

The keys are found at run time: the small scan is read first, and when it has no more rows than a cap, its values go
to the large scan as one more predicate. When it has more, both are read whole, as without the rule. A set of no keys
reads nothing. Chained: keys found by one join may feed the next scan. Of a join by two columns, of which one has few
values (the plant beside the material), the pairs are sent, grouped by it; else each column's keys.

Which columns may take keys from which, and why that is safe, is `key_pairs`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace

from connectors.sdk import Table
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
from engine.rules.key_columns import finds_pairs, takes_keys
from engine.rules.key_pairs import Pair, key_pairs
from engine.scans import MOST_BESIDE, KeysFrom, Scan

KEY_CAP = 10_000
MOST_CAP = 50_000  # what a statement takes
TARGET_SHARE = 20  # more keys than KEY_CAP only for a target with so many times as many rows
FAMILIES = frozenset({"integer", "text", "uuid", "date", "timestamp", "timestamptz"})


def push_join_keys(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Each large scan that is joined by equality with a small one gets its keys from it."""
    scans = with_keys(plan, tables, key_pairs(plan.scopes, tables))
    notes = [Note("push_join_keys", scan.id, keys.words) for scan in scans for keys in scan.keys_from]
    return plan.with_scans(scans, notes)


def with_keys(plan: Plan, tables: Mapping[str, Table], found_pairs: Iterable[Pair]) -> list[Scan]:
    """A plan's scans with the keys that pay, of these pairs."""
    rows = {scan.id: estimated_rows(scan, tables[scan.id]) for scan in plan.scans}
    by_id = {scan.id: scan for scan in plan.scans}
    edges: dict[str, list[KeysFrom]] = {}
    steps: set[str] = set()  # small scans that wait for keys only to have fewer of their own
    pairs = list(dict.fromkeys(found_pairs))
    together: dict[Hashable, list[tuple[str, str]]] = {}
    for provider, column, target, wanted, link in pairs:
        together.setdefault((provider, target, link), []).append((column, wanted))
    for provider, column, target, wanted, link in sorted(pairs, key=lambda p: _order(rows[p[0]])):
        if _reaches(edges, target, provider):
            continue
        table, scan = tables[target], by_id[target]
        spelled = _spelled(scan, wanted)
        if any(spelled in (keys.target, keys.with_target) for keys in edges.get(target, [])):
            continue
        if not _fits(by_id[provider], column, scan, table, spelled):
            continue
        values = _values(by_id[provider], rows[provider], tables, column)
        found = _found(values, scan, table, spelled, rows[target])
        beside = None
        for other, its in together[provider, target, link]:
            its = _spelled(scan, its)
            if its == spelled or other == column or not _fits(by_id[provider], other, scan, table, its):
                continue
            if not finds_pairs(scan, table, spelled, its):
                continue
            fewer = _of_pairs(found, values, rows[provider], table, spelled, its)
            if fewer is not None and (found is None or 2 * fewer <= found):
                found, beside = fewer, (other, its)
        cap = _cap(table)
        known = any(keys.scan == provider for keys in edges.get(target, []))
        if not keys_pay(rows[provider], rows[target], found, cap) and not _spares_reading(
            scan, values, table, spelled
        ):
            if not (_halves(found, rows[target]) and (known or _is_cut(by_id[provider], edges, rows[provider]))):
                continue
            if target not in edges:
                steps.add(target)
        else:
            steps.discard(target)
        keys = KeysFrom(provider, column, spelled, min(cap, table.key_lookup), *(beside or ()))
        edges.setdefault(target, []).append(keys)
        mine = rows[target]
        rows[target] = found if mine is None or found is None else min(mine, found)
    _drop_idle(edges, steps)
    return [replace(scan, keys_from=tuple(edges.get(scan.id, ()))) for scan in plan.scans]


def _spelled(scan: Scan, name: str) -> str:
    return next(c.source for c in scan.columns if c.name == name)


def _fits(provider: Scan, column: str, scan: Scan, table: Table, spelled: str) -> bool:
    """Whether values of a provider's column can be looked up in a target's."""
    described = table.column(spelled)
    if described is None or not takes_keys(described, scan.fragment is not None) or not table.key_lookup:
        return False
    kind = family(described.sql_type)
    return kind in FAMILIES and _family(provider, column) == kind


def _of_pairs(
    found: int | None, values: int | None, rows: int | None, table: Table, column: str, beside: str
) -> int | None:
    """How many rows are left when each key is looked up only for the values of a second column beside it; None where
    these may be too many to ask for one by one, or nothing is known. The one with fewer values is the second."""
    of, keys = distinct_values(table, beside), distinct_values(table, column)
    if of is None or (keys is not None and keys < of):
        return None
    if found is None or not values or rows is None or of < 2 or min(of, rows) > MOST_BESIDE:
        return None
    return max(1, round(found * min(1.0, max(1.0, rows / values) / of)))


def _found(values: int | None, scan: Scan, table: Table, column: str, mine: int | None) -> int | None:
    """How many rows of a target so many keys leave: keys of another column may have left but some of them."""
    if values is None:
        return None
    found, whole = rows_of_keys(values, scan, table, column), estimated_rows(scan, table)
    if found is None or mine is None or not whole:
        return found
    return max(1, round(mine * min(1.0, found / whole)))


def _halves(found: int | None, mine: int | None) -> bool:
    return found is not None and mine is not None and 2 * found <= mine


def _is_cut(provider: Scan, edges: Mapping[str, list[KeysFrom]], rows: int | None) -> bool:
    """Whether a provider has few rows because something filters it: then even a small scan may wait for it."""
    return rows is not None and rows <= WORTH_ROWS and bool(provider.predicates or edges.get(provider.id))


def _drop_idle(edges: dict[str, list[KeysFrom]], steps: set[str]) -> None:
    """Small scans wait for keys only where a large one waits for theirs."""
    needed: set[str] = set()
    found = {target for target in edges if target not in steps}
    while found - needed:
        needed |= found
        found = {keys.scan for target in needed for keys in edges.get(target, [])}
    for target in steps - needed:
        del edges[target]


def _cap(table: Table) -> int:
    """How many keys at most are collected for a table: collecting them must be little beside reading it."""
    whole = table.row_estimate or 0
    return max(KEY_CAP, min(MOST_CAP, whole // TARGET_SHARE))


def _order(rows: int | None) -> int:
    return UNKNOWN_PROVIDER_ROWS if rows is None else rows


def _values(provider: Scan, rows: int | None, tables: Mapping[str, Table], column: str) -> int | None:
    """How many keys a provider's column is expected to have."""
    if rows is None:
        return None
    source = next((c.source for c in provider.columns if c.name == column), column)
    values = distinct_values(tables[provider.id], source, rows)
    return rows if values is None else min(rows, values)


def _spares_reading(scan: Scan, values: int | None, table: Table, column: str) -> bool:
    """Whether keys spare a fragment's source most of what it goes through for the few rows, groups say, that it
    gives: taken to be one row for each key where the column's values are not counted."""
    if scan.fragment is None or scan.fragment.rows_read is None or table.row_estimate is None or values is None:
        return False
    of = distinct_values(table, column) or table.row_estimate
    return values <= KEY_CAP and scan.fragment.rows_read > WORTH_ROWS and 2 * values <= of


def _family(scan: Scan, column: str) -> str:
    return next((family(c.sql_type) for c in scan.columns if c.name == column), "")


def _reaches(edges: Mapping[str, list[KeysFrom]], provider: str, target: str) -> bool:
    """Whether `target` (directly or not) waits for `provider`: then the other way round would wait for ever."""
    return provider == target or any(_reaches(edges, provider, keys.scan) for keys in edges.get(target, []))
