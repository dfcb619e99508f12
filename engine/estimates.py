"""How many rows scans, joins and groupings will give, roughly: from row counts, distinct values, NULLs and bounds
that the catalog remembers, and from guesses where it knows nothing.

An estimate chooses between plans that are all right; it decides no answer. What is not known is None, or a guess
named below. What a parameter stands for is not known when a plan is made, so a range over one is weighed by a guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from connectors.sdk import AllOf, AnyOf, Column, Comparison, Op, Predicate, Table
from connectors.sdk.statistics import place
from connectors.sdk.types import family
from engine.scans import KeysFrom, Param, Scan

EQUAL, RANGE, UNLIKE = 0.1, 0.3, 0.9
SHORT_PART, LONG_PART = 0.1, 0.02  # of a text: TPC-H's six patterns of five letters and more find 1 to 17 %
LONG = 4
LEAST_RANGE = 0.001  # statistics are older than the newest rows, which are often those that are asked for
FANOUT = 10.0  # rows per value of a column of which nothing is known
WORTH_ROWS = 1_000  # fewer are read before keys are collected
UNKNOWN_PROVIDER_ROWS = 100_000

_LOWER, _UPPER = (Op.GT, Op.GE), (Op.LT, Op.LE)
_WHOLE = frozenset({"integer", "date"})


def estimated_rows(scan: Scan, table: Table) -> int | None:
    """How many rows a scan of a table gives, keys of joins aside; None when nothing is known of the table's size."""
    most = _rows_of_keys(scan.predicates, table)
    if most is None and table.row_estimate is None:
        return scan.limit
    rows = math.inf
    if table.row_estimate is not None:
        rows = max(1.0, table.row_estimate * estimated_share(scan.predicates, table))
    rows = min(rows, *(math.inf if bound is None else float(bound) for bound in (most, scan.limit)))
    return int(rows)


def estimated_share(predicates: Sequence[Predicate], table: Table) -> float:
    """Which share of a table's rows satisfies all of the predicates, taken as independent of each other; the two ends
    of a range are taken together."""
    terms = list(_flat(predicates))
    share = 1.0
    for column in dict.fromkeys(t.column for t in terms if isinstance(t, Comparison) and _is_range(t)):
        share *= _range_share([t for t in terms if isinstance(t, Comparison) and t.column == column], table)
    for term in terms:
        if not (isinstance(term, Comparison) and _is_range(term)):
            share *= _share(term, table)
    return share


def distinct_values(table: Table, column: str, rows: int | None = None) -> int | None:
    """How many values a column (in the source's spelling) has among `rows` of the table's rows, all when None.

    From statistics, else from a key, else at most as many as lie between whole numbers or days; None if unknown.
    """
    described = table.column(column)
    known = None if described is None else _distinct(described, table)
    if known is None:
        return None
    if rows is None or table.row_estimate is None or rows >= table.row_estimate:
        return known
    return max(1, min(rows, round(drawn(known, rows))))


def drawn(values: float, rows: float) -> float:
    """How many of so many equally common values `rows` rows have among them."""
    if values <= 0 or rows <= 0:
        return 0.0
    return values * -math.expm1(-rows / values)


def rows_per_value(table: Table, column: str) -> float:
    """How many rows of a table one value of a column finds: the fan-out of a key looked up in it."""
    known = distinct_values(table, column)
    if known is None or table.row_estimate is None:
        return FANOUT
    described = table.column(column)
    nulls = (described.null_fraction if described is not None else None) or 0.0
    return max(1.0, table.row_estimate * (1 - nulls) / known)


def rows_of_keys(keys: int | None, scan: Scan, table: Table, column: str) -> int | None:
    """How many rows a scan gives when so many distinct keys are looked up in one of its columns."""
    whole = estimated_rows(scan, table)
    if keys is None:
        return whole
    share = estimated_share(scan.predicates, table)
    found = keys * rows_per_value(table, column) * share
    return max(1, round(found if whole is None else min(float(whole), found)))


def keys_pay(provider: int | None, target: int | None, found: int | None, cap: int) -> bool:
    """Whether looking keys up beats reading the target whole: the provider is small, and its keys should find
    at most half of the target's rows. `cap`: rows of a provider up to which keys are taken from it."""
    if provider is None:
        return target is not None and target > UNKNOWN_PROVIDER_ROWS
    if provider > 2 * cap:
        return False
    return target is None or (target > WORTH_ROWS and found is not None and 2 * found <= target)


def joined_rows(left: int, right: int, left_values: int | None, right_values: int | None) -> int:
    """How many rows two inputs joined by equality give: each of the greater set of values finds as many as the other
    side has per value. Not knowing either, the larger side is the guess: most joins are by a key."""
    values = max(left_values or 0, right_values or 0)
    if not values:
        return max(left, right)
    return max(1, round(left * right / values))


def grouped_rows(rows: int, values: Iterable[int | None]) -> int:
    """How many groups so many rows make, by keys with so many values each; an unknown key is guessed to repeat."""
    boxes = 1.0
    for count in values:
        boxes *= max(1.0, rows / FANOUT if count is None else float(count))
    return max(1, min(rows, rows if boxes > 100.0 * rows else round(drawn(boxes, rows))))


