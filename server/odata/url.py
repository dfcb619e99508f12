"""Reads the raw path and the raw query string of a request as an OData URL.

Order of work (OData 4.01 URL Conventions, chapter 2): split at `&`, `=` and `/` first, percent-decode each
part exactly once as UTF-8, then parse. So `%26`, `%3D` and `%2F` inside a value are characters of it.

`+` in the query is a blank, as form encoding has it (Python's urlencode and browsers' URLSearchParams send it,
ASP.NET services read it so, the standard leaves it open and tells clients to send a plus as %2B). Two places
where a blank could never be right keep the plus: between a time and its zone, and in an exponent. In the path
a `+` is a plus.
"""

import re
from itertools import pairwise
from urllib.parse import unquote

from server.odata.errors import ODataSyntaxError
from server.odata.expression import check_height
from server.odata.lexer import MAX_NAME, Cursor, name_end
from server.odata.options import read_options
from server.odata.paths import arguments, filter_segment
from server.odata.request_syntax import ODataUrl, QueryOptions, ResourceKind, ResourcePath
from server.odata.syntax import Alias, Argument, Count, Dollar, KeyPredicate, KeySegment, Literal, Name, Segment

MAX_TEXT = 65_536

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PATH_MARK = re.compile(r"/|[()']|%2[789]")
_BEFORE_PLUS = re.compile(
    r"[Tt]\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?\Z|(?<![\w.])-?\d{1,20}(?:\.\d{1,20})?(?P<exponent>[eE])\Z", re.ASCII
)
_ZONE = re.compile(r"\d\d:\d\d(?!\d)", re.ASCII)
_FINAL = ("$count", "$ref", "$value", "$query")
_ALONE = {kind.value: kind for kind in (ResourceKind.METADATA, ResourceKind.BATCH)}


def parse_url(raw_path: str | bytes, raw_query: str | bytes = "") -> ODataUrl:
    """Parses a request below the service root, and checks that path and options fit together."""
    path, options = parse_path(raw_path), parse_query(raw_query)
    _check_together(path, options)
    return ODataUrl(path, options)


def parse_query(raw: str | bytes) -> QueryOptions:
    """Parses a raw query string, without the `?`."""
    text = _text(raw, "query")
    if "#" in text:
        raise ODataSyntaxError(
            "A query has no '#'.", option="query", position=text.index("#"), hint="Send it as %23."
        )
    pairs = []
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            decoded = decode(name, "query", plus_is_blank=True).strip()
            # A media type has no blanks and may have a plus: application/atom+xml.
            is_form = decoded.lower().removeprefix("$") != "format"
            pairs.append((decoded, decode(value, _label(decoded), plus_is_blank=is_form)))
    return read_options(pairs)


def parse_path(raw: str | bytes) -> ResourcePath:
    """Parses a raw path relative to the service root, with or without the leading slash."""
    text = _text(raw, "path").removeprefix("/")
    if not text:
        return ResourcePath(ResourceKind.SERVICE)
    parts = [decode(part, "path") for part in _split(text.removesuffix("/"))]
    if not all(parts):
        raise ODataSyntaxError("The path has an empty segment.", option="path")
    first = parts[0]
    if first in _ALONE:
        if len(parts) > 1:
            raise ODataSyntaxError(f"Nothing can follow {first}.", option="path", position=len(first))
        return ResourcePath(_ALONE[first])
    if first.startswith("$crossjoin("):
        return ResourcePath(ResourceKind.CROSSJOIN, _further(parts[1:], len(first)), _crossed(first))
    if first in (ResourceKind.ALL, ResourceKind.ENTITY):
        return ResourcePath(ResourceKind(first), _further(parts[1:], len(first)))
    end = name_end(first, 0)
    if end == 0 or first[end : end + 1] not in ("", "("):
        raise ODataSyntaxError("The path does not start with the name of an entity set.", option="path")
    segments = _segment(first, 0) + _further(parts[1:], len(first))
    for node in segments:
        check_height(node, "path")
    return ResourcePath(ResourceKind.RESOURCE, segments)


def decode(raw: str, option: str, *, plus_is_blank: bool = False) -> str:
    """Percent-decodes once, as UTF-8; broken escapes and bytes that are no UTF-8 are errors."""
    broken = _BROKEN_ESCAPE.search(raw)
    if broken is not None:
        raise ODataSyntaxError(
            "'%' is not followed by two hexadecimal digits.",
            option=option,
            position=broken.start(),
            hint="Send a percent sign as %25.",
        )
    try:
        parts = [unquote(part, errors="strict") for part in (raw.split("+") if plus_is_blank else [raw])]
        text = parts[0]
        text.encode()
    except UnicodeError:
        raise ODataSyntaxError("The text is not UTF-8.", option=option, hint="Encode it as UTF-8.") from None
    joined = [text]
    for before, after in pairwise(parts):
        joined.append("+" if _keeps_plus(before, after) else " ")
        joined.append(after)
    return "".join(joined)


