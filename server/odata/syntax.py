"""The typed tree of an OData URL: syntax only, no meaning.

Names stay as written; whether `A/B` is a property, a navigation or a type cast is for `to_query.py`, which
knows the schema. Every node has `position`, the offset into the percent-decoded text of its option; it is
left out of comparisons, so that two trees are equal when they say the same.

No tree is deeper than `MAX_DEPTH` nodes (checked by the parser), so plain recursion over one is safe. Chains
of `and` and `or` are flat: `Logical` has any number of operands.
"""

import datetime
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.odata.request_syntax import QueryOptions

MAX_DEPTH = 200


@dataclass(frozen=True, slots=True)
class LexicalValue:
    """A correct literal whose value Python's own type can't hold exactly, kept as its text.

    Year 0, before it, or above 9999; a leap second; a fraction finer than a microsecond; a duration beyond
    timedelta; an enumeration or spatial value, whose meaning needs a type.
    """

    text: str


Value = (
    None
    | bool
    | int
    | Decimal
    | float
    | str
    | bytes
    | uuid.UUID
    | datetime.datetime
    | datetime.date
    | datetime.time
    | datetime.timedelta
    | LexicalValue
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A primitive literal. `type` is the Edm type name, "null", or an enumeration's qualified name."""

    value: Value
    type: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """One path segment that is a name: property, navigation, type cast, lambda variable, entity set…

    Dots are kept: `Model.Customer` is one name.
    """

    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Annotation:
    """`@Namespace.Term#Qualifier` as a path segment."""

    name: str
    qualifier: str | None = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Star:
    """`*`, or `Namespace.*` (all operations of a schema) in $select."""

    namespace: str | None = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class It:
    """`$it`: the current instance of the collection that the resource path identifies."""

    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class This:
    """`$this`: the instance on which the query option is evaluated."""

    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Root:
    """`$root`: the service root, always the first of several segments."""

    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Alias:
    """`@name`, whose value is given by a query option of the same name."""

    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """One value in parentheses; `name` is None when it is given by place."""

    value: "Expression"
    name: str | None = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`name(…)` in an expression: a canonical function, a function of the service, or an entity by key.

    The three look alike (`year(x)`, `Items(1)`); canonical names come in any case.
    """

    name: str
    arguments: tuple[Argument, ...] = ()
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class KeyPredicate:
    """`(…)` as its own segment after one: key values, or the parameters of a function; `()` is empty."""

    arguments: tuple[Argument, ...] = ()
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class KeySegment:
    """A segment of a resource path that can't be a name: a key or an ordinal, as text (key-as-segment)."""

    text: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Lambda:
    """`any(x:…)`, `all(x:…)` or `any()` as the last segment of a path. `kind` is "any" or "all"."""

    kind: str
    variable: str | None = None
    predicate: "Expression | None" = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FilterSegment:
    """`/$filter(…)` inside a path."""

    predicate: "Expression"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Count:
    """`/$count`, with `($filter=…;$search=…)` where given."""

    options: "QueryOptions | None" = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Dollar:
    """Another `$` segment: "$ref", "$value", "$query" or "$each"."""

    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Path:
    """Segments joined by `/`. A lone `$it`, `$this`, `@alias` or call is that node itself, not a Path."""

    segments: "tuple[Segment, ...]"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`not x` or `-x`; `operator` is "not" or "-"."""

    operator: str
    operand: "Expression"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, comparison, `has` and `in`; `operator` is in lower case. `in` has any right side."""

    operator: str
    left: "Expression"
    right: "Expression"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Logical:
    """`and` or `or` over two or more operands."""

    operator: str
    operands: "tuple[Expression, ...]"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ListExpression:
    """`(a,b)` right of `in`, or a JSON array `[a,b]` anywhere."""

    items: "tuple[Expression, ...]"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ObjectExpression:
    """A JSON object: names and values in the order written."""

    members: "tuple[tuple[str, Expression], ...]"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Case:
    """`case(condition:result,…)`."""

    branches: "tuple[tuple[Expression, Expression], ...]"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Cast:
    """`cast(x,Type)`; without `x` the current instance. `type` is "Edm.String", "Collection(Edm.Int32)"…"""

    type: str
    operand: "Expression | None" = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class IsOf:
    """`isof(x,Type)`; without `x` the current instance."""

    type: str
    operand: "Expression | None" = None
    position: int = field(default=0, compare=False)


Segment = (
    Name
    | Annotation
    | Star
    | It
    | This
    | Root
    | Alias
    | Call
    | KeyPredicate
    | KeySegment
    | Lambda
    | FilterSegment
    | Count
    | Dollar
    | Cast
)

Expression = (
    Literal
    | Path
    | It
    | This
    | Alias
    | Call
    | Unary
    | Binary
    | Logical
    | ListExpression
    | ObjectExpression
    | Case
    | Cast
    | IsOf
)
