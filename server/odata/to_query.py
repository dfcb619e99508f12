"""A resource and the options of a request → its `Answer`: one SELECT, and how its rows are written.

Pages are made only when the client asks (`Prefer: maxpagesize`) or the publication limits an answer, and only where
there is a key to go on from; else all rows stream. `$top` and `$skip` order by the key, so that two requests agree on
which rows come first (Protocol 11.2.6.3). NULLs come first ascending and last descending (11.2.6.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from engine.encoders.encoding import NextLink, Page
from engine.query import Query
from server.answer import Answer, RequestContext
from server.keyset import OrderTerm, behind, can_page, ordered, page_of, read_after, with_key
from server.odata.comparison import compared
from server.odata.errors import ODataNotImplementedError, ODataRequestError, ODataTypeError
from server.odata.expressions import condition, value
from server.odata.model import Property, service_root
from server.odata.negotiation import JsonForm, PageSize
from server.odata.nodes import all_of, cast, is_not_null, wrapped
from server.odata.request_syntax import QueryOptions, SelectItem
from server.odata.resource import Resource, key_text
from server.odata.response import (
    BINARY_CONTENT_TYPE,
    TEXT_CONTENT_TYPE,
    VERSION,
    collection_encoding,
    next_link,
    raw_encoding,
    select_list,
    single_encoding,
)
from server.odata.syntax import Name, Star
from server.odata.terms import DURATION, sql
from server.odata.translation import Translation

# Options that are not done, and what to do instead.
_NOT_DONE = {
    "search": "Use contains() in $filter.",
    "expand": "Publish a view that joins, and read that.",
    "compute": "Publish a view that computes, and read that.",
    "apply": "Publish a view that aggregates, and read that.",
    "levels": "",
    "index": "Use $skip.",
    "deltatoken": "Filter by a column that says when a row was changed.",
    "id": "Ask for the entity by its key.",
}
_COLLECTION_ONLY = ("filter", "orderby", "top", "skip", "count", "skiptoken")
# LIMIT of a page that only the publication's bytes end.
_NO_END = 2**40


@dataclass(frozen=True, slots=True)
class Request:
    """All that an answer is made of. `query`: the raw query string, for next links."""

    context: RequestContext
    resource: Resource
    options: QueryOptions
    form: JsonForm
    page_size: PageSize | None = None
    query: str = ""


def to_answer(request: Request) -> Answer:
    """The answer to a request for data. Raises ODataRequestError, ODataNotImplementedError, ParameterValueError."""
    check_options(request.resource, request.options)
    to = Translation(request.resource.known, dict(request.options.aliases))
    if request.resource.count:
        return _number(request, to)
    return _entity(request, to) if request.resource.key else _collection(request, to)


def check_options(resource: Resource, options: QueryOptions) -> None:
    """Refuse options that are not done, and those that don't apply to one entity."""
    for name, instead in _NOT_DONE.items():
        if getattr(options, name) not in (None, ()):
            raise ODataNotImplementedError(f"${name} is not implemented.", option=f"${name}", hint=instead)
    if not resource.key:
        return
    for name in _COLLECTION_ONLY:
        if getattr(options, name) not in (None, ()):
            raise ODataRequestError(
                f"${name} does not apply to a single entity.", option=f"${name}", hint="Leave it out."
            )


def _collection(request: Request, to: Translation) -> Answer:
    options, entity_set = request.options, to.known.entity_set
    properties = _selected(to, options.select)
    select = _rows(to, properties)
    where = _condition(to, options)
    count = None
    if options.count:
        counted = _from(to).select(exp.Count(this=exp.Star()), copy=False)
        count = Query(_where(counted, where), tuple(to.parameters))
    select = _where(select, where)
    select, page = _paged(request, to, select)
    applied = (("Preference-Applied", request.page_size.applied),) if request.page_size and page else ()
    root = service_root(request.context)
    names = [prop.name for prop in properties] if _narrows(options.select) else []
    fragment = _set_fragment(to) + select_list(names)
    return Answer(
        query=Query(select, tuple(to.parameters)),
        encoding=collection_encoding(request.form, root, fragment, properties, count is not None, page),
        content_type=request.form.content_type,
        publications=(entity_set.publication.name,),
        limits=entity_set.publication.limits,
        count=count,
        headers=(VERSION, *applied),
    )


