"""What `$metadata` announces beside types: descriptions, and what the service can and can't do, as data.

Terms of the OASIS vocabularies Core.V1 and Capabilities.V1. Only what really holds is announced: Power Query
and other clients leave out what they are told not to ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.odata.model import EntitySet
from server.values import is_comparable

CORE = "Org.OData.Core.V1"
CAPABILITIES = "Org.OData.Capabilities.V1"
VOCABULARIES = {
    CORE: "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Core.V1.xml",
    CAPABILITIES: "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Capabilities.V1.xml",
}
# What `to_query` turns into SQL; its tests hold the two equal.
FILTER_FUNCTIONS = tuple(
    """
    concat contains endswith indexof length matchesPattern startswith substring tolower toupper trim
    date day fractionalseconds hour maxdatetime mindatetime minute month now second time totaloffsetminutes
    totalseconds year
    ceiling floor round
    """.split()
)


@dataclass(frozen=True, slots=True)
class PropertyPaths:
    """A collection of paths to properties, apart from a collection of strings."""

    paths: tuple[str, ...]


Value = bool | str | tuple[str, ...] | PropertyPaths | Mapping[str, "Value"]
Annotations = tuple[tuple[str, Value], ...]


def description(text: str) -> Annotations:
    """Core.Description, when there is something to say."""
    return ((f"{CORE}.Description", text),) if text.strip() else ()


def container_annotations() -> Annotations:
    """What holds for the whole service."""
    return (
        (f"{CAPABILITIES}.FilterFunctions", FILTER_FUNCTIONS),
        (f"{CAPABILITIES}.BatchSupported", False),
        (f"{CAPABILITIES}.KeyAsSegmentSupported", True),
    )


def set_annotations(entity_set: EntitySet) -> Annotations:
    """What holds for one entity set."""
    opaque = tuple(p.name for p in entity_set.properties if not is_comparable(p.column.sql_type))
    filters: dict[str, Value] = {"Filterable": True}
    sorts: dict[str, Value] = {"Sortable": True}
    if opaque:
        filters["NonFilterableProperties"] = PropertyPaths(opaque)
        sorts["NonSortableProperties"] = PropertyPaths(opaque)
    described: dict[str, Value] = {
        "CountRestrictions": {"Countable": True},
        "FilterRestrictions": filters,
        "SortRestrictions": sorts,
        "SelectSupport": {"Supported": True},
        "TopSupported": True,
        "SkipSupported": True,
        "IndexableByKey": bool(entity_set.key),
        "SearchRestrictions": {"Searchable": False},
        "InsertRestrictions": {"Insertable": False},
        "UpdateRestrictions": {"Updatable": False},
        "DeleteRestrictions": {"Deletable": False},
    }
    terms = tuple((f"{CAPABILITIES}.{term}", value) for term, value in described.items())
    return description(entity_set.comment) + terms
