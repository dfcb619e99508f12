"""Reading a table as the contract suite does, and where answers differ from what the declarations promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from connectors.sdk.batches import schema_of
from connectors.sdk.capabilities import Column, Support, Table
from connectors.sdk.connector import Connector
from connectors.sdk.scan import Comparison, Op, ScanRequest, TableName
from connectors.sdk.testing_values import constants_of, holds
from connectors.sdk.types import family

TEXT_ONLY = (Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS)


def some_value(rows: Sequence[Mapping[str, Any]], column: str) -> Any:
    """A value of the column that is not NULL."""
    return next(row[column] for row in rows if row[column] is not None)


def typed(table: Table) -> tuple[tuple[str, str], ...]:
    """All columns of a table, as a scan asks for them."""
    return tuple((column.name, column.sql_type) for column in table.columns)


def read(connector: Connector, request: ScanRequest) -> list[dict[str, Any]]:
    """The rows of a scan as dictionaries."""
    names = [name for name, _ in request.columns]
    rows: list[dict[str, Any]] = []
    for batch in connector.scan(request):
        assert batch.schema.equals(schema_of(request.columns))
        rows += [
            dict(zip(names, row, strict=True))
            for row in zip(*(array.to_pylist() for array in batch.columns), strict=True)
        ]
    return rows


def read_all(connector: Connector, name: TableName, columns: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    """All rows of a table as dictionaries."""
    return read(connector, ScanRequest(name, columns))


def same(left: Any, right: Any) -> bool:
    """Equal, and of one spelling: 1.10 is not 1.1, -0.0 is not 0.0, NaN is NaN."""
    return bool(left == right or (left != left and right != right)) and str(left) == str(right)


def cases(column: Column, rows: list[dict[str, Any]]) -> Iterator[Comparison]:
    """Comparisons that try each declared operator of a column with its own values and their neighbours."""
    seen = list({repr(row[column.name]): row[column.name] for row in rows if row[column.name] is not None}.values())
    constants = constants_of(column.sql_type, seen)
    for op in column.operators:
        if op in (Op.IS_NULL, Op.IS_NOT_NULL):
            yield Comparison(column.name, op)
        elif op is Op.IN:
            yield Comparison(column.name, op, tuple(constants[:1]))
            yield Comparison(column.name, op, tuple(constants[::2]))
            yield Comparison(column.name, op, tuple(constants[:20] * 30))
        elif op not in TEXT_ONLY or family(column.sql_type) == "text":
            yield from (Comparison(column.name, op, (constant,)) for constant in constants)


def differences(connector: Connector, table: Table) -> list[str]:
    """Every (column, operator, constants) whose answer is not what its declaration promises."""
    columns = typed(table)
    rows = read_all(connector, table.name, columns)
    marked = list(enumerate(rows))
    found = []
    for column in table.columns:
        for case in cases(column, rows):
            wanted = [_mark(row) for _, row in marked if holds(case, row)]
            got = [_mark(row) for row in read(connector, ScanRequest(table.name, columns, (case,)))]
            exact = column.operators[case.op] is Support.EXACT
            missing, extra = _minus(wanted, got), _minus(got, wanted)
            if missing or (exact and extra):
                found.append(
                    f"{table.name}.{column.name} {column.sql_type} {case.op.value} {_shown(case)}: "
                    f"{len(missing)} missing, {len(extra)} too many"
                )
    return found


def _mark(row: Mapping[str, Any]) -> str:
    return repr([str(value) if isinstance(value, UUID) else value for value in row.values()])


def _minus(left: list[str], right: list[str]) -> list[str]:
    return list((Counter(left) - Counter(right)).elements())


def _shown(case: Comparison) -> str:
    return repr(case.values) if len(case.values) < 4 else f"{len(case.values)} values"