def _keeps_plus(before: str, after: str) -> bool:
    match = _BEFORE_PLUS.search(before[-45:])
    if match is None:
        return False
    return after[:1].isdigit() if match["exponent"] else _ZONE.match(after) is not None


def _text(raw: str | bytes, option: str) -> str:
    if len(raw) > MAX_TEXT:
        raise ODataSyntaxError(
            f"The {option} is longer than {MAX_TEXT} characters.",
            option=option,
            hint="Shorten it, for example by a range in place of a list of values.",
        )
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ODataSyntaxError("The text is not UTF-8.", option=option, hint="Encode it as UTF-8.") from None


def _label(name: str) -> str:
    """What an error calls this option; the name of a custom one may be a credential's, so it stays out."""
    return name[:40] if name.startswith(("$", "@")) else "query"


def _split(text: str) -> list[str]:
    """Splits a raw path at `/`, but not in parentheses: some proxies decode the %2F in a quoted key."""
    parts, start, depth, quoted = [], 0, 0, False
    for mark in _PATH_MARK.finditer(text):
        character = unquote(mark.group())
        if character == "'":
            quoted = depth > 0 and not quoted
        elif quoted:
            continue
        elif character == "(":
            depth += 1
        elif character == ")":
            depth = max(depth - 1, 0)
        elif depth == 0:
            parts.append(text[start : mark.start()])
            start = mark.end()
    return [*parts, text[start:]]


def _further(parts: list[str], offset: int) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    for number, part in enumerate(parts, 1):
        offset += 1
        if part in _FINAL and number < len(parts):
            raise ODataSyntaxError(f"Nothing can follow {part}.", option="path", position=offset + len(part))
        segments.extend(_segment(part, offset))
        offset += len(part)
    return tuple(segments)


def _segment(part: str, offset: int) -> tuple[Segment, ...]:
    """Parses one decoded segment: a `$` one, a name with keys behind it, or a key that is no name."""
    if part == "$count":
        return (Count(None, offset),)
    if part in ("$ref", "$value", "$query", "$each"):
        return (Dollar(part, offset),)
    try:
        if part.startswith("$filter("):
            cursor = Cursor(part, "path")
            predicate = filter_segment(cursor)
            cursor.expect_end()
            return (predicate,)
        if part.startswith("$"):
            raise ODataSyntaxError(f"OData has no path segment {part[:40]!r}.", option="path")
        end = name_end(part, 0)
        while part[end : end + 1] == "." and name_end(part, end + 1) > end + 1:
            end = name_end(part, end + 1)
        if any(len(name) > MAX_NAME for name in part[:end].split(".")):
            raise ODataSyntaxError(f"A name is longer than {MAX_NAME} characters.", option="path")
        if end == len(part):
            return (Name(part, offset),)
        if end == 0 or part[end] != "(":
            return (KeySegment(part, offset),)
        cursor = Cursor(part, "path", end)
        segments: list[Segment] = [Name(part[:end], offset)]
        while cursor.at("("):
            position = offset + cursor.token.position
            segments.append(KeyPredicate(_keys(arguments(cursor)), position))
        cursor.expect_end()
    except ODataSyntaxError as error:
        error.position += offset
        raise
    return tuple(segments)


def _keys(values: tuple[Argument, ...]) -> tuple[Argument, ...]:
    names = [value.name for value in values]
    if len(values) > 1 and (None in names or len(set(names)) < len(names)):
        raise ODataSyntaxError(
            "A key of several parts names each part once.",
            option="path",
            position=values[1].position,
            hint="Write it like OrderItems(OrderID=1,ItemID=2).",
        )
    for value in values:
        if not isinstance(value.value, Literal | Alias):
            raise ODataSyntaxError(
                "A key in the path is a literal or an alias such as @p.", option="path", position=value.position
            )
    return values


def _crossed(first: str) -> tuple[str, ...]:
    cursor = Cursor(first, "path", len("$crossjoin"))
    cursor.expect("(", "$crossjoin")
    names = [cursor.name("an entity set")]
    while cursor.accept(","):
        names.append(cursor.name("an entity set"))
    cursor.expect(")", "the entity sets")
    cursor.expect_end()
    return tuple(names)


def _check_together(path: ResourcePath, options: QueryOptions) -> None:
    """The ABNF gives $metadata, $batch and $entity fewer options than other resources."""
    allowed = {
        ResourceKind.METADATA: ("format", "schemaversion"),
        ResourceKind.BATCH: ("format", "schemaversion"),
        ResourceKind.ENTITY: ("id", "format", "schemaversion", *(("expand", "select") if path.segments else ())),
    }.get(path.kind)
    if allowed is None:
        return
    empty = QueryOptions()
    for name in QueryOptions.__dataclass_fields__:
        if name not in allowed and name != "custom" and getattr(options, name) != getattr(empty, name):
            raise ODataSyntaxError(f"${name} does not apply to {path.kind}.", option=f"${name}")
    if path.kind is ResourceKind.ENTITY and options.id is None:
        raise ODataSyntaxError("$entity needs $id.", option="path", hint="Add ?$id= and the entity's id.")
