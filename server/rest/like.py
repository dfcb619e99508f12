"""Patterns of `like` and `ilike`: `*` or `%` is any text, `_` one character, `\\` takes the next one as it is.

A pattern without wildcards is an equality, and one whose only wildcards stand at an end is the plain test that
sources know (starts with, ends with, contains); the rest is LIKE with an escape character. DuckDB has none unless
it is told.
"""

from __future__ import annotations

import re

from sqlglot import exp

from engine.query import Parameter
from server.values import bind

_ANY, _ONE = "%", "_"
_SPECIAL = re.compile(r"[%_\\]")


def like(column: exp.Expr, pattern: str, parameters: list[Parameter], *, ignore_case: bool) -> exp.Expr:
    """The condition that a text column matches a pattern; the pattern's text becomes a parameter."""
    pieces = _pieces(pattern)
    kinds = [wild for wild, _ in pieces]
    if not ignore_case and _ONE not in kinds:
        texts = [text for wild, text in pieces if not wild]
        match [bool(wild) for wild in kinds]:
            case [] | [False]:
                return exp.EQ(this=column, expression=bind(parameters, "VARCHAR", texts[0] if texts else ""))
            case [False, True]:
                return exp.StartsWith(this=column, expression=bind(parameters, "VARCHAR", texts[0]))
            case [True, False]:
                return exp.EndsWith(this=column, expression=bind(parameters, "VARCHAR", texts[0]))
            case [True, False, True]:
                return exp.Contains(this=column, expression=bind(parameters, "VARCHAR", texts[0]))
    text = "".join(wild or _SPECIAL.sub(r"\\\g<0>", literal) for wild, literal in pieces)
    kind = exp.ILike if ignore_case else exp.Like
    matched = kind(this=column, expression=bind(parameters, "VARCHAR", text))
    return exp.Escape(this=matched, expression=exp.Literal.string("\\"))


def _pieces(pattern: str) -> list[tuple[str, str]]:
    """(wildcard, "") and ("", text) in turn; runs of `%` are one, a `\\` at the end is itself."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\" and at + 1 < len(pattern):
            at += 1
            character, wild = pattern[at], ""
        else:
            wild = {"*": _ANY, "%": _ANY, "_": _ONE}.get(character, "")
        if wild:
            if not (wild == _ANY and found and found[-1][0] == _ANY):
                found.append((wild, ""))
        elif found and not found[-1][0]:
            found[-1] = ("", found[-1][1] + character)
        else:
            found.append(("", character))
        at += 1
    return found
