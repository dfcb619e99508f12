"""Large answers of MySQL and MariaDB: the server packs each row's short values into one text, a line of CSV.

One value per row in place of sixteen is what makes reading quick: PyMySQL's connection (session, TLS, cancel) stays,
but rows are taken from its socket in large pieces, and pyarrow parses the lines. Texts without a small bound and
bytes stay values of their own, so that a line is never longer than max_allowed_packet. Figures:
docs/decisions/0021-mysql-in-bulk.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pymysql import err
from pymysql.connections import Connection, MySQLResult
from pymysql.constants import COMMAND, CR

from connectors.sdk.batches import FIRST_ROWS, MOST_BYTES, MOST_ROWS, cut, schema_of
from connectors.sdk.csv_rows import CsvColumns
from connectors.sdk.errors import SourceLimitError, SourceProtocolError
from connectors.sdk.select import Dialect
from connectors.sdk.sql import Reading
from connectors.sdk.text_rows import to_column

PIECE = 1 << 17
_FIRST_PIECE = 1 << 15
_LONG = 0xFFFFFF  # a packet of this size goes on in the next one
_NULL, _TWO_BYTES, _END, _ERROR = 251, 252, 254, 255
# Texts that a line may hold: a table's row has at most 65,535 bytes of them.
_SHORT = frozenset({"char", "varchar", "tinytext", "enum", "set"})

Cell = bytes | None


@dataclass(frozen=True, slots=True)
class Packed:
    """A statement whose first value is a line with the columns `line` (by number); those of `apart` follow."""

    sql: str
    line: tuple[int, ...]
    apart: tuple[int, ...]


def packed(dialect: Dialect, reading: Reading) -> Packed | None:
    """The reading's statement with lines; None where plain rows do better: few rows, or rows in an order, which a
    derived table need not keep."""
    statement = reading.statement
    if reading.small or reading.few or reading.ordered:
        return None
    items, rest = statement.items, statement.rest
    if not items:  # a fragment: its columns are known by name only
        items = tuple(f"f.{dialect.quote(name)}" for name, _ in reading.columns)
        rest = f"FROM ({statement.sql}) AS f"
    natives = reading.natives or ("",) * len(items)
    line: list[str] = []
    numbers: tuple[list[int], list[int]] = ([], [])
    for number, ((_, sql_type), native) in enumerate(zip(reading.columns, natives, strict=True)):
        field = _field(items[number], sql_type, native)
        numbers[field is None].append(number)
        line += [] if field is None else [field]
    if not line:
        return None
    text = "CONCAT(" + ", ',', ".join(line) + ")" if len(line) > 1 else line[0]
    chosen = [text, *(items[number] for number in numbers[1])]
    return Packed(f"SELECT {', '.join(chosen)} {rest}", tuple(numbers[0]), tuple(numbers[1]))


def _field(item: str, sql_type: str, native: str) -> str | None:
    """A column's part of the line: empty for NULL, texts in quotes; None: it has to stay a value of its own."""
    if sql_type == "BLOB":
        return None
    if sql_type == "VARCHAR":
        if native not in _SHORT:
            return None
        return f"""IFNULL(CONCAT('"', REPLACE(CONVERT({item} USING utf8mb4), '"', '""'), '"'), '')"""
    # A UUID beside '' would have to be one too.
    return f"IFNULL(CAST({item} AS CHAR), '')" if sql_type == "UUID" else f"IFNULL({item}, '')"


def packed_batches(
    rows: Iterator[tuple[list[bytes], list[Cell]]], form: Packed, reading: Reading, time_zone: ZoneInfo | None
) -> Iterator[pa.RecordBatch]:
    """Batches of what `packed_rows` gives."""
    columns = reading.columns
    fields = CsvColumns([columns[n] for n in form.line], reading.naive, time_zone, utc=True, table=reading.table)
    schema, convert, width = schema_of(columns), fields.options(), len(form.apart)
    for lines, cells in rows:
        lines.append(b"")
        arrays = dict(zip(form.line, fields.arrays(b"\n".join(lines), convert), strict=True))
        for offset, number in enumerate(form.apart):
            arrays[number] = to_column(cells[offset::width], *columns[number], reading.table)
        if any(len(array) != len(lines) - 1 for array in arrays.values()):
            raise SourceProtocolError("MySQL: the rows of an answer and their lines don't match")
        yield from cut(pa.RecordBatch.from_arrays([arrays[n] for n in range(len(columns))], schema=schema))


