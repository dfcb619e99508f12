"""What files are like in a factory: dirt, title rows, files in many parts, files cut short, bombs."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter  # type: ignore[import-untyped]

from connectors.files import Files, FilesConfig
from connectors.sdk.errors import (
    ConfigurationError,
    ConnectorError,
    SourceDataError,
    SourceLimitError,
    SourceProtocolError,
    SourceSchemaChangedError,
    SourceTableMissingError,
    SourceUnavailableError,
)
from connectors.sdk.formats.parquet import parquet_columns, read_parquet
from connectors.sdk.paths import open_file, open_root
from connectors.sdk.registry import connector_config
from connectors.sdk.scan import Comparison, Op, ScanRequest, TableName
from connectors.sdk.testing_values import holds

BERLIN = ZoneInfo("Europe/Berlin")


def files(directory: Path, zone: ZoneInfo | None = None, **tables: dict[str, Any]) -> Files:
    config = connector_config("files", {"directory": str(directory), "tables": tables})
    assert isinstance(config, FilesConfig)
    return Files(config, zone)


def read(connector: Files, table: str, *predicates: Comparison, columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    described = connector.describe(TableName((table,)))
    typed = tuple((c.name, c.sql_type) for c in described.columns if not columns or c.name in columns)
    batches = connector.scan(ScanRequest(described.name, typed, predicates))
    return [row for batch in batches for row in batch.to_pylist()]


def types(connector: Files, table: str) -> dict[str, str]:
    return {column.name: column.sql_type for column in connector.describe(TableName((table,))).columns}


# CSV ----------------------------------------------------------------------------------------------------------


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


# Several files, tables that are not listed --------------------------------------------------------------------


def test_several_files_are_one_table_and_one_that_differs_is_named(tmp_path: Path) -> None:
    for month in (1, 2, 3):
        pq.write_table(pa.table({"m": [month] * month, "v": ["x"] * month}), tmp_path / f"r-{month}.parquet")
    connector = files(tmp_path, readings={"path": "r-*.parquet"})
    assert [row["m"] for row in read(connector, "readings")] == [1, 2, 2, 3, 3, 3]
    assert connector.describe(TableName(("readings",))).row_estimate == 6
    pq.write_table(pa.table({"m": ["text"], "v": ["x"]}), tmp_path / "r-2.parquet")
    with pytest.raises(SourceSchemaChangedError, match=r"r-2\.parquet.*'m'"):
        connector.describe(TableName(("readings",)))
    with pytest.raises(SourceSchemaChangedError, match=r"r-2\.parquet"):
        list(connector.scan(ScanRequest(TableName(("readings",)), (("m", "BIGINT"),))))
    (tmp_path / "c1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "c2.csv").write_text("b,a\n4,3\n")
    (tmp_path / "c3.csv").write_text("a\n5\n")
    connector = files(tmp_path, c={"path": "c[12].csv"}, d={"path": "c?.csv"})
    assert read(connector, "c") == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    with pytest.raises(SourceSchemaChangedError, match=r"c3\.csv"):
        read(connector, "d")


def test_files_that_no_table_reads_are_offered_by_their_names(tmp_path: Path) -> None:
    for name in ("orders.csv", "lines.csv", "lines.jsonl", "used.csv", "odd[1].csv", "notes.md"):
        (tmp_path / name).write_text('{"a": 1}\n' if name.endswith("jsonl") else "a\n1\n")
    connector = files(tmp_path, table={"path": "used.csv"})
    names = [str(name) for name in connector.list_tables()]
    assert names == ["lines.csv", "lines.jsonl", "odd[1]", "orders", "table"]
    assert [read(connector, name) for name in names] == [[{"a": 1}]] * 5


def test_a_directory_or_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="nowhere"):
        files(tmp_path / "nowhere").list_tables()
    with pytest.raises(SourceTableMissingError, match=r"x\*\.csv"):
        files(tmp_path, t={"path": "x*.csv"}).describe(TableName(("t",)))
    for path in ("../x.csv", "/etc/x.csv", "a/../../x.csv"):
        with pytest.raises(ConfigurationError, match=r"tables\.t\.path"):
            files(tmp_path, t={"path": path})
    stages = list(files(tmp_path / "nowhere").test())
    assert [(stage.name, stage.ok) for stage in stages] == [("permission", False)] and stages[0].hint


# Parquet ------------------------------------------------------------------------------------------------------


def test_row_groups_that_hold_no_match_are_not_read(tmp_path: Path) -> None:
    rows = 10_000
    moments = pa.array([n * 1_000_000 for n in range(rows)], pa.timestamp("us"))
    table = pa.table(
        {"n": range(rows), "t": moments, "f": [float("nan") if n % 10 else float(n) for n in range(rows)]}
    )
    pq.write_table(table, tmp_path / "r.parquet", row_group_size=1_000)
    connector = files(tmp_path)
    cases = (
        (Comparison("n", Op.EQ, (4_500,)), 9),
        (Comparison("n", Op.GE, (9_000,)), 9),
        (Comparison("n", Op.IN, (1, 2, 9_999)), 8),
        (Comparison("t", Op.LT, (datetime(1970, 1, 1, 0, 30),)), 8),
        (Comparison("f", Op.LT, (0.5,)), 9),
        (Comparison("f", Op.GT, (1e9,)), 0),  # NaN is greater, and in no statistics
        (Comparison("n", Op.IS_NULL), 10),
    )
    everything = read(connector, "r", columns=())
    root = open_root(tmp_path)
    file = open_file(root, "r.parquet")
    columns = parquet_columns(file)[0]
    for predicate, fewer in cases:
        skipped: list[int] = []
        read_rows = list(read_parquet(file, columns, (predicate,), None, skipped))
        assert skipped == [fewer], predicate
        assert sum(batch.num_rows for batch in read_rows) == rows - 1_000 * fewer
        kept = [row["n"] for row in read(connector, "r", predicate)]
        assert kept == [row["n"] for row in everything if holds(predicate, row)]
    file.handle.close()
    os.close(root)
    assert len(read(connector, "r", Comparison("f", Op.GT, (1e9,)))) == 9_000


def test_types_of_parquet_that_we_lack_are_read_as_ours(tmp_path: Path) -> None:
    made = pa.table(
        {
            "ns": pa.array([1_001, -1_001], pa.timestamp("ns")),
            "ms": pa.array([1, None], pa.timestamp("ms", "Europe/Berlin")),
            "dictionary": pa.array(["a", None]).dictionary_encode(),
            "list": pa.array([[1, 2], None]),
            "uuid": pa.array([UUID(int=1).bytes, None], pa.uuid()),
            "wide": pa.array([Decimal("9" * 38), None], pa.decimal128(38, 0)),
        }
    )
    pq.write_table(made, tmp_path / "t.parquet", coerce_timestamps=None)
    connector = files(tmp_path)
    assert list(types(connector, "t").values()) == [
        *("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "VARCHAR", "UUID", "DECIMAL(38,0)"),
    ]
    first, second = read(connector, "t")
    assert first["ns"] == datetime(1970, 1, 1, 0, 0, 0, 1) and second["ns"] == datetime(
        1969, 12, 31, 23, 59, 59, 999998
    )
    assert (first["list"], first["uuid"], first["wide"]) == ("[1,2]", str(UUID(int=1)), Decimal("9" * 38))


def test_a_parquet_file_that_is_cut_is_an_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": range(1000)}), tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    for length in (0, 3, len(content) // 2, len(content) - 1):
        (tmp_path / "t.parquet").write_bytes(content[:length])
        with pytest.raises(SourceProtocolError, match=r"t\.parquet"):
            list(files(tmp_path).scan(ScanRequest(TableName(("t",)), (("a", "BIGINT"),))))


# JSON lines ---------------------------------------------------------------------------------------------------


def test_json_lines_keep_digits_and_name_a_bad_line(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"id": 9007199254740993, "price": 1.10, "x": {"b": [1, 2.50]}}\n\n{"id": 2, "extra": true, "price": 2.00}\n'
    )
    connector = files(tmp_path)
    assert types(connector, "t") == {
        **{"id": "BIGINT", "price": "DECIMAL(18,2)", "x": "VARCHAR", "extra": "BOOLEAN"},
    }
    assert read(connector, "t") == [
        {"id": 9007199254740993, "price": Decimal("1.10"), "x": '{"b":[1,2.50]}', "extra": None},
        {"id": 2, "price": Decimal("2.00"), "x": None, "extra": True},
    ]
    table = {"path": "t.jsonl", "columns": {"id": "BIGINT"}}
    for line in ('{"id": 1', '{"id": NaN}', "[1]", '{"id": ' + "[" * 100_000):
        (tmp_path / "t.jsonl").write_text('{"id": 1}\n' + line)
        with pytest.raises(SourceProtocolError, match="line 2"):
            read(files(tmp_path, t=table), "t")
    for value in ("true", "1.5", '"x"', "[1]", "1e400", "9223372036854775808", '"\\ud800"'):
        (tmp_path / "t.jsonl").write_text('{"id": 1}\n{"id": ' + value + "}\n")
        with pytest.raises(SourceDataError, match="line 2"):
            read(files(tmp_path, t=table), "t")


# Excel --------------------------------------------------------------------------------------------------------


def workbook(path: Path) -> None:
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("Cover").write(0, 0, "Quality lab")
        sheet = book.add_worksheet("Data 2024")
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        sheet.write(0, 0, "Report")
        for column, name in enumerate(("Sample", "Taken", "Value", "", "Note")):
            sheet.write(3, column, name)
        sheet.write_row(4, 0, ["S1"])
        sheet.write_datetime(4, 1, datetime(2024, 2, 29), day)
        sheet.write_number(4, 2, 0.1 + 0.2)
        sheet.write_row(6, 0, ["S2", "01.03.2024", "0,5", "ignored", "fine"])
        sheet.write_row(7, 0, ["S3", "", "<0.02", "", "  "])
        sheet.write_formula(8, 2, "=1/0", None, "#DIV/0!")
        sheet.write_string(8, 0, "S4")
        sheet.write_string(200, 0, "behind the range")


EXCEL: dict[str, Any] = {
    "path": "lab.xlsx",
    "sheet": "Data 2024",
    "range": "A4:E100",
    "decimal_comma": True,
    "columns": {"Value": "DECIMAL(9,3)", "Taken": {"type": "DATE", "form": "%d.%m.%Y"}},
}


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


def test_proposals_say_why_and_count_misfits(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("v,w\n" + "1.5,x\n" * 19 + "n/a,x\n")
    proposal = files(tmp_path).infer(TableName(("t",)))
    value, word = proposal.columns
    assert (value.sql_type, value.misfits, value.values) == ("DECIMAL(18,1)", 1, 20)
    assert "bad_value" in value.reason and word.sql_type == "VARCHAR" and proposal.rows == 20
    workbook(tmp_path / "lab.xlsx")
    assert [c.name for c in files(tmp_path, lab=EXCEL).infer(TableName(("lab",))).columns] == [
        *("Sample", "Taken", "Value", "Note"),
    ]
