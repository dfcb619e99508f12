"""The keys that tables will be given by those of other connections: fewer rows are then left to join and to group.

`push_join_keys` comes last, when fragments are made; what it will find between tables that no source joins is looked
for here before, by the same estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.sdk import Table
from engine.estimates import estimated_rows, expected_keys, rows_of_keys, with_expected_rows
from engine.plan import Plan, with_fragments
from engine.rules.key_pairs import key_pairs
from engine.rules.push_join_keys import with_keys
from engine.source_tables import our_names


@dataclass(frozen=True, slots=True)
class Coming:
    """Of a column: whose keys will be looked up in it, about how many, and which share of the table they find."""

    provider: tuple[str, str]
    values: int
    share: float


def keys_to_come(plan: Plan, tables: Mapping[str, Table]) -> Mapping[tuple[str, str], Coming]:
    """By scan and our name of a column. A plan's fragments may be younger than the tables."""
    tables = with_fragments(plan, tables)
    joined_there = {scan.id: scan.connection if scan.dialect else scan.id for scan in plan.scans}
    pairs = (pair for pair in key_pairs(plan.scopes, tables) if joined_there[pair[0]] != joined_there[pair[2]])
    scans = {scan.id: scan for scan in with_expected_rows(with_keys(plan, tables, pairs), tables)}
    found: dict[tuple[str, str], Coming] = {}
    for scan in scans.values():
        table = tables[scan.id]
        ours = dict(zip((column.name for column in table.columns), our_names(table), strict=True))
        whole = estimated_rows(scan, table)
        for keys in scan.keys_from:
            provider = scans[keys.scan]
            count = expected_keys(keys, provider, tables[keys.scan], provider.expected_rows)
            rows = None if count is None or count > keys.cap else rows_of_keys(count, scan, table, keys.target)
            if count is not None and rows is not None and whole:
                share = min(1.0, rows / whole)
                found[scan.id, ours[keys.target]] = Coming((keys.scan, keys.column), count, share)
    return found
