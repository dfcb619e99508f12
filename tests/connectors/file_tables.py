"""Files connectors over a directory, and a workbook as laboratories send them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter  # type: ignore[import-untyped]

from connectors.files import Files, FilesConfig
from connectors.sdk.registry import connector_config
from connectors.sdk.scan import Comparison, ScanRequest, TableName

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
