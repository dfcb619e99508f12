"""$metadata in both forms and the service document."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree  # type: ignore[import-untyped]

from catalog.records import ViewColumn
from engine.errors import UnknownNameError
from server.answer import RequestContext
from server.odata.metadata import metadata_document, metadata_json, metadata_xml, service_document
from server.odata.model import find_entity_set, service_root
from server.odata.names import encode_name
from tests.server.sample import ORDER_COLUMNS, context, orders_context, publication, view

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
AWKWARD = ("2nd shift", 'a "quoted" name', "it's", "Größe", "_x0041_", "plant.line", "Default", "Цех", "x" * 200)


def shared_odata() -> Path:
    """The folder with the standard's own schemas, which may not be part of this repository."""
    default = Path(__file__).resolve().parents[3].parent / "shared"
    folder = Path(os.environ.get("VIEWLOOM_SHARED", default)) / "odata"
    if not (folder / "edmx.xsd").is_file():
        pytest.skip("the OData schemas are not here; VIEWLOOM_SHARED names their folder")
    return folder


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    return etree.XMLSchema(etree.parse(str(shared_odata() / "edmx.xsd"), parser))


def awkward_context() -> RequestContext:
    names = [name for name in AWKWARD if len(name) <= 128]
    return context(
        [publication(name, name, ("2nd shift",), comment="a\x0bb\n<c>") for name in names],
        [view(name, [ViewColumn(n, "VARCHAR", comment="\x00 & ]]>") for n in AWKWARD]) for name in names],
    )


def entity_types(xml: bytes) -> dict[str, etree._Element]:
    return {str(e.get("Name")): e for e in etree.fromstring(xml).iter(f"{EDM}EntityType")}


def test_every_column_is_a_property_with_type_and_facets() -> None:
    (orders,) = entity_types(metadata_xml(orders_context())).values()
    properties = {p.get("Name"): dict(p.attrib) for p in orders.iter(f"{EDM}Property")}
    assert list(properties) == [encode_name(c.name) for c in ORDER_COLUMNS]
    assert properties["order_id"] == {"Name": "order_id", "Type": "Edm.Int64", "Nullable": "false"}
    assert properties["total"] == {"Name": "total", "Type": "Edm.Decimal", "Precision": "12", "Scale": "2"}
    assert properties["created"] == {"Name": "created", "Type": "Edm.DateTimeOffset", "Precision": "6"}
    assert properties["tags"]["Type"] == "Edm.String"
    assert [k.get("Name") for k in orders.iter(f"{EDM}PropertyRef")] == ["order_id"]


def test_the_document_is_valid_with_every_type(schema: etree.XMLSchema) -> None:
    schema.assertValid(etree.fromstring(metadata_xml(orders_context())))


def test_the_document_is_valid_with_awkward_names(schema: etree.XMLSchema) -> None:
    schema.assertValid(etree.fromstring(metadata_xml(awkward_context())))


def test_the_document_is_valid_with_no_publication_at_all(schema: etree.XMLSchema) -> None:
    schema.assertValid(etree.fromstring(metadata_xml(context([], []))))


# libxml2 knows only the first and the last of the ideographs and of the Hangul syllables as letters.
IDEOGRAPHS = [chr(code) for first, last in ((0x3400, 0x9FFF), (0xAC00, 0xD7FF)) for code in range(first, last)]
STORABLE = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters=IDEOGRAPHS)


@settings(max_examples=60, deadline=None)
@given(name=st.text(STORABLE, min_size=1, max_size=128))
def test_the_document_is_valid_with_any_name(schema: etree.XMLSchema, name: str) -> None:
    document = metadata_xml(context([publication(name, "v")], [view("v", [ViewColumn(name, "DATE", comment=name)])]))
    schema.assertValid(etree.fromstring(document))


def test_only_readable_publications_of_this_protocol_are_described() -> None:
    seen = context(
        [publication("a", "v"), publication("b", "v"), publication("c", "v", protocols=["rest", "sql"])],
        [view("v", [ViewColumn("x", "DATE")])],
        may_read=frozenset({"a", "c"}),
    )
    assert list(entity_types(metadata_xml(seen))) == ["a"]
    assert list(orjson.loads(metadata_json(seen))["viewloom.plant"]) == ["a", "Default"]
    assert [s["name"] for s in orjson.loads(service_document(seen))["value"]] == ["a"]


@pytest.mark.parametrize("name", ["b", "c", "A", "nothing"])
def test_forbidden_unpublished_and_unknown_entity_sets_look_the_same(name: str) -> None:
    seen = context(
        [publication("a", "v"), publication("b", "v"), publication("c", "v", protocols=["rest"])],
        [view("v", [ViewColumn("x", "DATE")])],
        may_read=frozenset({"a", "c"}),
    )
    with pytest.raises(UnknownNameError) as raised:
        find_entity_set(seen, name)
    assert raised.value.message == f"there is no publication {name!r}"
    assert "b" not in raised.value.hint.replace("publications", "") and "'c'" not in raised.value.hint


