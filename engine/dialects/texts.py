"""Functions of texts: LIKE, parts of a text, what it starts and ends with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from sqlglot import exp

from connectors.sdk import Value
from connectors.sdk.select import behind
from engine.dialects.constants import whole_number
from engine.dialects.operations import UNTYPED, Context, InexactError, bound, chain, operation, typed_text
from engine.dialects.table import TEXTS, Term
from engine.fragments import Param

Render = Callable[[exp.Expr, Context], Term]
ESCAPE = "!"
_MATCHES = {"starts_with": ("", "%"), "ends_with": ("%", ""), "contains": ("%", "%")}


def like(node: exp.Like | exp.Escape, context: Context, render: Render) -> Term:
    """LIKE and NOT LIKE with a constant pattern. DuckDB's has no escape unless one is given."""
    escape = ""
    inner = node.this if isinstance(node, exp.Escape) else node
    if isinstance(node, exp.Escape):
        escape = node.expression.name if isinstance(node.expression, exp.Literal) else "%"
        if len(escape) != 1 or not escape.isascii() or escape in "%_":
            raise InexactError("LIKE with an unusual escape")
    if not isinstance(inner, exp.Like):
        raise InexactError("an escape of other than LIKE")
    value, pattern = _texts([render(inner.this, context), render(inner.expression, context)], context)
    if not pattern.is_constant or len(pattern.values) != 1 or value.is_constant:
        raise InexactError("LIKE with a pattern that is no constant")
    given = pattern.values[0]
    if isinstance(given, str):
        found = _matching(value, _pieces(given, escape), context)
    elif escape:
        raise InexactError("LIKE with an escape and a pattern that comes later")
    else:
        found = operation("like_plain", [value, pattern], context)
    return operation("not", [found], context) if inner.args.get("negate") else found


def match(name: str, operands: Sequence[Term], context: Context) -> Term:
    """starts_with, ends_with, contains."""
    value, part = _texts(operands, context)
    given = part.values[0] if part.is_constant and len(part.values) == 1 else None
    if isinstance(given, str) and not value.is_constant and ("like", (value.family, "text")) in _taken(context):
        before, behind = _MATCHES[name]
        return _matching(value, [*before, *map(_escaped, given), *behind], context)
    return operation(name, [value, part], context)


def _taken(context: Context) -> set[tuple[str, tuple[str, ...]]]:
    return {key for key, entry in context.dialect.operations.items() if entry.exact or context.superset}


def _texts(operands: Sequence[Term], context: Context) -> list[Term]:
    return [typed_text(o, "text", context) if o.family == UNTYPED else o for o in operands]


def _pieces(pattern: str, escape: str) -> list[str]:
    """A pattern's signs: % and _ as they are, all others escaped where our own escape needs it."""
    found, signs = [], iter(pattern)
    for sign in signs:
        if escape and sign == escape:
            taken = next(signs, None)
            if taken is None:
                raise InexactError("a pattern that ends with its escape")
            found.append(_escaped(taken))
        else:
            found.append(sign if sign in "%_" else _escaped(sign))
    return found


def _escaped(sign: str) -> str:
    return ESCAPE + sign if sign in ("%", "_", ESCAPE) else sign


def _matching(value: Term, pieces: Sequence[str], context: Context) -> Term:
    """The value matches a pattern: in a form of the dialect's own for simple ones, else by LIKE."""
    if "_" in pieces and value.family == "text" and not value.ordered:
        raise InexactError("the source may not count characters as DuckDB does")
    if ("like", (value.family, "text")) in context.dialect.operations:
        found = operation("like", [value, bound("".join(pieces), "text", context)], context)
        range_ = _between(value, pieces, context)
        return chain("and", [range_, found]) if range_ is not None else found
    return _simple(value, pieces, context)


def _between(value: Term, pieces: Sequence[str], context: Context) -> Term | None:
    """The range of the texts that start as a pattern does, for an index to help with."""
    head = "".join(piece[-1] for piece in itertools.takewhile(lambda piece: piece not in ("%", "_"), pieces))
    end = behind(head)
    if not head or end is None or ("between", (value.family, "text", "text")) not in context.dialect.operations:
        return None
    return operation("between", [value, bound(head, "text", context), bound(end, "text", context)], context)


def _simple(value: Term, pieces: Sequence[str], context: Context) -> Term:
    """Without the dialect's LIKE: equality, starts_with, ends_with, contains; of other patterns every piece."""
    inside = [piece for piece in pieces if piece not in ("%", "_")]
    ends = (bool(pieces) and pieces[0] == "%", bool(pieces) and pieces[-1] == "%")
    if not any(piece in ("%", "_") for piece in pieces):
        return operation("eq", [value, _plain(pieces, context)], context)
    if [*["%"] * ends[0], *inside, *["%"] * ends[1]] == list(pieces) and inside:
        name = {(False, True): "starts_with", (True, False): "ends_with", (True, True): "contains"}[ends]
        return operation(name, [value, _plain(inside, context)], context)
    return chain("and", [operation("pieces", [value, piece], context) for piece in _runs(pieces, context)])


def _runs(pieces: Sequence[str], context: Context) -> list[Term]:
    """The texts between the wildcards; the empty one where there are only wildcards."""
    runs: list[list[str]] = [[]]
    for piece in pieces:
        if piece not in ("%", "_"):
            runs[-1].append(piece)
        elif runs[-1]:
            runs.append([])
    return [_plain(run, context) for run in runs if run] or [_plain([], context)]


def _plain(pieces: Sequence[str], context: Context) -> Term:
    return bound("".join(p[1:] if len(p) == 2 and p[0] == ESCAPE else p for p in pieces), "text", context)


def part_of(node: exp.Left | exp.Right | exp.Substring, context: Context, render: Render) -> Term:
    """left, right and substring with positions that all sides understand alike: literals, from 1 on."""
    value = render(node.this, context)
    if value.family not in TEXTS:
        raise InexactError("a part of what is no text")
    if isinstance(node, exp.Substring):
        numbers = [whole_number(node.args.get("start"))]
        if node.args.get("length") is not None:
            numbers.append(whole_number(node.args["length"]))
        name, least = ("substring" if len(numbers) == 2 else "substring_from"), 1
    else:
        name, least = ("left" if isinstance(node, exp.Left) else "right"), 0
        numbers = [whole_number(node.expression)]
    if any(number is None or number < 0 for number in numbers) or (numbers[0] or 0) < least:
        raise InexactError(f"{name} with unusual positions")
    values: list[Value | Param | None] = list(numbers)
    return operation(name, [value, *[bound(number, "integer", context) for number in values]], context)


def concat(parts: Sequence[Term], context: Context) -> Term:
    """|| of texts: NULL where one is."""
    parts = _texts(parts, context)
    found = parts[0]
    for part in parts[1:]:
        found = operation("concat", [found, part], context)
    return found
