"""Tables that are several files, or listed nowhere; files that are gone; column types that are proposed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.sdk.errors import (
    ConfigurationError,
    SourceSchemaChangedError,
    SourceTableMissingError,
    SourceUnavailableError,
)
from connectors.sdk.scan import ScanRequest, TableName
from tests.connectors.file_tables import EXCEL, files, read, workbook


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
