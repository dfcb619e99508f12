"""Query string → RestRequest: PostgREST's horizontal filters.

    ?total=gte.100&status=in.(open,"in work")&or=(late.is.true,day.lt.2024-01-01)&order=total.desc&select=id,total

Each parameter that is no option is a column with `operator.value`, or `not.operator.value`; several are AND-ed, also
on one column. The value of a top-level comparison is the rest of the parameter as it stands; inside `in.(…)`,
`and=(…)` and `or=(…)` a value with commas, brackets or quotes stands in double quotes, where `\\` escapes `"` and
itself. A column that is named like an option, or holds `.,:()"`, stands in double quotes too: `?"order"=eq.5`.

A hand-written scanner, no recursion deeper than MAX_DEPTH: the text comes from anybody.
"""

from __future__ import annotations

import difflib
import re
from urllib.parse import unquote_to_bytes

from server.rest.errors import RestCombinationError, RestSyntaxError, RestUnknownNameError
from server.rest.request import Comparison, Condition, Group, OrderItem, RestRequest, SelectItem

MAX_BYTES = 64 * 1024
MAX_PARAMETERS = 1_000
MAX_DEPTH = 20
MAX_LIMIT = 10**12
OPERATORS = ("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in", "is")
TESTS = ("null", "not_null", "true", "false")
OPTIONS = ("select", "order", "limit", "offset", "after", "format", "api_key", "and", "or", "not.and", "not.or")
_NUMBER = re.compile(r"[0-9]{1,13}")
_LOGIC = re.compile(r"(not\.)?(and|or)\(")
_NEEDS_QUOTES = re.compile(r'[.,:()"]|^\s|\s$|^$|^\*$')
_DIRECTIONS = {"asc": False, "desc": True}
_NULLS = {"nullsfirst": True, "nullslast": False}


def parse_request(query_string: bytes) -> RestRequest:
    """Read a query string, percent-encoded as it came. Raises RestRequestError with the parameter's name."""
    pairs = _pairs(query_string)
    options: dict[str, str] = {}
    conditions: list[Condition] = []
    for name, value in pairs:
        if name in ("and", "or", "not.and", "not.or"):
            conditions.append(_parse_group(name, value))
        elif name in OPTIONS:
            if name in options:
                raise RestSyntaxError(f"the parameter {name!r} is given twice", details={"parameter": name})
            options[name] = value
        else:
            column, end = _column_name(name, 0, name, len(name))
            if end != len(name):
                raise _bad(name, end, "nothing may follow the closing quote")
            conditions.append(_comparison(column, value, name))
    if "after" in options and "offset" in options:
        raise RestCombinationError(
            "after and offset can't be used together", hint="after already says where the page starts"
        )
    return RestRequest(
        select=_parse_select(options["select"]) if "select" in options else None,
        conditions=tuple(conditions),
        order=_parse_order(options["order"]) if "order" in options else (),
        limit=_parse_number("limit", options["limit"]) if "limit" in options else None,
        offset=_parse_number("offset", options.get("offset", "0")),
        after=options.get("after"),
        format=options.get("format"),
        pairs=pairs,
    )


def column_parameter(column: str) -> str:
    """A column's name as the name of a parameter, quoted where it must be."""
    plain = column not in OPTIONS and not column.startswith('"')
    return column if plain else quote_name(column)


def quote_name(column: str) -> str:
    """A column's name in double quotes."""
    return '"' + column.replace("\\", "\\\\").replace('"', '\\"') + '"'


def column_reference(column: str) -> str:
    """A column's name as it stands in select, order, and, or: quoted where it must be."""
    return quote_name(column) if _NEEDS_QUOTES.search(column) else column


