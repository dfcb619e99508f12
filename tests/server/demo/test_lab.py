from datetime import date

import python_calamine

from server.demo.build import DemoPlant
from server.demo.lab import HEADER, HEADER_ROW


def test_the_header_is_in_row_four_below_the_title_rows(plant: DemoPlant) -> None:
    book = python_calamine.CalamineWorkbook.from_path(str(plant.lab / "quality_lab.xlsx"))
    assert book.sheet_names == ["measurements", "calibration", "legend"]
    rows = book.get_sheet_by_name("measurements").to_python()
    assert tuple(rows[HEADER_ROW - 1]) == HEADER


def test_the_sheet_has_the_dirt_of_real_ones(plant: DemoPlant) -> None:
    book = python_calamine.CalamineWorkbook.from_path(str(plant.lab / "quality_lab.xlsx"))
    rows = book.get_sheet_by_name("measurements").to_python()[HEADER_ROW:]
    values = [row[HEADER.index("value")] for row in rows]
    assert "<0.02" in values and "n/a" in values
    assert any(isinstance(value, str) and "," in value for value in values)
    assert sum(isinstance(value, float) for value in values) > len(values) / 2
    days = {type(row[HEADER.index("measured_on")]) for row in rows}
    assert days == {date, str}
    assert any(not any(row) for row in rows)


def test_one_csv_has_a_mark_and_decimal_commas_and_the_other_has_neither(plant: DemoPlant) -> None:
    hardness = (plant.lab / "hardness.csv").read_bytes()
    oil = (plant.lab / "oil_cleanliness.csv").read_bytes()
    assert hardness.startswith(b"\xef\xbb\xbf") and not oil.startswith(b"\xef\xbb\xbf")
    assert hardness.decode("utf-8-sig").splitlines()[1].split(";")[3].count(",") == 1
    assert oil.decode().splitlines()[1].split(";")[5].count(".") == 1
    for text in (hardness.decode("utf-8-sig"), oil.decode()):
        assert len({line.count(";") for line in text.splitlines()}) == 1
