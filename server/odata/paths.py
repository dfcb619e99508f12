"""Parses a path in an expression: `Supplier/Address/City`, `Items/any(i:…)`, `$it/Name`, `year(Date)`.

OData 4.01 ABNF `firstMemberExpr`, `rootExpr`, `functionExpr`, `methodCallExpr`. Without a schema a name in
front of parentheses may be a function or a collection with a key: both are a Call.
"""

from collections.abc import Collection

from server.odata.expression import case_branches, expression
from server.odata.lexer import Cursor, Kind
from server.odata.syntax import (
    MAX_DEPTH,
    Alias,
    Annotation,
    Argument,
    Call,
    Case,
    Cast,
    Count,
    Expression,
    FilterSegment,
    IsOf,
    It,
    KeyPredicate,
    KeySegment,
    Lambda,
    Name,
    Path,
    Root,
    Segment,
    This,
)

# Canonical function: least and most arguments (URL Conventions 5.1.1.4 to 5.1.1.12).
CANONICAL = {"substring": (2, 3), "matchespattern": (2, 3), "now": (0, 0)}
CANONICAL |= dict.fromkeys(("mindatetime", "maxdatetime"), (0, 0)) | dict.fromkeys(
    ("concat", "contains", "endswith", "indexof", "startswith", "hassubset", "hassubsequence"), (2, 2)
)
CANONICAL |= dict.fromkeys(("geo.distance", "geo.intersects"), (2, 2)) | {"geo.length": (1, 1)}
CANONICAL |= dict.fromkeys(("length", "tolower", "toupper", "trim", "round", "floor", "ceiling"), (1, 1))
CANONICAL |= dict.fromkeys(("year", "month", "day", "hour", "minute", "second", "date", "time"), (1, 1))
CANONICAL |= dict.fromkeys(("fractionalseconds", "totalseconds", "totaloffsetminutes"), (1, 1))
_COUNT_OPTIONS = frozenset({"filter", "search"})


def path(cursor: Cursor) -> Expression:
    """Parses one path; a lone call, alias, `$it`, cast, isof or case is returned as that node."""
    position = cursor.token.position
    first = _first(cursor)
    if isinstance(first, Case | IsOf):
        return first
    if not (cursor.at("/") or cursor.at("(")):
        return Path((first,), position) if isinstance(first, Name | Annotation | Root) else first
    segments: list[Segment] = [first]
    while True:
        if cursor.at("("):
            if not isinstance(segments[-1], Call | KeyPredicate):
                raise cursor.error("Unexpected '('")
            where = cursor.token.position
            segments.append(KeyPredicate(arguments(cursor), where))
        elif isinstance(segments[-1], Lambda):
            break
        elif cursor.accept("/"):
            segments.append(_further(cursor))
        else:
            break
        if len(segments) > MAX_DEPTH:
            raise cursor.error("The path has too many segments", f"At most {MAX_DEPTH} are read.")
    return Path(tuple(segments), position)


def arguments(cursor: Cursor) -> tuple[Argument, ...]:
    """Parses `(a,b)` or `(x=a,y=b)` from the opening parenthesis on; one call names all or none."""
    cursor.expect("(", "a name")
    cursor.enter(2)
    found: list[Argument] = []
    while not cursor.at(")"):
        if found:
            cursor.expect(",", "an argument")
        position, name = cursor.token.position, None
        if cursor.token.kind is Kind.NAME and cursor.peek().text == "=":
            name = cursor.name("the name of a parameter")
            cursor.advance()
        found.append(Argument(expression(cursor), name, position))
        if (found[0].name is None) != (name is None):
            raise cursor.error("Either all arguments are named or none", position=position)
    cursor.leave(2)
    cursor.advance()
    return tuple(found)


def annotation(cursor: Cursor) -> Annotation:
    """Parses `@Namespace.Term` with `#Qualifier` where given, from the `@` on."""
    position = cursor.expect("@", "").position
    if cursor.token.kind is not Kind.NAME or cursor.token.position != position + 1:
        raise cursor.error(f"Expected a name right after '@', found {cursor.found()}")
    name = cursor.advance().text
    qualifier = cursor.name("a qualifier") if cursor.accept("#") else None
    return Annotation(name, qualifier, position)


def type_name(cursor: Cursor) -> str:
    """Parses `Edm.String`, `Model.Customer` or `Collection(…)` of one."""
    if cursor.token.kind is not Kind.NAME:
        raise cursor.error(f"Expected a type, found {cursor.found()}", "Such as Edm.String, without quotes.")
    name = cursor.advance().text
    if name != "Collection" or not cursor.accept("("):
        return name
    if cursor.token.kind is not Kind.NAME:
        raise cursor.error(f"Expected a type, found {cursor.found()}")
    item = cursor.advance().text
    cursor.expect(")", "the type of the collection's items")
    return f"Collection({item})"


