"""A REST request and its publication → the query and the form of its answer.

Columns stand under the publication's name everywhere: a bare name in ORDER BY or WHERE could mean an alias of
`select` instead of the column. The names in the answer are the encoding's; aliases never reach a condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sqlglot import exp

from catalog.records import Publication, View, ViewColumn
from engine.encoders.encoding import Encoding, Format, NextLink, Page
from engine.query import Parameter, Query
from engine.resolve import suggest
from server.answer import Answer, RequestContext
from server.keyset import OrderTerm, behind, can_page, ordered, page_of, read_after, with_key
from server.publications import key_columns
from server.rest.conditions import conditions_tree
from server.rest.errors import RestCombinationError, RestUnknownNameError
from server.rest.formats import CONTENT_TYPES, download_headers
from server.rest.parser import OPTIONS
from server.rest.request import RestRequest, SelectItem

# A page whose link stands in the head is held back until it is complete.
MAX_PAGE = 10_000
TOTAL_COUNT = "Viewloom-Total-Count"


@dataclass(frozen=True, slots=True)
class _Relation:
    """A publication's view, by whose columns a request is read."""

    publication: Publication
    view: View

    def find(self, name: str) -> ViewColumn:
        """A column: the one so spelled, or the one that differs in case only."""
        lower = name.lower()
        found = next((c for c in self.view.columns if c.name == name), None)
        found = found or next((c for c in self.view.columns if c.name.lower() == lower), None)
        if found is None:
            known = [c.name for c in self.view.columns]
            raise RestUnknownNameError(
                f"publication {self.publication.name!r} has no column {name[:128]!r}",
                hint=suggest(name[:128], [*known, *OPTIONS], "columns"),
            )
        return found

    def node(self, column: ViewColumn) -> exp.Column:
        return exp.column(column.name, table=self.publication.name, quoted=True)

    def term(self, column: ViewColumn, descending: bool = False, nulls_first: bool | None = None) -> OrderTerm:
        """In PostgreSQL's order, where NULL is larger than any value. A declared key may turn out to hold NULL."""
        first = descending if nulls_first is None else nulls_first
        return OrderTerm(self.node(column), column.sql_type, descending, first, column.nullable)


def to_answer(
    context: RequestContext,
    publication: Publication,
    view: View,
    request: RestRequest,
    chosen: Format,
    *,
    count: bool = False,
) -> Answer:
    """The answer to a request in the chosen format. `count`: the number of all rows is wanted besides.

    With a `limit` of up to 10,000 (or the publication's page size) and a key the answer is a page, and the link to
    the next one stands in the head. Raises RestRequestError, ParameterValueError.
    """
    relation = _Relation(publication, view)
    items = _items(relation, request)
    parameters: list[Parameter] = []
    table = exp.Table(this=exp.to_identifier(publication.name, quoted=True))
    projection = [_projected(relation, item) for item in items]
    filtered = exp.select().from_(table)
    filtered = filtered.where(*conditions_tree(request.conditions, relation.find, relation.node, parameters))
    counted = Query(filtered.select(exp.Count(this=exp.Star())), tuple(parameters)) if count else None

    names = tuple(item.alias or relation.find(item.column).name for item in items)
    select, page = _paged(context, relation, request, filtered.select(*projection), parameters)
    return Answer(
        query=Query(select, tuple(parameters)),
        encoding=_encoding(chosen, names, page),
        content_type=CONTENT_TYPES[chosen],
        publications=(publication.name,),
        limits=publication.limits,
        count=counted,
        count_header=TOTAL_COUNT if count else "",
        headers=((("Preference-Applied", "count=exact"),) if count else ())
        + download_headers(chosen, publication.name),
    )


def _items(relation: _Relation, request: RestRequest) -> Sequence[SelectItem]:
    items = request.select or tuple(SelectItem(column.name) for column in relation.view.columns)
    seen: set[str] = set()
    for item in items:
        name = (item.alias or relation.find(item.column).name).lower()
        if name in seen:
            raise RestCombinationError(
                f"select names {name[:128]!r} twice", hint="give one of them another name: other:column"
            )
        seen.add(name)
    return items


def _projected(relation: _Relation, item: SelectItem) -> exp.Expr:
    node = relation.node(relation.find(item.column))
    return node if item.alias is None else exp.alias_(node, item.alias, quoted=True)


def _paged(
    context: RequestContext,
    relation: _Relation,
    request: RestRequest,
    select: exp.Select,
    parameters: list[Parameter],
) -> tuple[exp.Select, Page | None]:
    """The SELECT in order and within limit and offset; a page when there is a key to go on from."""
    order = [relation.term(relation.find(o.column), o.descending, o.nulls_first) for o in request.order]
    key = [relation.term(column) for column in key_columns(relation.view, relation.publication)]
    terms = with_key(order, key)
    pageable = bool(key) and can_page(terms)
    after = None
    if request.after is not None:
        if not pageable:
            raise RestCombinationError(
                f"publication {relation.publication.name!r} has no pages",
                hint="it has no key, or is ordered by a column whose values can't be compared; use limit and offset",
            )
        after = read_after(request.after, terms)
    if request.offset:
        select = select.offset(request.offset)
    size = _page_size(request, relation.publication.limits.page_size)
    if pageable and size:
        link = _next_link(context, relation.publication, request)
        return page_of(select, terms, size, parameters, after), Page(size, len(terms), NextLink.HEAD, link)
    if after is not None:
        select = ordered(select, terms).where(behind(terms, after, parameters))
    elif order:
        select = ordered(select, terms)
    return (select if request.limit is None else select.limit(request.limit)), None


def _page_size(request: RestRequest, most: int | None) -> int | None:
    """Rows of one page; None or 0: the answer is no page."""
    if request.limit is None:
        return None if most is None else min(most, MAX_PAGE)
    if most is not None:
        return min(request.limit, most, MAX_PAGE)
    return request.limit if request.limit <= MAX_PAGE else None


def _next_link(context: RequestContext, publication: Publication, request: RestRequest) -> str:
    """The URL of the next page up to its token: the same request, without what this page has used up, and without
    a key that was given in the URL."""
    path = f"/api/v1/{context.catalog.workspace}/data/{quote(publication.name, safe='')}"
    kept = [(n, v) for n, v in request.pairs if n not in ("after", "offset", "api_key")]
    query = "".join(f"{quote(name, safe='')}={quote(value, safe='')}&" for name, value in kept)
    return f"{context.base_url}{path}?{query}after="


def _encoding(chosen: Format, names: tuple[str, ...], page: Page | None) -> Encoding:
    json = chosen is Format.JSON
    return Encoding(chosen, names, prefix="[" if json else "", suffix="]" if json else "", page=page)
