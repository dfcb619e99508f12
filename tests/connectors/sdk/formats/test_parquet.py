"""Parquet: row groups that are not read, types that we lack, files that are cut."""

from __future__ import annotations

import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.sdk.errors import (
    SourceProtocolError,
)
from connectors.sdk.formats.parquet import parquet_columns, read_parquet
from connectors.sdk.paths import open_file, open_root
from connectors.sdk.scan import Comparison, Op, ScanRequest, TableName
from connectors.sdk.testing_values import holds
from tests.connectors.file_tables import files, read, types


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
