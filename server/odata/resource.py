"""What a resource path addresses: an entity set, one entity by its key, a property of it, or a number of entities.

OData 4.01 URL Conventions 4.3 to 4.9. A key stands in parentheses (`Orders(5)`, `Lines(order=1,line=2)`) or as
segments of its own (`Orders/5`, `Lines/1/2`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from urllib.parse import quote

from sqlglot import exp

from engine.errors import ParameterValueError
from server.answer import RequestContext
from server.odata.errors import ODataNotImplementedError, ODataRequestError, UnknownResourceError
from server.odata.lookup import KnownSet, known_set
from server.odata.model import Property
from server.odata.request_syntax import ResourceKind, ResourcePath
from server.odata.syntax import (
    Alias,
    Argument,
    Count,
    Dollar,
    Expression,
    KeyPredicate,
    KeySegment,
    Literal,
    Name,
    Segment,
)
from server.odata.terms import Constant, Term, comparable, constant, kind_of, literal_term, mismatch
from server.values import parse_value

OPTION = "path"


@dataclass(frozen=True, slots=True)
class Resource:
    """`key`: property and value for each part, () for a collection. `raw`: `$value`. `count`: `/$count`."""

    known: KnownSet
    key: tuple[tuple[Property, Term], ...] = ()
    property: Property | None = None
    raw: bool = False
    count: bool = False


def find_resource(context: RequestContext, path: ResourcePath, aliases: Mapping[str, Expression]) -> Resource:
    """What a path below the service root addresses.

    Raises UnknownNameError (no such entity set, or not for this principal), UnknownResourceError, ODataRequestError,
    ODataNotImplementedError.
    """
    if path.kind is not ResourceKind.RESOURCE:
        raise ODataNotImplementedError(f"{path.kind} is not answered.", option=OPTION, hint="Ask for an entity set.")
    first, *rest = path.segments
    assert isinstance(first, Name)
    known = known_set(context, first.name)
    resource = Resource(known)
    if rest and isinstance(rest[0], KeyPredicate):
        resource = replace(resource, key=_key(known, rest[0], aliases))
        rest = rest[1:]
    elif rest and _may_be_key(rest[0]):
        parts = len(known.entity_set.key) or 1
        resource = replace(resource, key=_key_of_segments(known, rest[:parts]))
        rest = rest[parts:]
    for segment in rest:
        resource = _further(resource, segment)
    return resource


def key_text(resource: Resource) -> str:
    """The key as it stands in a canonical URL, percent-encoded: `(5)`, `(order=1,name='a')`."""
    parts = [(prop.name, _literal_text(term.value)) for prop, term in resource.key]
    text = parts[0][1] if len(parts) == 1 else ",".join(f"{name}={value}" for name, value in parts)
    return quote(f"({text})", safe="(),='")


def _further(resource: Resource, segment: Segment) -> Resource:
    """A segment behind an entity set or an entity."""
    if resource.raw or resource.count:
        raise UnknownResourceError("Nothing can follow here.", option=OPTION, position=segment.position)
    match segment:
        case Count(None) if not resource.key:
            return replace(resource, count=True)
        case Dollar("$value") if resource.property is not None:
            return replace(resource, raw=True)
        case Name(name) if resource.key and resource.property is None and "." not in name:
            known = resource.known
            found = known.properties.get(name)
            if found is None:
                raise UnknownResourceError(
                    f"{known.entity_set.name} has no property {name[:128]!r}.",
                    option=OPTION,
                    position=segment.position,
                    hint=f"Properties are: {', '.join(list(known.properties)[:12])}.",
                )
            return replace(resource, property=found)
        case Name(name) if "." in name:
            pass  # a cast to a type, or an operation of the service
        case Count() | Dollar("$value") | KeySegment() | KeyPredicate() | Name():
            raise UnknownResourceError("The path leads nowhere.", option=OPTION, position=segment.position)
    raise ODataNotImplementedError(
        "This segment of the path is not answered.",
        option=OPTION,
        position=segment.position,
        hint="Use $filter on the entity set.",
    )


def _may_be_key(segment: Segment) -> bool:
    return isinstance(segment, KeySegment) or (isinstance(segment, Name) and "." not in segment.name)


def _expected(known: KnownSet, position: int) -> tuple[Property, ...]:
    key = known.entity_set.key
    if not key:
        raise ODataRequestError(
            f"{known.entity_set.name} has no key, so no single entity of it can be asked for.",
            option=OPTION,
            position=position,
            hint="Use $filter.",
        )
    return key


def _key(
    known: KnownSet, predicate: KeyPredicate, aliases: Mapping[str, Expression]
) -> tuple[tuple[Property, Term], ...]:
    expected = _expected(known, predicate.position)
    given = predicate.arguments
    names = [argument.name for argument in given]
    if names not in ([None], []) or len(expected) != len(given):
        missing = [prop.name for prop in expected if prop.name not in names]
        if missing or len(given) != len(expected):
            wanted = ",".join(prop.name + "=…" for prop in expected)
            raise ODataRequestError(
                f"The key of {known.entity_set.name} is {', '.join(prop.name for prop in expected)}.",
                option=OPTION,
                position=predicate.position,
                hint=f"Write it like {known.entity_set.name}({wanted if len(expected) > 1 else '…'}).",
            )
    by_name = {argument.name: argument for argument in given}
    single = given[0] if len(given) == 1 else None
    return tuple((prop, _key_term(prop, single or by_name[prop.name], aliases)) for prop in expected)


def _key_term(prop: Property, argument: Argument, aliases: Mapping[str, Expression]) -> Term:
    value: Expression | None = argument.value
    if isinstance(value, Alias):
        value = aliases.get(value.name)
    if not isinstance(value, Literal) or value.value is None:
        raise ODataRequestError(
            f"The key {prop.name} needs a value.",
            option=OPTION,
            position=argument.position,
            hint="A key is a literal, or an alias that is given one; it is never null.",
        )
    term = literal_term(value, OPTION)
    wanted = Term(kind_of(prop.column.sql_type), prop.column.sql_type, exp.null(), label=prop.name)
    if not comparable(wanted, term):
        raise mismatch(wanted, term, "compared with", OPTION)
    return term


def _key_of_segments(known: KnownSet, segments: Sequence[Segment]) -> tuple[tuple[Property, Term], ...]:
    expected = _expected(known, segments[0].position)
    found: list[tuple[Property, Term]] = []
    for prop, segment in zip(expected, segments, strict=False):
        text = segment.text if isinstance(segment, KeySegment) else segment.name if isinstance(segment, Name) else ""
        try:
            value = parse_value(prop.name, prop.column.sql_type, text).value
        except ParameterValueError as error:
            raise UnknownResourceError(
                f"There is nothing of that name in {known.entity_set.name}: {error.message}.",
                option=OPTION,
                position=segment.position,
                hint=error.hint,
            ) from None
        assert value is not None
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        found.append((prop, constant(value, segment.position)))
    if len(found) < len(expected):
        raise UnknownResourceError(
            f"The key of {known.entity_set.name} has {len(expected)} parts.",
            option=OPTION,
            position=segments[0].position,
        )
    return tuple(found)


def _literal_text(value: Constant | None) -> str:
    """A value as an OData literal, for a URL."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, time):
        return value.isoformat()
    assert not isinstance(value, timedelta | bytes)
    return f"{value:f}" if type(value).__name__ == "Decimal" else str(value)
