"""Excel workbooks, streamed: one row of the sheet after the other, in bounded memory.

Our own reader of the zipped XML rather than a library's, because those that were tried hold the whole sheet as a
rectangle (two cells far apart end the process), and read an error cell such as #DIV/0! as an empty one.

A number in a sheet is a double that people see with 15 digits, so that is what a DECIMAL is made from; whole
numbers are taken as they stand. Dates are serial numbers with a date format; they are read to the millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from connectors.sdk.columns import (
    BATCH_BYTES,
    FIRST_ROWS,
    MORE_ROWS,
    BadValues,
    SourceColumn,
    batch_of,
    check_columns,
    column_array,
)
from connectors.sdk.errors import SourceTableMissingError
from connectors.sdk.formats.options import TableOptions, cell_range, column_letters, unique_names
from connectors.sdk.formats.workbook import Cell, ErrorCell, NumberCell, SerialCell, Workbook
from connectors.sdk.infer import ColumnProposal, infer_text, infer_values
from connectors.sdk.paths import OpenFile
from connectors.sdk.scan import Value
from connectors.sdk.types import INTEGERS, decimal_parts
from connectors.sdk.values import BadValueError, decimal_of, integer_of, text_reader
from connectors.sdk.zones import to_instant

SAMPLE_ROWS = 1_000
_LAST_SERIAL = 2_958_466  # the day behind 9999-12-31


@dataclass(frozen=True, slots=True)
class _Area:
    """Where a table lies in its sheet: the header's row, the last row, and (name, column number) of its columns."""

    sheet: str
    header_row: int
    last_row: int
    columns: tuple[tuple[str, int], ...]


def xlsx_columns(file: OpenFile, options: TableOptions) -> tuple[SourceColumn, ...]:
    """The named columns of the table: declared types, or those inferred from its first rows."""
    with Workbook(file) as workbook:
        area = _area(workbook, options, file)
        names = {source: options.rename.get(source, source) for source, _ in area.columns}
        unknown = [(source, number) for source, number in area.columns if names[source] not in options.columns]
        inferred = {p.name: p.sql_type for p in _proposals(workbook, area, unknown, options, tolerant=False)}
    columns = []
    for source, name in names.items():
        declared = options.columns.get(name)
        sql_type, form = (declared.type, declared.form) if declared else (inferred[source], None)
        columns.append(SourceColumn(source, sql_type, name, form))
    return tuple(columns)


def infer_xlsx(file: OpenFile, options: TableOptions) -> list[ColumnProposal]:
    """A type for every named column of the table."""
    with Workbook(file) as workbook:
        area = _area(workbook, options, file)
        return _proposals(workbook, area, area.columns, options, tolerant=True)


def _proposals(
    workbook: Workbook,
    area: _Area,
    columns: Sequence[tuple[str, int]],
    options: TableOptions,
    *,
    tolerant: bool,
) -> list[ColumnProposal]:
    if not columns:
        return []
    rows = [cells for _, cells in islice(_rows(workbook, area), SAMPLE_ROWS)]
    return [
        _infer(name, [cells.get(number) for cells in rows], workbook.starts_1904, options, tolerant)
        for name, number in columns
    ]


def _infer(
    name: str, cells: list[Cell | None], starts_1904: bool, options: TableOptions, tolerant: bool
) -> ColumnProposal:
    if all(cell is None or type(cell) is str for cell in cells):
        texts = [None if cell in options.null_values else cell for cell in cells]
        return infer_text(name, texts, decimal_comma=options.decimal_comma, tolerant=tolerant)  # type: ignore[arg-type]
    return infer_values(name, [_sample(cell, starts_1904, options) for cell in cells], tolerant=tolerant)


def _sample(cell: Cell | None, starts_1904: bool, options: TableOptions) -> Any:
    if isinstance(cell, SerialCell):
        try:
            moment = _moment(cell, starts_1904)
        except BadValueError:
            return str(cell)
        if isinstance(moment, datetime) and float(cell) < 1:
            return moment.time()
        return moment.date() if moment.time() == datetime.min.time() else moment
    if isinstance(cell, NumberCell):
        return _number(cell)
    if type(cell) is str and not isinstance(cell, ErrorCell):
        if cell.strip() in options.null_values:
            return None
        try:
            return text_reader("DECIMAL(38,15)", decimal_comma=options.decimal_comma)(cell) or cell
        except BadValueError:
            return cell
    return cell


def _area(workbook: Workbook, options: TableOptions, file: OpenFile) -> _Area:
    sheet = workbook.sheet_name(options.sheet)
    first_column, first_row, last_column, last_row = (
        cell_range(options.range) if options.range else (1, 1, 16_384, 1_048_576)
    )
    header_row = options.header_row or first_row
    for number, cells in workbook.rows(sheet):
        if number < header_row:
            continue
        if number > header_row:
            break
        header = {
            column: "" if cell is None else str(cell).strip()
            for column, cell in sorted(cells.items())
            if first_column <= column <= last_column
        }
        names = unique_names(list(header.values()))
        columns = tuple((name, column) for name, column in zip(names, header, strict=True) if name)
        if columns:
            return _Area(sheet, header_row, last_row, columns)
    raise SourceTableMissingError(
        f"file {file.path!r}, sheet {sheet!r} has no header in row {header_row}",
        hint="set the table's 'header_row' or 'range'",
    )


def _rows(workbook: Workbook, area: _Area) -> Iterator[tuple[int, dict[int, Cell]]]:
    """(row number, cells by column number) of every row of the table that isn't blank in all its columns."""
    wanted = frozenset(number for _, number in area.columns)
    for row, cells in workbook.rows(area.sheet, wanted):
        if row <= area.header_row:
            continue
        if row > area.last_row:
            return
        if any(cell is not None and (cell.strip() if type(cell) is str else True) for cell in cells.values()):
            yield row, cells


