"""JSON lines: digits are kept, a bad line is named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from connectors.sdk.errors import (
    SourceDataError,
    SourceProtocolError,
)
from tests.connectors.file_tables import files, read, types


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