def _first(cursor: Cursor) -> Name | Annotation | Root | It | This | Alias | Call | Cast | IsOf | Case:
    token = cursor.token
    if token.kind is Kind.NAME:
        if cursor.peek().text != "(":
            cursor.advance()
            return Name(token.text, token.position)
        word = token.text.lower()
        if word in ("cast", "isof"):
            return _type_function(cursor, word)
        if word == "case":
            return case_branches(cursor)
        return _call(cursor, CANONICAL.get(word))
    if cursor.at("@"):
        term = annotation(cursor)
        if "." in term.name or term.qualifier is not None:
            return term
        return Alias(term.name, term.position)
    if token.kind is Kind.DOLLAR:
        cursor.advance()
        if token.text == "$it":
            return It(token.position)
        if token.text == "$this":
            return This(token.position)
        if token.text == "$root" and cursor.at("/"):
            return Root(token.position)
        raise cursor.error(
            f"{token.text[:40]!r} can't stand here", "An expression starts with $it, $this, $root/ or a name.",
            token.position,
        )  # fmt: skip
    raise cursor.error(f"Expected an expression, found {cursor.found()}")


def _further(cursor: Cursor) -> Segment:
    token = cursor.token
    if token.kind is Kind.NAME:
        if cursor.peek().text != "(":
            cursor.advance()
            return Name(token.text, token.position)
        if token.text.lower() in ("any", "all"):
            return _lambda(cursor)
        return _call(cursor, None)
    if cursor.at("@"):
        return annotation(cursor)
    if token.kind is Kind.LITERAL:
        cursor.advance()
        return KeySegment(token.text, token.position)
    if token.text == "$count":
        return count(cursor)
    if token.text == "$filter":
        return filter_segment(cursor)
    raise cursor.error(f"Expected a name after '/', found {cursor.found()}")


def count(cursor: Cursor) -> Count:
    """Parses `$count`, with `($filter=…;$search=…)` where given."""
    position = cursor.advance().position
    if not cursor.at("("):
        return Count(None, position)
    # Options hold expressions and expressions hold this one place with options.
    from server.odata.options import nested_options

    return Count(nested_options(cursor, _COUNT_OPTIONS), position)


def filter_segment(cursor: Cursor) -> FilterSegment:
    """Parses `$filter(…)`."""
    position = cursor.advance().position
    cursor.expect("(", "$filter")
    cursor.enter(1)
    predicate = expression(cursor)
    cursor.leave(1)
    cursor.expect(")", "the expression of $filter")
    return FilterSegment(predicate, position)


def _call(cursor: Cursor, arity: tuple[int, int] | None) -> Call:
    token = cursor.advance()
    values = arguments(cursor)
    positional: Collection[Argument] = [value for value in values if value.name is None]
    if arity is not None and len(positional) == len(values) and not arity[0] <= len(values) <= arity[1]:
        least, most = arity
        wanted = str(least) if least == most else f"{least} or {most}"
        raise cursor.error(
            f"{token.text} takes {wanted} argument{'' if wanted == '1' else 's'}, not {len(values)}",
            position=token.position,
        )
    return Call(token.text, values, token.position)


def _lambda(cursor: Cursor) -> Lambda:
    token = cursor.advance()
    kind = token.text.lower()
    cursor.expect("(", kind)
    if kind == "any" and cursor.accept(")"):
        return Lambda(kind, None, None, token.position)
    variable = cursor.name(f"a variable for {kind}")
    cursor.expect(":", f"the variable of {kind}")
    cursor.enter(1)
    predicate = expression(cursor)
    cursor.leave(1)
    cursor.expect(")", f"the condition of {kind}")
    return Lambda(kind, variable, predicate, token.position)


def _type_function(cursor: Cursor, kind: str) -> Cast | IsOf:
    position = cursor.advance().position
    cursor.expect("(", kind)
    operand: Expression | None = None
    next_is = cursor.peek().text
    is_type = next_is == ")" or (cursor.token.text == "Collection" and next_is == "(")
    if cursor.token.kind is not Kind.NAME or not is_type:
        cursor.enter(1)
        operand = expression(cursor)
        cursor.leave(1)
        cursor.expect(",", f"what {kind} is asked about")
    name = type_name(cursor)
    cursor.expect(")", f"the type of {kind}")
    return Cast(name, operand, position) if kind == "cast" else IsOf(name, operand, position)
