"""Files in a directory: Parquet, CSV, JSON lines and Excel workbooks as tables.

A table is one file or a glob of files with the same columns. Files are read as they are now; one that changes
while it is read is an error, never a short answer. Filters are evaluated here, exactly as DuckDB would, and leave
out whole row groups of Parquet files.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import Field, field_validator

from connectors.sdk.arrow_filter import exact_operators, filter_batch
from connectors.sdk.capabilities import Column, ConnectionCapabilities, Support, Table
from connectors.sdk.checks import check_request
from connectors.sdk.columns import BadValues, SourceColumn
from connectors.sdk.connector import Connector, ConnectorConfig, Stage
from connectors.sdk.errors import (
    ConfigurationError,
    ConnectorError,
    ScanCancelledError,
    SourceSchemaChangedError,
    SourceTableMissingError,
)
from connectors.sdk.formats.csv import csv_columns, infer_csv, read_csv
from connectors.sdk.formats.jsonl import infer_jsonl, jsonl_columns, read_jsonl
from connectors.sdk.formats.options import EXTENSIONS, TableOptions
from connectors.sdk.formats.parquet import parquet_columns, parquet_statistics, read_parquet
from connectors.sdk.formats.xlsx import infer_xlsx, read_xlsx, xlsx_columns
from connectors.sdk.infer import ColumnProposal, TableProposal
from connectors.sdk.paths import FoundFile, OpenFile, find_files, open_file, open_root, path_parts
from connectors.sdk.scan import Predicate, ScanRequest, TableName, comparisons
from connectors.sdk.statistics import GroupStatistics, of_groups, with_columns
from connectors.sdk.zones import to_instants

LISTED = 1_000


class FilesConfig(ConnectorConfig):
    """A directory and its tables. Files that no table reads are offered by their own name, without extension."""

    directory: Path
    tables: dict[str, TableOptions] = Field(default_factory=dict)

    @field_validator("directory")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise ValueError("an absolute path is expected")
        return value


class Files(Connector):
    """Files below one directory, which nothing leads out of."""

    kind: ClassVar[str] = "files"
    config_type: ClassVar[type[ConnectorConfig]] = FilesConfig

    def __init__(self, config: ConnectorConfig, time_zone: ZoneInfo | None = None) -> None:
        super().__init__(config, time_zone)
        assert isinstance(config, FilesConfig)
        self._directory = config.directory
        self._tables = config.tables
        self._cancelled = threading.Event()
        self._made_null: Counter[str] = Counter()

    def capabilities(self) -> ConnectionCapabilities:
        return ConnectionCapabilities(cancel=True)

    def list_tables(self, pattern: str = "*", after: TableName | None = None) -> Sequence[TableName]:
        with self._root() as root:
            names = {*self._tables, *self._unlisted(root)}
        floor = after.name if after else ""
        return [TableName((name,)) for name in sorted(names) if name > floor and fnmatchcase(name, pattern)][:LISTED]

    def describe(self, name: TableName) -> Table:
        """The columns that all files of the table have. SourceSchemaChangedError names a file that differs."""
        with self._root() as root:
            options, files = self._files(root, name)
            columns, rows = self._columns(root, files[0], options)
            for file in files[1:]:
                others, more = self._columns(root, file, options)
                _check_same(options, name, file, columns, others)
                rows = rows + more if rows is not None and more is not None else None
        table = self._table(name, columns, rows)
        for wanted in options.key:
            if table.column(wanted) is None:
                raise ConfigurationError(
                    f"key of table {str(name)!r} names {wanted!r}, which is not among its columns"
                )
        return replace(table, declared_keys=(options.key,) if options.key else ())

    def with_statistics(self, table: Table) -> Table:
        """What the footers of a Parquet table's files say; other formats say nothing."""
        rows, groups = 0, dict[str, list[GroupStatistics]]()
        with self._root() as root:
            options, files = self._files(root, table.name)
            if options.kind() != "parquet":
                return table
            columns, _ = self._columns(root, files[0], options)
            for file in files:
                with self._opened(root, file) as opened:
                    count, found = parquet_statistics(opened, columns)
                rows += count
                for column, parts in found.items():
                    groups.setdefault(column, []).extend(parts)
        return with_columns(table, {column: of_groups(parts) for column, parts in groups.items()}, rows)

    def _table(self, name: TableName, columns: Sequence[SourceColumn], rows: int | None) -> Table:
        return Table(
            name,
            tuple(self._exposed(column) for column in columns),
            limit=True,
            key_lookup=10_000,
            row_estimate=rows,
            naive_timestamps=tuple(column.exposed for column in columns if column.sql_type == "TIMESTAMP"),
        )

    def _exposed(self, column: SourceColumn) -> Column:
        operators = exact_operators(self._type(column))
        if column.sql_type == "TIMESTAMP" and self.time_zone:
            operators = dict.fromkeys(operators, Support.INEXACT)
        return Column(column.exposed, self._type(column), operators=operators, binary_text=True)

    def _type(self, column: SourceColumn) -> str:
        naive = column.sql_type == "TIMESTAMP" and self.time_zone is not None
        return "TIMESTAMP WITH TIME ZONE" if naive else column.sql_type

    def scan(self, request: ScanRequest) -> Iterator[pa.RecordBatch]:
        return self._scan(request, self._cancelled)

    def _scan(self, request: ScanRequest, cancelled: threading.Event) -> Generator[pa.RecordBatch]:
        left = request.limit
        with self._root() as root:
            options, files = self._files(root, request.table)
            columns, _ = self._columns(root, files[0], options)
            check_request(self._table(request.table, columns, None), request)
            for file in files:
                if left == 0:
                    return
                with closing(self._scan_file(root, file, options, columns, request)) as batches:
                    for batch in batches:
                        if cancelled.is_set():
                            raise ScanCancelledError("the query was cancelled")
                        if left is not None:
                            batch = batch.slice(0, left)
                            left -= batch.num_rows
                        if batch.num_rows:
                            yield batch
                        if left == 0:
                            break
            if cancelled.is_set():
                raise ScanCancelledError("the query was cancelled")

    def _scan_file(
        self,
        root: int,
        found: FoundFile,
        options: TableOptions,
        columns: Sequence[SourceColumn],
        request: ScanRequest,
    ) -> Generator[pa.RecordBatch]:
        """One file's rows. `columns` are those of the table's first file, whose types hold for all."""
        wanted = [name for name, _ in request.columns]
        filtered = {term.column for predicate in request.predicates for term in comparisons(predicate)}
        needed = [column for column in columns if column.exposed in filtered.union(wanted)]
        types = {column.exposed: self._type(column) for column in needed}
        with self._opened(root, found) as file:
            if options.kind() == "parquet":
                _check_same(
                    options, request.table, found, needed, _read_columns(file, options)[0], extra_is_fine=True
                )
            for batch in self._read(file, options, needed, request.table, request.predicates):
                yield filter_batch(self._localised(batch, needed), types, request.predicates).select(wanted)
            file.check_unchanged()

    def _read(
        self,
        file: OpenFile,
        options: TableOptions,
        columns: list[SourceColumn],
        table: TableName,
        predicates: tuple[Predicate, ...],
    ) -> Iterator[pa.RecordBatch]:
        kind = options.kind()
        if kind == "parquet":
            return read_parquet(file, columns, predicates, self.time_zone)
        read = {"csv": read_csv, "jsonl": read_jsonl, "xlsx": read_xlsx}[kind]
        return read(file, options, columns, self.time_zone, BadValues(table.name, options.bad_value, self._made_null))

    def _localised(self, batch: pa.RecordBatch, columns: list[SourceColumn]) -> pa.RecordBatch:
        """Naive timestamps as the instants that they mean in the connection's time zone."""
        if self.time_zone is None or not any(column.sql_type == "TIMESTAMP" for column in columns):
            return batch
        arrays: list[Any] = [
            to_instants(array, self.time_zone) if column.sql_type == "TIMESTAMP" else array
            for array, column in zip(batch.columns, columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    def test(self) -> Iterator[Stage]:
        """Stages `permission` (the directory can be listed) and `first_row` (of its first table)."""
        started = time.monotonic()
        try:
            tables = self.list_tables()
        except ConnectorError as error:
            yield Stage("permission", False, time.monotonic() - started, error.message, error.hint)
            return
        yield Stage("permission", True, time.monotonic() - started)
        started = time.monotonic()
        try:
            if tables:
                table = self.describe(tables[0])
                columns = tuple((column.name, column.sql_type) for column in table.columns)
                with closing(self._scan(ScanRequest(tables[0], columns, limit=1), self._cancelled)) as rows:
                    next(rows, None)
        except ConnectorError as error:
            yield Stage("first_row", False, time.monotonic() - started, error.message, error.hint)
            return
        yield Stage("first_row", True, time.monotonic() - started, "" if tables else "no table is there yet")

    def infer(self, name: TableName) -> TableProposal:
        """Column types proposed from the first rows of the table's first file."""
        with self._root() as root:
            options, files = self._files(root, name)
            with self._opened(root, files[0]) as file:
                kind = options.kind()
                if kind == "parquet":
                    columns, rows = parquet_columns(file)
                    proposals = [ColumnProposal(c.name, c.sql_type, "the file's own type", rows, 0) for c in columns]
                else:
                    infer = {"csv": infer_csv, "jsonl": infer_jsonl, "xlsx": infer_xlsx}[kind]
                    proposals = infer(file, options)
        count = max((proposal.values + proposal.nulls for proposal in proposals), default=0)
        return TableProposal(name.name, count, tuple(proposals))

    def notes(self) -> dict[str, int]:
        """How many NULLs were made of bad values since the query began, by `table.column`."""
        return dict(self._made_null)

    def nulls_made(self, table: TableName) -> int:
        return sum(count for name, count in self._made_null.items() if name.startswith(f"{table.name}."))

    def begin(self, run: str, scans: int) -> bool:
        self._made_null.clear()
        return False

    def cancel(self) -> None:
        cancelled, self._cancelled = self._cancelled, threading.Event()
        cancelled.set()

    def close(self) -> None:
        """Nothing stays open between scans."""

    @contextmanager
    def _root(self) -> Iterator[int]:
        root = open_root(self._directory)
        try:
            yield root
        finally:
            os.close(root)

    @contextmanager
    def _opened(self, root: int, found: FoundFile) -> Iterator[OpenFile]:
        file = open_file(root, found.path)
        with file.handle:
            yield file

    def _columns(
        self, root: int, found: FoundFile, options: TableOptions
    ) -> tuple[tuple[SourceColumn, ...], int | None]:
        with self._opened(root, found) as file:
            return _read_columns(file, options)

    def _files(self, root: int, name: TableName) -> tuple[TableOptions, list[FoundFile]]:
        """How a table is configured and its files, at least one. SourceTableMissingError."""
        options = self._tables.get(name.name) if len(name.parts) == 1 else None
        if options is None and len(name.parts) == 1:
            options = self._unlisted(root).get(name.name)
        if options is None:
            raise SourceTableMissingError(
                f"there is no table or file {str(name)!r} in the directory",
                hint="name it under 'tables', or look at the list of tables",
            )
        files = find_files(root, options.path)
        if not files:
            raise SourceTableMissingError(
                f"table {str(name)!r}: no file matches {options.path!r}", hint="correct the table's 'path'"
            )
        return options, files

    def _unlisted(self, root: int) -> dict[str, TableOptions]:
        """Files in the directory itself that no configured table reads: by stem, or whole name where stems meet."""
        patterns = [parts[0] for table in self._tables.values() if len(parts := path_parts(table.path)) == 1]
        files = [
            file.path
            for file in find_files(root, "*")
            if Path(file.path).suffix[1:].lower() in EXTENSIONS
            and not any(fnmatchcase(file.path, pattern) for pattern in patterns)
            and _can_be_a_path(file.path)
        ]
        stems = Counter(Path(file).stem for file in files)
        names = {file: Path(file).stem if stems[Path(file).stem] == 1 else file for file in files}
        return {name: TableOptions(path=_literal(file)) for file, name in names.items() if name not in self._tables}


def _can_be_a_path(name: str) -> bool:
    try:
        path_parts(name)
    except ValueError:
        return False
    return True


def _literal(name: str) -> str:
    """The glob that matches just this name."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _read_columns(file: OpenFile, options: TableOptions) -> tuple[tuple[SourceColumn, ...], int | None]:
    """The columns of one file and, where the file says so, its number of rows."""
    kind = options.kind()
    if kind == "parquet":
        columns, rows = parquet_columns(file)
        renamed = (SourceColumn(c.name, c.sql_type, options.rename.get(c.name, c.name)) for c in columns)
        return tuple(renamed), rows
    read = {"csv": csv_columns, "jsonl": jsonl_columns, "xlsx": xlsx_columns}[kind]
    return read(file, options), None


def _check_same(
    options: TableOptions,
    name: TableName,
    file: FoundFile,
    columns: Sequence[SourceColumn],
    others: Sequence[SourceColumn],
    *,
    extra_is_fine: bool = False,
) -> None:
    """Compare a file with the table's first one: names and types in Parquet; names in CSV and Excel, where types are
    declared or inferred from the first file; nothing in JSON lines, where a field may be missing in any row."""
    if options.kind() == "jsonl":
        return
    typed = options.kind() == "parquet"
    first = {column.exposed: column.sql_type if typed else "" for column in columns}
    second = {column.exposed: column.sql_type if typed else "" for column in others}
    different = [column for column in first if first[column] != second.get(column)]
    different += [] if extra_is_fine else [column for column in second if column not in first]
    if different:
        raise SourceSchemaChangedError(
            f"file {file.path!r} of table {str(name)!r}: column {different[0]!r} is missing, new or of another type "
            "than in the table's first file",
            hint="make a table of its own for that file, or refresh the connection's schema",
            details={"table": str(name), "file": file.path, "column": different[0]},
        )


CONNECTOR = Files