@pytest.mark.parametrize(
    ("sql_type", "legal"), [("DECIMAL(9,0)", True), ("UUID", True), ("DOUBLE", False), ("BLOB", False)]
)
def test_a_key_of_a_type_that_is_no_key_in_odata_is_left_out(sql_type: str, legal: bool) -> None:
    seen = context([publication("a", "v", ("k",))], [view("v", [ViewColumn("k", sql_type)])])
    entity_set = find_entity_set(seen, "a")
    assert bool(entity_set.key) is legal
    assert entity_set.properties[0].nullable is not legal
    assert (b"<Key>" in metadata_xml(seen)) is legal
    assert (b'IndexableByKey" Bool="true"' in metadata_xml(seen)) is legal


def test_a_publication_named_as_the_container_gets_a_type_of_another_name() -> None:
    seen = context([publication("Default", "v")], [view("v", [ViewColumn("x", "DATE")])])
    assert list(entity_types(metadata_xml(seen))) == ["_x0044_efault"]
    assert find_entity_set(seen, "Default").publication.name == "Default"


def test_comments_become_descriptions() -> None:
    document = etree.fromstring(metadata_xml(orders_context()))
    texts = [a.get("String") for a in document.iter(f"{EDM}Annotation") if a.get("Term", "").endswith("Description")]
    assert texts == ['The number on the <paper> & "label"', "All orders"]


def test_values_that_cannot_be_compared_are_announced_as_such() -> None:
    document = etree.fromstring(metadata_xml(orders_context()))
    assert [p.text for p in document.iter(f"{EDM}PropertyPath")] == ["tags", "tags"]


def test_both_forms_say_the_same() -> None:
    data = orjson.loads(metadata_json(orders_context()))
    schema = data["viewloom.plant"]
    assert data["$EntityContainer"] == "viewloom.plant.Default"
    (orders,) = entity_types(metadata_xml(orders_context())).values()
    for element in orders.iter(f"{EDM}Property"):
        json_form = schema["Orders"][element.get("Name")]
        assert json_form.get("$Type", "Edm.String") == element.get("Type")
        assert json_form.get("$Nullable", False) is (element.get("Nullable") != "false")
        assert json_form.get("$Precision") == (int(element.get("Precision", "0")) or None)
    assert schema["Orders"]["$Key"] == ["order_id"]
    assert schema["Default"]["Orders"]["@Org.OData.Capabilities.V1.TopSupported"] is True


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/odata/plant"),
        ("https://h/proxy", "https://h/proxy/odata/plant"),
        ("https://h/odata/key/ft_abc", "https://h/odata/key/ft_abc/plant"),
        ("https://h/odata", "https://h/odata/plant"),
    ],
)
def test_links_start_at_the_root_that_the_client_sees(base_url: str, root: str) -> None:
    seen = orders_context(base_url=base_url)
    assert service_root(seen) == root
    document = orjson.loads(service_document(seen))
    assert document["@odata.context"] == f"{root}/$metadata"
    assert document["value"] == [{"name": "Orders", "kind": "EntitySet", "url": f"{root}/Orders"}]


def test_urls_in_the_service_document_are_ascii_and_titles_are_the_names() -> None:
    seen = context([publication("Größe 2", "v")], [view("v", [ViewColumn("x", "DATE")])])
    (member,) = orjson.loads(service_document(seen))["value"]
    assert member["name"] == "Größe_x0020_2"
    assert member["title"] == "Größe 2"
    assert member["url"].endswith("/plant/Gr%C3%B6%C3%9Fe_x0020_2")


POWER_QUERY = (
    "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7"
)


@pytest.mark.parametrize(
    ("accept", "form", "content_type"),
    [
        ("", None, "application/xml;charset=utf-8"),
        ("*/*", None, "application/xml;charset=utf-8"),
        (POWER_QUERY, None, "application/xml;charset=utf-8"),
        ("application/xml", None, "application/xml;charset=utf-8"),
        ("application/json", None, "application/json"),
        ("application/json;odata.metadata=minimal, application/json", None, "application/json"),
        ("application/xml", "json", "application/json"),
        ("application/json", "xml", "application/xml;charset=utf-8"),
        ("application/xml", "application/json;odata.metadata=full", "application/json"),
    ],
)
def test_xml_is_the_form_for_all_who_do_not_ask_for_json_alone(
    accept: str, form: str | None, content_type: str
) -> None:
    found, document = metadata_document(orders_context(), accept, form)
    assert found == content_type
    assert document.startswith(b"{" if "json" in content_type else b"<?xml")


@pytest.mark.parametrize("name", [*AWKWARD[:7], "x" * 128, " " * 128, "ä b" * 42])
def test_an_entity_set_is_found_by_its_identifier(name: str) -> None:
    seen = context([publication(name, "v")], [view("v", [ViewColumn("x", "DATE")])])
    assert find_entity_set(seen, encode_name(name)).publication.name == name
