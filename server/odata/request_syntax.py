"""The typed tree of a whole OData request: query options, their items, $search and the resource path.

Expressions and path segments are in `syntax.py`; the same rules hold for positions and equality.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from server.odata.syntax import Expression, Segment


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """A word, or a phrase that stood in quotation marks."""

    text: str
    phrase: bool = False
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SearchText:
    """`$search='…'`: text that is no complete search expression, to be taken as the service likes."""

    text: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SearchNot:
    """`NOT x`."""

    operand: "Search"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SearchLogical:
    """`AND` (also by juxtaposition) or `OR` over two or more; `operator` is "and" or "or"."""

    operator: str
    operands: "tuple[Search, ...]"
    position: int = field(default=0, compare=False)


Search = SearchTerm | SearchText | SearchNot | SearchLogical


@dataclass(frozen=True, slots=True)
class OrderItem:
    """One item of $orderby."""

    expression: Expression
    descending: bool = False
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SelectItem:
    """One item of $select; `parameters` name a function's overload: `Fn(a,b)`."""

    path: tuple[Segment, ...]
    options: "QueryOptions | None" = None
    parameters: tuple[str, ...] | None = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ExpandItem:
    """One item of $expand; a path ending in `$ref` or `$count` has that as its last segment."""

    path: tuple[Segment, ...]
    options: "QueryOptions | None" = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ComputeItem:
    """`expression as name` of $compute."""

    expression: Expression
    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """Every option of a request, or of a nested `(…;…)`; None or () = not given.

    `levels` is -1 for `max`. `apply` is raw decoded text. `custom` has what is no option of OData, also
    credentials sent as a query parameter: it is left out of repr.
    """

    filter: Expression | None = None
    select: tuple[SelectItem, ...] = ()
    expand: tuple[ExpandItem, ...] = ()
    orderby: tuple[OrderItem, ...] = ()
    compute: tuple[ComputeItem, ...] = ()
    search: Search | None = None
    top: int | None = None
    skip: int | None = None
    count: bool | None = None
    levels: int | None = None
    index: int | None = None
    format: str | None = None
    skiptoken: str | None = None
    deltatoken: str | None = None
    schemaversion: str | None = None
    id: str | None = None
    apply: str | None = None
    aliases: tuple[tuple[str, Expression], ...] = ()
    custom: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class ResourceKind(StrEnum):
    """What the first segment of a resource path says."""

    SERVICE = "service"
    METADATA = "$metadata"
    BATCH = "$batch"
    ENTITY = "$entity"
    ALL = "$all"
    CROSSJOIN = "$crossjoin"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """The path below the service root; for CROSSJOIN the names crossed are in `crossed`.

    For RESOURCE, `segments` starts with a Name (entity set, singleton or function). A key is a KeyPredicate
    after it, or a KeySegment, or a Name where the schema expects a key (`Employees/A1245`).
    """

    kind: ResourceKind
    segments: tuple[Segment, ...] = ()
    crossed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ODataUrl:
    """A whole request: where, and with which options."""

    path: ResourcePath
    options: QueryOptions
