"""CSV by pyarrow's streaming reader.

Every column is read as text and then cast, so that a bad value is known by its line and column, and handled by the
table's `bad_value`. An empty field without quotes is NULL; an empty one in quotes is empty text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from connectors.sdk.columns import BadValues, SourceColumn, batch_of, check_columns, column_array
from connectors.sdk.errors import SourceProtocolError, SourceTableMissingError
from connectors.sdk.formats.options import TableOptions, unique_names
from connectors.sdk.infer import ColumnProposal, infer_text
from connectors.sdk.paths import OpenFile
from connectors.sdk.types import INTEGERS, arrow_type, decimal_parts
from connectors.sdk.values import text_reader

SAMPLE_BYTES = 512 << 10
SAMPLE_ROWS = 2_000
BLOCK_BYTES = 1 << 20
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_VECTORISED = frozenset({"BOOLEAN", "FLOAT", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})


class _Head:
    """The beginning of a file: its delimiter, the names of all its fields, and rows to infer types from."""

    def __init__(self, file: OpenFile, options: TableOptions) -> None:
        file.handle.seek(0)
        raw = file.handle.read(SAMPLE_BYTES)
        file.handle.seek(0)
        text = raw.decode(
            "utf-8-sig" if options.encoding.lower() in ("utf-8", "utf8") else options.encoding, "replace"
        )
        self.header_row = options.header_row or 1
        lines = io.StringIO(text, newline="")
        for _ in range(self.header_row - 1):
            lines.readline()
        start = lines.tell()
        self.delimiter = options.delimiter or _delimiter(lines.readline())
        lines.seek(start)
        rows = [row for row in csv.reader(lines, delimiter=self.delimiter) if row]
        if not rows:
            raise SourceTableMissingError(
                f"file {file.path!r} has no header in line {self.header_row}", hint="set the table's 'header_row'"
            )
        if len(raw) == SAMPLE_BYTES and len(rows) > 1:
            rows.pop()  # cut by the end of the sample
        self.rows = rows[1 : SAMPLE_ROWS + 1]
        header = [name.strip() for name in rows[0]]
        # Some programs write a delimiter too many behind each row: unnamed fields, which are never offered.
        header += [""] * (max((len(row) for row in self.rows), default=0) - len(header))
        self.fields = unique_names(header)


def _delimiter(line: str) -> str:
    """The likeliest of the usual delimiters in the header's line."""
    bare = "".join(line.split('"')[::2])
    return max(",;\t|", key=bare.count)


def csv_columns(file: OpenFile, options: TableOptions) -> tuple[SourceColumn, ...]:
    """The named columns of a file: declared types, or those inferred from its first rows."""
    head = _Head(file, options)
    columns = []
    for index, source in enumerate(head.fields):
        name = options.rename.get(source, source)
        declared = options.columns.get(name)
        if declared:
            columns.append(SourceColumn(source, declared.type, name, declared.form))
        elif source:
            columns.append(SourceColumn(source, _infer(head, index, options, tolerant=False).sql_type, name))
    return tuple(columns)


def infer_csv(file: OpenFile, options: TableOptions) -> list[ColumnProposal]:
    """A type for every named column, by its own name in the file."""
    head = _Head(file, options)
    return [_infer(head, index, options, tolerant=True) for index, name in enumerate(head.fields) if name]


def _infer(head: _Head, index: int, options: TableOptions, *, tolerant: bool) -> ColumnProposal:
    nulls = {"", *options.null_values}
    texts = [row[index] if index < len(row) and row[index] not in nulls else None for row in head.rows]
    return infer_text(head.fields[index], texts, decimal_comma=options.decimal_comma, tolerant=tolerant)


