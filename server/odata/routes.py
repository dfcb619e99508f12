"""The OData protocol's one function: a GET below a workspace's service root → a document or an answer to run.

Knows nothing of HTTP's machinery: paths and queries come raw, headers as a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.answer import Answer, RequestContext
from server.odata.metadata import metadata_document, service_document
from server.odata.negotiation import JsonForm, check_version, json_form, page_size
from server.odata.request_syntax import ResourceKind
from server.odata.resource import find_resource
from server.odata.response import VERSION
from server.odata.to_query import Request, to_answer
from server.odata.url import parse_url


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes that need no run: `$metadata` and the service document."""

    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = (VERSION,)


def odata_answer(
    context: RequestContext, raw_path: bytes, raw_query: bytes, headers: Mapping[str, str]
) -> Answer | Document:
    """Read a request. `raw_path`: below the workspace's service root, percent-encoded. `headers`: by lower-case name.

    Raises ODataSyntaxError, ODataRequestError, ODataNotImplementedError, ParameterValueError, and UnknownNameError
    for an entity set that isn't there or not for this principal: the same.
    """
    check_version(headers.get("odata-maxversion", ""))
    url = parse_url(raw_path, raw_query)
    accept = headers.get("accept", "")
    if url.path.kind is ResourceKind.METADATA:
        content_type, body = metadata_document(context, accept, url.options.format)
        return Document(body, content_type)
    if url.path.kind is ResourceKind.SERVICE:
        form = json_form(url.options.format, accept)
        return Document(service_document(context), form.content_type)
    resource = find_resource(context, url.path, dict(url.options.aliases))
    text = resource.count or resource.raw
    form = JsonForm() if text else json_form(url.options.format, accept)
    query = raw_query.decode("utf-8")  # it parsed, so it is UTF-8
    return to_answer(Request(context, resource, url.options, form, page_size(headers.get("prefer", "")), query))
