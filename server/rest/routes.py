"""The REST protocol's one function: a GET on a publication → its answer. Knows nothing of HTTP's machinery."""

from __future__ import annotations

from server.answer import Answer, RequestContext
from server.publications import published_view, readable_publication
from server.rest.formats import choose_format
from server.rest.parser import parse_request
from server.rest.to_query import to_answer

PROTOCOL = "rest"


def rest_answer(
    context: RequestContext, publication: str, query_string: bytes, accept: str = "", prefer: str = ""
) -> Answer:
    """Read a request on a publication. `query_string`: percent-encoded, without `?`; `accept`, `prefer`: headers.

    Raises UnknownNameError (no such publication, or not for this key: the same), RestRequestError,
    ParameterValueError.
    """
    found = readable_publication(context, publication, PROTOCOL)
    request = parse_request(query_string)
    chosen = choose_format(request.format, accept)
    view = published_view(context.catalog, found)
    return to_answer(context, found, view, request, chosen, count=wants_count(prefer))


def wants_count(prefer: str) -> bool:
    """Whether a Prefer header (RFC 7240) asks for the exact number of rows; unknown preferences are ignored."""
    return any(part.strip().lower().replace(" ", "") == "count=exact" for part in prefer.replace(";", ",").split(","))
