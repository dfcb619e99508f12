"""Every type in every format, read back by somebody else's reader."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from engine.duckdb_session import open_session
from engine.encoders.encoding import Encoding, Format, NextLink, Page, encoding_from_json, encoding_to_json
from engine.encoders.page_token import read_token, write_token
from engine.encoders.rows import rows_sql
from engine.encoders.writer import Writer
from engine.errors import AnswerLimitError, DuplicateKeyError, ParameterValueError
from tests.engine.workers import Collected

# type, SQL value, its JSON text, its CSV text (None: the same as JSON's), its JSON text with strings_for_numbers
VALUES: list[tuple[str, str, str, str | None, str | None]] = [
    ("BOOLEAN", "true", "true", None, None),
    ("TINYINT", "-128", "-128", None, None),
    ("INTEGER", "2147483647", "2147483647", None, None),
    ("BIGINT", "-9223372036854775808", "-9223372036854775808", None, '"-9223372036854775808"'),
    ("BIGINT", "9223372036854775807", "9223372036854775807", None, '"9223372036854775807"'),
    ("UBIGINT", "18446744073709551615", "18446744073709551615", None, '"18446744073709551615"'),
    ("HUGEINT", "-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728", None,
     '"-170141183460469231731687303715884105728"'),
    ("DOUBLE", "0.1", "0.1", None, None),
    ("DOUBLE", "5e-324", "5e-324", None, None),
    ("DOUBLE", "'nan'", '"NaN"', "NaN", None),
    ("DOUBLE", "'inf'", '"INF"', "INF", None),
    ("DOUBLE", "'-inf'", '"-INF"', "-INF", None),
    ("FLOAT", "0.1", "0.1", None, None),
    ("FLOAT", "'nan'", '"NaN"', "NaN", None),
    ("DECIMAL(5,2)", "1.10", "1.10", None, '"1.10"'),
    ("DECIMAL(5,2)", "-0.05", "-0.05", None, '"-0.05"'),
    ("DECIMAL(4,4)", "-0.0500", "-0.0500", None, '"-0.0500"'),
    ("DECIMAL(18,9)", "0.000000001", "0.000000001", None, '"0.000000001"'),
    ("DECIMAL(38,0)", "9" * 38, "9" * 38, None, '"' + "9" * 38 + '"'),
    ("DECIMAL(38,12)", "12345678901234567890.123456789012", "12345678901234567890.123456789012", None,
     '"12345678901234567890.123456789012"'),
    ("DECIMAL(38,38)", "0." + "0" * 37 + "1", '"0.' + "0" * 37 + '1"', "0." + "0" * 37 + "1", None),
    ("DATE", "'1899-12-31'", '"1899-12-31"', "1899-12-31", None),
    ("DATE", "'0001-01-01'", '"0001-01-01"', "0001-01-01", None),
    ("DATE", "'9999-12-31'", '"9999-12-31"', "9999-12-31", None),
    ("TIME", "'23:59:59.999999'", '"23:59:59.999999"', "23:59:59.999999", None),
    ("TIMESTAMP", "'1850-01-01 00:00:00.000001'", '"1850-01-01T00:00:00.000001Z"', "1850-01-01T00:00:00.000001Z",
     None),
    ("TIMESTAMP", "'9999-12-31 23:59:59.999999'", '"9999-12-31T23:59:59.999999Z"', "9999-12-31T23:59:59.999999Z",
     None),
    ("TIMESTAMP WITH TIME ZONE", "'2024-03-31 02:30:00+01'", '"2024-03-31T01:30:00Z"', "2024-03-31T01:30:00Z", None),
    ("UUID", "'550E8400-e29b-41d4-a716-446655440000'", '"550e8400-e29b-41d4-a716-446655440000"',
     "550e8400-e29b-41d4-a716-446655440000", None),
    ("BLOB", "'\\x00\\xFF\\xFE'", '"AP_-"', "AP_-", None),
    ("BLOB", "''", '""', '""', None),
    ("VARCHAR", "'a\"b\\c'", '"a\\"b\\\\c"', '"a""b\\c"', None),
    ("VARCHAR", "chr(1) || chr(31) || chr(8) || chr(12)", '"\\u0001\\u001F\\b\\f"', "\x01\x1f\x08\x0c", None),
    ("VARCHAR", "'é東🙂' || chr(8232)", '"é東🙂\u2028"', "é東🙂\u2028", None),
    ("VARCHAR", "'a,b'", '"a,b"', '"a,b"', None),
    ("VARCHAR", "'a' || chr(13) || chr(10) || 'b'", '"a\\r\\nb"', '"a\r\nb"', None),
    ("VARCHAR", "''", '""', '""', None),
    ("VARCHAR", "' x '", '" x "', " x ", None),
    ("INTEGER[]", "[1, NULL]", "[1,null]", '"[1, NULL]"', None),
    ("STRUCT(a INTEGER, b VARCHAR)", "{'a': 1, 'b': 'x\"'}", '{"a":1,"b":"x\\""}', None, None),
]  # fmt: skip


@pytest.fixture(scope="module")
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory() as spill:
        made = open_session(512, 4, Path(spill), 1024)
        yield made
        made.close()


def encoded(
    session: duckdb.DuckDBPyConnection,
    sql: str,
    encoding: Encoding,
    *,
    count: int | None = None,
    max_rows: int | None = None,
    max_bytes: int | None = None,
    batch_rows: int = 20_000,
) -> Collected:
    """An answer as the executor has it written."""
    cursor, sink = session.cursor(), Collected()
    relation = cursor.sql(sql)
    if encoding.format not in (Format.ARROW, Format.PARQUET):
        relation = cursor.sql(rows_sql(sql, encoding, [str(kind) for kind in relation.types]))
    reader = relation.to_arrow_reader(batch_rows)
    Writer(encoding, sink, count, max_rows, max_bytes).write(iter(reader), reader.schema)
    return sink


def raw(sink: Collected) -> bytes:
    return b"".join(sink.pieces)


@pytest.mark.parametrize(("kind", "value", "in_json", "in_csv", "as_string"), VALUES)
def test_a_value_s_text_is_exactly_this(
    session: duckdb.DuckDBPyConnection, kind: str, value: str, in_json: str, in_csv: str | None, as_string: str | None
) -> None:
    sql = f"SELECT CAST({value} AS {kind}) AS c UNION ALL SELECT CAST(NULL AS {kind})"
    encoding = Encoding(Format.NDJSON, ("c",))
    assert encoded(session, sql, encoding).text == f'{{"c":{in_json}}}\n{{"c":null}}\n'
    strings = encoded(session, sql, replace(encoding, strings_for_numbers=True)).text
    assert strings == f'{{"c":{as_string or in_json}}}\n{{"c":null}}\n'
    json.loads(strings.split("\n")[0])
    if not kind.startswith("STRUCT"):
        text = encoded(session, sql, Encoding(Format.CSV, ("c",))).text
        assert text == f"c\r\n{in_csv if in_csv is not None else in_json}\r\n\r\n"


@pytest.mark.parametrize(("kind", "value"), sorted({(row[0], row[1]) for row in VALUES}))
def test_arrow_and_parquet_hold_what_duckdb_holds(session: duckdb.DuckDBPyConnection, kind: str, value: str) -> None:
    sql = f"SELECT CAST({value} AS {kind}) AS c UNION ALL SELECT CAST(NULL AS {kind})"
    expected = session.cursor().sql(sql).to_arrow_table()
    stream = raw(encoded(session, sql, Encoding(Format.ARROW, ("c",))))
    assert _same(pa.ipc.open_stream(stream).read_all(), expected)
    if kind != "UUID":
        file = raw(encoded(session, sql, Encoding(Format.PARQUET, ("c",))))
        assert _same(pq.read_table(io.BytesIO(file)), expected)


def _same(found: pa.Table, expected: pa.Table) -> bool:
    return repr(found.column(0).to_pylist()) == repr(expected.column(0).to_pylist())


@pytest.mark.parametrize("value", ["DATE 'infinity'", "TIMESTAMP '-infinity'", "DATE '10000-01-01'",
                                   "DATE '0044-03-15 (BC)'", "TIMESTAMPTZ 'infinity'"])  # fmt: skip
@pytest.mark.parametrize("form", [Format.JSON, Format.CSV])
def test_an_instant_outside_of_the_calendar_is_an_error(
    session: duckdb.DuckDBPyConnection, value: str, form: Format
) -> None:
    with pytest.raises(duckdb.Error):
        encoded(session, f"SELECT {value} AS c", Encoding(form, ("c",)))


NAMES = ("a", 'q"uote', "it's", "a,b", "line\nbreak", "back\\slash", "ключ", " ", "a", "A")


def test_names_may_hold_anything_and_appear_twice(session: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT " + ", ".join(f"{i} AS x{i}" for i in range(len(NAMES)))
    line = encoded(session, sql, Encoding(Format.NDJSON, NAMES)).text
    assert json.loads(line, object_pairs_hook=list) == [(name, i) for i, name in enumerate(NAMES)]
    rows = list(csv.reader(io.StringIO(encoded(session, sql, Encoding(Format.CSV, NAMES)).text, newline="")))
    assert rows == [list(NAMES), [str(i) for i in range(len(NAMES))]]
    arrow = pa.ipc.open_stream(raw(encoded(session, sql, Encoding(Format.ARROW, NAMES)))).read_all()
    assert tuple(arrow.column_names) == NAMES


@pytest.mark.parametrize("rows", [0, 1, 2, 2048, 2049, 20_000, 20_001, 50_000])
@pytest.mark.parametrize("packed", [False, True])
def test_json_of_any_length_is_whole(session: duckdb.DuckDBPyConnection, rows: int, packed: bool) -> None:
    encoding = Encoding(Format.JSON, ("a", "b"), prefix='{"value":[', suffix="]}", gzip=packed)
    sink = encoded(session, f"SELECT range AS a, NULL AS b FROM range({rows})", encoding)
    text = gzip.decompress(raw(sink)) if packed else raw(sink)
    assert orjson.loads(text) == {"value": [{"a": i, "b": None} for i in range(rows)]}
    assert sink.heads == [{"count": None, "empty": rows == 0, "next": None}]


@pytest.mark.parametrize("form", [Format.NDJSON, Format.CSV, Format.ARROW, Format.PARQUET])
def test_an_empty_answer_has_its_form(session: duckdb.DuckDBPyConnection, form: Format) -> None:
    content = raw(encoded(session, "SELECT 1 AS a WHERE false", Encoding(form, ("a",))))
    if form is Format.NDJSON:
        assert content == b""
    elif form is Format.CSV:
        assert content == b"a\r\n"
    elif form is Format.ARROW:
        assert pa.ipc.open_stream(content).read_all().num_rows == 0
    else:
        assert pq.read_table(io.BytesIO(content)).column_names == ["a"]


def test_the_count_stands_where_it_belongs(session: duckdb.DuckDBPyConnection) -> None:
    encoding = Encoding(Format.JSON, ("a",), prefix='{"c":1,', 
                        count_prefix='"@odata.count":', after_count=',"value":[',
                        suffix="]}")  # fmt: skip
    assert encoded(session, "SELECT 7 AS a", encoding, count=12).text == '{"c":1,"@odata.count":12,"value":[{"a":7}]}'


def test_a_single_entity_is_its_members_and_a_second_row_is_an_error(session: duckdb.DuckDBPyConnection) -> None:
    encoding = Encoding(Format.JSON, ("a", "b"), prefix='{"@odata.context":"c",', single=True)
    assert encoded(session, "SELECT 1 AS a, 'x' AS b", encoding).text == '{"@odata.context":"c","a":1,"b":"x"}'
    none = encoded(session, "SELECT 1 AS a, 'x' AS b WHERE false", encoding)
    assert (none.text, none.heads[0]["empty"]) == ("", True)
    with pytest.raises(DuplicateKeyError):
        encoded(session, "SELECT 1 AS a, 'x' AS b FROM range(2)", encoding)


def page(size: int, link: NextLink, hidden: int = 1) -> Encoding:
    return Encoding(Format.JSON, ("a",), prefix='{"value":[', suffix="]}", next_prefix=',"next":',
                    page=Page(size, hidden, link, "http://x/?t="))  # fmt: skip


@pytest.mark.parametrize("batch_rows", [2048, 20_000])
@pytest.mark.parametrize("size", [1, 2, 2047, 2048, 2049, 4096, 10_000])
def test_pages_follow_each_other_without_a_gap(
    session: duckdb.DuckDBPyConnection, size: int, batch_rows: int
) -> None:
    total, behind, seen, pages = min(5 * size, 10_001), -1, [], 0
    while True:
        sql = f"SELECT range AS a, range AS k FROM range({total}) WHERE range > {behind} ORDER BY k LIMIT {size + 1}"
        document = json.loads(encoded(session, sql, page(size, NextLink.BODY), batch_rows=batch_rows).text)
        seen += [row["a"] for row in document["value"]]
        pages += 1
        if "next" not in document:
            break
        (behind,) = read_token(document["next"].removeprefix("http://x/?t="))  # type: ignore[assignment]
    assert seen == list(range(total))
    assert pages == -(-total // size)


def test_a_page_that_is_exactly_full_has_no_next_link(session: duckdb.DuckDBPyConnection) -> None:
    sink = encoded(
        session, "SELECT range AS a, range AS k FROM range(10) ORDER BY k LIMIT 11", page(10, NextLink.BODY)
    )
    assert "next" not in json.loads(sink.text)


def test_a_link_in_the_head_is_known_before_the_first_byte(session: duckdb.DuckDBPyConnection) -> None:
    sink = encoded(
        session, "SELECT range AS a, range AS k FROM range(50) ORDER BY k LIMIT 11", page(10, NextLink.HEAD)
    )
    assert len(sink.heads) == 1
    assert sink.heads[0]["next"] == "http://x/?t=" + write_token((9,))
    assert len(json.loads(sink.text)["value"]) == 10


@pytest.mark.parametrize("rows", ["0, 0", "0, 1, 1, 2", "NULL, NULL", "0, 1, 2, 3, 3"])
def test_a_key_seen_twice_breaks_the_page(session: duckdb.DuckDBPyConnection, rows: str) -> None:
    sql = f"SELECT k AS a, k FROM (SELECT unnest([{rows}]::INTEGER[]) AS k) ORDER BY k NULLS FIRST"
    with pytest.raises(DuplicateKeyError):
        encoded(session, sql, page(100, NextLink.BODY))


def test_a_key_seen_twice_at_the_border_of_two_batches_breaks_the_page(session: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT k AS a, k FROM (SELECT CASE WHEN range > 2047 THEN range - 1 ELSE range END AS k FROM range(4096))"
    with pytest.raises(DuplicateKeyError):
        encoded(session, sql + " ORDER BY k", page(10_000, NextLink.BODY), batch_rows=2048)


def test_keys_that_differ_in_one_part_are_different(session: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT 1 AS a, x.range AS k, y.range AS l FROM range(5) x, range(5) y ORDER BY k, l"
    assert len(json.loads(encoded(session, sql, page(100, NextLink.BODY, hidden=2)).text)["value"]) == 25


@pytest.mark.parametrize("form", list(Format))
def test_limits_break_an_answer_without_pages(session: duckdb.DuckDBPyConnection, form: Format) -> None:
    sql = "SELECT range AS a, md5(range::VARCHAR) AS b FROM range(200000)"
    encoding = Encoding(form, ("a", "b"), prefix="[", suffix="]")
    with pytest.raises(AnswerLimitError, match="1,000 rows"):
        encoded(session, sql, encoding, max_rows=1_000)
    with pytest.raises(AnswerLimitError, match="10,000 bytes"):
        encoded(session, sql, encoding, max_bytes=10_000)
    encoded(session, sql, encoding, max_rows=200_000)


def test_limits_end_a_page_with_a_next_link(session: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT range AS a, range AS k FROM range(10001) ORDER BY k"
    by_rows = json.loads(encoded(session, sql, page(10_000, NextLink.BODY), max_rows=77).text)
    assert (len(by_rows["value"]), by_rows["next"]) == (77, "http://x/?t=" + write_token((76,)))
    sink = encoded(session, sql, page(10_000, NextLink.BODY), max_bytes=1_000)
    by_bytes = json.loads(sink.text)
    last = by_bytes["value"][-1]["a"]
    assert by_bytes["next"] == "http://x/?t=" + write_token((last,))
    assert 900 < len(sink.text) < 1_100


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT range AS a, hash(range) AS h FROM range(2000000) ORDER BY h",
        "SELECT range % 1000 AS a, hash(range) AS h FROM range(2000000) ORDER BY a DESC, h",
        "SELECT * FROM (SELECT range AS a, hash(range) AS h FROM range(2000000)) ORDER BY h LIMIT 1500000 OFFSET 7",
    ],
)
def test_the_order_of_two_million_rows_survives_the_outer_select_and_four_threads(
    session: duckdb.DuckDBPyConnection, sql: str
) -> None:
    encoding = Encoding(Format.CSV, ("a", "h"), header=False)
    expected = session.cursor().sql(sql).to_arrow_table()
    found = encoded(session, sql, encoding).text
    read: Any = pa.csv.read_csv(
        io.BytesIO(found.encode()),
        read_options=pa.csv.ReadOptions(column_names=["a", "h"]),
        convert_options=pa.csv.ConvertOptions(column_types={"a": pa.int64(), "h": pa.uint64()}),
    )
    assert read.combine_chunks().equals(expected.combine_chunks())


def test_tokens_of_any_value_come_back_and_others_are_refused() -> None:
    values = (1, -(2**63), "é'\"", None, True, 1.5, Decimal("1.10"), b"\x00\xff", date(1, 1, 1), time(1, 2, 3, 4),
              datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1))  # fmt: skip
    assert read_token(write_token(values)) == values
    for text in ("", "x", "e30", "W10x", "bnVsbA", "\x00", "é", "W3siaW50Ijoib3BzIn1d"):
        with pytest.raises(ParameterValueError):
            read_token(text)


def test_an_encoding_survives_its_json_form() -> None:
    whole = replace(page(10, NextLink.HEAD), gzip=True, strings_for_numbers=True, single=True, header=False)
    assert encoding_from_json(orjson.loads(orjson.dumps(encoding_to_json(whole)))) == whole
