"""Comparisons with null and NaN, and the shapes that a source can take."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest

from connectors.sdk import Column, Op, Support, Table, TableName
from connectors.sdk.scan import Value
from engine.predicates import push
from server.answer import Answer
from tests.server.odata.service import Service

NUMBERS = Service(
    [("k", "INTEGER"), ("a", "INTEGER"), ("b", "INTEGER")], [[1, 5, 5], [2, 5, 7], [3, None, 5], [4, None, None]]
)
FLOATS = Service([("k", "INTEGER"), ("x", "DOUBLE"), ("y", "FLOAT")],
                 [[1, math.nan, math.nan], [2, 1.5, 1.5], [3, math.inf, -math.inf], [4, None, math.nan]])  # fmt: skip


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a eq 5", [1, 2]),
        ("not (a eq 5)", [3, 4]),
        ("a ne 5", [3, 4]),
        ("a eq null", [3, 4]),
        ("null ne a", [1, 2]),
        ("a gt 4", [1, 2]),
        ("not (a gt 4)", [3, 4]),
        ("a gt null", []),
        ("not (a gt null)", [1, 2, 3, 4]),
        ("a eq b", [1, 4]),
        ("a ne b", [2, 3]),
        ("a le b", [1, 2]),
        ("not (a le b)", [3, 4]),
        ("5 lt b", [2]),
        ("null eq null", [1, 2, 3, 4]),
        ("null", []),
        ("not null", []),
        ("a add null eq null", [1, 2, 3, 4]),
        ("(a gt 4) eq false", [3, 4]),
        ("(a eq 5) ne (b eq 5)", [2, 3]),
        ("a in (5,null)", [1, 2, 3, 4]),
        ("b in (7,9)", [2]),
        ("not (b in (7,9))", [1, 3, 4]),
        ("not (b in (7,null))", [1, 3]),
        ("b in ()", []),
        ("not (b in ())", [1, 2, 3, 4]),
        ("b in (null)", [4]),
        ("not (b in (null))", [1, 2, 3]),
        ("5 in (a,b)", [1, 2, 3]),
        ("a eq 2147483648", []),
        ("a lt 99999999999999999999", [1, 2]),
        ("a add 1 lt 6.5", [1, 2]),
        ("floor(a add 0.5) lt 5.005", [1, 2]),
        ("a lt 5.5", [1, 2]),
        ("a eq 5.0", [1, 2]),
        ("a eq 5e0", [1, 2]),
    ],
)
def test_null_is_equal_to_itself_and_to_nothing_else(text: str, left: list[int]) -> None:
    assert NUMBERS.filter(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("x eq NaN", []),
        ("x ne NaN", [1, 2, 3, 4]),
        ("x in (NaN,1.5)", [2]),
        ("x gt 1", [2, 3]),
        ("not (x gt 1)", [1, 4]),
        ("x lt INF", [2]),
        ("x eq INF", [3]),
        ("y eq -INF", [3]),
        ("x eq x", [2, 3, 4]),
        ("x ne x", [1]),
        ("x ge y", [2, 3]),
        ("x le y", [2]),
        ("not (x le y)", [1, 3, 4]),
        ("y lt x", [3]),
        ("x gt NaN", []),
        ("not (x gt NaN)", [1, 2, 3, 4]),
        ("y eq 1.5", [2]),
    ],
)
def test_nan_is_equal_to_nothing_and_neither_greater_nor_less(text: str, left: list[int]) -> None:
    assert FLOATS.filter(text) == left


TYPES: dict[str, tuple[str, Value, str, str]] = {
    "flag": ("BOOLEAN", True, "true", "false"),
    "day": ("DATE", date(2024, 2, 29), "2024-02-29", "2024-03-01"),
    "clock": ("TIME", time(7, 59, 59, 999000), "07:59:59.999", "08:00:00"),
    "naive": ("TIMESTAMP", datetime(2024, 1, 1, 23), "2024-01-02T00:00:00+01:00", "2024-01-02T00:00:00Z"),
    "aware": ("TIMESTAMP WITH TIME ZONE", datetime(2024, 1, 1, 23, tzinfo=UTC), "2024-01-01T18:00:00-05:00",
              "2024-01-01T23:00:00.000001Z"),
    "lot": ("UUID", UUID(int=10), "00000000-0000-0000-0000-00000000000A", "00000000-0000-0000-0000-00000000000b"),
    "money": ("DECIMAL(12,2)", Decimal("19.90"), "19.9", "19.901"),
    "single": ("FLOAT", 0.1, "0.1", "0.2"),
    "big": ("BIGINT", 2**63 - 1, "9223372036854775807", "9223372036854775806"),
    "huge": ("UBIGINT", 2**64 - 1, "18446744073709551615", "1"),
    "tiny": ("TINYINT", -128, "-128", "127"),
    "name": ("VARCHAR", "it's", "'it''s'", "'It''s'"),
    "photo": ("BLOB", b"\x00\xff", "binary'AP8'", "binary'AP8A'"),
}  # fmt: skip
EVERY = Service([("k", "INTEGER"), *((n, t[0]) for n, t in TYPES.items())], [[1, *(t[1] for t in TYPES.values())]])


@pytest.mark.parametrize("column", TYPES)
def test_literals_of_every_type_compare(column: str) -> None:
    _, _, same, other = TYPES[column]
    assert EVERY.filter(f"{column} eq {same}") == [1]
    assert EVERY.filter(f"{column} eq {other}") == []
    assert EVERY.filter(f"{column} in ({other},{same})") == [1]
    assert EVERY.filter(f"{column} ne {other}") == [1]
    assert EVERY.filter(f"{same} ge {column} and {column} le {same}") == [1]


def test_moments_of_both_kinds_of_column_compare_as_moments() -> None:
    assert EVERY.filter("naive eq aware") == [1]
    assert EVERY.filter("naive lt aware") == []


def pushed(text: str) -> tuple[str, bool] | None:
    """What a source that can do everything would be given, and whether that is all of the condition."""
    service = Service(
        [("k", "INTEGER"), ("t", "VARCHAR"), ("b", "BOOLEAN"), ("n", "INTEGER"), ("d", "DATE")], [], key=("k",)
    )
    answer = service.answer(f"T?$filter={text}")
    assert isinstance(answer, Answer)
    operators = dict.fromkeys(Op, Support.EXACT)
    table = Table(TableName(("t",)), tuple(
        Column(name, kind, operators=operators)
        for name, kind in [("k", "INTEGER"), ("t", "VARCHAR"), ("b", "BOOLEAN"), ("n", "INTEGER"), ("d", "DATE")]
    ))  # fmt: skip
    types = tuple(p.sql_type for p in answer.query.parameters)
    found = push(answer.query.select.args["where"].this, table, lambda column: column.name, types)
    return None if found is None else (type(found.predicate).__name__, found.exact)


@pytest.mark.parametrize(
    "text",
    [
        "k eq 5", "5 lt n", "n ne 5", "n eq null", "n ne null", "n in (1,2,3)", "n in (1,null)", "t eq 'a'", "b",
        "not b", "b eq true", "startswith(t,'a')", "endswith(t,'a')", "contains(t,'a')", "d ge 2024-01-01",
        "n gt 1 and (t eq 'x' or d lt 2024-01-01)", "not (n gt 5)", "not (n gt 5 or t eq 'a')", "not (n eq null)",
        "d gt 2024-01-02 sub duration'P1D'", "n gt -5", "@p eq n&@p=5",
    ],
)  # fmt: skip
def test_the_common_conditions_are_ones_that_a_source_can_take_whole(text: str) -> None:
    found = pushed(text)
    assert found is not None and found[1]
