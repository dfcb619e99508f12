"""Base of connectors to SQL sources: a scan is described, checked, rendered to one SELECT, and run by `query`."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast
from zoneinfo import ZoneInfo

import pyarrow as pa

from connectors.sdk.batches import empty_columns
from connectors.sdk.capabilities import Support, Table
from connectors.sdk.checks import check_request
from connectors.sdk.connector import Connector, ConnectorConfig
from connectors.sdk.errors import SourceDataError, SourceSchemaChangedError, UnsupportedPredicateError
from connectors.sdk.scan import Comparison, Op, ScanRequest, TableName, Value
from connectors.sdk.select import ANY, Dialect, SqlTable, Statement, select_statement
from connectors.sdk.types import INTEGERS, decimal_parts

SMALL_ROWS = 1_000
FEW_ROWS = 300  # more are cheaper in bulk than one by one
REMEMBERED_SECONDS = 60.0
_COUNTED = (("count", "BIGINT"),)
_EMPTY_ROWS = 100_000

NULL_TESTS = {Op.IS_NULL: Support.EXACT, Op.IS_NOT_NULL: Support.EXACT}
EQUALITY = dict.fromkeys((Op.EQ, Op.NE, Op.IN), Support.EXACT)
ORDER = dict.fromkeys((Op.LT, Op.LE, Op.GT, Op.GE), Support.EXACT)
SUBSTRING = dict.fromkeys((Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS), Support.EXACT)
EXACT_ORDERED = {**NULL_TESTS, **EQUALITY, **ORDER}
ROUGH_EQUALITY = {**NULL_TESTS, Op.EQ: Support.INEXACT, Op.IN: Support.INEXACT}
# Naive timestamps seen as instants: contained, not equal, because several naive ones can mean one instant.
ROUGH_ORDERED = {**ROUGH_EQUALITY, **dict.fromkeys(ORDER, Support.INEXACT)}


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement with the columns that it must give; `small`: at most 1,000 rows come; `few`: probably not even 300.

    `naive`: columns that arrive as naive timestamps and are mapped to instants by the connection's zone.
    `natives`: the columns' types in the source's own words, where they are known. `ordered`: rows keep their order.
    `many_groups`: it groups, and the groups are better made by sorting than in a hash table.
    """

    statement: Statement
    columns: tuple[tuple[str, str], ...]
    naive: frozenset[str] = frozenset()
    small: bool = False
    table: str = ""
    natives: tuple[str, ...] = ()
    ordered: bool = False
    few: bool = False
    many_groups: bool = False


