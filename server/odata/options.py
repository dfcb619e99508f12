"""Parses query options: $filter, $select, $expand, $orderby, $compute, $search, $top, … and nested ones.

OData 4.01 URL Conventions 5.1. Names are read in any case, with or without `$`. An unknown name with `$` is an
error, one without is a custom option. `$apply` is kept as text.
"""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any

from server.odata.errors import ODataSyntaxError
from server.odata.expression import check_height, expression
from server.odata.lexer import Cursor, Kind, name_end
from server.odata.paths import annotation, count
from server.odata.request_syntax import ComputeItem, ExpandItem, OrderItem, QueryOptions, SelectItem
from server.odata.search import parse_search
from server.odata.syntax import MAX_DEPTH, Dollar, Expression, Name, Segment, Star

_REF = frozenset({"filter", "search", "orderby", "skip", "top", "count"})
_EXPAND = _REF | {"select", "expand", "compute", "levels", "apply", "@"}
_SELECT = _REF | {"select", "compute", "@"}
_LEVELS = re.compile(r"[1-9][0-9]{0,8}|max", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,19}")


def read_options(pairs: Iterable[tuple[str, str]]) -> QueryOptions:
    """Parses decoded names and values, in the order sent; an option twice is an error (Protocol 11.2.1)."""
    values: dict[str, Any] = {}
    aliases: dict[str, Expression] = {}
    custom: list[tuple[str, str]] = []
    for sent, text in pairs:
        if sent.startswith("@"):
            _add_alias(aliases, sent, _whole(expression, text, sent))
            continue
        name = sent.lower().removeprefix("$")
        if name not in _TOKEN_READERS and (name not in _TEXT_READERS or name == "levels"):
            if sent.startswith("$"):
                raise _unknown(sent, "$" + name)
            custom.append((sent, text))
            continue
        option = "$" + name
        if name in values:
            raise ODataSyntaxError(f"{option} is given twice.", option=option, hint="Keep one of them.")
        if name in _TOKEN_READERS:
            values[name] = _whole(_TOKEN_READERS[name], text, option)
        else:
            values[name] = _TEXT_READERS[name](text, option, 0)
    return QueryOptions(**values, aliases=tuple(aliases.items()), custom=tuple(custom))


def nested_options(cursor: Cursor, allowed: frozenset[str]) -> QueryOptions:
    """Parses `($filter=…;$top=…)` from the opening parenthesis on; "@" in `allowed` stands for aliases."""
    cursor.expect("(", "a path")
    cursor.enter(2)
    values: dict[str, Any] = {}
    aliases: dict[str, Expression] = {}
    while True:
        position = cursor.token.position
        if cursor.at("@"):
            alias = "@" + annotation(cursor).name
            cursor.expect("=", f"the alias {alias}")
            if alias[1:] in aliases:
                raise cursor.error(f"The alias {alias} is given twice", position=position)
            aliases[alias[1:]] = expression(cursor)
            name = "@"
        else:
            if cursor.token.kind not in (Kind.NAME, Kind.DOLLAR):
                raise cursor.error(f"Expected an option such as $filter, found {cursor.found()}")
            sent = cursor.token.text
            name = sent.lower().removeprefix("$")
            if name in values:
                raise cursor.error(f"${name} is given twice", "Keep one of them.")
            if name not in _TOKEN_READERS and name not in _TEXT_READERS:
                raise _unknown(sent, cursor.option, position)
            cursor.advance()
            if not cursor.at("="):
                raise cursor.error(f"Expected '=' after {sent!r}, found {cursor.found()}")
            if name in _TOKEN_READERS:
                cursor.advance()
                values[name] = _TOKEN_READERS[name](cursor)
            else:
                text, start = cursor.rest_of_option()
                values[name] = _TEXT_READERS[name](text, cursor.option, start)
        if name not in allowed:
            what = "An alias" if name == "@" else f"${name}"
            raise cursor.error(f"{what} can't stand in these parentheses", position=position)
        if not cursor.accept(";"):
            break
    cursor.leave(2)
    cursor.expect(")", "the nested options")
    return QueryOptions(**values, aliases=tuple(aliases.items()))


def _whole(read: Callable[[Cursor], Any], text: str, option: str) -> Any:
    """Reads all of one option's text, and bounds the height of what comes out."""
    cursor = Cursor(text, option[:40])
    found = read(cursor)
    cursor.expect_end()
    for node in found if isinstance(found, tuple) else (found,):
        check_height(node, cursor.option)
    return found


def _orderby(cursor: Cursor) -> tuple[OrderItem, ...]:
    items = []
    while True:
        position = cursor.token.position
        value = expression(cursor)
        word = cursor.token.text.lower() if cursor.token.kind is Kind.NAME else ""
        if word in ("asc", "desc"):
            cursor.advance()
        items.append(OrderItem(value, word == "desc", position))
        if not cursor.accept(","):
            return tuple(items)


def _compute(cursor: Cursor) -> tuple[ComputeItem, ...]:
    items = []
    while True:
        position = cursor.token.position
        value = expression(cursor)
        if cursor.token.kind is not Kind.NAME or cursor.token.text.lower() != "as":
            raise cursor.error(f"Expected 'as' and a name, found {cursor.found()}")
        cursor.advance()
        items.append(ComputeItem(value, cursor.name("the name of the computed property"), position))
        if not cursor.accept(","):
            return tuple(items)


def _select(cursor: Cursor) -> tuple[SelectItem, ...]:
    items = []
    while True:
        position = cursor.token.position
        path = _item_path(cursor)
        options, parameters = None, None
        if cursor.at("("):
            if isinstance(path[-1], Star):
                raise cursor.error("'*' takes no options in $select")
            if _is_parameter_list(cursor):
                parameters = _parameters(cursor)
            else:
                options = nested_options(cursor, _SELECT)
        items.append(SelectItem(path, options, parameters, position))
        if not cursor.accept(","):
            return tuple(items)