def _pairs(query_string: bytes) -> tuple[tuple[str, str], ...]:
    if len(query_string) > MAX_BYTES:
        raise RestSyntaxError(
            f"the query string has {len(query_string):,} bytes",
            hint=f"at most {MAX_BYTES:,}; long conditions can be sent as SQL in a POST",
        )
    parts = [part for part in query_string.split(b"&") if part]
    if len(parts) > MAX_PARAMETERS:
        raise RestSyntaxError(f"there are {len(parts):,} parameters", hint=f"at most {MAX_PARAMETERS:,}")
    pairs = []
    for part in parts:
        name, _, value = part.partition(b"=")
        try:
            pairs.append(tuple(unquote_to_bytes(text.replace(b"+", b" ")).decode() for text in (name, value)))
        except UnicodeDecodeError:
            raise RestSyntaxError("a parameter is not UTF-8", hint="percent-encode the bytes of UTF-8") from None
    return tuple((name, value) for name, value in pairs)


def _comparison(column: str, text: str, parameter: str) -> Comparison:
    """A top-level comparison: the value is all that is left."""
    operator, start, negated = _operator(text, 0, parameter)
    if operator == "in":
        values, end = _list(text, start, parameter)
        if end != len(text):
            raise _bad(parameter, end, "nothing may follow the list")
        return Comparison(column, operator, values, negated, parameter)
    return _tested(Comparison(column, operator, (text[start:],), negated, parameter), start)


def _tested(comparison: Comparison, position: int) -> Comparison:
    if comparison.operator != "is":
        return comparison
    value = comparison.values[0].lower()
    if value not in TESTS:
        raise _bad(comparison.parameter, position, f"is. takes {', '.join(TESTS)}")
    return Comparison(comparison.column, "is", (value,), comparison.negated, comparison.parameter)


def _operator(text: str, position: int, parameter: str) -> tuple[str, int, bool]:
    """(operator, where its value starts, whether `not.` stands before it)."""
    negated = text.startswith("not.", position)
    start = position + 4 if negated else position
    dot = text.find(".", start)
    operator = text[start:dot] if dot >= 0 else ""
    if operator in OPERATORS:
        return operator, dot + 1, negated
    if not re.fullmatch(r"[a-z_]{1,20}", operator):
        option = difflib.get_close_matches(parameter, OPTIONS, n=1, cutoff=0.7)
        hint = "write for example eq.100, gte.100 or is.null"
        if option and option[0] != parameter:
            hint += f"; or did you mean the option {option[0]!r}?"
        raise _bad(parameter, start, "a condition is operator.value", hint=hint)
    near = difflib.get_close_matches(operator, OPERATORS, n=1, cutoff=0.5)
    raise RestUnknownNameError(
        f"the parameter {parameter[:128]!r} has the unknown operator {operator!r}",
        hint=f"did you mean {near[0]!r}?" if near else f"operators are: {', '.join(OPERATORS)}",
        details={"parameter": parameter[:128], "position": start},
    )


def _parse_group(name: str, text: str) -> Group:
    operator = name.removeprefix("not.")
    terms, end = _terms(text, 0, name, 1)
    if end != len(text):
        raise _bad(name, end, "nothing may follow the closing bracket")
    return Group(operator, terms, name.startswith("not."))


def _terms(text: str, position: int, parameter: str, depth: int) -> tuple[tuple[Condition, ...], int]:
    """`(term,term,…)` from its opening bracket on."""
    if depth > MAX_DEPTH:
        raise _bad(parameter, position, f"conditions are nested more than {MAX_DEPTH} deep")
    position = _expect(text, position, "(", parameter)
    terms: list[Condition] = []
    while True:
        term, position = _term(text, position, parameter, depth)
        terms.append(term)
        if text.startswith(",", position):
            position += 1
            continue
        return tuple(terms), _expect(text, position, ")", parameter)


def _term(text: str, position: int, parameter: str, depth: int) -> tuple[Condition, int]:
    logic = _LOGIC.match(text, position)
    if logic is not None:
        terms, end = _terms(text, logic.end() - 1, parameter, depth + 1)
        return Group(logic[2], terms, logic[1] is not None), end
    column, position = _name_until(text, position, parameter, ".,()")
    position = _expect(text, position, ".", parameter)
    operator, position, negated = _operator(text, position, parameter)
    if operator == "in":
        values, end = _list(text, position, parameter)
        return Comparison(column, operator, values, negated, parameter), end
    value, end = _value(text, position, parameter)
    return _tested(Comparison(column, operator, (value,), negated, parameter), position), end


