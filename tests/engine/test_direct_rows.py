"""The bytes written without DuckDB are the bytes that DuckDB writes, for every type."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest

from connectors.sdk.types import arrow_type
from engine.encoders.direct_rows import direct_rows
from engine.encoders.encoding import Encoding, Format
from engine.encoders.rows import rows_sql

VALUES: dict[str, list[object]] = {
    "BOOLEAN": [True, False],
    "TINYINT": [-128, 0, 127],
    "SMALLINT": [-32768, 32767],
    "INTEGER": [-(2**31), 2**31 - 1],
    "BIGINT": [-(2**63), 2**53 + 1, 2**63 - 1],
    "UTINYINT": [0, 255],
    "USMALLINT": [65535],
    "UINTEGER": [2**32 - 1],
    "UBIGINT": [2**64 - 1],
    "DOUBLE": [0.0, -0.0, 0.1, 1.0, 1e14, 123456.789, 0.001, 1 / 3, -2.5, 999999999999999.9],
    "DECIMAL(12,2)": [Decimal("1.10"), Decimal("-0.05"), Decimal("0.00"), Decimal("9999999999.99")],
    "DECIMAL(38,12)": [Decimal("12345678901234567890.123456789012"), Decimal("0.000000000001")],
    "DECIMAL(38,0)": [Decimal(10) ** 37],
    "VARCHAR": [
        "",
        "plain",
        'quote " back \\ slash /',
        "tab\tline\nreturn\r",
        "Müller 東京 🙂",
        "\u2028",
        "</script>",
    ],
    "BLOB": [b"", b"\x00\xff\xfe", b"any bytes?>"],
    "DATE": [date(1, 1, 1), date(1899, 12, 31), date(9999, 12, 31)],
    "TIME": [time(0, 0), time(23, 59, 59, 999999), time(12, 0, 0, 500000)],
    "TIMESTAMP": [datetime(1, 1, 1), datetime(2024, 2, 29, 12, 30, 0, 120000), datetime(9999, 12, 31, 23, 59, 59)],
    "TIMESTAMP WITH TIME ZONE": [datetime(1850, 1, 1, tzinfo=UTC), datetime(2024, 3, 31, 1, 0, 0, 1, tzinfo=UTC)],
    "UUID": [UUID("00000000-0000-0000-0000-000000000001"), UUID("ffffffff-ffff-4fff-8fff-ffffffffffff")],
}


def _both(kind: str, values: list[object], encoding: Encoding) -> tuple[str, str | None]:
    stored = [str(value) if isinstance(value, UUID) else value for value in values]
    batch = pa.record_batch([pa.array([*stored, None], arrow_type(kind))], names=["c"])
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("t", pa.Table.from_batches([batch]))
    rows = connection.sql(rows_sql(f"SELECT CAST(c AS {kind}) AS c FROM t", encoding, [kind])).fetchall()
    direct = direct_rows([batch], ["c"], {"c": kind}, encoding)
    return "".join(row[0] for row in rows), None if direct is None else "".join(direct.column(0).to_pylist())


@pytest.mark.parametrize("strings", [False, True])
@pytest.mark.parametrize("kind", VALUES)
def test_both_writers_give_the_same_bytes(kind: str, strings: bool) -> None:
    for form in (Format.JSON, Format.NDJSON):
        encoding = Encoding(form, ('na"me',), strings_for_numbers=strings)
        through_duckdb, direct = _both(kind, VALUES[kind], encoding)
        assert direct == through_duckdb


@pytest.mark.parametrize(
    ("kind", "value"),
    [("DOUBLE", float("nan")), ("DOUBLE", float("inf")), ("DOUBLE", 1e300), ("DOUBLE", 1e-7), ("VARCHAR", "\x01"),
     ("VARCHAR", "\x7f"), ("FLOAT", 0.1)],
)  # fmt: skip
def test_what_may_be_spelled_differently_is_left_to_duckdb(kind: str, value: object) -> None:
    assert _both(kind, [value], Encoding(Format.JSON, ("c",)))[1] is None
