"""cast and isof."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from server.odata.errors import ODataNotImplementedError, ODataTypeError
from tests.server.odata.service import one_row

ROW = one_row(
    {
        "n": ("INTEGER", 300),
        "m": ("DECIMAL(9,2)", Decimal("2.50")),
        "f": ("DOUBLE", 2.5),
        "t": ("VARCHAR", "2024-02-29"),
        "number": ("VARCHAR", "12.5"),
        "d": ("DATE", date(2024, 2, 29)),
        "z": ("TIMESTAMP WITH TIME ZONE", datetime(2024, 2, 29, 10, 30, tzinfo=UTC)),
        "b": ("BOOLEAN", True),
        "u": ("UUID", UUID(int=1)),
        "nothing": ("INTEGER", None),
        "photo": ("BLOB", b"x"),
    }
)


@pytest.mark.parametrize(
    "text",
    [
        "cast(n,Edm.String) eq '300'", "cast(n,Edm.Byte) eq null", "cast(n,Edm.Int64) eq 300",
        "cast(n,Edm.Decimal) eq 300", "cast(m,Edm.Int32) eq 3", "cast(f,Edm.Int32) eq 3",
        "cast(f,Edm.Decimal) eq 2.5",
        "cast(m,Edm.Double) eq 2.5", "cast(m,Edm.String) eq '2.50'", "cast(t,Edm.Date) eq d",
        "cast(number,Edm.Double) eq 12.5", "cast(number,Edm.Decimal) eq 12.5", "cast(t,Edm.Int32) eq null",
        "cast(z,Edm.String) eq '2024-02-29T10:30:00Z'", "cast(z,Edm.Date) eq d", "cast(z,Edm.TimeOfDay) eq 10:30:00",
        "cast(d,Edm.DateTimeOffset) eq 2024-02-29T00:00:00Z", "cast(b,Edm.String) eq 'true'",
        "cast('false',Edm.Boolean) ne b", "cast(u,Edm.String) eq '00000000-0000-0000-0000-000000000001'",
        "cast('00000000-0000-0000-0000-000000000001',Edm.Guid) eq u", "cast(nothing,Edm.String) eq null",
        "cast(null,Edm.String) eq null", "isof(n,Edm.Int32)", "not isof(n,Edm.String)",
        "isof(nothing,Edm.Int32) eq false",
        "isof(viewloom.plant.T)", "not isof(viewloom.plant.Other)", "isof('x',Edm.String)",
    ],
)  # fmt: skip
def test_values_are_converted_or_null(text: str) -> None:
    assert ROW.filter(text) == [1]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("cast(d,Edm.Int32) eq 1", ODataTypeError),
        ("cast(photo,Edm.String) eq 'x'", ODataTypeError),
        ("cast(n,Edm.Binary) eq null", ODataNotImplementedError),
        ("cast(n,Collection(Edm.Int32)) eq null", ODataNotImplementedError),
        ("cast(Edm.String) eq null", ODataNotImplementedError),
    ],
)
def test_conversions_that_make_no_sense_are_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        ROW.filter(text)
