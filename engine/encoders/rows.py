"""Rows as text, written by DuckDB itself: one VARCHAR per row, whose Arrow buffer is the answer's bytes.

About 2 M rows/s on one core against 0.12 M through Python objects. The same forms in JSON and CSV: decimals with
their scale and never an exponent, instants as UTC with Z, dates and times as ISO text, binary as base64url, doubles
that are not numbers as NaN, INF, -INF (OData JSON 4.01, 7.1), NULL as null in JSON and nothing in CSV.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from connectors.sdk.types import INTEGERS, decimal_parts
from engine.encoders.encoding import Encoding, Format
from engine.encoders.text import text_of
from engine.encoders.workbook import row_sql

_BARE = INTEGERS | {"BOOLEAN", "VARCHAR"}
_BIG = {"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"}
_NESTED = ("STRUCT", "MAP", "UNION", "JSON")


def is_text(encoding: Encoding) -> bool:
    """Whether the answer's bytes are made of rows as text, by `rows_sql`."""
    return encoding.format not in (Format.ARROW, Format.PARQUET)


def row_form(encoding: Encoding) -> Hashable:
    """All of an encoding that `rows_sql` looks at: encodings that are equal in it have the same text."""
    hidden = encoding.page.hidden if encoding.page else 0
    return encoding.format, encoding.names, encoding.strings_for_numbers, encoding.bare, hidden


def rows_sql(inner: str, encoding: Encoding, types: Sequence[str]) -> str:
    """A statement with one text column `row` and then the page's hidden columns, over a SELECT `inner`.

    `types`: DuckDB's types of all columns of `inner`, hidden ones last. Each row's text begins with its separator
    (JSON) or ends with it (NDJSON, CSV).
    """
    hidden = encoding.page.hidden if encoding.page else 0
    shown = len(types) - hidden
    names = [f"c{i}" for i in range(len(types))]
    if encoding.format is Format.XLSX:
        text = row_sql(list(zip(names[:shown], types[:shown], strict=True)))
    elif encoding.bare:
        text = names[0] if types[0] == "BLOB" else text_of(names[0], types[0])
    elif encoding.format is Format.CSV:
        cells = [_csv_cell(name, kind) for name, kind in zip(names[:shown], types[:shown], strict=True)]
        text = " || ',' || ".join(cells) + " || chr(13) || chr(10)"
    else:
        members = [
            f"{_quoted(out)}, {_json_value(name, kind, encoding.strings_for_numbers)}"
            for out, name, kind in zip(encoding.names, names[:shown], types[:shown], strict=True)
        ]
        one = f"CAST(json_object({', '.join(members)}) AS VARCHAR)"
        text = f"',' || {one}" if encoding.format is Format.JSON else f"{one} || chr(10)"
    columns = [f"{text} AS row", *names[shown:]]
    return f"SELECT {', '.join(columns)} FROM ({inner}) AS answer({', '.join(names)})"  # noqa: S608 - our own SQL


def csv_header(names: Sequence[str]) -> str:
    """The header line."""
    return ",".join(_csv_quoted(name) for name in names) + "\r\n"


def _csv_quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') or not text else text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _json_value(name: str, kind: str, strings_for_numbers: bool) -> str:
    if strings_for_numbers and (kind in _BIG or decimal_parts(kind)):
        return text_of(name, kind)
    decimal = decimal_parts(kind)
    if decimal == (38, 38):
        return text_of(name, kind)  # DuckDB writes it without a digit before the point, which is no number in JSON
    if decimal is not None:
        # json_object writes narrow decimals through a double and loses their trailing zeros; wide ones it does not.
        return f"CAST({name} AS DECIMAL(38, {decimal[1]}))"
    if kind in _BARE or kind in _BIG:
        return name
    if kind in ("FLOAT", "DOUBLE"):
        # to_json writes a FLOAT's digits as a DOUBLE's: 0.10000000149011612 for 0.1
        finite = f"CAST(CAST({name} AS VARCHAR) AS DOUBLE)" if kind == "FLOAT" else name
        return (
            f"CASE WHEN isfinite({name}) THEN to_json({finite}) WHEN isnan({name}) THEN to_json('NaN')"
            f" WHEN {name} > 0 THEN to_json('INF') ELSE to_json(CASE WHEN {name} < 0 THEN '-INF' END) END"
        )
    if kind.startswith(_NESTED) or kind.endswith("]"):
        return f"to_json({name})"
    return text_of(name, kind)


def _csv_cell(name: str, kind: str) -> str:
    text = text_of(name, kind)
    if kind in ("VARCHAR", "BLOB") or kind.startswith(_NESTED) or kind.endswith("]"):
        quoted = f"'\"' || replace({text}, '\"', '\"\"') || '\"'"
        needed = f"{text} = '' OR regexp_matches({text}, '[\",\\r\\n]')"
        return f"coalesce(CASE WHEN {needed} THEN {quoted} ELSE {text} END, '')"
    return f"coalesce({text}, '')"
