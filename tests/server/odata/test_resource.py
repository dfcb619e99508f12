"""Entities by key, properties and raw values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from engine.errors import DuplicateKeyError, UnknownNameError
from server.odata.errors import (
    ODataNotImplementedError,
    ODataRequestError,
    ODataTypeError,
    UnknownResourceError,
)
from tests.server.odata.service import Service

ROOT = "https://data.example/odata/plant/$metadata#"
ORDERS = Service(
    [("id", "BIGINT"), ("name", "VARCHAR"), ("total", "DECIMAL(12,2)"), ("photo", "BLOB"), ("paid", "BOOLEAN")],
    [[5, 'it\'s\n"x"', Decimal("10.50"), b"\x00\xff", True], [6, None, None, None, None], [-1, "", None, b"", False]],
    key=("id",),
    name="Orders",
)
LINES = Service(
    [("order", "INTEGER"), ("part", "VARCHAR"), ("n", "INTEGER")],
    [[1, "a b", 7], [1, "A/1", 8], [2, "it's", 9]],
    key=("order", "part"),
    name="Lines",
)


def test_an_entity_is_one_object_with_its_context() -> None:
    reply = ORDERS.get("Orders(5)")
    assert (
        reply.body
        == (
            b'{"@odata.context":"https://data.example/odata/plant/$metadata#Orders/$entity","id":5,'
            b'"name":"it\'s\\n\\"x\\"","total":10.50,"photo":"AP8=","paid":true}'
        )
        or reply.json["name"] == 'it\'s\n"x"'
    )
    assert list(reply.json) == ["@odata.context", "id", "name", "total", "photo", "paid"]
    assert reply.answer.empty_is_missing


@pytest.mark.parametrize(
    "path", ["Orders(5)", "Orders(id=5)", "Orders/5", "Orders(@p)?@p=5", "Orders(5)?$select=id", "Orders(5)/"]
)
def test_a_key_may_be_written_in_several_ways(path: str) -> None:
    reply = ORDERS.get(path)
    assert (reply.status, reply.json["id"]) == (200, 5)


def test_select_narrows_an_entity() -> None:
    reply = ORDERS.get("Orders(-1)?$select=name,id")
    assert reply.json == {"@odata.context": f"{ROOT}Orders(name,id)/$entity", "name": "", "id": -1}


@pytest.mark.parametrize(
    ("path", "n"),
    [
        ("Lines(order=1,part='a b')", 7),
        ("Lines(part='A%2F1',order=1)", 8),
        ("Lines(order=2,part='it''s')", 9),
        ("Lines/1/a%20b", 7),
        ("Lines/1/A%2F1", 8),
        ("Lines/2/it's", 9),
    ],
)
def test_keys_of_several_parts_are_named_or_stand_in_order(path: str, n: int) -> None:
    assert LINES.get(path).json["n"] == n


def test_no_such_entity_is_missing() -> None:
    assert [ORDERS.get(path).status for path in ("Orders(7)", "Orders(7)/name", "Orders(7)/name/$value")] == [404] * 3


@pytest.mark.parametrize(
    ("sql_type", "value", "key"),
    [
        ("UUID", UUID(int=255), "00000000-0000-0000-0000-0000000000ff"),
        ("DATE", date(2024, 2, 29), "2024-02-29"),
        ("TIMESTAMP", datetime(2024, 2, 29, 1), "2024-02-29T02:00:00%2B01:00"),
        ("TIMESTAMP WITH TIME ZONE", datetime(2024, 2, 29, 1, tzinfo=UTC), "2024-02-29T01:00:00Z"),
        ("DECIMAL(9,2)", Decimal("1.50"), "1.5"),
        ("BOOLEAN", True, "true"),
        ("UBIGINT", 2**64 - 1, "18446744073709551615"),
    ],
)
def test_keys_of_every_type_are_found_both_ways(sql_type: str, value: object, key: str) -> None:
    service = Service([("k", sql_type), ("n", "INTEGER")], [[value, 1]], key=("k",))  # type: ignore[list-item]
    assert service.get(f"T({key})").json["n"] == 1
    assert service.get(f"T/{key}").json["n"] == 1
    assert service.get(f"T({key})/n").json["@odata.context"].startswith(f"{ROOT}T(")


def test_a_property_is_a_value_with_its_context() -> None:
    reply = ORDERS.get("Orders(5)/total")
    assert reply.body == f'{{"@odata.context":"{ROOT}Orders(5)/total","value":10.50}}'.encode()
    assert LINES.get("Lines(order=1,part='A%2F1')/n").json == {
        "@odata.context": f"{ROOT}Lines(order=1,part='A%2F1')/n", "value": 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("Orders(5)/name/$value", b'it\'s\n"x"', "text/plain;charset=utf-8"),
        ("Orders/5/total/$value", b"10.50", "text/plain;charset=utf-8"),
        ("Orders(5)/paid/$value", b"true", "text/plain;charset=utf-8"),
        ("Orders(5)/photo/$value", b"\x00\xff", "application/octet-stream"),
        ("Orders(-1)/name/$value", b"", "text/plain;charset=utf-8"),
    ],
)
def test_a_raw_value_is_the_value_alone(path: str, body: bytes, content_type: str) -> None:
    reply = ORDERS.get(path, accept="application/json")
    assert (reply.status, reply.body, reply.answer.content_type) == (200, body, content_type)


@pytest.mark.parametrize("path", ["Orders(6)/name", "Orders(6)/name/$value", "Orders(6)/photo/$value"])
def test_a_property_that_is_null_has_no_content(path: str) -> None:
    assert ORDERS.get(path).status == 204


def test_two_rows_with_one_key_break_the_answer() -> None:
    service = Service([("k", "INTEGER")], [[1], [1]], key=("k",))
    for path in ("T(1)", "T(1)/k", "T(1)/k/$value"):
        with pytest.raises(DuplicateKeyError):
            service.get(path)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("Orders(x=5)", ODataRequestError),
        ("Orders(5,6)", Exception),
        ("Orders()", ODataRequestError),
        ("Orders('5')", ODataTypeError),
        ("Orders(5.5)", None),
        ("Orders(null)", ODataRequestError),
        ("Orders(@p)", ODataRequestError),
        ("Orders(@p)?@p=id", ODataRequestError),
        ("Orders(99999999999999999999)", None),
        ("Orders/abc", UnknownResourceError),
        ("Orders(5)/nothing", UnknownResourceError),
        ("Orders(5)/name/x", UnknownResourceError),
        ("Orders(5)/$count", UnknownResourceError),
        ("Orders(5)(6)", UnknownResourceError),
        ("Orders/$value", UnknownResourceError),
        ("Orders(5)/$value", UnknownResourceError),
        ("Orders(5)/name/$value/x", Exception),
        ("Orders(5)/viewloom.plant.Orders", ODataNotImplementedError),
        ("Orders(5)/$ref", ODataNotImplementedError),
        ("Orders/$filter(id eq 5)", ODataNotImplementedError),
        ("Orders(5)?$filter=id eq 5", ODataRequestError),
        ("Orders(5)?$top=1", ODataRequestError),
        ("Orders(5)/name?$select=id", ODataRequestError),
        ("orders(5)", UnknownNameError),
        ("Missing", UnknownNameError),
    ],
)
def test_paths_that_lead_nowhere_are_refused(path: str, error: type[Exception] | None) -> None:
    if error is None:
        assert ORDERS.get(path).status == 404
        return
    with pytest.raises(error) as raised:
        ORDERS.get(path)
    assert getattr(raised.value, "message", "")


def test_a_set_without_a_key_has_no_single_entities() -> None:
    with pytest.raises(ODataRequestError, match="no key"):
        Service([("k", "INTEGER")], [[1]]).get("T(1)")


def test_part_of_a_key_is_no_key() -> None:
    for path in ("Lines(1)", "Lines(order=1)", "Lines(order=1,n=7)", "Lines/1"):
        with pytest.raises(ODataRequestError):
            LINES.get(path)
