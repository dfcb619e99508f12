"""Parquet: only the columns asked for, only row groups that can hold a match, a few thousand rows at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.sdk.columns import SourceColumn, batch_of
from connectors.sdk.errors import SourceDataError, SourceProtocolError
from connectors.sdk.paths import OpenFile
from connectors.sdk.scan import AllOf, AnyOf, Comparison, Op, Predicate
from connectors.sdk.statistics import GroupStatistics, place
from connectors.sdk.types import SIMPLE, arrow_type, family
from connectors.sdk.zones import on_naive

BATCH_ROWS = 20_000
_COMPARABLE = frozenset({"boolean", "integer", "decimal", "float", "text", "date", "timestamp", "timestamptz"})
_NAMES = {arrow: name for name, arrow in SIMPLE.items() if name != "UUID"}


def column_type_of(arrow: pa.DataType) -> str:
    """The column type that an Arrow type is read as. What has no word among the column types is VARCHAR."""
    if arrow in _NAMES:
        return _NAMES[arrow]
    if isinstance(arrow, pa.BaseExtensionType):
        return "UUID" if arrow.extension_name == "arrow.uuid" else column_type_of(arrow.storage_type)
    if isinstance(arrow, pa.DictionaryType):
        return column_type_of(arrow.value_type)
    if isinstance(arrow, pa.TimestampType):
        return "TIMESTAMP" if arrow.tz is None else "TIMESTAMP WITH TIME ZONE"
    if pa.types.is_decimal(arrow):
        fits = arrow.precision <= 38 and 0 <= arrow.scale <= arrow.precision
        return f"DECIMAL({arrow.precision},{arrow.scale})" if fits else "VARCHAR"
    if pa.types.is_date(arrow):
        return "DATE"
    if pa.types.is_time(arrow):
        return "TIME"
    if pa.types.is_float16(arrow):
        return "FLOAT"
    if pa.types.is_large_binary(arrow) or pa.types.is_fixed_size_binary(arrow) or pa.types.is_binary_view(arrow):
        return "BLOB"
    return "VARCHAR"


def parquet_columns(file: OpenFile) -> tuple[tuple[SourceColumn, ...], int]:
    """The columns of a file and its number of rows, from its footer."""
    with _opened(file) as parquet:
        columns = tuple(
            SourceColumn(item.name, column_type_of(item.type), item.name) for item in parquet.schema_arrow
        )
        return columns, parquet.metadata.num_rows


def parquet_statistics(
    file: OpenFile, columns: Sequence[SourceColumn]
) -> tuple[int, dict[str, list[GroupStatistics]]]:
    """A file's number of rows, and what its footer says of each row group, by exposed column name."""
    with _opened(file) as parquet:
        found: dict[str, list[GroupStatistics]] = {column.exposed: [] for column in columns}
        for group in range(parquet.metadata.num_row_groups):
            statistics = _Statistics(parquet, group, columns, None)
            rows = parquet.metadata.row_group(group).num_rows
            for column in columns:
                least, greatest, nulls, _ = statistics.of(column.exposed) or (None, None, None, rows)
                found[column.exposed].append(GroupStatistics(rows, nulls, place(least), place(greatest)))
        return parquet.metadata.num_rows, found


