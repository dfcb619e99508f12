"""The contract of the files connector, once for each format."""

from __future__ import annotations

import base64
import io
import json
import math
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter  # type: ignore[import-untyped]

from connectors.files import Files, FilesConfig
from connectors.sdk import testing
from connectors.sdk.connector import Connector
from connectors.sdk.scan import TableName
from connectors.sdk.testing import ConnectorContract, SourceTable
from connectors.sdk.types import arrow_type

EVERY_TYPE: tuple[str, ...] = (
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    *("FLOAT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UUID"),
    *("DECIMAL(18,4)", "DECIMAL(28,10)", "DECIMAL(5,0)"),
)


TEXT_TYPES: tuple[str, ...] = tuple(t for t in EVERY_TYPE if "INT" not in t or t in ("SMALLINT", "UBIGINT"))


class FilesContract(ConnectorContract):
    """Files below a directory of the test; a subclass says how a table is written."""

    kind = "files"
    column_types = EVERY_TYPE
    has_keys = False
    extension: ClassVar[str]
    typed_by_file: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(testing, "BIG_ROWS", 60_000)  # enough for several batches of every format
        self.directory = tmp_path
        self.tables: dict[str, Any] = {}
        yield

    def make(self, time_zone: ZoneInfo | None = None) -> Connector:
        made = Files(FilesConfig(directory=self.directory, tables=self.tables), time_zone)
        self.made = [*getattr(self, "made", []), made]
        return made

    def configuration(self) -> dict[str, object]:
        return {"directory": str(self.directory), "tables": self.tables}

    def create(self, table: SourceTable) -> TableName:
        path = self.directory / f"{table.name}.{self.extension}"
        self.write(path, table)
        if not self.typed_by_file:
            self.tables[table.name] = {"path": path.name, "columns": dict(table.columns)}
        for made in getattr(self, "made", []):  # a test makes tables behind the connector's back
            made._tables = FilesConfig(directory=self.directory, tables=self.tables).tables
        return TableName((table.name,))

    def write(self, path: Path, table: SourceTable) -> None:
        raise NotImplementedError


class TestParquetContract(FilesContract):
    extension = "parquet"
    typed_by_file = True

    def write(self, path: Path, table: SourceTable) -> None:
        arrays = [
            pa.array([str(v) if isinstance(v, UUID) else v for v in (row[i] for row in table.rows)], arrow_type(t))
            for i, (_, t) in enumerate(table.columns)
        ]
        written = pa.Table.from_arrays(arrays, names=[name for name, _ in table.columns])
        pq.write_table(written, path, row_group_size=7 if len(table.rows) < 1000 else 50_000)

    column_types = tuple(t for t in EVERY_TYPE if t != "UUID")  # written as text by this test; see test_files_parquet


def as_text(value: Any, sql_type: str) -> Any:
    """A value as a text file writes it; None for NULL."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date | time | datetime):
        return value.isoformat()
    return value if value is None else str(value)


class TestCsvContract(FilesContract):
    column_types = TEXT_TYPES
    extension = "csv"

    def write(self, path: Path, table: SourceTable) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            # By hand: NULL is an empty field, empty text is in quotes.
            file.write(",".join(name for name, _ in table.columns) + "\n")
            for row in table.rows:
                fields = [
                    "" if v is None else '"' + str(as_text(v, t)).replace('"', '""') + '"'
                    for v, (_, t) in zip(row, table.columns, strict=True)
                ]
                file.write(",".join(fields) + "\n")

    def keeps(self, sql_type: str, value: Any) -> bool:
        # Blanks in a column that isn't text are NULL, and so is the base64 of no bytes.
        return bool(value != b"")


class TestJsonLinesContract(FilesContract):
    column_types = TEXT_TYPES
    extension = "jsonl"

    def write(self, path: Path, table: SourceTable) -> None:
        with path.open("w", encoding="utf-8") as file:
            for row in table.rows:
                record = {
                    name: v for (name, t), v in zip(table.columns, row, strict=True) if v is not None or t != "DATE"
                }
                fields = [f"{json.dumps(name)}:{self.json(value)}" for name, value in record.items()]
                file.write("{" + ",".join(fields) + "}\n")

    def json(self, value: Any) -> str:
        if isinstance(value, Decimal):
            return f"{value:f}"
        if isinstance(value, float) and not math.isfinite(value):
            return json.dumps(str(value))
        if value is None or isinstance(value, bool | int | float | str):
            return json.dumps(value)
        return json.dumps(as_text(value, ""))

    def keeps(self, sql_type: str, value: Any) -> bool:
        return bool(value != b"")


@cache
def big_workbook(first: tuple[Any, ...], count: int) -> bytes:
    """The contract's big table: xlsxwriter would take ten seconds for it."""
    parts = {
        "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet name="Data" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="a" Target="worksheets/s.xml"/>'
        "</Relationships>",
        "xl/worksheets/s.xml": "<worksheet><sheetData>"
        '<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>label</t></is></c></row>'
        + "".join(
            f'<row r="{n + 2}"><c r="A{n + 2}"><v>{n}</v></c><c r="B{n + 2}" t="inlineStr"><is><t>row {n} '
            f"{'x' * 60}</t></is></c></row>"
            for n in range(count)
        )
        + "</sheetData></worksheet>",
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return target.getvalue()


class TestExcelContract(FilesContract):
    """Numbers of a sheet are doubles with 15 digits, its dates start in 1900 and have milliseconds."""

    extension = "xlsx"
    column_types = ("BOOLEAN", "INTEGER", "DOUBLE", "VARCHAR", "DATE", "TIME", "TIMESTAMP", "DECIMAL(12,3)", "UUID")

    def write(self, path: Path, table: SourceTable) -> None:
        if len(table.rows) > 10_000:
            path.write_bytes(big_workbook(tuple(table.rows[0]), len(table.rows)))
            return
        with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "constant_memory": True}) as book:
            sheet = book.add_worksheet("Data")
            formats = {
                date: book.add_format({"num_format": "yyyy-mm-dd"}),
                datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"}),
                time: book.add_format({"num_format": "hh:mm:ss.000"}),
            }
            for column, (name, _) in enumerate(table.columns):
                sheet.write_string(0, column, name)
            for number, row in enumerate(table.rows, 1):
                for column, value in enumerate(row):
                    if isinstance(value, bool):
                        sheet.write_boolean(number, column, value)
                    elif type(value) in formats:
                        sheet.write_datetime(number, column, value, formats[type(value)])
                    elif isinstance(value, int | float | Decimal):
                        sheet.write_number(number, column, value)
                    elif value is not None:
                        sheet.write_string(number, column, str(value))

    def keeps(self, sql_type: str, value: Any) -> bool:
        if isinstance(value, str):
            return value != "" and value.strip() == value and "\r" not in value and len(value) < 32_000
        if isinstance(value, float):
            return (
                math.isfinite(value)
                and float(f"{value:.15g}") == value
                and not (value == 0 and math.copysign(1, value) < 0)
            )
        if isinstance(value, Decimal):
            return len(value.as_tuple().digits) <= 15
        if isinstance(value, date):
            year_fits = 1900 < value.year < 9999
            return year_fits and (not isinstance(value, datetime) or value.microsecond % 1000 == 0)
        return not isinstance(value, time) or value.microsecond % 1000 == 0
