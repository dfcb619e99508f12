"""`$metadata` and the service document: exactly the publications that a request may read.

CSDL XML 4.0 is what every client understands; CSDL JSON (4.01) is for those that ask for JSON alone. Both are written
from the same `EntitySet` records. Strict on purpose: Power Query drops a whole feed over one unexpected element.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote
from xml.etree import ElementTree as ET

import orjson

from server.answer import RequestContext
from server.odata.model import CONTAINER, EntitySet, Property, entity_sets, namespace, service_root
from server.odata.vocabulary import (
    VOCABULARIES,
    Annotations,
    PropertyPaths,
    Value,
    container_annotations,
    description,
    set_annotations,
)

XML_CONTENT_TYPE = "application/xml;charset=utf-8"
JSON_CONTENT_TYPE = "application/json"
SERVICE_CONTENT_TYPE = "application/json;odata.metadata=minimal"

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
# What XML 1.0 can't hold (§2.2), not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def metadata_document(context: RequestContext, accept: str = "", form: str | None = None) -> tuple[str, bytes]:
    """(content type, document) in the form asked for by `$format`, else by the Accept header."""
    if wants_json(accept, form):
        return JSON_CONTENT_TYPE, metadata_json(context)
    return XML_CONTENT_TYPE, metadata_xml(context)


def wants_json(accept: str, form: str | None = None) -> bool:
    """Whether the caller wants CSDL JSON: `$format` says so, or Accept names JSON alone.

    Power Query names JSON first and needs XML, so whoever takes anything else besides gets XML.
    """
    if form is not None:
        return form.partition(";")[0].strip().lower() in ("json", "application/json")
    ranges = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    return bool(ranges) and all(name == "application/json" for name in ranges)


def metadata_xml(context: RequestContext) -> bytes:
    """CSDL XML of the workspace, as this request may see it."""
    # The prefixes are written by hand: ElementTree's own ones (ns0) are legal, but not what clients are tested with.
    root = ET.Element("edmx:Edmx", {"xmlns:edmx": _EDMX, "Version": "4.0"})
    for name, url in VOCABULARIES.items():
        reference = ET.SubElement(root, "edmx:Reference", {"Uri": url})
        ET.SubElement(reference, "edmx:Include", {"Namespace": name})
    services = ET.SubElement(root, "edmx:DataServices")
    schema = ET.SubElement(services, "Schema", {"xmlns": _EDM, "Namespace": namespace(context)})
    found = entity_sets(context)
    for entity_set in found:
        _add_entity_type(schema, entity_set)
    if found:  # a container has at least one child (CSDL XML 4.01 §13)
        _add_container(schema, namespace(context), found)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def metadata_json(context: RequestContext) -> bytes:
    """CSDL JSON of the same model."""
    found = entity_sets(context)
    schema: dict[str, object] = {}
    container: dict[str, object] = {"$Kind": "EntityContainer"}
    for entity_set in found:
        entity_type: dict[str, object] = {"$Kind": "EntityType"}
        if entity_set.key:
            entity_type["$Key"] = [key.name for key in entity_set.key]
        entity_type.update((prop.name, _property_json(prop)) for prop in entity_set.properties)
        schema[entity_set.type_name] = entity_type
        container[entity_set.name] = {
            "$Collection": True,
            "$Type": f"{namespace(context)}.{entity_set.type_name}",
            **_annotations_json(set_annotations(entity_set)),
        }
    references = {
        url.replace(".xml", ".json"): {"$Include": [{"$Namespace": name}]} for name, url in VOCABULARIES.items()
    }
    document: dict[str, object] = {"$Version": "4.01", "$Reference": references, namespace(context): schema}
    if found:
        schema[CONTAINER] = {**container, **_annotations_json(container_annotations())}
        document["$EntityContainer"] = f"{namespace(context)}.{CONTAINER}"
    return orjson.dumps(document)


def service_document(context: RequestContext) -> bytes:
    """The list of entity sets (OData JSON 4.01 §5), with absolute URLs: they hold with and without a slash at the
    end of the root, and carry a key that stands in the path."""
    root = service_root(context)
    value: list[dict[str, str]] = []
    for entity_set in entity_sets(context):
        member = {"name": entity_set.name, "kind": "EntitySet", "url": f"{root}/{quote(entity_set.name)}"}
        if entity_set.publication.name != entity_set.name:
            member["title"] = entity_set.publication.name
        value.append(member)
    return orjson.dumps({"@odata.context": f"{root}/$metadata", "value": value})


def _add_entity_type(schema: ET.Element, entity_set: EntitySet) -> None:
    element = ET.SubElement(schema, "EntityType", {"Name": entity_set.type_name})
    if entity_set.key:
        key = ET.SubElement(element, "Key")
        for prop in entity_set.key:
            ET.SubElement(key, "PropertyRef", {"Name": prop.name})
    for prop in entity_set.properties:
        facets = {"Name": prop.name, "Type": prop.type.name}
        if not prop.nullable:
            facets["Nullable"] = "false"
        if prop.type.precision is not None:
            facets["Precision"] = str(prop.type.precision)
        if prop.type.scale is not None:
            facets["Scale"] = str(prop.type.scale)
        _annotate(ET.SubElement(element, "Property", facets), description(prop.column.comment))


def _add_container(schema: ET.Element, qualifier: str, found: tuple[EntitySet, ...]) -> None:
    container = ET.SubElement(schema, "EntityContainer", {"Name": CONTAINER})
    for entity_set in found:
        attributes = {"Name": entity_set.name, "EntityType": f"{qualifier}.{entity_set.type_name}"}
        _annotate(ET.SubElement(container, "EntitySet", attributes), set_annotations(entity_set))
    _annotate(container, container_annotations())


def _annotate(element: ET.Element, annotations: Annotations) -> None:
    for term, value in annotations:
        _add_value(ET.SubElement(element, "Annotation", {"Term": term}), value)


def _add_value(element: ET.Element, value: Value) -> None:
    """A constant becomes an attribute, a collection or a record a child element (CSDL XML 4.01 §14)."""
    match value:
        case bool():
            element.set("Bool", "true" if value else "false")
        case str():
            element.set("String", _NOT_XML.sub("\ufffd", value))
        case PropertyPaths():
            collection = ET.SubElement(element, "Collection")
            for path in value.paths:
                ET.SubElement(collection, "PropertyPath").text = path
        case tuple():
            collection = ET.SubElement(element, "Collection")
            for item in value:
                ET.SubElement(collection, "String").text = item
        case _:
            record = ET.SubElement(element, "Record")
            for name, member in value.items():
                _add_value(ET.SubElement(record, "PropertyValue", {"Property": name}), member)


def _property_json(prop: Property) -> dict[str, object]:
    result: dict[str, object] = {} if prop.type.name == "Edm.String" else {"$Type": prop.type.name}
    if prop.nullable:
        result["$Nullable"] = True
    if prop.type.precision is not None:
        result["$Precision"] = prop.type.precision
    if prop.type.scale is not None:
        result["$Scale"] = prop.type.scale
    return {**result, **_annotations_json(description(prop.column.comment))}


def _annotations_json(annotations: Annotations) -> dict[str, object]:
    return {f"@{term}": _value_json(value) for term, value in annotations}


def _value_json(value: Value) -> object:
    if isinstance(value, PropertyPaths):
        return list(value.paths)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return {name: _value_json(item) for name, item in value.items()}
    return value
