"""What a workspace looks like as an OData model: entity sets over the publications that a request may read.

Both forms of `$metadata`, the service document and the reading of a request work on these records. The model is in
the namespace `viewloom.<workspace>`, its container is `Default`. An entity type is named as its entity set.

A publication without a key (or with a floating point or binary one) is an entity set whose type has no Key element,
see docs/decisions/0015-entity-sets-without-key.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from catalog.records import Publication, View, ViewColumn
from server.answer import RequestContext
from server.odata.edm_types import EdmType, edm_type, may_be_key
from server.odata.names import decode_name, encode_name
from server.publications import is_readable, key_columns, published_view, readable_publications, unknown_publication

PROTOCOL = "odata"
CONTAINER = "Default"
_AT_ODATA = re.compile(r"/odata(/key/[^/]+)?\Z")


@dataclass(frozen=True, slots=True)
class Property:
    """A column as an entity's property. `name` is its OData identifier."""

    name: str
    column: ViewColumn
    type: EdmType
    nullable: bool


@dataclass(frozen=True, slots=True)
class EntitySet:
    """A publication as an entity set. `key`: the properties that make an entity's key, () when there is none."""

    name: str
    type_name: str
    publication: Publication
    view: View
    properties: tuple[Property, ...]
    key: tuple[Property, ...]

    @property
    def comment(self) -> str:
        return self.publication.comment or self.view.comment

    def property(self, name: str) -> Property | None:
        """By identifier; OData compares it exactly."""
        return next((found for found in self.properties if found.name == name), None)


def service_root(context: RequestContext) -> str:
    """The absolute URL of the workspace's OData service, without a trailing slash.

    A `base_url` that carries the key as a path segment ends in `/odata/key/{key}`; any other gets `/odata` here.
    """
    inside = _AT_ODATA.search(context.base_url) is not None
    return f"{context.base_url}{'' if inside else '/odata'}/{context.catalog.workspace}"


def namespace(context: RequestContext) -> str:
    """The namespace of the workspace's entity types and container."""
    return f"viewloom.{encode_name(context.catalog.workspace)}"


def entity_sets(context: RequestContext) -> tuple[EntitySet, ...]:
    """Every entity set that this request may read, by publication name."""
    return tuple(_entity_set(context, publication) for publication in readable_publications(context, PROTOCOL))


def find_entity_set(context: RequestContext, name: str) -> EntitySet:
    """An entity set by its identifier. Raises UnknownNameError when there is none that this request may read."""
    try:
        candidates = [context.catalog.publication(decode_name(name))]
    except ValueError:  # a shortened identifier is found by comparing
        candidates = list(readable_publications(context, PROTOCOL))
    for publication in candidates:
        if publication is None or encode_name(publication.name) != name:
            continue
        if is_readable(context, publication, PROTOCOL):
            return _entity_set(context, publication)
    readable = readable_publications(context, PROTOCOL)
    raise unknown_publication(name, (encode_name(publication.name) for publication in readable))


def _entity_set(context: RequestContext, publication: Publication) -> EntitySet:
    view = published_view(context.catalog, publication)
    key = key_columns(view, publication)
    if not all(may_be_key(column.sql_type) for column in key):
        key = ()
    properties = {
        column.name: Property(
            encode_name(column.name), column, edm_type(column.sql_type), column.nullable and column not in key
        )
        for column in view.columns
    }
    name = encode_name(publication.name)
    # Children of a schema have different names (CSDL 4.01 §5), and one of them is the container. "D" is never
    # escaped by `encode_name`, so no other publication has this name.
    type_name = "_x0044_efault" if name == CONTAINER else name
    return EntitySet(
        name, type_name, publication, view, tuple(properties.values()), tuple(properties[c.name] for c in key)
    )
