"""A posted SELECT → its answer. The text is parsed and checked here; it never runs in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlglot import exp

from catalog.records import Limits
from engine.encoders.encoding import Encoding, Format
from engine.errors import ParameterValueError, UnknownNameError
from engine.parse import parse_query
from engine.query import Parameter, Query, parameter
from engine.resolve import tables_of
from server.answer import Answer, RequestContext
from server.errors import BodyError
from server.publications import readable_publications
from server.rest.formats import CONTENT_TYPES, choose_format, download_headers

PROTOCOL = "sql"
Scalar = bool | int | float | str | None


class SqlRequest(BaseModel):
    """The JSON body: one SELECT, and values for its $1, $2, …"""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"sql": "SELECT * FROM order_backlog WHERE customer = $1 LIMIT 10", "parameters": ["ACME"]}]
        },
    )
    sql: str
    parameters: Annotated[list[Scalar], Field(max_length=1_000)] = []


def sql_answer(context: RequestContext, body: bytes, content_type: str, accept: str, asked: str | None) -> Answer:
    """The answer to a posted statement: `{"sql": …, "parameters": […]}` as JSON, or the bare text.

    Raises BodyError, the QueryErrors of parsing, NotAcceptableError.
    """
    request = _read(body, content_type)
    chosen = choose_format(asked, accept)
    tree = parse_query(request.sql)
    parameters = tuple(_typed(value) for value in request.parameters)
    readable = readable_publications(context, PROTOCOL)
    names = {publication.name.lower() for publication in readable}
    for table in tables_of(tree):
        if table.args.get("db") is None and table.name.lower() not in names:
            known = ", ".join(sorted(publication.name for publication in readable)[:12]) or "there are none"
            raise UnknownNameError(f"there is no publication {table.name!r}", hint=f"publications are: {known}")
    prefix, suffix = ("[", "]") if chosen is Format.JSON else ("", "")
    select = _with_parameters(tree, parameters)
    names = {table.name.lower() for table in tables_of(tree)}
    used = [publication for publication in readable if publication.name.lower() in names]
    return Answer(
        Query(select, parameters),
        Encoding(chosen, (), prefix=prefix, suffix=suffix),
        CONTENT_TYPES[chosen],
        tuple(publication.name for publication in used),
        limits=strictest([publication.limits for publication in used]),
        headers=download_headers(chosen, "rows"),
    )


def strictest(limits: Sequence[Limits]) -> Limits:
    """Of each limit the one that asks most of the answer; there are no pages here."""
    rates = [one.min_client_rate for one in limits if one.min_client_rate is not None]
    return Limits(
        max_rows=min((one.max_rows for one in limits if one.max_rows is not None), default=None),
        max_bytes=min((one.max_bytes for one in limits if one.max_bytes is not None), default=None),
        timeout=min((one.timeout for one in limits if one.timeout is not None), default=None),
        min_client_rate=max(rates, default=None),
        max_source_time=min((one.max_source_time for one in limits if one.max_source_time is not None), default=None),
    )


def _read(body: bytes, content_type: str) -> SqlRequest:
    try:
        if content_type.split(";")[0].strip().lower() != "application/json":
            return SqlRequest(sql=body.decode())
        return SqlRequest.model_validate(orjson.loads(body))
    except UnicodeDecodeError:
        raise BodyError("the body is not UTF-8 text") from None
    except orjson.JSONDecodeError:
        raise BodyError(
            "the body is not JSON", hint='send {"sql": "SELECT …"}, or the bare text as text/plain'
        ) from None
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"])) or "(all)" for item in error.errors(include_input=False))
        raise BodyError(
            f"the body's fields are not as expected: {fields}", hint='send {"sql": "SELECT …", "parameters": […]}'
        ) from None


def _typed(value: Scalar) -> Parameter:
    if value is None:
        return Parameter("VARCHAR", None)
    if isinstance(value, bool):
        return Parameter("BOOLEAN", value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ParameterValueError(
                "an integer parameter is beyond 64 bits", hint="send it as a string and cast it"
            )
        return Parameter("BIGINT", value)
    if isinstance(value, float):
        return Parameter("DOUBLE", value)
    return Parameter("VARCHAR", value)


def _with_parameters(tree: exp.Query, parameters: tuple[Parameter, ...]) -> exp.Query:
    """The tree with each $n under a cast to the type of its value."""
    copy = tree.copy()
    for node in list(copy.find_all(exp.Placeholder)):
        number = int(str(node.this))
        if not 1 <= number <= len(parameters):
            raise ParameterValueError(f"${number} has no value", hint=f"{len(parameters)} parameters were sent")
        node.replace(parameter(number - 1, parameters[number - 1].sql_type))
    return copy
