"""What a source can do, as data: the planner reads it, the contract suite proves every entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from connectors.sdk.scan import Op, TableName

NO_OPERATORS: Mapping[Op, Support] = MappingProxyType({})


class Support(StrEnum):
    """EXACT: the source's answer equals DuckDB's. INEXACT: it contains it. Absent: unsupported."""

    EXACT = "exact"
    INEXACT = "inexact"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the engine sees it. `sql_type` is one of `connectors.sdk.types`.

    `orders`: the source sorts this column exactly as DuckDB does (binary collation for text), NULLs placed as asked.
    `binary_text`: text equality and grouping at the source are byte-exact (case, accents, padding).
    `collation`: the source's own name of how it compares a text, where its dialect has to know it.

    The rest are statistics: guesses that may be old, good for choosing between right plans, never for an answer.
    `distinct_estimate`: how many values. `null_fraction`: which share of the rows is NULL. `minimum`, `maximum`: of
    numbers and dates, on the number line of `connectors.sdk.statistics`; they are values of rows, so they stay in the
    catalog and are shown to nobody. `in_order`: how far the rows stand in its order, 1 or -1 for all, 0 not at all.
    """

    name: str
    sql_type: str
    nullable: bool = True
    operators: Mapping[Op, Support] = field(default_factory=lambda: NO_OPERATORS)
    orders: bool = False
    binary_text: bool = False
    comment: str = ""
    distinct_estimate: int | None = None
    null_fraction: float | None = None
    minimum: float | None = field(default=None, repr=False)
    maximum: float | None = field(default=None, repr=False)
    collation: str = ""
    in_order: float | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of this table refer to `other_columns` of `other`."""

    columns: tuple[str, ...]
    other: TableName
    other_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table's description.

    `keys`: sets of columns that the source itself guarantees to be unique and NOT NULL, the primary key first.
    `declared_keys`: what the configuration says to be one and nobody guarantees; no rule may count on them.
    `required_filters`: columns without an equality filter on which the source can't be read.
    `limit`: the source can stop after n rows. `key_lookup`: how many values of an IN it takes well, 0: do not.
    `row_estimate`: from the source's own catalog, None if unknown. `indexed`: columns that lead an index, in which a
    few keys are found without reading the table. `statistics_at`: when these, and the columns' statistics, were read.
    """

    name: TableName
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    required_filters: tuple[str, ...] = ()
    limit: bool = False
    key_lookup: int = 0
    row_estimate: int | None = None
    comment: str = ""
    naive_timestamps: tuple[str, ...] = field(default=())
    indexed: tuple[str, ...] = ()
    statistics_at: datetime | None = None
    declared_keys: tuple[tuple[str, ...], ...] = ()

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class ConnectionCapabilities:
    """Of a whole connection: its SQL dialect for fragments (None: no SQL), whether scans of one query share a
    snapshot, whether a running statement can be ended at the source, how many scans may run side by side."""

    dialect: str | None = None
    snapshot: bool = False
    cancel: bool = False
    concurrency: int = 4
