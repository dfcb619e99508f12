"""Requests as a whole: documents, what is refused and in which words."""

from __future__ import annotations

import orjson
import pytest

from engine.errors import UnknownNameError
from server.errors import status_of
from server.odata.errors import (
    ODataNotImplementedError,
    ODataRequestError,
    ODataSyntaxError,
    ODataTypeError,
    UnknownPropertyError,
)
from server.odata.routes import Document, odata_answer
from tests.server.odata.service import Service
from tests.server.odata.test_negotiation import POWER_QUERY
from tests.server.sample import ORDER_COLUMNS, context, publication, view

SERVICE = Service(
    [("id", "BIGINT"), ("name", "VARCHAR"), ("day", "DATE"), ("seen", "TIMESTAMP"), ("lot", "UUID"),
     ("ok", "BOOLEAN"),
      ("tags", "VARCHAR[]"), ("at", "TIME"), ("total", "DECIMAL(9,2)")],
    [], key=("id",), name="Orders",
)  # fmt: skip


def document(path: bytes, query: bytes = b"", **headers: str) -> Document:
    answer = odata_answer(SERVICE.context, path, query, headers)
    assert isinstance(answer, Document)
    assert answer.headers == (("OData-Version", "4.0"),)
    return answer


@pytest.mark.parametrize("path", [b"", b"/"])
def test_the_root_is_the_service_document(path: bytes) -> None:
    found = document(path, accept=POWER_QUERY)
    assert found.content_type.startswith("application/json;odata.metadata=minimal")
    assert orjson.loads(found.body)["value"][0]["url"] == "https://data.example/odata/plant/Orders"


def test_metadata_is_xml_unless_json_alone_is_asked_for() -> None:
    assert document(b"/$metadata", accept=POWER_QUERY).content_type.startswith("application/xml")
    assert document(b"$metadata").body.startswith(b"<?xml")
    assert document(b"$metadata", accept="application/json").content_type == "application/json"
    assert document(b"$metadata", b"$format=json").content_type == "application/json"


def test_what_may_not_be_read_looks_as_if_it_were_not() -> None:
    hidden = context(
        [publication("a", "v"), publication("b", "v"), publication("c", "v", protocols=["rest"])],
        [view("v", ORDER_COLUMNS)],
        may_read=frozenset({"a", "c"}),
    )
    for name in ("b", "c", "d", "A"):
        with pytest.raises(UnknownNameError) as raised:
            odata_answer(hidden, f"/{name}".encode(), b"$filter=x eq 1", {})
        assert raised.value.message == f"there is no publication {name!r}"
    assert not isinstance(odata_answer(hidden, b"a", b"", {}), Document)


BAD: list[tuple[str, type[Exception], int, str, str]] = [
    # URL, error, place of the mistake, in the message, in the hint
    ("Orders?$filter=nam eq 'x'", UnknownPropertyError, 0, "no property 'nam'", "'name'"),
    ("Orders?$filter=id eq 1 and Name eq 'x'", UnknownPropertyError, 12, "no property 'Name'", "'name'"),
    ("Orders?$select=id,zzz", UnknownPropertyError, 3, "no property 'zzz'", "id, name"),
    ("Orders?$orderby=id,nope", UnknownPropertyError, 3, "no property 'nope'", ""),
    ("Orders?$filter=id eq 'x'", ODataTypeError, 6, "'id' is Edm.Int64", "like 5"),
    ("Orders?$filter=name eq 5", ODataTypeError, 8, "'name' is Edm.String", "single quotes"),
    ("Orders?$filter='2024-01-01' eq day", ODataTypeError, 0, "'day' is Edm.Date", "2024-12-31"),
    ("Orders?$filter=day eq 2024-01-01T00:00:00Z", ODataTypeError, 7, "Edm.Date", "2024-12-31, without"),
    ("Orders?$filter=seen gt 2024-01-01", ODataTypeError, 8, "Edm.DateTimeOffset", "T23:59:59Z"),
    ("Orders?$filter=lot eq 'x'", ODataTypeError, 7, "Edm.Guid", "without quotes"),
    ("Orders?$filter=at eq 5", ODataTypeError, 6, "Edm.TimeOfDay", "23:59:59"),
    ("Orders?$filter=ok eq 1", ODataTypeError, 6, "Edm.Boolean", "true"),
    ("Orders?$filter=total in (1,'x')", ODataTypeError, 12, "Edm.Decimal", "12.50"),
    ("Orders?$filter=id eq name", ODataTypeError, 6, "Edm.Int64", ""),
    ("Orders?$filter=tags eq 'x'", ODataTypeError, 8, "structured", ""),
    ("Orders?$orderby=tags", ODataTypeError, 0, "'tags' can't be ordered", ""),
    ("Orders?$filter=name", ODataTypeError, 0, "true or false is needed", "Compare it"),
    ("Orders?$filter=5", ODataTypeError, 0, "true or false is needed", ""),
    ("Orders?$filter=not name", ODataTypeError, 4, "true or false is needed", ""),
    ("Orders?$filter=ok and name", ODataTypeError, 7, "true or false is needed", ""),
    ("Orders?$filter=name/x eq 1", ODataRequestError, 5, "plain value", ""),
    ("Orders?$filter=id eq 1 &$filter=id eq 2", ODataSyntaxError, 0, "twice", ""),
    ("Orders?$filter=id eq", ODataSyntaxError, 5, "", ""),
    ("Orders?$fliter=id eq 1", ODataSyntaxError, 0, "no option", "$filter"),
    ("Orders?$filter=@a eq 1&@a=@b&@b=@a", ODataRequestError, 0, "uses itself", ""),
    ("Orders?$filter=name eq '\x00'", ODataTypeError, 8, "U+0000", ""),
    ("Orders?$filter=id in name", ODataTypeError, 6, "takes a list", "('North','South')"),
    ("Orders?$id=x", ODataNotImplementedError, 0, "$id", ""),
]  # fmt: skip


