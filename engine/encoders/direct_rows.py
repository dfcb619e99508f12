"""Few rows as text without DuckDB, in the very bytes that DuckDB would write; ten times quicker for a key lookup.

What Python and DuckDB may spell differently (odd doubles, control characters, years beyond Python's) is not written
here: the caller then goes through DuckDB. A test proves that both write the same bytes for every type.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from connectors.sdk.types import INTEGERS, decimal_parts
from engine.encoders.encoding import Encoding, Format

MAX_ROWS = 200
_BIG = {"BIGINT", "UBIGINT"}


class _UnlikeError(Exception):
    """A value whose text may differ from DuckDB's."""


def can_write(encoding: Encoding) -> bool:
    """Whether the format is one that is written here."""
    return encoding.format in (Format.JSON, Format.NDJSON)


def direct_rows(
    batches: Sequence[pa.RecordBatch], columns: Sequence[str], kinds: Mapping[str, str], encoding: Encoding
) -> pa.RecordBatch | None:
    """A batch of one text column and the page's hidden columns, as `rows_sql` gives it; None: DuckDB has to do it.

    `columns`: names in the order of the output, hidden ones last; `kinds`: their column types.
    """
    hidden = encoding.page.hidden if encoding.page else 0
    shown = list(columns)[: len(columns) - hidden]
    heads = [orjson.dumps(name).decode() + ":" for name in encoding.names]
    writers = [_writer(kinds[name], encoding.strings_for_numbers) for name in shown]
    if any(writer is None for writer in writers):
        return None
    table = pa.Table.from_batches(batches) if batches else None
    texts: list[str] = []
    before, after = (",", "") if encoding.format is Format.JSON else ("", "\n")
    try:
        if table is not None:
            whole: Any = batches[0] if len(batches) == 1 else table  # a batch's columns are quicker to read
            values = [whole.column(name).to_pylist() for name in shown]
            for row in zip(*values, strict=True):
                members = [
                    head + ("null" if value is None else write(value))
                    for head, write, value in zip(heads, writers, row, strict=True)
                    if write is not None
                ]
                texts.append(f"{before}{{{','.join(members)}}}{after}")
    except (_UnlikeError, ValueError, OverflowError):
        return None
    arrays: list[Any] = [pa.array(texts, pa.string())]
    fields = [pa.field("row", pa.string())]
    for name in list(columns)[len(shown) :]:
        column: Any = None if table is None else table.column(name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
        kind = column.type if column is not None else pa.string()
        arrays.append(column if column is not None else pa.array([], kind))
        fields.append(pa.field(name, kind))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _writer(kind: str, strings_for_numbers: bool) -> Callable[[Any], str] | None:
    if kind in INTEGERS:
        return _quoted_number if strings_for_numbers and kind in _BIG else str
    parts = decimal_parts(kind)
    if parts is not None:
        return _quoted_decimal if strings_for_numbers or parts == (38, 38) else _decimal
    return _WRITERS.get(kind)


def _quoted_number(value: int) -> str:
    return f'"{value}"'


def _decimal(value: Decimal) -> str:
    return f"{value:f}"


def _quoted_decimal(value: Decimal) -> str:
    return f'"{value:f}"'


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _text(value: str) -> str:
    text = orjson.dumps(value).decode()
    if "\\u" in text or "\x7f" in text:
        raise _UnlikeError
    return text


def _double(value: float) -> str:
    # Between these bounds both write the shortest digits without an exponent.
    if value == 0 or 1e-3 <= abs(value) < 1e15:
        return repr(value)
    raise _UnlikeError


def _date(value: date) -> str:
    return f'"{value.isoformat()}"'


def _time(value: time) -> str:
    text = value.isoformat()
    return f'"{text.rstrip("0") if "." in text else text}"'


def _timestamp(value: datetime) -> str:
    text = value.replace(tzinfo=None).isoformat()
    return f'"{text.rstrip("0") if "." in text else text}Z"'


def _blob(value: bytes) -> str:
    return f'"{base64.urlsafe_b64encode(value).decode()}"'


def _uuid(value: object) -> str:
    return f'"{value}"'


_WRITERS: dict[str, Callable[[Any], str]] = {
    "BOOLEAN": _boolean,
    "VARCHAR": _text,
    "DOUBLE": _double,
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP": _timestamp,
    "TIMESTAMP WITH TIME ZONE": _timestamp,
    "BLOB": _blob,
    "UUID": _uuid,
}