class SqlConnector(Connector):
    """A source that takes SQL. Subclasses give `dialect`, `read_description` and `read`."""

    dialect: ClassVar[Dialect]

    def __init__(self, config: ConnectorConfig, time_zone: ZoneInfo | None = None) -> None:
        super().__init__(config, time_zone)
        self._described: dict[TableName, tuple[SqlTable, float]] = {}

    @abstractmethod
    def read_description(self, name: TableName) -> SqlTable:
        """Describe a table from the source's catalog. SourceTableMissingError if it isn't there."""

    @abstractmethod
    def read(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Run one statement and stream its rows in exactly these columns."""

    def describe(self, name: TableName) -> Table:
        return self._describe(name).table

    def query(
        self,
        sql: str,
        parameters: Sequence[object],
        columns: Sequence[tuple[str, str]],
        small: bool = False,
        expected_rows: int | None = None,
        many_groups: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """Run a fragment, already in the source's dialect and with its placeholders, and stream its rows.

        `parameters`: values of ours, or None. `small`: at most 1,000 rows come. The rest are hints.
        """
        adapted = [None if value is None else self.dialect.adapt(cast(Value, value), ANY) for value in parameters]
        ordered = "ORDER BY" in sql.upper()
        statement, few = Statement(sql, tuple(adapted)), _are_few(expected_rows)
        reading = Reading(statement, tuple(columns), small=small, ordered=ordered, few=few, many_groups=many_groups)
        yield from self.read(reading)

    def scan(self, request: ScanRequest) -> Iterator[pa.RecordBatch]:
        table = self._checked(request)
        statement = select_statement(self.dialect, table, request, self.time_zone)
        if not request.columns:
            yield from self._count(statement, request)
            return
        naive = frozenset(name for name, _ in request.columns if table.columns[name].naive)
        reading = Reading(
            statement,
            request.columns,
            naive if self.time_zone else frozenset(),
            small=is_small(table.table, request),
            table=str(request.table),
            natives=tuple(table.columns[name].native for name, _ in request.columns),
            ordered=bool(request.order_by) or request.order is not None,
            few=_are_few(request.expected_rows),
        )
        try:
            yield from self.read(reading)
        except SourceSchemaChangedError:
            self.forget(request.table)
            self._checked(request)  # names the column that is gone or has another type
            raise

    def statement(self, request: ScanRequest) -> str | None:
        return select_statement(self.dialect, self._checked(request), request, self.time_zone).sql

    def forget(self, name: TableName) -> None:
        """Describe the table anew before its next scan."""
        self._described.pop(name, None)

    def _describe(self, name: TableName) -> SqlTable:
        table = self.read_description(name)
        self._described[name] = (table, time.monotonic())
        return table

    def _checked(self, request: ScanRequest) -> SqlTable:
        """The table's description, remembered for a minute and read anew when the request doesn't fit it."""
        table, seen = self._described.get(request.table, (None, 0.0))
        if table is not None and time.monotonic() - seen < REMEMBERED_SECONDS:
            try:
                check_request(table.table, request)
                return table
            except (SourceSchemaChangedError, UnsupportedPredicateError):
                table = None
        table = self._describe(request.table)
        check_request(table.table, request)
        return table

    def _count(self, statement: Statement, request: ScanRequest) -> Iterator[pa.RecordBatch]:
        reading = Reading(statement, _COUNTED, small=True, table=str(request.table))
        count = sum(batch.column(0)[0].as_py() for batch in self.read(reading))
        for _ in range(count // _EMPTY_ROWS):
            yield empty_columns(_EMPTY_ROWS)
        if count % _EMPTY_ROWS:
            yield empty_columns(count % _EMPTY_ROWS)


def _are_few(expected_rows: int | None) -> bool:
    return expected_rows is not None and expected_rows <= FEW_ROWS


def is_small(table: Table, request: ScanRequest) -> bool:
    """Whether at most 1,000 rows can come: by the limit, or by equality with constants on a whole key."""
    if request.limit is not None and request.limit <= SMALL_ROWS:
        return True
    fixed: dict[str, int] = {}
    for predicate in request.predicates:
        if isinstance(predicate, Comparison) and predicate.op in (Op.EQ, Op.IN):
            fixed[predicate.column] = len(predicate.values)
    for key in table.keys:
        if key and all(name in fixed for name in key):
            most = 1
            for name in key:
                most *= fixed[name]
            return most <= SMALL_ROWS
    return False


def check_decimal(sql_type: str) -> str:
    """A DECIMAL(p,s) type, or VARCHAR where 38 digits can't hold it."""
    parts = decimal_parts(sql_type)
    return sql_type if parts and 0 < parts[0] <= 38 and parts[1] <= parts[0] else "VARCHAR"


def bad_value(column: str, sql_type: str, table: str) -> SourceDataError:
    """The error for a value that the source sent and the column's type can't hold."""
    kind = "an integer" if sql_type in INTEGERS else sql_type
    return SourceDataError(
        f"column {column!r}{f' of {table}' if table else ''} holds a value that can't be read as {kind}",
        hint="infinite or out-of-calendar dates, NaN in decimals and too many digits are such values: "
        "correct them at the source, or filter them out in a view there",
        details={"column": column, "type": sql_type, "table": table},
    )