def read_csv(
    file: OpenFile,
    options: TableOptions,
    columns: Sequence[SourceColumn],
    zone: ZoneInfo | None,
    bad: BadValues,
) -> Iterator[pa.RecordBatch]:
    """The rows in batches of about a megabyte of text; the first one is read before the rest."""
    head = _Head(file, options)
    # Unnamed fields need names for pyarrow that no column has.
    fields = [name or f"\0{index}" for index, name in enumerate(head.fields)]
    check_columns(file.path, columns, fields)
    needed = [column.name for column in columns] or fields[:1]
    source = _CountingFile(file)
    stream: Any = pa.PythonFile(cast("Any", source), mode="r")
    rows = 0
    try:
        with pacsv.open_csv(
            stream,
            read_options=pacsv.ReadOptions(
                use_threads=False,
                block_size=BLOCK_BYTES,
                skip_rows=head.header_row,
                column_names=fields,
                encoding=options.encoding,
            ),
            parse_options=pacsv.ParseOptions(delimiter=head.delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(needed, pa.string()),
                include_columns=needed,
                null_values=["", *options.null_values],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        ) as reader:
            for batch in reader:
                place = _Place(file, options, head, rows)
                arrays = [_cast(batch.column(column.name), column, options, zone, bad, place) for column in columns]
                rows += batch.num_rows
                if batch.num_rows:
                    yield batch_of(arrays, columns, batch.num_rows)
    except pa.ArrowInvalid:
        if not rows and file.size <= SAMPLE_BYTES and not head.rows:
            return  # pyarrow refuses a file that ends with its header's line
        # Its text holds the row: what is wrong is looked up again and told without values.
        raise _explained(file, options, head) from None
    if source.quotes % 2:
        problem = _explained(file, options, head, strict=True)
        if problem.details:
            raise problem


class _CountingFile:
    """A file object for pyarrow that counts quotation marks: an odd number may mean one that is never closed."""

    closed = False

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self.quotes = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._file.handle.read(size)
        self.quotes += piece.count(b'"')
        return piece

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """The file belongs to the caller."""


class _Place:
    """Which line of the file a row is on: looked up only when something is wrong there."""

    def __init__(self, file: OpenFile, options: TableOptions, head: _Head, before: int) -> None:
        self._file, self._options, self._head, self._before = file, options, head, before

    def __call__(self, index: int) -> str:
        for row, (line, _) in enumerate(_records(self._file, self._options, self._head)):
            if row == self._before + index:
                return f"file {self._file.path!r}, line {line}"
        return f"file {self._file.path!r}, row {self._before + index + 1}"


def _records(
    file: OpenFile, options: TableOptions, head: _Head, *, strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """(line on which it starts, fields) of every row behind the header, by a second reading of the file."""
    position = file.handle.tell()
    file.handle.seek(0)
    # A decoder of our own: a TextIOWrapper would close the file with it.
    lines = (
        (line.decode(options.encoding) for line in file.handle)
        if _by_line(options)
        else iter(file.handle.read().decode(options.encoding).splitlines(keepends=True))
    )
    try:
        for _ in range(head.header_row):
            next(lines, None)
        reader = csv.reader(lines, delimiter=head.delimiter, strict=strict)
        line = head.header_row + 1
        for record in reader:
            if record:
                yield line, record
            line = head.header_row + reader.line_num + 1
    finally:
        file.handle.seek(position)


def _by_line(options: TableOptions) -> bool:
    """Whether a line feed byte ends a line in the encoding; not so in UTF-16 and UTF-32."""
    return not options.encoding.lower().startswith(("utf-16", "utf16", "utf-32", "utf32"))


def _explained(file: OpenFile, options: TableOptions, head: _Head, *, strict: bool = False) -> SourceProtocolError:
    """What is wrong with a file that can't be read as CSV, with the line and without any value."""
    line = head.header_row
    try:
        for line, record in _records(file, options, head, strict=strict):
            if len(record) != len(head.fields) and not strict:
                return SourceProtocolError(
                    f"file {file.path!r}, line {line}: {len(head.fields)} fields are expected, {len(record)} found",
                    hint="correct the line, or set the table's delimiter or header_row",
                    details={"file": file.path, "line": line},
                )
    except UnicodeDecodeError:
        return SourceProtocolError(
            f"file {file.path!r}, behind line {line}: text that is not {options.encoding}",
            hint="set the table's 'encoding', for example to cp1252",
            details={"file": file.path, "line": line},
        )
    except csv.Error:
        return SourceProtocolError(
            f"file {file.path!r}, behind line {line}: a quotation mark that is never closed, or closed too early",
            details={"file": file.path, "line": line},
        )
    return SourceProtocolError(f"file {file.path!r} can't be read as CSV")


def _cast(
    texts: Any, column: SourceColumn, options: TableOptions, zone: ZoneInfo | None, bad: BadValues, place: _Place
) -> Any:
    """The texts as the column's type: all at once where every one is in the usual form, else one by one."""
    if column.sql_type == "VARCHAR":
        return texts
    whole = _cast_whole(texts, column, options)
    if whole is not None:
        return whole
    read = text_reader(column.sql_type, zone=zone, decimal_comma=options.decimal_comma, form=column.form)
    nulls = set(options.null_values)
    return column_array(
        texts.to_pylist(),
        column,
        lambda text: None if text is None or text.strip() in nulls else read(text),
        bad,
        place,
    )


def _cast_whole(texts: Any, column: SourceColumn, options: TableOptions) -> Any:
    """None where it isn't sure that pyarrow reads each text as `text_reader` does."""
    sql_type, compute = column.sql_type, cast("Any", pc)
    numeric = sql_type in INTEGERS or decimal_parts(sql_type) is not None or sql_type in ("FLOAT", "DOUBLE")
    if column.form is not None:
        return None
    if sql_type == "UUID":
        fits = compute.all(compute.match_substring_regex(texts, _UUID)).as_py()
        return texts if fits is not False else None
    if not numeric and sql_type not in _VECTORISED:
        return None
    if numeric:
        odd = "[^0-9,eE+-]" if options.decimal_comma else "[^0-9.eE+-]"  # pyarrow takes 0x1F for a number
        if compute.any(compute.match_substring_regex(texts, odd)).as_py():
            return None
        if options.decimal_comma:
            texts = compute.replace_substring(texts, ",", ".")
    try:
        return texts.cast(arrow_type(sql_type))
    except pa.ArrowInvalid:
        return None