def packed_rows(
    session: Connection[Any], sql: str, apart: int, check: Callable[[], None]
) -> Iterator[tuple[list[bytes], list[Cell]]]:
    """Run a packed statement: lists of lines, and of the other values row by row. `check` is called between reads."""
    connection: Any = session
    connection._execute_command(COMMAND.COM_QUERY, sql)
    result: Any = MySQLResult(connection)
    try:
        result.init_unbuffered_query()
        yield from _rows(connection._rfile, apart, check)
        connection._result = None
    finally:
        result.unbuffered_active = False  # else PyMySQL reads the answer to its end when it collects the result


def _rows(source: Any, apart: int, check: Callable[[], None]) -> Iterator[tuple[list[bytes], list[Cell]]]:
    """The row packets of an answer: a length of three bytes, a number, then length-encoded texts (251: NULL)."""
    lines: list[bytes] = []
    cells: list[Cell] = []
    data, size, wanted = b"", 0, FIRST_ROWS
    missing = 0
    while True:
        if missing > PIECE:
            more = _taken(source.read, missing, whole=True)
        else:
            more = _taken(source.read1, _FIRST_PIECE if wanted == FIRST_ROWS else PIECE)
        check()
        data += more
        size += len(more)
        at, end, missing = 0, len(data), 0
        while end - at >= 4:
            length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
            if length == _LONG:
                row, data = _long_row(source, data[at:])
                at, end = 0, len(data)
                values = row_values(row, 0, len(row))
                lines.append(_line(values[0]))
                cells += values[1:]
                continue
            begin = at + 4
            stop = begin + length
            if stop > end:
                missing = stop - end
                break
            first = data[begin]
            if first < _NULL:
                behind = begin + 1 + first
                lines.append(data[begin + 1 : behind])
            elif first == _TWO_BYTES:
                behind = begin + 3 + (data[begin + 1] | data[begin + 2] << 8)
                lines.append(data[begin + 3 : behind])
            elif first == _ERROR:
                err.raise_mysql_exception(data[begin:stop])
            elif first == _END and length < 9:
                if lines:
                    yield lines, cells
                return
            else:
                behind = stop
                values = row_values(data, begin, stop)
                lines.append(_line(values[0]))
                cells += values[1:]
            while behind < stop:
                length = data[behind]
                if length >= _NULL:
                    cells += row_values(data, behind, stop)
                    break
                start, behind = behind + 1, behind + 1 + length
                cells.append(data[start:behind])
            at = stop
        data = data[at:]
        if lines and (len(lines) >= wanted or size >= MOST_BYTES // 2):
            yield lines, cells
            lines, cells, size, wanted = [], [], 0, MOST_ROWS


def _line(value: Cell) -> bytes:
    if value is None:
        raise SourceLimitError(
            "MySQL: a row is longer than the server can send as one text",
            hint="raise max_allowed_packet at the server, or select fewer columns",
        )
    return value


def _long_row(source: Any, data: bytes) -> tuple[bytes, bytes]:
    """A row of several packets that begins the data, and what follows it."""
    pieces: list[bytes] = []
    length = _LONG
    while length == _LONG:
        data = _at_least(source, data, 4)
        length = int.from_bytes(data[:3], "little")
        data = _at_least(source, data, 4 + length)
        pieces.append(data[4 : 4 + length])
        data = data[4 + length :]
    return b"".join(pieces), data


def _at_least(source: Any, data: bytes, size: int) -> bytes:
    return data if len(data) >= size else data + _taken(source.read, size - len(data), whole=True)


def _taken(read: Callable[[int], bytes], size: int, *, whole: bool = False) -> bytes:
    """Bytes of the socket, at most so many, or all of them; PyMySQL's error when the connection is lost or silent."""
    try:
        taken = read(size)
    except OSError as error:
        raise err.OperationalError(CR.CR_SERVER_LOST, f"the connection was lost ({error})") from None
    if not taken or (whole and len(taken) < size):
        raise err.OperationalError(CR.CR_SERVER_LOST, "the connection was lost")
    return taken


def row_values(data: bytes, at: int, end: int) -> list[Cell]:
    """The values of a row packet of the text protocol: each a length-encoded text, 251 for NULL."""
    row: list[Cell] = []
    while at < end:
        length = data[at]
        at += 1
        if length == _NULL:
            row.append(None)
            continue
        if length > _NULL:
            width = {252: 2, 253: 3, 254: 8}[length]
            length = int.from_bytes(data[at : at + width], "little")
            at += width
        row.append(data[at : at + length])
        at += length
    return row
