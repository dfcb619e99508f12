"""Answers to requests for one entity by its key, kept by the shape of the address: the next key is only put in.

Reading a URL and making its SELECT takes as long as everything else that the API process does for a key lookup. Kept
is what reading gave for one principal over one catalog snapshot; a new snapshot (each second) is read for anew. Only
addresses whose key can't change what is made of them are kept: a plain number or a plain text that becomes the one
parameter of the query as it stands.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

from catalog.records import WorkspaceCatalog
from engine.query import Query
from engine.tree_key import Shape, tree_key
from server.answer import Answer, RequestContext
from server.odata.lookup import known_set
from server.odata.routes import Document, odata_answer

KEPT = 1_000
_HEADERS = ("accept", "odata-maxversion", "prefer")
# Up to nine digits fit every type that is kept, whatever they are. A text's characters are those that need no escape.
_ADDRESS = re.compile(rb"(/[A-Za-z_]\w*\((?:[A-Za-z_]\w*=)?)(?:([1-9][0-9]{0,8})|'([A-Za-z0-9_.\-]{1,64})')\)")
_TYPES = {int: ("INTEGER", "BIGINT"), str: ("VARCHAR",)}


@dataclass(frozen=True, slots=True)
class _Kept:
    catalog: WorkspaceCatalog
    answer: Answer


class RememberedAnswers:
    """The kept answers of an API process; for one thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    def answer(
        self, context: RequestContext, raw_path: bytes, raw_query: bytes, headers: Mapping[str, str]
    ) -> Answer | Document:
        """What `odata_answer` gives, and raises."""
        match = _ADDRESS.fullmatch(raw_path)
        # An API key is never kept: neither one in the path before ours, nor one in the query, however it is spelled.
        if match is None or "/key/" in context.base_url or b"key" in raw_query.lower() or len(raw_query) > 500:
            return odata_answer(context, raw_path, raw_query, headers)
        value = int(match[2]) if match[2] else match[3].decode()
        given = tuple(headers.get(name, "") for name in _HEADERS)
        shape = (context.scope, context.base_url, context.protocol, match[1], type(value), raw_query, given)
        kept = self._kept.get(shape)
        if kept is not None and kept.catalog is context.catalog:
            self._kept.move_to_end(shape)
            return _with_value(kept.answer, value)
        answer = odata_answer(context, raw_path, raw_query, headers)
        if isinstance(answer, Answer) and _is_plain(answer, value, _key_types(context, match[1])):
            shape_of_query = Shape(tree_key(answer.query.select))
            query = Query(answer.query.select, answer.query.parameters, shape_of_query)
            self._kept[shape] = _Kept(context.catalog, replace(answer, query=query))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return answer


def _key_types(context: RequestContext, address: bytes) -> list[str]:
    """The types of the key of the entity set that an address begins with."""
    name = address[1 : address.index(b"(")].decode()
    return [prop.column.sql_type for prop in known_set(context, name).entity_set.key]


def _is_plain(answer: Answer, value: int | str, key: list[str]) -> bool:
    """Whether the key is the query's one parameter, as it stands in the address and of the column's own type (a
    number that the column can't hold is compared as another), and nothing else depends on it."""
    if answer.count is not None or answer.encoding.page is not None or len(answer.query.parameters) != 1:
        return False
    (parameter,) = answer.query.parameters
    same = type(parameter.value) is type(value) and parameter.value == value
    return same and key == [parameter.sql_type] and parameter.sql_type in _TYPES[type(value)]


def _with_value(answer: Answer, value: int | str) -> Answer:
    query = answer.query
    parameters = (replace(query.parameters[0], value=value),)
    return replace(answer, query=Query(query.select, parameters, query.shape))
