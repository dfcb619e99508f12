"""CSV as it is in a factory: dirt, title rows, other encodings."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.errors import (
    SourceDataError,
    SourceProtocolError,
)
from tests.connectors.file_tables import BERLIN, files, read, types


def test_csv_types_are_inferred_and_null_differs_from_empty_text(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "\ufeffid,price,at,note,zip,ok\r\n"
        '1,1.10,2024-02-29 10:00,"",01234,true\r\n'
        '2,,2024-03-01 11:30,"a ""b"", c\nd",00001,false\r\n\r\n'
    )
    connector = files(tmp_path)
    assert types(connector, "orders") == {
        **{"id": "BIGINT", "price": "DECIMAL(18,2)", "at": "TIMESTAMP", "note": "VARCHAR"},
        **{"zip": "VARCHAR", "ok": "BOOLEAN"},
    }
    first, second = read(connector, "orders")
    assert (first["price"], first["note"], first["zip"]) == (Decimal("1.10"), "", "01234")
    assert (second["price"], second["note"]) == (None, 'a "b", c\nd')


LAB = "Labor Nord;;\nMessung;Wert (mg/l);\n1;0,35;\n2;<0,02;\n3;n/a;\n4;1.234,5;\n5;7.5;\n"
LAB_TABLE: dict[str, Any] = {
    "path": "lab.csv",
    "header_row": 2,
    "rename": {"Wert (mg/l)": "value"},
    "columns": {"value": "DECIMAL(10,3)"},
    "decimal_comma": True,
    "null_values": ["n/a"],
}


def test_a_bad_value_is_named_by_file_line_and_column_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(LAB)
    with pytest.raises(SourceDataError, match=r"measurements.*'value'.*lab\.csv.*line 4") as caught:
        read(files(tmp_path, measurements=LAB_TABLE), "measurements")
    assert "0,02" not in f"{caught.value} {caught.value.hint} {caught.value.details}"


def test_bad_values_become_null_and_are_counted_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(LAB)
    connector = files(tmp_path, measurements={**LAB_TABLE, "bad_value": "null"})
    connector.begin("run", 1)
    values = [row["value"] for row in read(connector, "measurements")]
    assert values == [Decimal("0.350"), None, None, Decimal("1234.500"), None]
    assert connector.notes() == {"measurements.value": 2}
    connector.begin("next", 1)
    assert connector.notes() == {}


def test_the_line_of_a_bad_value_counts_line_breaks_in_texts(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n"x\ny",1\n\n"z",oops\n')
    with pytest.raises(SourceDataError, match="line 5"):
        read(files(tmp_path, t={"path": "t.csv", "columns": {"b": "INTEGER"}}), "t")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a,b\n1,2\n3\n", "line 3: 2 fields are expected, 1 found"),
        (b"a,b\n1,2\n3,4,5\n", "fields are expected"),
        (b'a,b\n1,2\n3,"x\n5,6\n', "quotation mark"),
        (b"a,b\n1,\xff\xfe\n", "not utf-8"),
    ],
)
def test_csv_that_is_no_csv_is_an_error_with_its_line(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    table = {"path": "t.csv", "columns": {"a": "VARCHAR", "b": "VARCHAR"}}
    if b"3,4,5" in content:
        content += b"1,2\n" * 3000  # behind the sample, that is: too wide a row in it widens the header
        (tmp_path / "t.csv").write_bytes(b"a,b\n" + b"1,2\n" * 3000 + b"3,4,5\n")
    with pytest.raises(SourceProtocolError, match=problem):
        read(files(tmp_path, t=table), "t")


def test_other_encodings_delimiters_and_a_header_alone(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("name;größe\nMüller;1\n".encode("cp1252"))
    (tmp_path / "wide.csv").write_bytes("name\tn\nŁódź\t1\n".encode("utf-16"))
    (tmp_path / "empty.csv").write_text("a,b\n")
    (tmp_path / "bare.csv").write_text("a,b")
    connector = files(
        tmp_path,
        latin={"path": "latin.csv", "encoding": "cp1252"},
        wide={"path": "wide.csv", "encoding": "utf-16", "delimiter": "\t"},
    )
    assert read(connector, "latin") == [{"name": "Müller", "größe": 1}]
    assert read(connector, "wide") == [{"name": "Łódź", "n": 1}]
    assert read(connector, "empty") == [] == read(connector, "bare")


def test_dates_in_the_writers_own_form_and_hexadecimal_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("d,t\n29.02.2024,31.03.2024 02:30\n")
    table = {
        "path": "t.csv",
        "columns": {
            "d": {"type": "DATE", "form": "%d.%m.%Y"},
            "t": {"type": "TIMESTAMP WITH TIME ZONE", "form": "%d.%m.%Y %H:%M"},
        },
    }
    instant = datetime(2024, 3, 31, 1, 0, tzinfo=UTC)  # in the gap: where it starts
    assert read(files(tmp_path, BERLIN, t=table), "t") == [{"d": date(2024, 2, 29), "t": instant}]
    (tmp_path / "h.csv").write_text("n\n0x1F\n")
    with pytest.raises(SourceDataError):
        read(files(tmp_path, h={"path": "h.csv", "columns": {"n": "INTEGER"}}), "h")
