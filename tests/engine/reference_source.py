"""A source in memory that does all that it may: it applies, orders and cuts as asked, and for an inexact operator
gives any superset, a different one each time. What it was not entitled to be asked is kept in `faults`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, ClassVar
from uuid import UUID

import pyarrow as pa

from connectors.sdk import AllOf, Column, Comparison, Connector, ConnectorConfig, Op, Support, Table, TableName
from connectors.sdk.capabilities import ConnectionCapabilities
from connectors.sdk.connector import Stage
from connectors.sdk.scan import Predicate, ScanRequest, SortKey, comparisons
from connectors.sdk.types import arrow_type, family

Row = Mapping[str, Any]
PYTHON: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "decimal": (int, Decimal),
    "float": (float,),
    "text": (str,),
    "date": (date,),
    "time": (time,),
    "timestamp": (datetime,),
    "timestamptz": (datetime,),
    "uuid": (UUID,),
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A table with its rows; values are Python's, by the source's column names."""

    table: Table
    rows: tuple[Row, ...]

    def arrow(self) -> pa.Table:
        """All rows as they travel."""
        return pa.table({c.name: _array([row[c.name] for row in self.rows], c.sql_type) for c in self.table.columns})


class ReferenceSource(Connector):
    """The tables of one connection. `rng` chooses the supersets, the order of rows and the sizes of batches."""

    kind: ClassVar[str] = "reference"
    config_type: ClassVar[type[ConnectorConfig]] = ConnectorConfig

    def __init__(self, tables: Mapping[str, Stored], rng: random.Random) -> None:
        super().__init__(ConnectorConfig())
        self.tables = tables
        self.asked: list[ScanRequest] = []
        self.faults: list[str] = []
        self._rng = rng

    def capabilities(self) -> ConnectionCapabilities:
        return ConnectionCapabilities()

    def list_tables(self, pattern: str = "*", after: TableName | None = None) -> Sequence[TableName]:
        return [stored.table.name for stored in self.tables.values()]

    def describe(self, name: TableName) -> Table:
        return self.tables[str(name)].table

    def test(self) -> Iterator[Stage]:
        return iter(())

    def cancel(self) -> None:
        return None

    def close(self) -> None:
        return None

    def scan(self, request: ScanRequest) -> Iterator[pa.RecordBatch]:
        """The rows that the request entitles to, in batches of any size."""
        self.asked.append(request)
        stored = self.tables[str(request.table)]
        self.faults += faults(request, stored.table)
        rng = random.Random(self._rng.random())
        rows = [row for row in stored.rows if all(_passes(p, row, stored.table, rng) for p in request.predicates)]
        rng.shuffle(rows)
        if request.order_by:
            rows.sort(key=cmp_to_key(_ordering(request.order_by)))
        if request.limit is not None:
            rows = rows[: request.limit]
        while True:
            size = rng.choice((1, 3, 7, 1000))
            arrays = [_array([row[name] for row in rows[:size]], sql_type) for name, sql_type in request.columns]
            yield pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in request.columns])
            rows = rows[size:]
            if not rows:
                return


def faults(request: ScanRequest, table: Table) -> list[str]:
    """What a request asks for without a right to it."""
    found = []
    columns = {column.name: column for column in table.columns}
    for name, sql_type in request.columns:
        if name not in columns or columns[name].sql_type != sql_type:
            found.append(f"column {name} {sql_type}")
    exact = True
    for comparison in (c for p in request.predicates for c in comparisons(p)):
        column = columns[comparison.column]
        support = column.operators.get(comparison.op)
        exact = exact and support is Support.EXACT
        if support is None:
            found.append(f"{comparison.op} on {column.name} is not declared")
        found += [f"{column.name} compared with {value!r}" for value in comparison.values if _misfit(value, column)]
        if len(comparison.values) != 1 and comparison.op not in (Op.IN, Op.IS_NULL, Op.IS_NOT_NULL):
            found.append(f"{comparison.op} with {len(comparison.values)} values")
    if (request.order_by or request.limit is not None) and not exact:
        found.append("order or limit over an inexact filter")
    if request.limit is not None and not table.limit:
        found.append("limit is not declared")
    if request.order_by and request.limit is None:
        found.append("order without limit")
    found += [f"order by {key.column}" for key in request.order_by if not columns[key.column].orders]
    if not request.columns:
        found.append("no columns")
    return found


def _misfit(value: Any, column: Column) -> bool:
    kind = family(column.sql_type)
    if not isinstance(value, PYTHON.get(kind, ())) or (isinstance(value, bool) and kind != "boolean"):
        return True
    if isinstance(value, datetime):
        return kind == "date" or (value.tzinfo is not None) != (kind == "timestamptz")
    return isinstance(value, float) and not (-1e400 < value < 1e400)


def _array(values: list[Any], sql_type: str) -> Any:
    return pa.array([str(v) if isinstance(v, UUID) else v for v in values], arrow_type(sql_type))


def _passes(predicate: Predicate, row: Row, table: Table, rng: random.Random) -> bool:
    if not isinstance(predicate, Comparison):
        terms = [_passes(term, row, table, rng) for term in predicate.terms]
        return all(terms) if isinstance(predicate, AllOf) else any(terms)
    if _holds(predicate, row[predicate.column]):
        return True
    column = table.column(predicate.column)
    assert column is not None
    return column.operators.get(predicate.op) is Support.INEXACT and rng.random() < 0.5


def _holds(comparison: Comparison, value: Any) -> bool:
    if comparison.op in (Op.IS_NULL, Op.IS_NOT_NULL):
        return (value is None) == (comparison.op is Op.IS_NULL)
    if value is None:
        return False
    if comparison.op is Op.IN:
        return any(_key(value) == _key(wanted) for wanted in comparison.values)
    return _TESTS[comparison.op](value, comparison.values[0])


_TESTS: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: lambda a, b: _key(a) == _key(b),
    Op.NE: lambda a, b: _key(a) != _key(b),
    Op.LT: lambda a, b: _key(a) < _key(b),
    Op.LE: lambda a, b: _key(a) <= _key(b),
    Op.GT: lambda a, b: _key(a) > _key(b),
    Op.GE: lambda a, b: _key(a) >= _key(b),
    Op.STARTS_WITH: lambda a, b: a.startswith(b),
    Op.ENDS_WITH: lambda a, b: a.endswith(b),
    Op.CONTAINS: lambda a, b: b in a,
}


def _key(value: Any) -> Any:
    """DuckDB's order within one column: NaN last, text by bytes, everything else as Python orders it."""
    if isinstance(value, float):
        return (value != value, 0.0 if value != value else value)
    return str(value) if isinstance(value, UUID) else value


def _ordering(keys: Sequence[SortKey]) -> Callable[[Row, Row], int]:
    def compare(one: Row, other: Row) -> int:
        for key in keys:
            a, b = one[key.column], other[key.column]
            if a is None or b is None:
                if (a is None) != (b is None):
                    return -1 if (a is None) == key.nulls_first else 1
                continue
            if _key(a) != _key(b):
                return -1 if (_key(a) < _key(b)) != key.descending else 1
        return 0

    return compare
