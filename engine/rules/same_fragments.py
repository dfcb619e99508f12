"""What a fragment's statement asks for, apart from the names that it gives: equal for fragments that ask the same.

The aliases of its tables are scan ids, and its outputs are numbered; the fragments of two uses of one view differ in
nothing else, but that each has the outputs that its use needs. One can be given the other's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.fragments import Fragment

_WORD = re.compile(r"""\s+|"(?:[^"]|"")*"|`(?:[^`]|``)*`|'(?:[^']|'')*'|\w+|.""", re.DOTALL)
_OUTPUT = re.compile(r"c\d+")
_PLACE = re.compile(r"@\d+")


@dataclass(frozen=True, slots=True)
class Output:
    """An output's text, tables by the place in which they are met, and its parameters."""

    words: tuple[str, ...]
    parameters: tuple[tuple[type, object], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """`body`: from FROM on, with its parameters, and whether it makes one row of all; `outputs`: by name what each
    output column is. `aliases`: the names of the tables by place; `end`, `taken`: where the outputs end in the text,
    and among the parameters."""

    body: Hashable
    outputs: dict[str, Output]
    aliases: tuple[str, ...]
    end: int
    taken: int


def asked(fragment: Fragment, aliases: Collection[str]) -> Asked | None:
    """What a fragment asks for; None when its text has another form. `aliases`: names that its tables may have."""
    found: list[str] = _WORD.findall(fragment.sql)
    from_ = next((at for at, depth in enumerate(_depths(found)) if not depth and found[at] == "FROM"), None)
    if from_ is None or found[:2] != ["SELECT", " "] or found[2].upper() in ("DISTINCT", "ALL"):
        return None
    # Aliases are never quoted. The tables of the body have their places, whatever outputs there are.
    places = {name: f"@{place}" for place, name in enumerate(dict.fromkeys(w for w in found[from_:] if w in aliases))}
    words = [places.get(word, " " if word.isspace() else word) for word in found]
    outputs: dict[str, Output] = {}
    begin, taken = 2, 0
    for at, depth in enumerate(_depths(words[: from_ + 1])):
        if depth or words[at] not in (",", "FROM"):
            continue
        text = words[begin : at - 1] if words[at - 1] == " " else words[begin:at]
        if len(text) < 5 or text[-4:-1] != [" ", "AS", " "] or not _OUTPUT.fullmatch(text[-1]):
            return None
        more = taken + _placeholders(text, fragment.placeholder)
        outputs[text[-1]] = Output(tuple(text[:-4]), _hashable(fragment.parameters[taken:more]))
        taken, begin = more, at + 2
    body = words[from_:]
    if taken + _placeholders(body, fragment.placeholder) != len(fragment.parameters):
        return None
    end = sum(map(len, found[: from_ - 1]))
    what = ("".join(body), fragment.one_row, _hashable(fragment.parameters[taken:]))
    return Asked(what, outputs, tuple(places), end, taken)


def with_outputs(fragment: Fragment, own: Asked, more: Sequence[tuple[str, Output]]) -> Fragment:
    """The fragment with outputs of one that asks the same, under these names."""
    text = ""
    parameters: list[Any] = list(fragment.parameters[: own.taken])
    for name, output in more:
        shown = (own.aliases[int(w[1:])] if _PLACE.fullmatch(w) else w for w in output.words)
        text += f", {''.join(shown)} AS {name}"
        parameters += [value for _, value in output.parameters]
    added = len(parameters) - own.taken
    at = fragment.keys_at
    moved = None if at is None else replace(at, place=at.place + len(text), parameters=at.parameters + added)
    return replace(
        fragment,
        sql=fragment.sql[: own.end] + text + fragment.sql[own.end :],
        parameters=(*parameters, *fragment.parameters[own.taken :]),
        keys_at=moved,
    )


def _depths(words: Sequence[str]) -> list[int]:
    """How many parentheses are open behind each word."""
    depths, depth = [], 0
    for word in words:
        depth += (word == "(") - (word == ")")
        depths.append(depth)
    return depths


def _placeholders(words: Sequence[str], placeholder: str) -> int:
    return "".join(word for word in words if word[0] not in "\"`'").count(placeholder)


def _hashable(values: Sequence[object]) -> tuple[tuple[type, object], ...]:
    # 1, True and 1.0 are equal to Python, and not to every source.
    return tuple((type(value), value) for value in values)
