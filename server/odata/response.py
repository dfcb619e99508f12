"""How an answer looks: encodings for a collection, an entity, a property and a raw value; context and next links.

OData JSON 4.01 §4.5 (context URL, in its 4.0 form), §4.6.1 (count), §4.6.5 (next link), §13. Both links are absolute:
Power Query takes no others. A client that asked for version 4.01 gets 4.0 payloads, which it has to understand.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote_plus

import orjson

from engine.encoders.encoding import Encoding, Format, Page
from server.odata.model import Property
from server.odata.negotiation import JsonForm

VERSION = ("OData-Version", "4.0")
TEXT_CONTENT_TYPE = "text/plain;charset=utf-8"
BINARY_CONTENT_TYPE = "application/octet-stream"
# What a next link does not repeat: used up, answered already, or a credential.
_NOT_REPEATED = frozenset({"count", "skip", "skiptoken", "top", "api_key"})
_IN_QUERY = "!$&'()*+,;=:@/?%-._~"


def collection_encoding(
    form: JsonForm, root: str, fragment: str, properties: Sequence[Property], count: bool, page: Page | None
) -> Encoding:
    """`{"@odata.context":…,"@odata.count":…,"value":[…],"@odata.nextLink":…}`."""
    context, value = _context(form, root, fragment), '"value":['
    quotes = '"' if form.strings_for_numbers else ""
    return Encoding(
        Format.JSON,
        tuple(prop.name for prop in properties),
        prefix="{" + context + ("" if count else value),
        count_prefix=f'"@odata.count":{quotes}' if count else "",
        after_count=f"{quotes},{value}" if count else "",
        suffix="]}",
        next_prefix=',"@odata.nextLink":',
        strings_for_numbers=form.strings_for_numbers,
        page=page,
    )


def single_encoding(form: JsonForm, root: str, fragment: str, names: Sequence[str]) -> Encoding:
    """One entity, or one property as `value`: the row's own members behind the context."""
    return Encoding(
        Format.JSON,
        tuple(names),
        prefix="{" + _context(form, root, fragment),
        single=True,
        strings_for_numbers=form.strings_for_numbers,
    )


def raw_encoding() -> Encoding:
    """One value as it is: `/$count` and `/$value`."""
    return Encoding(Format.CSV, ("value",), header=False, bare=True)


def select_list(names: Sequence[str]) -> str:
    """The list of selected properties of a context URL; "" when there is no $select."""
    return f"({','.join(quote(name) for name in names)})" if names else ""


def next_link(root: str, set_name: str, raw_query: str) -> str:
    """The URL of the next page up to its token: the client's own options, as sent, without what is used up."""
    kept = []
    for part in raw_query.split("&"):
        name = unquote_plus(part.partition("=")[0]).strip().lower().removeprefix("$")
        if part and name not in _NOT_REPEATED:
            kept.append(quote(part, safe=_IN_QUERY) + "&")
    return f"{root}/{quote(set_name)}?{''.join(kept)}$skiptoken="


def _context(form: JsonForm, root: str, fragment: str) -> str:
    if form.metadata == "none":
        return ""
    return f'"@odata.context":{orjson.dumps(f"{root}/$metadata#{fragment}").decode()},'
