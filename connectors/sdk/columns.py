"""Columns made of Python values: what a source without types of its own is turned into, and what happens to a value
that can't be read as its column's type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa

from connectors.sdk.errors import SourceDataError, SourceSchemaChangedError
from connectors.sdk.scan import Value
from connectors.sdk.types import INTEGERS, arrow_type, decimal_parts
from connectors.sdk.values import BadValueError, json_reader

FIRST_ROWS = 1_000
MORE_ROWS = 10_000
BATCH_BYTES = 4 << 20  # of source text


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as the source has it. `sql_type` TIMESTAMP is naive, whatever the connection's time zone.

    `form`: how a date or timestamp is written there, see `values.text_reader`. `exposed`: the name it is offered by.
    """

    name: str
    sql_type: str
    exposed: str
    form: str | None = None


@dataclass(frozen=True, slots=True)
class BadValues:
    """What to do with values that can't be read: fail, or NULL and count them as `table.column` in `made`."""

    table: str
    policy: Literal["fail", "null"] = "fail"
    made: Counter[str] = field(default_factory=Counter)

    def handle(self, column: str, place: str, problem: str) -> None:
        """Count the value, or raise SourceDataError that names the place, the column and what was expected."""
        if self.policy == "null":
            self.made[f"{self.table}.{column}"] += 1
            return
        raise SourceDataError(
            f"table {self.table!r}, column {column!r}, {place}: {problem}",
            hint="correct the source, declare another type for the column, or set bad_value: null",
            details={"table": self.table, "column": column, "place": place},
        )


def column_array(
    values: Sequence[Any],
    column: SourceColumn,
    read: Callable[[Any], Value | None],
    bad: BadValues,
    place: Callable[[int], str],
) -> Any:
    """The values read as the column's type. `place(i)` says where the i-th one stands (line 5; Sheet1!C17)."""
    read_values: list[Value | None] = []
    for index, value in enumerate(values):
        try:
            read_values.append(read(value))
        except BadValueError as error:
            bad.handle(column.exposed, place(index), str(error))
            read_values.append(None)
    wanted = arrow_type(column.sql_type)
    try:
        return pa.array(read_values, wanted)
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can write one, UTF-8 can't
        for index, text in enumerate(read_values):
            if isinstance(text, str) and any("\ud800" <= character <= "\udfff" for character in text):
                bad.handle(column.exposed, place(index), "text that is not valid Unicode")
                read_values[index] = None
        return pa.array(read_values, wanted)


def json_array(
    values: Sequence[Any],
    column: SourceColumn,
    zone: ZoneInfo | None,
    bad: BadValues,
    place: Callable[[int], str],
) -> Any:
    """JSON values as the column's type: all at once where each is of the usual kind, else one by one."""
    whole = _json_whole(values, column)
    if whole is not None:
        return whole
    return column_array(values, column, json_reader(column.sql_type, zone=zone, form=column.form), bad, place)


def _json_whole(values: Sequence[Any], column: SourceColumn) -> Any:
    """None where it isn't sure that pyarrow reads each value as `json_reader` does."""
    kinds = set(map(type, values)) - {type(None)}
    if len(kinds) > 1 or column.form is not None:
        return None
    kind, sql_type, wanted = next(iter(kinds), None), column.sql_type, arrow_type(column.sql_type)
    usual = (
        kind is None
        or (kind is str and sql_type == "VARCHAR")
        or (kind is int and sql_type in INTEGERS)
        or (kind is Decimal and decimal_parts(sql_type) is not None)
        or (kind is bool and sql_type == "BOOLEAN")
    )
    try:
        if usual:
            return pa.array(values, wanted)
        if kind is str and sql_type in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
            return pa.array(values, pa.string()).cast(wanted)
    except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
        return None
    return None


def batch_of(arrays: Sequence[Any], columns: Sequence[SourceColumn], rows: int) -> pa.RecordBatch:
    """A batch under the exposed names; without columns it still has its number of rows."""
    if not arrays:
        counted: Any = pa.array([{}] * rows, pa.struct([]))
        return pa.RecordBatch.from_struct_array(counted)
    return pa.RecordBatch.from_arrays(list(arrays), names=[column.exposed for column in columns])


def check_columns(path: str, columns: Sequence[SourceColumn], there: Container[str]) -> None:
    """SourceSchemaChangedError names the file and a column that it hasn't."""
    for column in columns:
        if column.name not in there:
            raise SourceSchemaChangedError(
                f"file {path!r} has no column {column.name!r}",
                hint="refresh the connection's schema, or correct the file's header",
                details={"file": path, "column": column.exposed},
            )