def expected_keys(keys: KeysFrom, provider: Scan, table: Table, rows: int | None) -> int | None:
    """How many keys a provider gives that is expected to have so many rows."""
    source = next((c.source for c in provider.columns if c.name == keys.column), keys.column)
    values = distinct_values(table, source, rows)
    return values if rows is None else rows if values is None else min(rows, values)


def with_expected_rows(scans: Sequence[Scan], tables: Mapping[str, Table]) -> tuple[Scan, ...]:
    """Each scan with the number of rows that it is expected to give at run time, keys of joins included."""
    by_id = {scan.id: scan for scan in scans}
    found: dict[str, int | None] = {}

    def expected(scan: Scan) -> int | None:
        if scan.id not in found:
            found[scan.id] = whole = estimated_rows(scan, tables[scan.id])  # also what ends a circle
            rows = whole
            for keys in scan.keys_from:
                provider = by_id[keys.scan]
                count = expected_keys(keys, provider, tables[provider.id], expected(provider))
                if count is not None and count <= keys.cap:
                    some = rows_of_keys(count, scan, tables[scan.id], keys.target)
                    if rows is None or some is None or not whole:
                        rows = some if rows is None else rows
                    else:  # keys of another column may have left but some of them
                        rows = max(1, round(rows * min(1.0, some / whole)))
            found[scan.id] = rows
        return found[scan.id]

    return tuple(replace(scan, expected_rows=expected(scan)) for scan in scans)


def _rows_of_keys(predicates: Sequence[Predicate], table: Table) -> int | None:
    """At most so many rows, because the values of a whole key are given."""
    given: dict[str, int] = {}
    for term in _flat(predicates):
        if isinstance(term, Comparison) and term.op in (Op.EQ, Op.IN):
            given[term.column] = min(len(term.values), given.get(term.column, len(term.values)))
    found = [math.prod(given[part] for part in key) for key in table.keys if key and set(key) <= given.keys()]
    return min(found, default=None)


def _flat(predicates: Sequence[Predicate]) -> Iterable[Predicate]:
    for predicate in predicates:
        if isinstance(predicate, AllOf):
            yield from _flat(predicate.terms)
        else:
            yield predicate


def _is_range(term: Comparison) -> bool:
    return term.op in _LOWER or term.op in _UPPER


def _range_share(terms: Sequence[Comparison], table: Table) -> float:
    """The share between the ends that the comparisons of one column set; guessed for each end that is not known."""
    column = table.column(terms[0].column)
    least, greatest = (None, None) if column is None else (column.minimum, column.maximum)
    low, high, share = least, greatest, 1.0
    for term in terms:
        if not _is_range(term):
            continue
        at = None if isinstance(term.values[0], Param) else place(term.values[0])
        if at is None or low is None or high is None:
            share *= RANGE
        elif term.op in _LOWER:
            low = max(low, at)
        else:
            high = min(high, at)
    if low is not None and high is not None and least is not None and greatest is not None:
        span = greatest - least
        share *= (
            min(1.0, max(LEAST_RANGE, (high - low) / span)) if span > 0 else (1.0 if low <= high else LEAST_RANGE)
        )
    return share * _not_null(column)


def _share(predicate: Predicate, table: Table) -> float:
    if isinstance(predicate, AllOf):
        return estimated_share(predicate.terms, table)
    if isinstance(predicate, AnyOf):
        return min(1.0, sum(_share(term, table) for term in predicate.terms))
    column = table.column(predicate.column)
    match predicate.op:
        case Op.EQ:
            return _equal(column, table)
        case Op.IN:
            known = column is not None and _distinct(column, table) is not None
            one = _equal(column, table)
            return min(1.0, one * len(predicate.values) * (1.0 if known else 0.5))
        case Op.STARTS_WITH | Op.CONTAINS | Op.ENDS_WITH:
            part = predicate.values[0]
            return LONG_PART if isinstance(part, str) and len(part) >= LONG else SHORT_PART
        case Op.IS_NULL:
            return EQUAL if column is None or column.null_fraction is None else column.null_fraction
        case Op.IS_NOT_NULL:
            return UNLIKE if column is None or column.null_fraction is None else 1 - column.null_fraction
        case Op.NE:
            if column is None or _distinct(column, table) is None:
                return UNLIKE
            return max(0.0, _not_null(column) - _equal(column, table))
        case _:
            return _range_share([predicate], table)


def _equal(column: Column | None, table: Table) -> float:
    known = None if column is None else _distinct(column, table)
    return EQUAL if known is None else _not_null(column) / known


def _not_null(column: Column | None) -> float:
    return 1 - ((column.null_fraction if column is not None else None) or 0.0)


def _distinct(column: Column, table: Table) -> int | None:
    rows = table.row_estimate
    if column.distinct_estimate is not None:
        return max(1, column.distinct_estimate)
    if (column.name,) in table.keys and rows is not None:
        return max(1, rows)
    if column.sql_type == "BOOLEAN":
        return 2
    if column.minimum is not None and column.maximum is not None and family(column.sql_type) in _WHOLE:
        between = int(column.maximum - column.minimum) + 1
        if rows is None or between < rows:
            return max(1, between)
    return None
