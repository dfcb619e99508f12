"""Conditions become query parameters, and a wrong field of the configuration is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.sdk.errors import (
    ConfigurationError,
    RequiredFilterError,
)
from connectors.sdk.registry import connector_config
from connectors.sdk.scan import AnyOf, Comparison, Op
from tests.connectors.rest_tables import COLUMNS, read, rest
from tests.servers.http_replies import (
    json_rows,
)
from tests.servers.http_source import HttpSource

FILTERED: dict[str, Any] = {
    "columns": {"id": "BIGINT", "name": "VARCHAR", "at": "TIMESTAMP WITH TIME ZONE"},
    "filters": {
        "name": {"parameter": "name", "op": "in", "list": "comma"},
        "at": [{"parameter": "from", "op": "ge"}, {"parameter": "to", "op": "lt"}],
        "id": {"parameter": "id", "exact": True},
    },
}


def test_predicates_become_parameters_and_are_checked_here(source: HttpSource) -> None:
    rows = [{"id": n, "name": name, "at": f"2024-01-0{n}T00:00:00Z"} for n, name in ((1, "a"), (2, "b"), (3, "A"))]
    source.route("/parts", json_rows(rows))
    moment = datetime(2024, 1, 2, 0, 0, 0, 5, tzinfo=UTC)
    found = read(
        rest(source, FILTERED),
        Comparison("name", Op.IN, ("a", "b")),
        Comparison("at", Op.GE, (datetime(2024, 1, 1, tzinfo=UTC),)),
        Comparison("at", Op.LT, (moment,)),
        AnyOf((Comparison("id", Op.EQ, (1,)), Comparison("id", Op.EQ, (2,)))),
    )
    assert [row["id"] for row in found] == [1, 2]  # the source ignores its filters, the answer is right all the same
    assert source.requests[0].query == {"name": "a,b", "from": "2024-01-01T00:00:00Z", "to": "2024-01-02T00:00:01Z"}
    assert read(rest(source, FILTERED), Comparison("name", Op.IN, ("a,b",))) == []
    assert "name" not in source.requests[1].query
    assert len(read(rest(source, FILTERED), Comparison("id", Op.EQ, (1,)))) == 1
    assert source.requests[2].query == {"id": "1"}


def test_a_required_filter_that_is_missing_is_named(source: HttpSource) -> None:
    table = {**FILTERED, "required_filters": ["name"]}
    with pytest.raises(RequiredFilterError, match="'name'") as caught:
        read(rest(source, table))
    assert caught.value.details["columns"] == ["name"]
    assert source.requests == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"base_url": "example.com"}, "base_url"),
        ({"base_url": "http://user:plum-tart@example.com"}, "base_url"),
        ({"auth": "basic", "username": "u"}, "password"),
        ({"headers": {"Authorization": "plum-tart"}}, "Authorization"),
        ({"headers": {"X": "a\r\nplum-tart"}}, "line break"),
        ({"tables": {"t": {"path": "http://evil/x"}}}, "path"),
        ({"tables": {"t": {"path": "../x"}}}, "path"),
        ({"tables": {"t": {"path": "x?y=plum-tart"}}}, "path"),
        ({"tables": {"t": {"path": "x", "columns": {"a": "INT32"}}}}, "INT32"),
        ({"tables": {"t": {"path": "x", "columns": COLUMNS, "filters": {"b": {"parameter": "b"}}}}}, "'b'"),
        ({"tables": {"t": {"path": "x", "columns": COLUMNS, "required_filters": ["id"]}}}, "required_filters"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigurationError, match=field) as caught:
        connector_config("rest", {"base_url": "http://example.com", **changes})
    assert "plum-tart" not in f"{caught.value} {caught.value.hint} {caught.value.details}"
