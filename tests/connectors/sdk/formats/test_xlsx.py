"""Workbooks: title rows, texts as dates, bad cells, bombs, files that are cut."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from connectors.sdk.errors import (
    ConnectorError,
    SourceDataError,
    SourceLimitError,
    SourceProtocolError,
    SourceTableMissingError,
)
from tests.connectors.file_tables import EXCEL, files, read, types, workbook


def test_a_sheet_with_title_rows_text_dates_and_blank_rows(tmp_path: Path) -> None:
    workbook(tmp_path / "lab.xlsx")
    connector = files(tmp_path, lab={**EXCEL, "bad_value": "null"})
    rows = read(connector, "lab")
    assert [row["Sample"] for row in rows] == ["S1", "S2", "S3", "S4"]
    assert [row["Taken"] for row in rows] == [date(2024, 2, 29), date(2024, 3, 1), None, None]
    assert [row["Value"] for row in rows] == [Decimal("0.300"), Decimal("0.500"), None, None]
    assert connector.notes() == {"lab.Value": 2}
    assert list(types(connector, "lab")) == ["Sample", "Taken", "Value", "Note"]
    # What is read does not depend on which columns are asked for.
    assert len(read(connector, "lab", columns=("Note",))) == 4


def test_a_bad_cell_is_named_by_sheet_and_cell(tmp_path: Path) -> None:
    workbook(tmp_path / "lab.xlsx")
    with pytest.raises(SourceDataError, match=r"Data 2024!C8") as caught:
        read(files(tmp_path, lab=EXCEL), "lab")
    assert "0.02" not in str(caught.value)
    connector = files(tmp_path, lab={**EXCEL, "null_values": ["<0.02"]})
    with pytest.raises(SourceDataError, match=r"Data 2024!C9.*error"):
        read(connector, "lab")
    with pytest.raises(SourceTableMissingError, match="'Gone'") as missing:
        read(files(tmp_path, lab={**EXCEL, "sheet": "Gone"}), "lab")
    assert "Cover" in missing.value.hint


def test_two_cells_far_apart_cost_nothing(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "t.xlsx")) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "a")
        sheet.write(0, 16_383, "z")
        sheet.write(1_048_575, 16_383, 5)
    assert read(files(tmp_path), "t") == [{"a": None, "z": 5}]


def archive(parts: dict[str, bytes | int], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            if isinstance(content, int):
                with target.open(name, "w") as part:
                    for _ in range(content):
                        part.write(b" " * (1 << 20))
            else:
                target.writestr(name, content)


RELATIONS = b'<Relationships><Relationship Id="a" Target="worksheets/s.xml"/></Relationships>'
BOOK = b'<workbook xmlns:r="r"><sheets><sheet name="S" r:id="a"/></sheets></workbook>'


def test_bombs_are_refused_before_they_unpack(tmp_path: Path) -> None:
    parts: dict[str, bytes | int] = {"xl/workbook.xml": BOOK, "xl/_rels/workbook.xml.rels": RELATIONS}
    archive({**parts, "xl/worksheets/s.xml": 64}, tmp_path / "t.xlsx")
    with pytest.raises(SourceLimitError, match="zip bomb"):
        read(files(tmp_path), "t")
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><worksheet>&b;</worksheet>'
    archive({**parts, "xl/worksheets/s.xml": laughs}, tmp_path / "t.xlsx")
    with pytest.raises(SourceProtocolError, match="document type"):
        read(files(tmp_path), "t")
    long = b'<worksheet><sheetData><row r="1"><c r="A1" t="str"><v>' + b"ab" * 200_000 + b"</v></c></row></sheetData>"
    archive({**parts, "xl/worksheets/s.xml": long + b"</worksheet>"}, tmp_path / "t.xlsx")
    with pytest.raises(SourceLimitError, match="longer"):
        read(files(tmp_path), "t")


def test_a_workbook_that_is_cut_or_none_is_an_error(tmp_path: Path) -> None:
    workbook(tmp_path / "lab.xlsx")
    content = (tmp_path / "lab.xlsx").read_bytes()
    for broken in (b"", b"PK", content[: len(content) // 2], content[:-30], b"\xd0\xcf\x11\xe0" + b"\0" * 1000):
        (tmp_path / "lab.xlsx").write_bytes(broken)
        with pytest.raises(SourceProtocolError, match=r"lab\.xlsx"):
            read(files(tmp_path, lab=EXCEL), "lab")
    damaged = io.BytesIO(content)
    with zipfile.ZipFile(damaged) as book:
        offset = book.getinfo("xl/worksheets/sheet2.xml").header_offset + 80
    (tmp_path / "lab.xlsx").write_bytes(content[:offset] + bytes(200) + content[offset + 200 :])
    with pytest.raises(ConnectorError, match=r"lab\.xlsx"):
        read(files(tmp_path, lab=EXCEL), "lab")
