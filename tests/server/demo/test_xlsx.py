from datetime import date, datetime
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest
import python_calamine

from server.demo.xlsx import Sheet, column_name, workbook_bytes, write_workbook


def test_cells_come_back_from_openpyxl_and_calamine(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    rows = [("Maß <&> \"'", None, 1.5), (), (date(2026, 3, 31), -7, "  Łódź ")]
    write_workbook(path, [Sheet("Blatt & 1", rows, merged=("A1:B1",), bold=(1,)), Sheet("leer", [])])
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Blatt & 1", "leer"]
    sheet = book["Blatt & 1"]
    assert [cell.value for cell in sheet[1]] == ["Maß <&> \"'", None, 1.5]
    assert [cell.value for cell in sheet[3]] == [datetime(2026, 3, 31), -7, "  Łódź "]
    assert [str(area) for area in sheet.merged_cells.ranges] == ["A1:B1"]
    read = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Blatt & 1").to_python()
    assert read[2] == [date(2026, 3, 31), -7, "  Łódź "]


def test_equal_cells_give_equal_bytes() -> None:
    assert workbook_bytes([Sheet("a", [(1, "x")])]) == workbook_bytes([Sheet("a", [(1, "x")])])


def test_a_time_in_a_cell_is_refused() -> None:
    with pytest.raises(TypeError, match="cell A1: a date was expected"):
        workbook_bytes([Sheet("a", [(datetime(2026, 3, 31, 12),)])])


@pytest.mark.parametrize(("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_columns_are_counted_in_letters(index: int, letters: str) -> None:
    assert column_name(index) == letters
