"""A grouping by a key in ranges of the key, as one statement: PostgreSQL runs the parts of a UNION ALL side by side.

It does not group by an index in parallel by itself. Groups of different ranges are different groups, so that the
parts together are the whole, wherever statistics say that ranges end; wrong ones make uneven parts. It is one
session, one snapshot, and as many processes as the server's own settings allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from connectors.sdk import Column, Table, Value
from connectors.sdk.types import family
from engine.fragments import Param
from engine.scans import Scan

RANGES = 3  # PostgreSQL's own default: two workers beside the session's process
IN_ORDER = 0.9  # else each part would read the whole table
WORTH_ROWS = 1_000_000
SURE = 2.0**53  # a statistic is a float


def range_key(columns: Mapping[str, Column], table: Table) -> tuple[str, tuple[int, ...]] | None:
    """The name of the output to divide by, and where; None when there is none. `columns`: by the names of the outputs
    that are grouped by what they are in the table."""
    if (table.row_estimate or 0) < WORTH_ROWS:
        return None
    leading = {*table.indexed, *(key[0] for key in table.keys if key)}
    for name, column in columns.items():
        low, high = column.minimum, column.maximum
        if column.nullable or column.name not in leading or family(column.sql_type) != "integer":
            continue
        if (
            low is None
            or high is None
            or high - low < RANGES
            or max(-low, high) > SURE
            or abs(column.in_order or 0.0) < IN_ORDER
        ):
            continue
        return name, tuple(int(low + (high - low) * part / RANGES) for part in range(1, RANGES))
    return None


def in_ranges(scan: Scan, name: str, bounds: tuple[int, ...], mark: str) -> Scan:
    """The scan of a grouping as one of its ranges. `mark`: a placeholder for a bound."""
    fragment = scan.fragment
    assert fragment is not None and fragment.keys_at is not None
    at, column = fragment.keys_at, fragment.keys_at.columns[name]
    parts: list[str] = []
    parameters: list[Value | Param | list[Value] | None] = []
    for low, high in pairwise((None, *bounds, None)):
        ends = [(f"{column} {sign} {mark}", end) for sign, end in ((">=", low), ("<", high)) if end is not None]
        word = " AND " if at.filtered else " WHERE "
        parts.append(
            fragment.sql[: at.place] + word + " AND ".join(text for text, _ in ends) + fragment.sql[at.place :]
        )
        parameters += fragment.parameters[: at.parameters]
        parameters += [end for _, end in ends]
        parameters += fragment.parameters[at.parameters :]
    whole = replace(fragment, sql=" UNION ALL ".join(parts), parameters=tuple(parameters), keys_at=None)
    return replace(scan, fragment=whole)