@pytest.mark.parametrize(("url", "error", "position", "message", "hint"), BAD)
def test_a_bad_request_says_what_was_found_where_and_what_to_do(
    url: str, error: type[Exception], position: int, message: str, hint: str
) -> None:
    with pytest.raises(error) as raised:
        SERVICE.answer(url)
    found = raised.value
    assert message in getattr(found, "message", "") and hint in getattr(found, "hint", "")
    assert getattr(found, "position", None) == position
    assert status_of(found) == (501 if isinstance(found, ODataNotImplementedError) else 400)


@pytest.mark.parametrize(
    "url",
    [
        "Orders?$search=blue", "Orders?$expand=Lines", "Orders?$compute=id add 1 as x",
        "Orders?$apply=aggregate($count as n)",
        "Orders?$deltatoken=x", "Orders?$index=1", "Orders(1)?$expand=Lines", "$batch", "$all", "$crossjoin(Orders)",
        "$entity?$id=Orders(1)", "Orders?$filter=name has Model.Color'Red'", "Orders?$filter=Lines/any(l:l/x eq 1)",
        "Orders?$filter=tags/any()", "Orders?$filter=tags/$count gt 1", "Orders?$filter=$root/Orders(1)/id eq 1",
        "Orders?$filter=case(true:1) eq 1", "Orders?$filter=$this eq 1", "Orders?$filter={\"a\":1} eq null",
        "Orders?$filter=[1] eq [1]", "Orders?$filter=seen lt 10000-01-01T00:00:00Z",
        "Orders?$filter=at eq 10:00:00.1234567", "Orders?$filter=geo.distance(null,null) lt 1",
        "Orders?$select=name/first", "Orders?$select=name($top=1)", "Orders?$select=@x.y", "Orders?$select=NS.*",
        "Orders/$each", "Orders/viewloom.plant.Orders",
    ],
)  # fmt: skip
def test_what_odata_has_and_viewloom_has_not_is_not_implemented(url: str) -> None:
    with pytest.raises(ODataNotImplementedError) as raised:
        SERVICE.answer(url)
    assert status_of(raised.value) == 501
    assert raised.value.message and raised.value.option


@pytest.mark.parametrize(
    "url", ["Orders?x=1", "Orders?api_key=ft_abc", "Orders?utm_source=a&b=", "Orders?$schemaversion=*"]
)
def test_custom_options_are_ignored(url: str) -> None:
    assert not isinstance(SERVICE.answer(url), Document)


def test_an_alias_without_a_value_is_null() -> None:
    assert "IS NULL" in SERVICE.get("Orders?$filter=name eq @p").answer.query.select.sql("duckdb")


def test_aliases_cannot_multiply_without_end() -> None:
    doubled = "&".join(f"@a{n}=@a{n + 1} add @a{n + 1}" for n in range(19))
    with pytest.raises(ODataRequestError, match=r"5,000 terms|too deeply"):
        SERVICE.answer(f"Orders?$filter=@a0 eq 1&{doubled}&@a19=1")
    chain = "&".join(f"@a{n}=@a{n + 1}" for n in range(200))
    with pytest.raises(ODataRequestError, match="too deeply"):
        SERVICE.answer(f"Orders?$filter=@a0 eq 1&{chain}")


def test_a_long_list_is_read_and_one_without_end_is_not() -> None:
    assert SERVICE.get(f"Orders?$filter=id in ({','.join(map(str, range(4000)))})").rows == []
    assert SERVICE.get(f"Orders?$filter={' or '.join(f'id eq {n}' for n in range(1000))}").rows == []
    with pytest.raises(ODataRequestError, match="5,000 terms"):
        SERVICE.answer(f"Orders?$filter=id in ({','.join(map(str, range(6000)))})")


def test_a_filter_as_deep_as_may_be_is_translated() -> None:
    deep = "not (" * 90 + "id eq 1" + ")" * 90
    assert SERVICE.get(f"Orders?$filter={deep}").rows == []


def test_no_error_repeats_a_literal() -> None:
    for filter_text in (
        "id eq 'hunter2'",
        "contains(id,'hunter2')",
        "name eq 'hunter2' and",
        "day add 'hunter2' eq day",
    ):
        with pytest.raises((ODataRequestError, ODataSyntaxError)) as raised:
            SERVICE.answer(f"Orders?$filter={filter_text}")
        assert "hunter2" not in repr(vars(raised.value))
