"""What the protocols send as Python values of the expected types, and a comparison row by row."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

Row = Mapping[str, Any]
RELATIVE = 1e-9


def json_rows(text: str | bytes) -> Any:
    """A JSON document whose fractions are exact."""
    return json.loads(text, parse_float=Decimal)


def csv_rows(text: str) -> list[dict[str, str | None]]:
    """Rows of a CSV answer as text: an empty field is NULL (no text of ours is empty)."""
    return [{name: value or None for name, value in row.items()} for row in csv.DictReader(io.StringIO(text))]


def arrow_rows(content: bytes) -> list[dict[str, Any]]:
    """Rows of an Arrow stream."""
    return pa.ipc.open_stream(content).read_all().to_pylist()


def assert_same_rows(found: Sequence[Row], expected: Sequence[Row], *, ordered: bool) -> None:
    """Row by row, as lists where order was asked for, else as multisets; doubles to 1e-9, all else exactly."""
    assert len(found) == len(expected), f"{len(found):,} rows in place of {len(expected):,}"
    if expected:
        assert list(found[0]) == list(expected[0]), "other columns, or in another order"
    read = [{name: as_type(value, like[name]) for name, value in row.items()} for row, like in pairs(found, expected)]
    if not ordered:
        read, expected = sorted(read, key=sort_key), sorted(expected, key=sort_key)
    for number, (row, wanted) in enumerate(zip(read, expected, strict=True)):
        differences = {n: (row[n], wanted[n]) for n in wanted if not same(row[n], wanted[n])}
        assert not differences, f"row {number} (found, expected): {differences}"


def pairs(found: Sequence[Row], expected: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Each row with an example of its columns' types: a value of the same column that is not NULL."""
    example = {
        name: next((row[name] for row in expected if row[name] is not None), None) for name in columns(expected)
    }
    return [(row, example) for row in found]


def columns(rows: Sequence[Row]) -> list[str]:
    """The names in a row."""
    return list(rows[0]) if rows else []


def as_type(value: Any, like: Any) -> Any:
    """A value as the protocol sent it, as the type of an expected one."""
    if value is None or like is None or type(value) is type(like):
        return value
    if isinstance(like, bool):
        return {"true": True, "false": False}[value]
    if isinstance(like, datetime):
        return datetime.fromisoformat(value).astimezone(UTC)
    if isinstance(like, date | time):
        return type(like).fromisoformat(value)
    return type(like)(value)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same; NULL is the same as NULL only."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or math.isclose(one, other, rel_tol=RELATIVE)
    return type(one) is type(other) and bool(one == other)


def sort_key(row: Row) -> tuple[tuple[bool, str], ...]:
    """An order by what is not floating point (the rows of a question have a key among that)."""
    return tuple((value is None, str(value)) for value in row.values() if not isinstance(value, float))
