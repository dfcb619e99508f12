"""A small writer of Excel workbooks: zipped XML with fixed times, so that equal cells give equal bytes.

Cells are text, numbers, dates or None (left out). It exists because the demo must not need a package
that Viewloom itself does without.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

Cell = str | int | float | date | None

_EPOCH = date(1899, 12, 30)
_NAMESPACE = "http://schemas.openxmlformats.org"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_DATE_STYLE, _BOLD_STYLE = 1, 2
_STYLES = (
    f'<styleSheet xmlns="{_NAMESPACE}/spreadsheetml/2006/main">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet: rows from the first on, the ranges that are merged, the row numbers that are bold."""

    name: str
    rows: Sequence[Sequence[Cell]]
    merged: tuple[str, ...] = ()
    bold: tuple[int, ...] = ()


def column_name(index: int) -> str:
    """The letters of a column counted from 0: A … Z, AA …"""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _cell(reference: str, value: Cell, *, bold: bool) -> str:
    if isinstance(value, datetime):
        raise TypeError(f"cell {reference}: a date was expected, found a time as well; pass it as text")
    if isinstance(value, date):
        return f'<c r="{reference}" s="{_DATE_STYLE}"><v>{(value - _EPOCH).days}</v></c>'
    if isinstance(value, (int, float)):
        return f'<c r="{reference}"><v>{value!r}</v></c>'
    style = f' s="{_BOLD_STYLE}"' if bold else ""
    return f'<c r="{reference}"{style} t="inlineStr"><is><t xml:space="preserve">{escape(value or "")}</t></is></c>'


def _worksheet(sheet: Sheet) -> str:
    body = []
    for number, row in enumerate(sheet.rows, start=1):
        cells = "".join(
            _cell(f"{column_name(index)}{number}", value, bold=number in sheet.bold)
            for index, value in enumerate(row)
            if value is not None
        )
        if cells:
            body.append(f'<row r="{number}">{cells}</row>')
    merged = "".join(f'<mergeCell ref="{area}"/>' for area in sheet.merged)
    if merged:
        merged = f'<mergeCells count="{len(sheet.merged)}">{merged}</mergeCells>'
    return (
        f'<worksheet xmlns="{_NAMESPACE}/spreadsheetml/2006/main"><sheetData>{"".join(body)}</sheetData>'
        f"{merged}</worksheet>"
    )


def workbook_bytes(sheets: Sequence[Sheet]) -> bytes:
    """The workbook as the bytes of an .xlsx file."""
    relation = f"{_NAMESPACE}/officeDocument/2006/relationships"
    package = f"{_NAMESPACE}/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>' for n in numbers
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{relation}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_NAMESPACE}/spreadsheetml/2006/main" xmlns:r="{relation}"><sheets>'
        + "".join(
            f'<sheet name="{escape(sheet.name)}" sheetId="{n}" r:id="rId{n}"/>'
            for n, sheet in zip(numbers, sheets, strict=True)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="rId{n}" Type="{relation}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        )
        + f'<Relationship Id="rId{len(sheets) + 1}" Type="{relation}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
    }
    for n, sheet in zip(numbers, sheets, strict=True):
        parts[f"xl/worksheets/sheet{n}.xml"] = _worksheet(sheet)
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            entry = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = ZIP_DEFLATED
            entry.create_system = 0
            archive.writestr(entry, _HEAD + text)
    return buffer.getvalue()


def write_workbook(path: Path, sheets: Sequence[Sheet]) -> None:
    """Write the sheets as an .xlsx file."""
    path.write_bytes(workbook_bytes(sheets))
