"""The OpenAPI 3.1 document of exactly what a request may read: one path per publication that offers REST.

Paths and parameters carry the names as they are (percent-encoded in paths); only the keys of `components.schemas`,
which may hold ASCII letters, digits and `._-` alone, are mapped as for OData.
"""

from __future__ import annotations

from urllib.parse import quote

import orjson

from catalog.records import Publication, View
from engine.encoders.encoding import Format
from server.answer import RequestContext
from server.odata.names import encode_name
from server.publications import key_columns, published_view, readable_publications
from server.rest.formats import CONTENT_TYPES
from server.rest.json_types import example_filter, json_schema
from server.rest.parser import MAX_LIMIT, OPERATORS, column_parameter, column_reference
from server.rest.to_query import MAX_PAGE, TOTAL_COUNT

VERSION = "3.1.0"
_ERRORS = {
    "400": "A parameter can't be read, names no column, or does not fit its type.",
    "401": "No valid key was given.",
    "404": "There is no such publication for this key.",
    "406": "None of the accepted formats can be written.",
    "409": "The declared key was seen twice while paging.",
    "422": "A value met while reading can't be computed with, or the answer is larger than it may be.",
    "429": "Too many requests of this key wait for a source; Retry-After says when to come again.",
    "502": "A source of the publication failed.",
    "503": "All workers, or a source, are busy; Retry-After says when to come again.",
    "504": "A source, or the answer, took too long.",
}


def openapi_document(context: RequestContext) -> dict[str, object]:
    """The document as plain data, ready for JSON."""
    found = [(p, published_view(context.catalog, p)) for p in readable_publications(context, "rest")]
    root = f"/api/v1/{context.catalog.workspace}/data"
    return {
        "openapi": VERSION,
        "info": {
            "title": f"Viewloom: {context.catalog.workspace}",
            "version": str(context.catalog.version),
            "description": "Publications of this workspace that the key may read. Every column is a filter: "
            f"`column=operator.value` with the operators {', '.join(OPERATORS)}, each after `not.` too.",
        },
        "servers": [{"url": context.base_url or "/"}],
        "security": [{"key_header": []}, {"basic": []}, {"key_parameter": []}],
        "paths": {f"{root}/{quote(p.name, safe='')}": {"get": _operation(p, view)} for p, view in found},
        "components": {
            "schemas": {
                **{schema_name(p): _row_schema(p, view) for p, view in found},
                "Error": _ERROR_SCHEMA,
            },
            "parameters": _PARAMETERS,
            "responses": {code: _error_response(text) for code, text in _ERRORS.items()},
            "securitySchemes": _SECURITY,
        },
    }


def openapi_json(context: RequestContext) -> bytes:
    """The document as JSON."""
    return orjson.dumps(openapi_document(context))


def schema_name(publication: Publication) -> str:
    """The key of a publication's row in `components.schemas`. `Error` is ours, so a publication of that name gets an
    escape that no other name has."""
    name = encode_name(publication.name, ascii_only=True)
    return "_x0045_rror" if name == "Error" else name


def _operation(publication: Publication, view: View) -> dict[str, object]:
    key = key_columns(view, publication)
    options = ["select", "order", "limit", "offset", "format", "and", "or", "Prefer", *(["after"] if key else [])]
    comment = publication.comment or view.comment
    row = {"$ref": f"#/components/schemas/{schema_name(publication)}"}
    return {
        "operationId": f"read_{schema_name(publication)}",
        "summary": comment.strip().partition("\n")[0] or f"Rows of {publication.name}",
        "description": _description(publication, comment),
        "tags": ["data"],
        "parameters": [
            *({"$ref": f"#/components/parameters/{name}"} for name in options),
            *(_filter_parameter(column.name, column.sql_type, column.comment) for column in view.columns),
        ],
        "responses": {
            "200": {
                "description": "The rows. A body that ends early is broken: the answer failed on the way.",
                "headers": {
                    TOTAL_COUNT: {"description": "with Prefer: count=exact", "schema": {"type": "integer"}},
                    **({"Link": {"description": 'rel="next": the next page', "schema": {"type": "string"}}}
                       if key else {}),
                },
                "content": _content(row),
            },
            **{code: {"$ref": f"#/components/responses/{code}"} for code in _ERRORS},
        },
    }  # fmt: skip


