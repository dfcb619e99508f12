"""An answer as an Excel workbook: DuckDB writes each row's XML, and the ZIP file leaves while it is written.

ECMA-376 (SpreadsheetML), one sheet, texts in place. What Excel would change is text: whole numbers and decimals
beyond 15 digits, dates before 1900-03-01. All texts are typed as text, so that none becomes a formula. Times with a
zone are UTC.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from connectors.sdk.types import INTEGERS, decimal_parts
from engine.encoders.text import in_calendar, text_of
from engine.errors import AnswerLimitError

MAX_ROWS = 1_048_575  # below the header
MAX_COLUMNS = 16_384
MAX_TEXT = 32_767
MAX_SHEET_BYTES = 2**31 - 1  # more needs a form of ZIP that Excel reads unwillingly
DIGITS = 15
MAX_SCALE = 10
TOO_LONG = "viewloom: a text is too long for a cell"
_DATE, _MOMENT, _TIME, _DECIMALS = 1, 2, 3, 3  # styles: of a decimal with n digits behind the point: _DECIMALS + n
_FIRST_DAY = "DATE '1900-03-01'"  # before that Excel's days are others: it knows a 29 February 1900
_HARD = "[\\x00-\\x08\\x0B-\\x1F\\x{FFFE}\\x{FFFF}]"
_HARD_CHARACTERS = (*range(1, 9), *range(11, 32), 0xFFFE, 0xFFFF)  # no text of DuckDB's holds NUL

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_FORMATS = [
    "yyyy\\-mm\\-dd",
    "yyyy\\-mm\\-dd\\ hh:mm:ss",
    "hh:mm:ss",
    *("0." + "0" * scale for scale in range(1, MAX_SCALE + 1)),
]
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}/relationships"><sheets>'
    '<sheet name="rows" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/relationships/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts count="{len(_FORMATS)}">'
    + "".join(f'<numFmt numFmtId="{164 + n}" formatCode="{code}"/>' for n, code in enumerate(_FORMATS))
    + '</numFmts><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    f'<cellXfs count="{len(_FORMATS) + 1}"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    + "".join(
        f'<xf numFmtId="{164 + n}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for n in range(len(_FORMATS))
    )
    + '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}


class _Zip(zipfile.ZipFile):
    """One that is not ended by being forgotten: a broken answer must not look whole."""

    def __del__(self) -> None:
        """Nothing; the parent's would complain of the sheet that is still open."""


