"""Many rows as text without DuckDB, a column at a time by pyarrow, in the very bytes that DuckDB would write.

Half of the processor time that DuckDB takes for the same rows: its JSON is built value by value. What pyarrow spells
otherwise (doubles with an exponent, tiny decimals, rare control characters, years outside of the calendar) is not
written here: DuckDB then writes those rows. A test proves that both write the same bytes for every type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import compute

from connectors.sdk.types import INTEGERS, decimal_parts
from engine.encoders.encoding import Encoding, Format

PIECE_ROWS = 16_384  # smaller pieces cost more calls: 2,048 rows take a third longer each
PIECE_BYTES = 8 * 1024 * 1024
pc: Any = compute  # its stubs know no mixture of columns and constants
_BIG = {"BIGINT", "UBIGINT"}
_TEXTS = {"VARCHAR", "UUID", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
_KINDS = INTEGERS | _TEXTS | {"BOOLEAN", "DOUBLE"}
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
_LEAST_DOUBLE, _MOST_DOUBLE = 1e-3, 1e9  # between them both write the shortest digits without an exponent
_DAYS = date(1, 1, 1), date(9999, 12, 31)
_INSTANTS = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)
_QUOTE = '"'
_RARE_MARKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_RARE = bytes(sorted({*range(32), 127} - set(b"\n\r\t")))
Part = Any  # a constant text, or a column of texts


class _UnlikeError(Exception):
    """A value whose text may differ from DuckDB's."""


def can_write(encoding: Encoding, kinds: Sequence[str]) -> bool:
    """Whether the format and all types of the columns shown are among those that are written here."""
    if encoding.format not in (Format.JSON, Format.NDJSON) or encoding.bare:
        return False
    return all(map(_is_known, kinds)) and not any(_RARE_MARKS.search(name) for name in encoding.names)


def _is_known(kind: str) -> bool:
    parts = decimal_parts(kind)
    return kind in _KINDS or (parts is not None and parts != (38, 38))


def pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in parts whose texts stay small."""
    rows = PIECE_ROWS
    if batch.nbytes > PIECE_BYTES:
        rows = max(1, min(rows, batch.num_rows * PIECE_BYTES // batch.nbytes))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def plain_rows(
    batch: pa.RecordBatch, columns: Sequence[str], kinds: Mapping[str, str], encoding: Encoding
) -> pa.Array[Any] | None:
    """The text of each row as `rows_sql` gives it; None: DuckDB has to write these rows.

    `columns`: names of those shown, in the order of the output; `kinds`: their column types.
    """
    parts: list[Part] = [",{" if encoding.format is Format.JSON else "{"]
    try:
        for number, (out, name) in enumerate(zip(encoding.names, columns, strict=True)):
            parts.append(("," if number else "") + orjson.dumps(out).decode() + ":")
            parts += _value(batch.column(name), kinds[name], encoding.strings_for_numbers)
    except (_UnlikeError, pa.ArrowInvalid):
        return None
    parts.append("}" if encoding.format is Format.JSON else "}\n")
    rows: pa.Array[Any] = _joined(parts, null_handling="replace", null_replacement="null")
    return rows


def _joined(parts: Sequence[Part], **options: str) -> Any:
    """The parts of each row side by side; constants that are neighbours are one."""
    merged: list[Part] = []
    for part in parts:
        if merged and isinstance(part, str) and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return pc.binary_join_element_wise(*merged, "", **options)


def _value(column: Any, kind: str, strings_for_numbers: bool) -> list[Part]:
    """The parts of a column's value; a null in the one column among them is a null."""
    decimal = decimal_parts(kind)
    if kind in _TEXTS or (strings_for_numbers and (kind in _BIG or decimal is not None)):
        quoted = [_QUOTE, *_text(column, kind), _QUOTE]
        return [_joined(quoted, null_handling="emit_null")] if column.null_count else quoted
    return [_double(column) if kind == "DOUBLE" else _number(column)]


def _text(column: Any, kind: str) -> list[Part]:
    if kind == "VARCHAR":
        return [_escaped(column)]
    if kind == "UUID":
        _within(pc.binary_length(column), 36, 36)
        return [column]
    if kind == "DATE":
        _within(column, *_DAYS)
        return [pc.cast(column, pa.string())]
    if kind in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        instant = column.view(pa.timestamp("us"))
        _within(instant, *_INSTANTS)
        return [pc.cast(pc.cast(instant, pa.date32(), safe=False), pa.string()), "T", _time(instant), "Z"]
    return [_number(column)]


def _within(column: Any, least: object, most: object) -> None:
    found: Any = pc.min_max(column)
    low, high = found["min"], found["max"]
    bounds = pa.scalar(least, column.type), pa.scalar(most, column.type)
    if low.is_valid and (pc.less(low, bounds[0]).as_py() or pc.greater(high, bounds[1]).as_py()):
        raise _UnlikeError


def _time(instant: Any) -> Any:
    """The time of day, its fraction without trailing zeros."""
    text = pc.cast(pc.cast(instant, pa.time64("us")), pa.string())
    return pc.ascii_rtrim(pc.ascii_rtrim(text, "0"), ".")


def _number(column: Any) -> Any:
    text = pc.cast(column, pa.string())
    if pa.types.is_decimal(column.type) and column.type.scale > 6 and b"E" in _bytes(text):
        raise _UnlikeError
    return text


def _double(column: Any) -> Any:
    size = pc.abs(column)
    plain = pc.and_(pc.greater_equal(size, _LEAST_DOUBLE), pc.less(size, _MOST_DOUBLE))
    if pc.all(pc.or_(plain, pc.equal(size, 0.0))).as_py() is False:
        raise _UnlikeError
    text = pc.cast(column, pa.string())
    whole: Any = pc.equal(pc.floor(column), column)
    if not pc.any(whole).as_py():
        return text
    # DuckDB writes 5.0 where pyarrow writes 5.
    return _joined([text, pc.if_else(whole, ".0", "")], null_handling="emit_null")


def _escaped(column: Any) -> Any:
    data = _bytes(column)
    if not data:
        return column
    view: Any = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])
    least = pc.min(view).as_py()
    found = [(mark, escape) for mark, escape in _ESCAPES if mark.encode() in data]
    if (least < 32 or b"\x7f" in data) and data.translate(None, _RARE) != data:
        raise _UnlikeError
    for mark, escape in found:
        column = pc.replace_substring(column, pattern=mark, replacement=escape)
    return column


def _bytes(column: Any) -> bytes:
    """All texts of a column, one behind the other."""
    data = column.buffers()[2]
    if data is None or not len(column):
        return b""
    offsets = memoryview(column.buffers()[1]).cast("i")
    start, end = offsets[column.offset], offsets[column.offset + len(column)]
    return bytes(memoryview(data)[start:end])
