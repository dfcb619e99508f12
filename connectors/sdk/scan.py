"""What a connector is asked for: a table's columns, with predicates, order and limit that it declared it can take.

Values are Python's own typed ones: bool, int, float, Decimal, str, bytes, date, time, datetime (with a zone for
TIMESTAMP WITH TIME ZONE, naive for TIMESTAMP), UUID. Never SQL text: a REST author needs to know no SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

Value = bool | int | float | Decimal | str | bytes | date | time | datetime | UUID


class Op(StrEnum):
    """Comparison of one column with constants. NULL never satisfies any but IS_NULL."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    IS_NULL = "is_null"
    IS_NOT_NULL = "is_not_null"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`column op values`: no value for IS_NULL and IS_NOT_NULL, one or more for IN, else exactly one."""

    column: str
    op: Op
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every term holds."""

    terms: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one term holds."""

    terms: tuple[Predicate, ...]


Predicate = Comparison | AllOf | AnyOf


def comparisons(predicate: Predicate) -> Iterator[Comparison]:
    """Every comparison in a predicate, left to right."""
    if isinstance(predicate, Comparison):
        yield predicate
    else:
        for term in predicate.terms:
            yield from comparisons(term)


@dataclass(frozen=True, slots=True)
class SortKey:
    """One term of ORDER BY. NULLs are always placed explicitly: sources differ in their defaults."""

    column: str
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class TableName:
    """A table in a connection, as the source names it: `("public", "orders")`, `("orders",)`."""

    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.parts[-1]

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in the source's own SQL over the table's columns, its placeholders and their values; the engine
    makes it from the dialect's table of what is proven (docs/reference/dialects.md)."""

    sql: str
    parameters: tuple[Value | None, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """One reading of one table.

    `columns`: (name, column type) in the order wanted; the types are those the plan was made for. The batches must
    have exactly these names and `arrow_type` of these types, else the connector raises SourceSchemaChangedError.
    `predicates`: AND-ed; each uses only (column, operator) pairs that the table's description declares.
    `order_by`, `limit`: only where declared, and only when every predicate is exact. There is always one column.
    `expected_rows`: about how many will come, a hint that may be wrong by any factor.
    `conditions`: AND-ed too; only sources with a table of their dialect are given any. `order`: the terms of ORDER BY
    in their SQL, in place of `order_by`.
    """

    table: TableName
    columns: tuple[tuple[str, str], ...]
    predicates: tuple[Predicate, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    limit: int | None = None
    expected_rows: int | None = None
    conditions: tuple[Condition, ...] = ()
    order: Condition | None = None