def _entity(request: Request, to: Translation) -> Answer:
    """One entity, or a property of it. A property that is null is answered 204: no row, though the count is 1."""
    resource, entity_set, root = request.resource, to.known.entity_set, service_root(request.context)
    where = _key_condition(to, resource)
    encoding, content_type, count = raw_encoding(), TEXT_CONTENT_TYPE, None
    if resource.property is None:
        properties = _selected(to, request.options.select)
        names = [prop.name for prop in properties]
        shown = names if _narrows(request.options.select) else []
        fragment = f"{_set_fragment(to)}{select_list(shown)}/$entity"
        encoding, content_type = single_encoding(request.form, root, fragment, names), request.form.content_type
    else:
        if request.options.select:
            raise ODataRequestError("$select does not apply to a property.", option="$select")
        properties = (resource.property,)
        counted = _from(to).select(exp.Count(this=exp.Star()), copy=False)
        count = Query(_where(counted, where), tuple(to.parameters))
        where = all_of([where, is_not_null(to.column(resource.property.column.name))])
        if not resource.raw:
            fragment = f"{_set_fragment(to)}{key_text(resource)}{'/' + select_list([resource.property.name])[1:-1]}"
            encoding, content_type = (
                single_encoding(request.form, root, fragment, ["value"]),
                request.form.content_type,
            )
        elif resource.property.type.name == "Edm.Binary":
            content_type = BINARY_CONTENT_TYPE
    return Answer(
        query=Query(_where(_rows(to, properties), where), tuple(to.parameters)),
        encoding=encoding,
        content_type=content_type,
        publications=(entity_set.publication.name,),
        limits=entity_set.publication.limits,
        count=count,
        headers=(VERSION,),
        empty_is_missing=True,
    )


def _number(request: Request, to: Translation) -> Answer:
    """`/$count`: the number alone, of what $filter leaves; other options don't change it (Protocol 11.2.6.5)."""
    publication = to.known.entity_set.publication
    where = _condition(to, request.options)
    counted = _from(to).select(exp.Count(this=exp.Star()), copy=False)
    return Answer(
        query=Query(_where(counted, where), tuple(to.parameters)),
        encoding=raw_encoding(),
        content_type=TEXT_CONTENT_TYPE,
        publications=(publication.name,),
        limits=publication.limits,
        headers=(VERSION,),
    )


def _paged(request: Request, to: Translation, select: exp.Select) -> tuple[exp.Select, Page | None]:
    """The SELECT in order and within $skip and $top; a page where one is asked for and can be made."""
    options, limits = request.options, to.known.entity_set.publication.limits
    order = _order(to, options)
    key = [
        _order_term(to.column(prop.column.name), prop.column.sql_type, False, prop.column.nullable)
        for prop in to.known.entity_set.key
    ]
    terms = with_key(order, key)
    pageable = bool(key) and can_page(terms)
    after = None
    if options.skiptoken is not None:
        if not pageable:
            raise ODataRequestError(
                f"{to.known.entity_set.name} has no pages.",
                option="$skiptoken",
                hint="Only a set with a key has; follow next links exactly as they are given.",
            )
        after = read_after(options.skiptoken, terms)
    if options.skip:
        select = select.offset(options.skip, copy=False)
    asked = request.page_size.rows if request.page_size else None
    sizes = [size for size in (asked, limits.page_size, limits.max_rows) if size]
    top = options.top
    if pageable and top != 0 and (sizes or limits.max_bytes):
        size = min(sizes, default=_NO_END)
        if top is None or top > size or limits.max_rows or limits.max_bytes:
            root = service_root(request.context)
            link = next_link(root, to.known.entity_set.name, request.query)
            size = min(size, top or size)
            paged = page_of(select, terms, size, to.parameters, after)
            if top == size:
                paged.limit(size, copy=False)  # what is asked for ends here: there is no row behind it to look for
            return paged, Page(size, len(terms), NextLink.BODY, link, top, "&$top=" if top is not None else "")
    stable = terms if top is not None or options.skip or after is not None else order
    if after is not None:
        select = select.where(behind(terms, after, to.parameters), copy=False)
    if stable:
        select = ordered(select, stable)
    return (select if top is None else select.limit(top, copy=False)), None