def _content(row: dict[str, str]) -> dict[str, object]:
    binary: dict[str, object] = {}
    found: dict[str, object] = {}
    for form, content_type in CONTENT_TYPES.items():
        match form:
            case Format.JSON:
                schema: dict[str, object] = {"type": "array", "items": row}
            case Format.NDJSON:
                schema = {"type": "string", "description": "one JSON object a line"}
            case Format.CSV:
                schema = {"type": "string"}
            case _:
                schema = binary
        found[content_type.partition(";")[0]] = {"schema": schema}
    return found


def _description(publication: Publication, comment: str) -> str:
    lines = [comment.strip()] if comment.strip() else []
    if publication.key:
        names = ", ".join(column_reference(name) for name in publication.key)
        lines.append(f"Key: {names} ({publication.key_kind or 'declared'}). With limit ≤ {MAX_PAGE:,} the answer has "
                     "a Link to the next page.")  # fmt: skip
    else:
        lines.append("No key: there are no pages; limit and offset work without promise that rows keep their places.")
    return "\n\n".join(lines)


def _row_schema(publication: Publication, view: View) -> dict[str, object]:
    key = key_columns(view, publication)
    properties: dict[str, object] = {}
    for column in view.columns:
        schema = json_schema(column.sql_type, nullable=column.nullable and column not in key)
        texts = [column.comment.strip(), str(schema.get("description", ""))]
        described = "; ".join(text for text in texts if text)
        properties[column.name] = {**schema, **({"description": described} if described else {})}
    return {"type": "object", "title": publication.name, "properties": properties}


def _filter_parameter(column: str, sql_type: str, comment: str) -> dict[str, object]:
    return {
        "name": column_parameter(column),
        "in": "query",
        "required": False,
        "description": f"{comment.strip()} ({sql_type})" if comment.strip() else f"Filter on {column} ({sql_type}).",
        "schema": {"type": "string"},
        "example": example_filter(sql_type),
    }


def _option(name: str, description: str, schema: dict[str, object], place: str = "query") -> dict[str, object]:
    return {"name": name, "in": place, "required": False, "description": description, "schema": schema}


def _error_response(text: str) -> dict[str, object]:
    error = {"schema": {"$ref": "#/components/schemas/Error"}}
    return {"description": text, "content": {"application/json": error}}


_TEXT: dict[str, object] = {"type": "string"}
_PARAMETERS = {
    "select": _option("select", "Columns of the answer, in order: `a,b,other_name:c`.", _TEXT),
    "order": _option("order", "`column.asc|desc.nullsfirst|nullslast`, several parted by commas.", _TEXT),
    "limit": _option("limit", f"Most rows to give. Up to {MAX_PAGE:,} it is the size of a page.",
                     {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT}),
    "offset": _option("offset", "Rows to leave out at the beginning.", {"type": "integer", "minimum": 0}),
    "after": _option("after", "Where the page starts; taken from the Link header, never made up.", _TEXT),
    "format": _option("format", "Instead of an Accept header.", {"type": "string", "enum": [str(f) for f in Format]}),
    "and": _option("and", "`(a.gt.5,or(b.is.null,c.eq.x))`: conditions that all hold.", _TEXT),
    "or": _option("or", "`(a.gt.5,b.is.null)`: conditions of which one holds.", _TEXT),
    "Prefer": _option("Prefer", f"`count=exact`: the number of all rows in {TOTAL_COUNT}.", _TEXT, "header"),
}  # fmt: skip
_SECURITY: dict[str, object] = {
    "key_header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "basic": {"type": "http", "scheme": "basic", "description": "any user name; the key is the password"},
    "key_parameter": {"type": "apiKey", "in": "query", "name": "api_key",
                      "description": "for clients that can't send headers; it may end up in logs of others"},
}  # fmt: skip
_ERROR_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string", "description": "stable; the reference of errors explains each"},
        "message": {"type": "string"},
        "hint": {"type": "string", "description": "what to do"},
        "details": {"type": "object"},
        "run": {"type": "string", "description": "the run's id, for its record and the log"},
    },
}