def _list(text: str, position: int, parameter: str) -> tuple[tuple[str, ...], int]:
    """`(value,value,…)`; `()` is empty."""
    position = _expect(text, position, "(", parameter)
    if text.startswith(")", position):
        return (), position + 1
    values: list[str] = []
    while True:
        value, position = _value(text, position, parameter)
        values.append(value)
        if text.startswith(",", position):
            position += 1
            continue
        return tuple(values), _expect(text, position, ")", parameter)


def _value(text: str, position: int, parameter: str) -> tuple[str, int]:
    """A value inside brackets: quoted, or all up to a comma or a closing bracket."""
    if text.startswith('"', position):
        return _quoted(text, position, parameter)
    end = position
    while end < len(text) and text[end] not in ",)":
        if text[end] in '("':
            raise _bad(parameter, end, "a value with a bracket or a quote stands in double quotes")
        end += 1
    return text[position:end], end


def _quoted(text: str, position: int, parameter: str) -> tuple[str, int]:
    characters: list[str] = []
    at = position + 1
    while at < len(text):
        if text[at] == '"':
            return "".join(characters), at + 1
        if text[at] == "\\":
            at += 1
            if text[at : at + 1] not in ('"', "\\"):
                raise _bad(parameter, at, 'behind \\ stands " or \\')
        characters.append(text[at])
        at += 1
    raise _bad(parameter, position, "the closing quote is missing")


def _column_name(text: str, position: int, parameter: str, end: int) -> tuple[str, int]:
    """A column's name: quoted, or all up to `end`."""
    if text.startswith('"', position):
        name, after = _quoted(text, position, parameter)
    else:
        name, after = text[position:end], end
    if not name:
        raise _bad(parameter, position, "a column's name is missing")
    return name, after


def _parse_select(text: str) -> tuple[SelectItem, ...] | None:
    if text.strip() in ("", "*"):
        return None
    items: list[SelectItem] = []
    position = 0
    while True:
        name, position = _name_until(text, position, "select", ",:")
        if text.startswith(":", position):
            column, position = _name_until(text, position + 1, "select", ",")
            items.append(SelectItem(column, name))
        else:
            items.append(SelectItem(name))
        if position >= len(text):
            return tuple(items)
        position = _expect(text, position, ",", "select")


def _parse_order(text: str) -> tuple[OrderItem, ...]:
    items: list[OrderItem] = []
    position = 0
    while True:
        column, position = _name_until(text, position, "order", ",.")
        end = text.find(",", position)
        end = len(text) if end < 0 else end
        words = text[_expect(text, position, ".", "order") : end].split(".") if end > position else []
        descending, nulls_first = False, None
        if words and words[0] in _DIRECTIONS:
            descending = _DIRECTIONS[words.pop(0)]
        if words and words[0] in _NULLS:
            nulls_first = _NULLS[words.pop(0)]
        if words:
            raise _bad(
                "order", position, "a column's name may be followed by .asc or .desc, then .nullsfirst or .nullslast"
            )
        items.append(OrderItem(column, descending, nulls_first))
        if end == len(text):
            return tuple(items)
        position = end + 1


def _name_until(text: str, position: int, parameter: str, stops: str) -> tuple[str, int]:
    end = next((at for at in range(position, len(text)) if text[at] in stops), len(text))
    return _column_name(text, position, parameter, end)


def _parse_number(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_LIMIT:
        raise _bad(name, 0, f"it takes a whole number from 0 to {MAX_LIMIT:,}")
    return int(text)


def _expect(text: str, position: int, mark: str, parameter: str) -> int:
    if not text.startswith(mark, position):
        raise _bad(parameter, position, f"{mark!r} was expected")
    return position + 1


def _bad(parameter: str, position: int, problem: str, *, hint: str = "") -> RestSyntaxError:
    return RestSyntaxError(
        f"the parameter {parameter[:128]!r} can't be read at position {position}: {problem}",
        hint=hint,
        details={"parameter": parameter[:128], "position": position},
    )
