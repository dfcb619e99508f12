"""JSON lines: one object on each line. Numbers are read as int and Decimal, never as float."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from connectors.sdk.columns import BATCH_BYTES, FIRST_ROWS, MORE_ROWS, BadValues, SourceColumn, batch_of, json_array
from connectors.sdk.errors import SourceLimitError, SourceProtocolError
from connectors.sdk.formats.options import TableOptions
from connectors.sdk.infer import ColumnProposal, infer_values
from connectors.sdk.paths import OpenFile

MAX_LINE_BYTES = 16 << 20
SAMPLE_ROWS = 1_000


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


def _objects(file: OpenFile, options: TableOptions) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(line, its bytes, object) of every line that isn't blank."""
    file.handle.seek(0)
    number = 0
    while line := file.handle.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise SourceLimitError(f"file {file.path!r}, line {number} is longer than {MAX_LINE_BYTES >> 20} MB")
        try:
            text = line.decode(options.encoding).strip().removeprefix("\ufeff")
            if not text:
                continue
            found = _DECODER.decode(text)
        except (ValueError, RecursionError):
            raise _bad_line(file, number, "not valid JSON") from None
        if not isinstance(found, dict):
            raise _bad_line(file, number, "a JSON object is expected")
        yield number, len(line), found


def _bad_line(file: OpenFile, number: int, problem: str) -> SourceProtocolError:
    return SourceProtocolError(
        f"file {file.path!r}, line {number}: {problem}",
        hint="each line must be one JSON object; a last line that is cut means that the file is still being written",
        details={"file": file.path, "line": number},
    )


def jsonl_columns(file: OpenFile, options: TableOptions) -> tuple[SourceColumn, ...]:
    """The columns declared; if none are, those that the first lines have, with inferred types."""
    if options.columns:
        original = {new: old for old, new in options.rename.items()}
        return tuple(
            SourceColumn(original.get(name, name), column.type, name, column.form)
            for name, column in options.columns.items()
        )
    return tuple(
        SourceColumn(proposal.name, proposal.sql_type, options.rename.get(proposal.name, proposal.name))
        for proposal in infer_rows(_sample(file, options), tolerant=False)
    )


def infer_jsonl(file: OpenFile, options: TableOptions) -> list[ColumnProposal]:
    """A type for every field of the first lines."""
    return infer_rows(_sample(file, options))


def _sample(file: OpenFile, options: TableOptions) -> list[dict[str, Any]]:
    return [found for _, _, found in islice(_objects(file, options), SAMPLE_ROWS)]


def infer_rows(rows: Sequence[dict[str, Any]], *, tolerant: bool = True) -> list[ColumnProposal]:
    """A type for every field of the objects, in the order in which the fields first appear."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [infer_values(name, [row.get(name) for row in rows], tolerant=tolerant) for name in names]


def read_jsonl(
    file: OpenFile,
    options: TableOptions,
    columns: Sequence[SourceColumn],
    zone: ZoneInfo | None,
    bad: BadValues,
) -> Iterator[pa.RecordBatch]:
    """The rows in batches, the first one small. A field that is missing is NULL; further fields are passed over."""
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    size, most = 0, FIRST_ROWS

    def flush() -> pa.RecordBatch:
        arrays = [
            json_array(
                [row.get(column.name) for row in rows],
                column,
                zone,
                bad,
                lambda index: f"file {file.path!r}, line {lines[index]}",
            )
            for column in columns
        ]
        return batch_of(arrays, columns, len(rows))

    for number, length, found in _objects(file, options):
        rows.append(found)
        lines.append(number)
        size += length
        if len(rows) >= most or size >= BATCH_BYTES:
            yield flush()
            rows, lines, size, most = [], [], 0, MORE_ROWS
    if rows:
        yield flush()
