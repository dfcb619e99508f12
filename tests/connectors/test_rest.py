"""What a REST source answers: values, wrong documents, what its columns may be, what a test of it says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from connectors.sdk.errors import (
    ConfigurationError,
    SourceDataError,
    SourceProtocolError,
)
from connectors.sdk.scan import ScanRequest, TableName
from tests.connectors.rest_tables import read, rest
from tests.servers.http_replies import (
    body,
    invalid_json_at,
    json_rows,
)
from tests.servers.http_source import HttpSource


def test_values_keep_their_digits_and_further_fields_are_passed_over(source: HttpSource) -> None:
    text = (
        '\ufeff{"data": {"items": [{"id": 9223372036854775807, "price": 1.10, "at": "2024-03-31T02:30:00", "x": {}, '
        '"in": {"a.b": "Łódź 😀"}, "ms": 1709208000123}, {"id": null, "price": "2.5"}]}, "junk": [1, {"x": [2]}]}'
    )
    source.route("/parts", lambda request: body(text.encode()))
    columns = {
        "id": "BIGINT",
        "price": "DECIMAL(10,3)",
        "at": "TIMESTAMP WITH TIME ZONE",
        "city": {"type": "VARCHAR", "path": "/in/a.b"},
        "ms": {"type": "TIMESTAMP WITH TIME ZONE", "form": "epoch_ms"},
    }
    connector = rest(source, {"rows": "data.items", "columns": columns}, ZoneInfo("Europe/Berlin"))
    first, second = read(connector)
    assert (first["id"], str(first["price"]), first["city"]) == (2**63 - 1, "1.100", "Łódź 😀")
    assert first["at"] == datetime(2024, 3, 31, 1, tzinfo=UTC)
    assert first["ms"] == datetime(2024, 2, 29, 12, 0, 0, 123000, tzinfo=UTC)
    assert second == {"id": None, "price": Decimal("2.500"), "at": None, "city": None, "ms": None}


@pytest.mark.parametrize("value", ["true", "1.5", '"x"', "[1]", "9223372036854775808"])
def test_a_wrong_type_is_named_by_table_column_and_row_and_not_shown(source: HttpSource, value: str) -> None:
    rows = ",".join(f'{{"id": {value if n == 200 else n}}}' for n in range(1, 251))
    source.route("/parts", lambda request: body(f"[{rows}]".encode()))
    with pytest.raises(SourceDataError, match=r"'parts'.*'id'.*row 200") as caught:
        read(rest(source, {}))
    assert value.strip('"') not in str(caught.value).replace("row 200", "") or value in ("true", "[1]", '"x"')


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ('{"other": [], "more": 1}', "no array at 'items'.*other, more"),
        ('{"items": {"a": 1}}', "an object was found"),
        ('{"items": null}', "null was found"),
        ("[]", "an array was found"),
        ("", "nothing was found"),
        ('{"items": [1]}', "row 1 is not a JSON object"),
        ('{"items": []} x', "more behind the end"),
        ('{"items": [{"id": 01}]}', "invalid JSON"),
        ('{"items": [{"id": NaN}]}', "invalid JSON"),
        ('{"items": [{"id": 1},]}', "invalid JSON"),
        ('{"items": [{"id": 1}', "cut off"),
        ('{"items": [{"id": 1}, {"na', "cut off"),
        ('{"items": [' + "[" * 50_000, "nested too deep|cut off"),
        ("<html>busy</html>", "an object is expected"),
    ],
)
def test_an_answer_that_is_not_what_was_promised_is_an_error(source: HttpSource, answer: str, problem: str) -> None:
    source.route("/parts", lambda request: body(answer.encode()))
    with pytest.raises((SourceProtocolError, SourceDataError), match=problem):
        read(rest(source, {"rows": "items"}))


def test_invalid_json_at_row_50000_comes_after_rows_and_is_never_a_short_answer(source: HttpSource) -> None:
    rows = [{"id": n, "name": "x" * 20} for n in range(60_000)]
    source.route("/parts", invalid_json_at(rows, 50_000))
    connector = rest(source, {})
    seen = 0
    with pytest.raises(SourceProtocolError, match="behind its row 50000"):
        for batch in connector.scan(ScanRequest(TableName(("parts",)), (("id", "BIGINT"),))):
            seen += batch.num_rows
    assert 10_000 < seen <= 50_000


def test_a_connection_test_names_what_is_forbidden(source: HttpSource) -> None:
    for status, failing in ((401, "login"), (403, "permission"), (404, "first_row"), (200, None)):
        source.route("/parts", lambda request, status=status: body(b"[]", status=status))  # type: ignore[misc]
        connector = rest(source, {})
        last = list(connector.test())[-1]
        assert (last.name, last.ok) == (failing or "first_row", failing is None)
        assert last.ok or last.hint


def test_column_types_are_proposed_from_the_first_rows(source: HttpSource) -> None:
    rows = [{"id": n, "w": n + 0.25, "at": "2024-01-01T00:00:00Z", "s": "01", "o": {}} for n in range(50)]
    source.route("/parts", json_rows(rows, under="data"))
    proposal = rest(source, {"rows": "data", "columns": {}}).infer(TableName(("parts",)))
    assert {column.name: column.sql_type for column in proposal.columns} == {
        **{"id": "BIGINT", "w": "DECIMAL(18,2)", "at": "TIMESTAMP WITH TIME ZONE", "s": "VARCHAR", "o": "VARCHAR"},
    }
    with pytest.raises(ConfigurationError, match="no columns") as caught:
        read(rest(source, {"rows": "data", "columns": {}}))
    assert "viewloom infer" in caught.value.hint
