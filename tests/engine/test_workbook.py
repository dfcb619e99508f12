"""Workbooks as answers, read back by others' readers: what Excel can hold is a number or a date, all else is text."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from lxml import etree
from openpyxl.utils.escape import unescape
from python_calamine import CalamineWorkbook

from engine.duckdb_session import open_session
from engine.encoders.encoding import Encoding, Format, NextLink, Page
from engine.encoders.workbook import MAX_ROWS, WorkbookFile
from engine.errors import AnswerLimitError, QueryValueError
from engine.executor import query_error
from tests.engine.test_encoders import encoded, raw
from tests.engine.workers import Collected


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    opened = open_session(512, 2, Path(tmp_path_factory.mktemp("spill")), 512)
    yield opened
    opened.close()


def answer(session: duckdb.DuckDBPyConnection, sql: str, *names: str, **options: Any) -> bytes:
    return raw(encoded(session, sql, Encoding(Format.XLSX, names, **options)))


def cells(content: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize(
    ("kind", "value", "shown", "form"),
    [
        ("BIGINT", "999999999999999", 999999999999999, "General"),
        ("BIGINT", "-999999999999999", -999999999999999, "General"),
        ("BIGINT", "1000000000000000", "1000000000000000", "General"),
        ("BIGINT", "-9223372036854775808", "-9223372036854775808", "General"),
        ("UBIGINT", "18446744073709551615", "18446744073709551615", "General"),
        (
            "HUGEINT",
            "-170141183460469231731687303715884105728",
            "-170141183460469231731687303715884105728",
            "General",
        ),
        ("TINYINT", "-128", -128, "General"),
        ("DECIMAL(12,2)", "12.50", 12.5, "0.00"),
        ("DECIMAL(5,2)", "-0.05", -0.05, "0.00"),
        ("DECIMAL(4,4)", "-0.0500", -0.05, "0.0000"),
        ("DECIMAL(38,2)", "'9999999999999.99'", 9999999999999.99, "0.00"),
        ("DECIMAL(38,2)", "'10000000000000.00'", "10000000000000.00", "General"),
        ("DECIMAL(38,12)", "'12345678901234567890.123456789012'", "12345678901234567890.123456789012", "General"),
        ("DECIMAL(38,20)", "'0.00000000000000000001'", 1e-20, "General"),
        ("DECIMAL(38,20)", "'0.12345678901234567890'", "0.12345678901234567890", "General"),
        ("DECIMAL(38,38)", "'0." + "0" * 37 + "1'", 1e-38, "General"),
        ("DECIMAL(38,0)", "'" + "9" * 38 + "'", "9" * 38, "General"),
        ("DOUBLE", "0.1", 0.1, "General"),
        ("DOUBLE", "5e-324", 5e-324, "General"),
        ("DOUBLE", "1e300", 1e300, "General"),
        ("DOUBLE", "'nan'", "NaN", "General"),
        ("DOUBLE", "'-inf'", "-INF", "General"),
        ("FLOAT", "0.1", 0.1, "General"),
        ("BOOLEAN", "true", True, "General"),
        ("BOOLEAN", "false", False, "General"),
        ("DATE", "'2026-11-24'", datetime(2026, 11, 24), "yyyy\\-mm\\-dd"),
        ("DATE", "'1900-03-01'", datetime(1900, 3, 1), "yyyy\\-mm\\-dd"),
        ("DATE", "'1900-02-28'", "1900-02-28", "General"),
        ("DATE", "'0001-01-01'", "0001-01-01", "General"),
        ("DATE", "'9999-12-31'", datetime(9999, 12, 31), "yyyy\\-mm\\-dd"),
        ("TIMESTAMP", "'2026-11-24 08:30:15'", datetime(2026, 11, 24, 8, 30, 15), "yyyy\\-mm\\-dd\\ hh:mm:ss"),
        ("TIMESTAMPTZ", "'2026-11-24 08:30:15+01'", datetime(2026, 11, 24, 7, 30, 15), "yyyy\\-mm\\-dd\\ hh:mm:ss"),
        ("TIMESTAMP", "'1899-12-31 12:00:00'", "1899-12-31T12:00:00Z", "General"),
        ("TIME", "'06:15:30'", time(6, 15, 30), "hh:mm:ss"),
        ("VARCHAR", "'=1+1'", "=1+1", "General"),
        ("VARCHAR", "'007'", "007", "General"),
        ("VARCHAR", "'2026-01-01'", "2026-01-01", "General"),
        ("VARCHAR", "'  a\tb\nc  '", "  a\tb\nc  ", "General"),
        ("VARCHAR", "'<a & \"b\"> ä 😀'", '<a & "b"> ä 😀', "General"),
        ("UUID", "'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001", "General"),
        ("BLOB", "'\\xFB\\xFF'", "-_8=", "General"),
    ],
)
def test_a_value_is_this_in_a_workbook(
    session: duckdb.DuckDBPyConnection, kind: str, value: str, shown: Any, form: str
) -> None:
    content = answer(session, f"SELECT CAST({value} AS {kind}) AS c UNION ALL SELECT CAST(NULL AS {kind})", "c")
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    cell = sheet.cell(2, 1)
    found = cell.value.date() if isinstance(cell.value, date) and not isinstance(shown, datetime) else cell.value
    assert (found, type(found), cell.number_format) == (shown, type(shown), form)
    assert cell.data_type != "f" and sheet.cell(3, 1).value is None
    if isinstance(shown, str):
        assert cell.data_type in ("s", "inlineStr")


def test_what_xml_can_not_hold_is_written_as_the_standard_says(session: duckdb.DuckDBPyConnection) -> None:
    texts = ["a\x01b", "line\r\nend", "_x0041_", "_x0041_x0042_", "_x005F_", "\ufffe!", "x" * 32_767, ""]
    values = ", ".join(f"('{text}')" for text in texts)
    content = answer(session, f"SELECT * FROM (VALUES {values}) AS v(c)", "c")
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        etree.fromstring(file.read("xl/worksheets/sheet1.xml"))
    assert [unescape(row[0] or "") for row in cells(content)][1:] == texts


def test_names_are_the_header_and_gaps_keep_their_places(session: duckdb.DuckDBPyConnection) -> None:
    content = answer(
        session, "SELECT 1 AS a, NULL::INTEGER AS b, 'x' AS c, NULL::DATE AS d", "=a", "b & c", "ä\x02", "d"
    )
    assert cells(content) == [["=a", "b & c", "ä_x0002_", "d"], [1, None, "x", None]]
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert rows[1][:3] == [1.0, "", "x"]


def test_an_empty_answer_is_a_workbook_with_a_header(session: duckdb.DuckDBPyConnection) -> None:
    assert cells(answer(session, "SELECT 1 AS a, 2 AS b WHERE false", "a", "b")) == [["a", "b"]]


def test_many_rows_come_in_order_and_in_pieces(session: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT range AS a, md5(range::VARCHAR) AS b FROM range(50000) ORDER BY a"
    sink = encoded(session, sql, Encoding(Format.XLSX, ("a", "b")), batch_rows=2_048)
    assert len(sink.pieces) > 10 and max(map(len, sink.pieces)) < 300_000, "it leaves while it is written"
    found = cells(raw(sink))
    assert len(found) == 50_001 and [row[0] for row in found[1:]] == list(range(50_000))


def test_a_page_of_a_workbook_leaves_its_key_out(session: duckdb.DuckDBPyConnection) -> None:
    page = Page(2, 1, NextLink.HEAD, link="http://x/?after=")
    sink = encoded(session, "SELECT range AS a, range AS k FROM range(3)", Encoding(Format.XLSX, ("a",), page=page))
    assert cells(raw(sink)) == [["a"], [0], [1]] and str(sink.heads[0]["next"]).startswith("http://x/")


def test_a_sheet_that_is_full_is_an_error_and_no_file(session: duckdb.DuckDBPyConnection) -> None:
    sink = Collected()
    with pytest.raises(AnswerLimitError, match="1,048,575 rows below its header"):
        cursor = session.cursor()
        from engine.encoders.rows import rows_sql
        from engine.encoders.writer import Writer

        encoding = Encoding(Format.XLSX, ("a",))
        reader = cursor.sql(rows_sql(f"SELECT range AS a FROM range({MAX_ROWS + 1})", encoding, ["BIGINT"]))
        batches = reader.to_arrow_reader(100_000)
        Writer(encoding, sink).write(iter(batches), batches.schema)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(raw(sink)))


def test_a_full_sheet_is_whole(session: duckdb.DuckDBPyConnection) -> None:
    content = answer(session, f"SELECT range % 7 AS a FROM range({MAX_ROWS})", "a")
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.read("xl/worksheets/sheet1.xml").count(b"<row>") == MAX_ROWS + 1


def test_a_text_that_no_cell_holds_is_a_clear_error(session: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error) as caught:
        answer(session, "SELECT repeat('x', 32768) AS c", "c")
    told = query_error(caught.value)
    assert isinstance(told, QueryValueError) and "32,767" in told.message


def test_too_many_columns_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(AnswerLimitError, match="16,384 columns"):
        WorkbookFile(io.BytesIO(), [f"c{n}" for n in range(16_385)])


def test_no_number_differs_from_what_the_database_holds(session: duckdb.DuckDBPyConnection) -> None:
    sql = (
        "SELECT CAST((hash(range) % 2000000000000000)::HUGEINT - 1000000000000000 AS DECIMAL(38,0)) / 100 AS x,"
        " CAST(hash(range) AS DECIMAL(20,0)) AS y, CAST(hash(range) % 1000000 AS DECIMAL(18,6)) / 7 AS z"
        " FROM range(3000)"
    )
    typed = f"SELECT CAST(x AS DECIMAL(38,2)) AS x, y, CAST(z AS DECIMAL(18,6)) AS z FROM ({sql})"
    wanted = session.cursor().sql(typed).fetchall()
    found = cells(answer(session, typed, "x", "y", "z"))[1:]
    for row, other in zip(wanted, found, strict=True):
        for value, cell, places in zip(row, other, ("0.01", "1", "0.000001"), strict=True):
            assert Decimal(str(cell)).quantize(Decimal(places)) == value