def _expand(cursor: Cursor) -> tuple[ExpandItem, ...]:
    items = []
    while True:
        position = cursor.token.position
        path = _item_path(cursor)
        if cursor.token.text == "$count" and cursor.token.kind is Kind.DOLLAR:
            path = (*path, count(cursor))
        allowed = _EXPAND
        if isinstance(path[-1], Dollar):
            allowed = _REF if path[-1].name == "$ref" else frozenset()
        elif isinstance(path[-1], Star):
            allowed = frozenset({"levels"})
        options = nested_options(cursor, allowed) if cursor.at("(") else None
        items.append(ExpandItem(path, options, position))
        if not cursor.accept(","):
            return tuple(items)


def _item_path(cursor: Cursor) -> tuple[Segment, ...]:
    """Parses segments of $select and $expand; stops behind the `/` of a `/$count`, which has options."""
    segments: list[Segment] = []
    while True:
        token = cursor.token
        if cursor.accept("*"):
            segments.append(Star(None, token.position))
        elif cursor.at("@"):
            segments.append(annotation(cursor))
        elif token.kind is Kind.DOLLAR and token.text in ("$ref", "$value", "$count"):
            is_ref_like = token.text != "$value"
            if is_ref_like != bool(segments) or cursor.option == "$select":
                raise cursor.error(f"{token.text!r} can't stand here")
            if token.text == "$count":
                return tuple(segments)
            cursor.advance()
            segments.append(Dollar(token.text, token.position))
            return tuple(segments)
        elif token.kind is Kind.NAME:
            cursor.advance()
            if cursor.accept("."):
                cursor.expect("*", "a namespace and a dot")
                segments.append(Star(token.text, token.position))
            else:
                segments.append(Name(token.text, token.position))
        else:
            raise cursor.error(f"Expected a name, found {cursor.found()}")
        if isinstance(segments[-1], Star) and not (cursor.at("/") and cursor.peek().text == "$ref"):
            return tuple(segments)
        if not cursor.accept("/"):
            return tuple(segments)
        if len(segments) > MAX_DEPTH:
            raise cursor.error("The path has too many segments", f"At most {MAX_DEPTH} are read.")


def _is_parameter_list(cursor: Cursor) -> bool:
    """True for `(a,b)` and `(a)`, false for `(top=5)`. Looks ahead in the text, past one name only."""
    text, start = cursor.text, cursor.token.end
    rest = text[name_end(text, start) :][:1]
    return name_end(text, start) > start and rest in (",", ")")


def _parameters(cursor: Cursor) -> tuple[str, ...]:
    cursor.expect("(", "a function")
    names = [cursor.name("the name of a parameter")]
    while cursor.accept(","):
        names.append(cursor.name("the name of a parameter"))
    cursor.expect(")", "the parameters")
    return tuple(names)


def _add_alias(aliases: dict[str, Expression], sent: str, value: Expression) -> None:
    name = sent[1:]
    if not name or name_end(name, 0) != len(name):
        raise ODataSyntaxError("A parameter alias is '@' and a name.", option="@")
    if name in aliases:
        raise ODataSyntaxError(f"The alias @{name} is given twice.", option="@" + name)
    aliases[name] = value


def _whole_number(text: str, option: str, offset: int) -> int:
    if not _DIGITS.fullmatch(text.strip(" \t")):
        raise ODataSyntaxError("Expected a number from 0 on.", option=option, position=offset)
    return int(text)


def _index(text: str, option: str, offset: int) -> int:
    body = text.strip(" \t")
    sign = -1 if body.startswith("-") else 1
    return sign * _whole_number(body.removeprefix("-"), option, offset)


def _boolean(text: str, option: str, offset: int) -> bool:
    word = text.strip(" \t").lower()
    if word not in ("true", "false"):
        raise ODataSyntaxError("Expected true or false.", option=option, position=offset)
    return word == "true"


def _levels(text: str, option: str, offset: int) -> int:
    word = text.strip(" \t")
    if not _LEVELS.fullmatch(word):
        raise ODataSyntaxError("Expected a number from 1 on, or max.", option=option, position=offset)
    return -1 if word.lower() == "max" else int(word)


def _text(text: str, option: str, offset: int) -> str:
    if not text.strip(" \t"):
        raise ODataSyntaxError(f"{option} has no value.", option=option, position=offset)
    return text.strip(" \t")


def _unknown(sent: str, option: str, position: int = 0) -> ODataSyntaxError:
    known = ["$" + name for name in (*_TOKEN_READERS, *_TEXT_READERS)]
    close = difflib.get_close_matches(sent.lower()[:40], known, 1)
    return ODataSyntaxError(
        f"OData has no option {sent[:40]!r}.",
        option=option[:40],
        position=position,
        hint=f"Did you mean {close[0]}?" if close else "Names of custom options don't start with $.",
    )


_TOKEN_READERS: dict[str, Callable[[Cursor], Any]] = {
    "filter": expression,
    "select": _select,
    "expand": _expand,
    "orderby": _orderby,
    "compute": _compute,
}
_TEXT_READERS: dict[str, Callable[[str, str, int], Any]] = {
    "search": parse_search,
    "top": _whole_number,
    "skip": _whole_number,
    "count": _boolean,
    "levels": _levels,
    "index": _index,
    "format": _text,
    "skiptoken": _text,
    "deltatoken": _text,
    "schemaversion": _text,
    "id": _text,
    "apply": _text,
}