def read_xlsx(
    file: OpenFile,
    options: TableOptions,
    columns: Sequence[SourceColumn],
    zone: ZoneInfo | None,
    bad: BadValues,
) -> Iterator[pa.RecordBatch]:
    """The rows in batches, the first one small. Blank rows are passed over."""
    with Workbook(file) as workbook:
        area = _area(workbook, options, file)
        numbers = dict(area.columns)
        check_columns(file.path, columns, numbers)
        readers = [_cell_reader(column, options, zone, workbook.starts_1904) for column in columns]
        rows: list[tuple[int, dict[int, Cell]]] = []
        size, most = 0, FIRST_ROWS

        def flush() -> pa.RecordBatch:
            arrays = []
            for column, read in zip(columns, readers, strict=True):
                number = numbers[column.name]
                letters = column_letters(number)
                arrays.append(
                    column_array(
                        [cells.get(number) for _, cells in rows],
                        column,
                        read,
                        bad,
                        lambda index, letters=letters: (  # type: ignore[misc]
                            f"file {file.path!r}, cell {area.sheet}!{letters}{rows[index][0]}"
                        ),
                    )
                )
            return batch_of(arrays, columns, len(rows))

        for row in _rows(workbook, area):
            rows.append(row)
            size += 16 * len(row[1])
            if len(rows) >= most or size >= BATCH_BYTES:
                yield flush()
                rows, size, most = [], 0, MORE_ROWS
        if rows:
            yield flush()


def _cell_reader(
    column: SourceColumn, options: TableOptions, zone: ZoneInfo | None, starts_1904: bool
) -> Callable[[Cell | None], Value | None]:
    sql_type = column.sql_type
    from_text = text_reader(sql_type, zone=zone, decimal_comma=options.decimal_comma, form=column.form)
    nulls = frozenset(options.null_values)

    def read(cell: Cell | None) -> Value | None:
        if cell is None or cell == "":
            return None
        if isinstance(cell, bool):
            if sql_type == "VARCHAR":
                return "true" if cell else "false"
            if sql_type != "BOOLEAN":
                raise BadValueError(f"a truth value where {sql_type} is expected")
            return cell
        if isinstance(cell, ErrorCell):
            if cell in nulls:
                return None
            raise BadValueError("the cell holds an error of Excel's")
        if isinstance(cell, SerialCell):
            return _from_serial(cell, sql_type, zone, starts_1904)
        if isinstance(cell, NumberCell):
            return _from_number(cell, sql_type)
        return None if cell.strip() in nulls else from_text(cell)

    return read


def _number(cell: NumberCell) -> int | Decimal:
    """The number as people see it: a whole one as it stands, else with 15 digits."""
    digits = cell.lstrip("+-")
    if digits.isdigit() and len(digits) <= 20:
        return int(cell)
    try:
        number = Decimal(f"{float(cell):.15g}")
    except ValueError:
        raise BadValueError("a number that can't be read") from None
    if number.is_finite() and number == number.to_integral_value() and abs(number) < 2**63:
        return int(number)
    return number


def _from_number(cell: NumberCell, sql_type: str) -> Value:
    number = _number(cell)
    if sql_type in ("FLOAT", "DOUBLE"):
        return float(cell)
    if sql_type in INTEGERS:
        if not isinstance(number, int):
            raise BadValueError("not a whole number")
        return integer_of(number, sql_type)
    if decimal_parts(sql_type):
        return decimal_of(Decimal(number), sql_type)
    if sql_type == "VARCHAR":
        return str(number)
    if sql_type == "BOOLEAN" and number in (0, 1):
        return bool(number)
    raise BadValueError(f"a number where {sql_type} is expected")


def _moment(cell: SerialCell, starts_1904: bool) -> datetime:
    """The date and time of a serial number. Day 60 of the 1900 system, 1900-02-29, never was."""
    try:
        serial = Decimal(str(cell))
    except ArithmeticError:
        raise BadValueError("a date that can't be read") from None
    if not 0 <= serial < _LAST_SERIAL:
        raise BadValueError("a date outside of Excel's calendar")
    if starts_1904:
        start = date(1904, 1, 1)
    elif 60 <= serial < 61:
        raise BadValueError("1900-02-29, a day that Excel knows and the calendar does not")
    else:
        start = date(1899, 12, 31) if serial < 60 else date(1899, 12, 30)
    milliseconds = int((serial * 86_400_000).to_integral_value())
    return datetime.combine(start, datetime.min.time()) + timedelta(milliseconds=milliseconds)


def _from_serial(cell: SerialCell, sql_type: str, zone: ZoneInfo | None, starts_1904: bool) -> Value:
    moment = _moment(cell, starts_1904)
    midnight = moment.time() == datetime.min.time()
    if sql_type == "TIMESTAMP":
        return moment
    if sql_type == "TIMESTAMP WITH TIME ZONE":
        if zone is None:
            raise BadValueError("a date without an offset, and the connection has no time_zone")
        return to_instant(moment, zone).astimezone(UTC)
    if sql_type == "DATE":
        if not midnight:
            raise BadValueError("a date with a time of the day where DATE is expected")
        return moment.date()
    if sql_type == "TIME":
        if Decimal(str(cell)) >= 1:
            raise BadValueError("a date or a long duration where TIME is expected")
        return moment.time()
    if sql_type == "VARCHAR":
        if Decimal(str(cell)) < 1:
            return moment.time().isoformat()
        return moment.date().isoformat() if midnight else moment.isoformat(sep=" ")
    raise BadValueError(f"a date where {sql_type} is expected")