def read_parquet(
    file: OpenFile,
    columns: Sequence[SourceColumn],
    predicates: Sequence[Predicate],
    zone: ZoneInfo | None,
    skipped: list[int] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of the row groups that may hold a match, in batches. `predicates` name exposed columns.

    Decoding is bounded by one column chunk per column. SourceProtocolError for a damaged or cut file.
    `skipped` gets the number of row groups that were not read.
    """
    with _opened(file) as parquet:
        groups = [
            group
            for group in range(parquet.metadata.num_row_groups)
            if _may_match(AllOf(tuple(predicates)), _Statistics(parquet, group, columns, zone))
        ]
        if skipped is not None:
            skipped.append(parquet.metadata.num_row_groups - len(groups))
        if not columns:
            for group in groups:
                yield batch_of([], (), parquet.metadata.row_group(group).num_rows)
            return
        if not groups:
            return
        names = [column.name for column in columns]
        batches = parquet.iter_batches(batch_size=BATCH_ROWS, row_groups=groups, columns=names)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(file, error) from None
            if batch is None:
                return
            arrays = [engine_array(batch.column(column.name), column, file.path) for column in columns]
            yield batch_of(arrays, columns, batch.num_rows)


def _opened(file: OpenFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(pa.PythonFile(file.handle, mode="r"))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _damaged(file: OpenFile, error: BaseException) -> SourceProtocolError:
    return SourceProtocolError(
        f"file {file.path!r} is not a whole Parquet file ({type(error).__name__})",
        hint="it may be cut, still being written, or of another format",
    )


def engine_array(array: Any, column: SourceColumn, path: str) -> Any:
    """An array of the file in the Arrow type of its column type.

    Nanoseconds are cut to the microsecond before or at them. SourceDataError if a value has no place in the type.
    """
    wanted = arrow_type(column.sql_type)
    if array.type == wanted:
        return array
    try:
        if isinstance(array.type, pa.DictionaryType):
            return engine_array(array.cast(array.type.value_type), column, path)
        if column.sql_type == "UUID":
            storage: Any = array.storage if isinstance(array, pa.ExtensionArray) else array
            return pa.array([None if item is None else str(UUID(bytes=item)) for item in storage.to_pylist()], wanted)
        if isinstance(array, pa.ExtensionArray):
            return engine_array(array.storage, column, path)
        if isinstance(array.type, pa.TimestampType) and array.type.unit == "ns":
            floored: Any = pc.floor_temporal(array.cast(pa.timestamp("ns")), unit="microsecond")
            return floored.cast(pa.timestamp("us")).cast(wanted)
        if pa.types.is_time64(array.type):
            return array.cast(wanted, safe=False)
        if pa.types.is_nested(array.type):
            texts = [
                None if item is None else json.dumps(item, default=str, ensure_ascii=False, separators=(",", ":"))
                for item in array.to_pylist()
            ]
            return pa.array(texts, wanted)
        return array.cast(wanted)
    except (pa.ArrowException, OverflowError):
        raise SourceDataError(
            f"file {path!r}, column {column.name!r}: a value has no place in {column.sql_type}",
            details={"column": column.name, "file": path},
        ) from None


class _Statistics:
    """Bounds of one row group: (least, greatest, NULLs, rows) of an exposed column, or None where nothing is sure."""

    def __init__(
        self, parquet: pq.ParquetFile, group: int, columns: Sequence[SourceColumn], zone: ZoneInfo | None
    ) -> None:
        self._group: Any = parquet.metadata.row_group(group)
        self._index = {self._group.column(number).path_in_schema: number for number in range(self._group.num_columns)}
        self._types = {item.name: item.type for item in parquet.schema_arrow}
        self._columns = {column.exposed: column for column in columns}
        self.zone = zone

    def of(self, exposed: str) -> tuple[Any, Any, int | None, int] | None:
        column = self._columns[exposed]
        number = self._index.get(column.name)
        if number is None:
            return None
        found = self._group.column(number).statistics
        if found is None:
            return None
        nulls = found.null_count if found.has_null_count else None
        arrow: Any = self._types[column.name]
        sure = family(column.sql_type) in _COMPARABLE and (arrow in _NAMES or pa.types.is_decimal(arrow))
        if not sure or not found.has_min_max:
            return None, None, nulls, self._group.num_rows
        try:
            return found.min, found.max, nulls, self._group.num_rows
        except UnicodeDecodeError:  # some writers cut long text in the middle of a character
            return None, None, nulls, self._group.num_rows

    def is_naive(self, exposed: str) -> bool:
        return self.zone is not None and self._columns[exposed].sql_type == "TIMESTAMP"


def _may_match(predicate: Predicate, statistics: _Statistics) -> bool:
    """False only if no row of the group can satisfy the predicate."""
    if isinstance(predicate, AllOf):
        return all(_may_match(term, statistics) for term in predicate.terms)
    if isinstance(predicate, AnyOf):
        return any(_may_match(term, statistics) for term in predicate.terms)
    zone = statistics.zone
    if (
        zone is not None
        and statistics.is_naive(predicate.column)
        and any(getattr(value, "tzinfo", None) for value in predicate.values)
    ):
        if predicate.op is Op.NE:
            return True
        return _may_match_naive(on_naive(predicate, zone), statistics)
    return _compare(predicate, statistics)


def _may_match_naive(predicate: Predicate, statistics: _Statistics) -> bool:
    if isinstance(predicate, AllOf):
        return all(_may_match_naive(term, statistics) for term in predicate.terms)
    if isinstance(predicate, AnyOf):
        return any(_may_match_naive(term, statistics) for term in predicate.terms)
    return _compare(predicate, statistics)


def _compare(comparison: Comparison, statistics: _Statistics) -> bool:
    bounds = statistics.of(comparison.column)
    if bounds is None:
        return True
    least, greatest, nulls, rows = bounds
    op = comparison.op
    if op is Op.IS_NULL:
        return nulls != 0
    if nulls is not None and nulls == rows:
        return False  # every other operator needs a value
    if op is Op.IS_NOT_NULL or op in (Op.NE, Op.ENDS_WITH, Op.CONTAINS) or least is None or greatest is None:
        return True
    values: tuple[Any, ...] = comparison.values
    # NaN is above everything and not in the statistics.
    if isinstance(greatest, float) and (op in (Op.GT, Op.GE) or not all(math.isfinite(value) for value in values)):
        return True
    return any(_one(op, value, least, greatest) for value in values)


def _one(op: Op, value: Any, least: Any, greatest: Any) -> bool:
    if op in (Op.EQ, Op.IN):
        return bool(least <= value <= greatest)
    if op is Op.LT:
        return bool(least < value)
    if op is Op.LE:
        return bool(least <= value)
    if op is Op.GT:
        return bool(greatest > value)
    if op is Op.GE:
        return bool(greatest >= value)
    # STARTS_WITH: the texts with that beginning lie between it and the last text that begins so.
    return bool(greatest >= value and least[: len(value)] <= value)
