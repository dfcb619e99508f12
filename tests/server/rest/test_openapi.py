"""The OpenAPI document, held against the rules of OpenAPI 3.1 by hand: no validator is a dependency."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import orjson
import pytest

from catalog.records import ViewColumn
from connectors.sdk.types import SIMPLE
from server.answer import RequestContext
from server.rest.json_types import example_filter, json_schema
from server.rest.openapi import openapi_document, openapi_json
from server.rest.routes import rest_answer
from tests.server.sample import ORDER_COLUMNS, context, orders_context, publication, view

AWKWARD = ("2nd shift", 'a "quoted" name', "a/b?c#d", "{braces}", "Größe", "Error", "plant.line", "数量", "100%")


def awkward() -> RequestContext:
    columns = [ViewColumn(name, "VARCHAR") for name in (*AWKWARD, "select", "and", '"', "limit")]
    return context([publication(n, n, ("Größe",)) for n in AWKWARD], [view(n, columns) for n in AWKWARD])


def resolve(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    assert isinstance(found, dict)
    return found


def check_structure(document: dict[str, Any]) -> None:
    """The MUSTs of OpenAPI 3.1 that such a document can break."""
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert {"title", "version"} <= set(document["info"])
    for kind in document["components"].values():
        assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in kind)
    schemes = set(document["components"]["securitySchemes"])
    assert all(set(requirement) <= schemes for requirement in document["security"])
    operations = []
    for path, item in document["paths"].items():
        assert path.startswith("/") and path.isascii() and not set(path) & set("{}?#"), "no templates, no query"
        assert set(item) == {"get"}
        operation = item["get"]
        operations.append(operation["operationId"])
        parameters = [resolve(document, p) for p in operation["parameters"]]
        identities = [(p["name"], p["in"]) for p in parameters]
        assert len(set(identities)) == len(identities), "parameters are unique by name and place"
        assert all(p["in"] in ("query", "header") and "schema" in p for p in parameters)
        assert operation["responses"]
        for code, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d", code)
            found = resolve(document, response)
            assert found["description"]
            for content_type, media in found["content"].items():
                assert re.fullmatch(r"[\w.+-]+/[\w.+-]+", content_type)
                schema = media["schema"]
                assert resolve(document, schema.get("items", schema)) is not None
    assert len(set(operations)) == len(operations), "operation ids are unique"


@pytest.mark.parametrize("where", [orders_context(), awkward(), context([], [])], ids=["orders", "awkward", "empty"])
def test_the_document_has_the_structure_of_openapi(where: RequestContext) -> None:
    check_structure(orjson.loads(openapi_json(where)))


def test_only_readable_publications_of_this_protocol_are_described() -> None:
    where = context(
        [publication("a", "v"), publication("b", "v"), publication("c", "v", protocols=["odata"])],
        [view("v", [ViewColumn("x", "DATE")])],
        may_read=frozenset({"a", "c"}),
    )
    document: Any = openapi_document(where)
    assert list(document["paths"]) == ["/api/v1/plant/data/a"]
    assert set(document["components"]["schemas"]) == {"a", "Error"}
    assert b'"b"' not in openapi_json(where)


def test_awkward_names_lead_back_to_their_publications() -> None:
    document: Any = openapi_document(awkward())
    found = [unquote(path.rpartition("/")[2]) for path in document["paths"]]
    assert sorted(found) == sorted(AWKWARD)
    titles = {schema.get("title") for schema in document["components"]["schemas"].values()}
    assert set(AWKWARD) <= titles


def test_every_filter_parameter_and_its_example_can_be_sent() -> None:
    for where in (orders_context(), awkward()):
        document: Any = openapi_document(where)
        for path, item in document["paths"].items():
            name = unquote(path.rpartition("/")[2])
            for parameter in item["get"]["parameters"]:
                if "example" in parameter:
                    text = f"{parameter['name']}={parameter['example']}".replace("%", "%25").replace("#", "%23")
                    answer = rest_answer(where, name, text.replace("+", "%2B").encode())
                    assert answer.query.select.args.get("where") is not None


def test_every_column_is_a_property_with_its_type() -> None:
    document: Any = openapi_document(orders_context())
    properties = document["components"]["schemas"]["Orders"]["properties"]
    assert list(properties) == [c.name for c in ORDER_COLUMNS]
    assert properties["order_id"]["type"] == "integer"
    assert properties["total"]["type"] == ["number", "null"]
    assert properties["created"] == {"type": ["string", "null"], "format": "date-time"}
    assert properties["photo"]["contentEncoding"] == "base64url"
    assert properties["order_id"]["description"] == 'The number on the <paper> & "label"'


def test_pages_are_described_for_publications_with_a_key_only() -> None:
    keyed: Any = openapi_document(orders_context())
    keyless: Any = openapi_document(context([publication("a", "v")], [view("v", [ViewColumn("x", "DATE")])]))
    after = {"$ref": "#/components/parameters/after"}
    assert after in keyed["paths"]["/api/v1/plant/data/Orders"]["get"]["parameters"]
    assert after not in keyless["paths"]["/api/v1/plant/data/a"]["get"]["parameters"]
    assert "Link" not in keyless["paths"]["/api/v1/plant/data/a"]["get"]["responses"]["200"]["headers"]


@pytest.mark.parametrize("sql_type", [*SIMPLE, "HUGEINT", "DECIMAL(9,2)"])
def test_every_column_type_has_a_schema_of_its_own_and_an_example(sql_type: str) -> None:
    assert "type" in json_schema(sql_type, nullable=False)
    assert "null" in json_schema(sql_type, nullable=True)["type"]  # type: ignore[operator]
    assert "." in example_filter(sql_type)


def test_nested_types_keep_their_shape() -> None:
    assert json_schema("INTEGER[]", nullable=True) == {"type": ["array", "null"]}
    assert json_schema("STRUCT(a INTEGER)", nullable=False) == {"type": "object"}
    assert json_schema("JSON", nullable=True) == {}
