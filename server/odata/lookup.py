"""An entity set and its properties by identifier, remembered: a key lookup must not describe the whole set anew.

`server.odata.model` builds the records; here they are kept per publication and view, told apart by identity, because
a catalog is an immutable snapshot and the next one brings new records.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from catalog.records import Publication, View
from engine.resolve import suggest
from server.answer import RequestContext
from server.odata.errors import UnknownPropertyError
from server.odata.model import PROTOCOL, EntitySet, Property, find_entity_set
from server.odata.names import decode_name, encode_name
from server.publications import is_readable, published_view

MAX_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class KnownSet:
    """An entity set with its properties by identifier."""

    entity_set: EntitySet
    properties: Mapping[str, Property]

    def property(self, name: str, option: str, position: int = 0) -> Property:
        """A property by identifier, which OData compares exactly. Raises UnknownPropertyError with a suggestion."""
        found = self.properties.get(name)
        if found is None:
            raise UnknownPropertyError(
                f"{self.entity_set.name} has no property {name[:128]!r}.",
                option=option,
                position=position,
                hint=suggest(name[:128], list(self.properties), "properties"),
            )
        return found


# The records are kept beside their results: an id is only unique while its object lives.
_REMEMBERED: OrderedDict[tuple[int, int], tuple[Publication, View, KnownSet]] = OrderedDict()


def known_set(context: RequestContext, name: str) -> KnownSet:
    """An entity set by its identifier. Raises UnknownNameError when there is none that this request may read."""
    publication = _publication(context, name)
    if publication is None:
        return _described(context, name)
    view = published_view(context.catalog, publication)
    key = (id(publication), id(view))
    found = _REMEMBERED.get(key)
    if found is None:
        found = _REMEMBERED[key] = (publication, view, _described(context, name))
        while len(_REMEMBERED) > MAX_REMEMBERED:
            _REMEMBERED.popitem(last=False)
    return found[2]


def _publication(context: RequestContext, name: str) -> Publication | None:
    """The readable publication behind an identifier; None: `find_entity_set` has to look, or to refuse."""
    try:
        publication = context.catalog.publication(decode_name(name))
    except ValueError:
        return None
    if publication is None or encode_name(publication.name) != name:
        return None
    return publication if is_readable(context, publication, PROTOCOL) else None


def _described(context: RequestContext, name: str) -> KnownSet:
    entity_set = find_entity_set(context, name)
    return KnownSet(entity_set, {prop.name: prop for prop in entity_set.properties})