def _order(to: Translation, options: QueryOptions) -> list[OrderTerm]:
    to.option = "$orderby"
    terms = []
    for item in options.orderby:
        term = value(to, item.expression)
        if term.kind == "opaque":
            raise ODataTypeError(
                f"Property {term.label!r} can't be ordered by.", option=to.option, position=item.position
            )
        if term.is_constant:
            continue
        sql_type = "BIGINT" if term.sql_type == DURATION else term.sql_type
        node = wrapped(sql(term, to.parameters))
        terms.append(_order_term(node, sql_type, item.descending, term.nullable))
    return terms


def _order_term(node: exp.Expr, sql_type: str, descending: bool, nullable: bool) -> OrderTerm:
    """Where no NULL can be, their place is the one that a source's index has: last ascending, first descending.

    A 128-bit integer has no type in Arrow, so a page token could not carry it: it is ordered as a decimal.
    """
    if sql_type in ("HUGEINT", "UHUGEINT"):
        node, sql_type = cast(node, "DECIMAL(38,0)"), "DECIMAL(38,0)"
    return OrderTerm(node, sql_type, descending, descending is not nullable, nullable)


def _condition(to: Translation, options: QueryOptions) -> exp.Expr | None:
    to.option = "$filter"
    return None if options.filter is None else condition(to, options.filter)


def _key_condition(to: Translation, resource: Resource) -> exp.Expr:
    to.option = "path"
    return all_of([compared(to, "eq", to.property(prop.name, 0), term) for prop, term in resource.key])


def _selected(to: Translation, items: Sequence[SelectItem]) -> tuple[Property, ...]:
    """The properties of the answer, in the order of $select, each once."""
    if not _narrows(items):
        for item in items:
            _check_item(item)
            if isinstance(item.path[0], Name):
                to.known.property(item.path[0].name, "$select", item.position)
        return to.known.entity_set.properties
    found: dict[str, Property] = {}
    for item in items:
        _check_item(item)
        name = item.path[0]
        assert isinstance(name, Name)
        found.setdefault(name.name, to.known.property(name.name, "$select", item.position))
    return tuple(found.values())


def _narrows(items: Sequence[SelectItem]) -> bool:
    return bool(items) and not any(item.path == (Star(),) for item in items)


def _check_item(item: SelectItem) -> None:
    plain = len(item.path) == 1 and (isinstance(item.path[0], Name) or item.path[0] == Star())
    if not plain or item.options is not None or item.parameters is not None:
        raise ODataNotImplementedError(
            "$select takes properties only.",
            option="$select",
            position=item.position,
            hint="There are no operations, nested properties or annotations to select.",
        )


def _rows(to: Translation, properties: Sequence[Property]) -> exp.Select:
    return _from(to).select(*(to.column(prop.column.name) for prop in properties), copy=False)


def _from(to: Translation) -> exp.Select:
    name = exp.Identifier(this=to.known.entity_set.publication.name, quoted=True)
    return exp.Select(from_=exp.From(this=exp.Table(this=name)))


def _where(select: exp.Select, node: exp.Expr | None) -> exp.Select:
    if node is not None:
        select.set("where", exp.Where(this=node.copy()))
    return select


def _set_fragment(to: Translation) -> str:
    return select_list([to.known.entity_set.name])[1:-1]