class WorkbookFile:
    """Writes the file around rows that are XML already. `target` is only appended to."""

    def __init__(self, target: Any, names: Sequence[str]) -> None:
        if len(names) > MAX_COLUMNS:
            raise AnswerLimitError(
                f"a workbook's sheet holds {MAX_COLUMNS:,} columns; the answer has {len(names):,}",
                hint="select fewer columns, or ask for another format",
            )
        self._rows = 0
        self._size = 0
        self._zip = _Zip(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        for name, text in _PARTS.items():
            self._zip.writestr(_entry(name), _XML + text, zipfile.ZIP_DEFLATED)
        self._sheet = self._zip.open(_entry("xl/worksheets/sheet1.xml"), "w")
        header = "".join(
            f'<c t="inlineStr"><is><t xml:space="preserve">{_escaped(name)}</t></is></c>' for name in names
        )
        self._write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData><row>{header}</row>'.encode())

    def write(self, rows: bytes, count: int) -> None:
        """So many rows. Raises AnswerLimitError for what a sheet can't hold."""
        self._rows += count
        if self._rows > MAX_ROWS:
            raise AnswerLimitError(
                f"a workbook's sheet holds {MAX_ROWS:,} rows below its header, and the answer has more",
                hint="filter, or ask for csv or parquet",
            )
        self._write(rows)

    def close(self) -> None:
        """The end of the sheet and of the file."""
        self._write(b"</sheetData></worksheet>")
        self._sheet.close()
        self._zip.close()

    def _write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_SHEET_BYTES:
            raise AnswerLimitError(
                "the answer is too large for a workbook's sheet (2 GB)", hint="filter, or ask for csv or parquet"
            )
        self._sheet.write(data)


def _entry(name: str) -> zipfile.ZipInfo:
    """With a fixed date: the same answer is the same file."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _escaped(name: str) -> str:
    """A column's name as XML."""
    text = re.sub("_(x[0-9A-Fa-f]{4})", r"_x005F_\1", name)
    text = re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", lambda found: f"_x{ord(found[0]):04X}_", text)
    return escape(text)[:MAX_TEXT]


def row_sql(columns: Sequence[tuple[str, str]]) -> str:
    """An expression for the XML of one row of columns (name, DuckDB's type)."""
    cells = " || ".join(_cell(name, kind) for name, kind in columns)
    return f"'<row>' || {cells} || '</row>'"


def _cell(name: str, kind: str) -> str:
    filled = _number_cell(name, kind)
    return f"CASE WHEN {name} IS NULL THEN '<c/>' ELSE {filled or _text_cell(text_of(name, kind))} END"


def _number_cell(name: str, kind: str) -> str | None:
    """The cell of a value that is not NULL and has a form of its own in Excel; None for what is text."""
    text = text_of(name, kind)
    decimal = decimal_parts(kind)
    if kind in INTEGERS or kind in ("BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"):
        return _if_short(
            f"{name} BETWEEN -{10**DIGITS - 1} AND {10**DIGITS - 1}", kind, f"CAST({name} AS VARCHAR)", 0
        )
    if decimal is not None:
        scale = decimal[1]
        bound = f"CAST('{_bound(scale)}' AS DECIMAL(38, {scale}))"
        short = f"CAST({name} AS DECIMAL(38, {scale})) BETWEEN -{bound} AND {bound}"
        return _if_short(short, kind, text, _DECIMALS + scale if 0 < scale <= MAX_SCALE else 0)
    if kind in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN isfinite({name}) THEN {_value(text, 0)} ELSE {_text_cell(text)} END"
    if kind == "BOOLEAN":
        return f"CASE WHEN {name} THEN '<c t=\"b\"><v>1</v></c>' ELSE '<c t=\"b\"><v>0</v></c>' END"
    if kind == "DATE":
        days = f"CAST(date_diff('day', DATE '1899-12-30', {name}) AS VARCHAR)"
        return _if_new(name, in_calendar(name), days, _DATE, text)
    if kind.startswith("TIMESTAMP"):
        instant = f"CAST({name} AS TIMESTAMP)"
        days = f"CAST(epoch_us({instant}) / 86400000000.0::DOUBLE + 25569 AS VARCHAR)"
        return _if_new(instant, in_calendar(instant), days, _MOMENT, text)
    if kind == "TIME":
        return _value(f"CAST(epoch_us({name}) / 86400000000.0::DOUBLE AS VARCHAR)", _TIME)
    return None


def _bound(scale: int) -> str:
    """The greatest number of 15 digits, `scale` of them behind the point."""
    digits = ("9" * DIGITS).rjust(scale + 1, "0")
    return f"{digits[: len(digits) - scale]}.{digits[len(digits) - scale :]}" if scale else digits


def _if_short(condition: str, kind: str, text: str, style: int) -> str:
    return f"CASE WHEN {condition} THEN {_value(text, style)} ELSE {_text_cell(text)} END"


def _if_new(value: str, checked: str, days: str, style: int, text: str) -> str:
    """`checked` raises for what no calendar has; what Excel counts wrongly is text."""
    return (
        f"CASE WHEN {checked} IS NOT NULL AND {value} >= {_FIRST_DAY} THEN {_value(days, style)}"
        f" ELSE {_text_cell(text)} END"
    )


def _value(text: str, style: int) -> str:
    begin = f'<c s="{style}"><v>' if style else "<c><v>"
    return f"('{begin}' || {text} || '</v></c>')"


def _text_cell(text: str) -> str:
    """A text as XML 1.0 can hold it: what it can't is written as `_x001F_` (ECMA-376 part 1, 22.9.2.19)."""
    plain = f"replace(replace(replace({text}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')"
    plain = f"regexp_replace({plain}, '_(x[0-9A-Fa-f]{{4}})', '_x005F_\\1', 'g')"
    hard = plain
    for code in _HARD_CHARACTERS:
        hard = f"replace({hard}, chr({code}), '_x{code:04X}_')"
    return (
        '(\'<c t="inlineStr"><is><t xml:space="preserve">\' ||'
        f" CASE WHEN length({text}) > {MAX_TEXT} THEN error('{TOO_LONG}')"
        f" WHEN regexp_matches({text}, '{_HARD}') THEN {hard} ELSE {plain} END || '</t></is></c>')"
    )
