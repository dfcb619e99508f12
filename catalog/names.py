"""What things may be called, and when two names are the same."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from catalog.errors import InvalidNameError, InvalidRecordError

MAX_NAME = 128
PLACE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
# They stand where a workspace's name stands in URLs: /odata/key/{key}/…, /api/v1/…, /admin/….
RESERVED_WORKSPACES = frozenset({"key", "v1", "admin"})
# Control, surrogate, line separator, paragraph separator: they can't be stored, or break lines wherever they show.
REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def fold(name: str) -> str:
    """The form in which two names are the same name."""
    return name.lower()


def check_name(kind: str, name: str) -> None:
    """Refuse what can't name a connection, a view, a publication or a key: anything that SQL can quote may."""
    if not name:
        raise InvalidNameError(f"A {kind} needs a name.", details={"kind": kind, "name": name})
    if len(name) > MAX_NAME:
        raise InvalidNameError(
            f"The name of the {kind} {name[:20]!r}… has {len(name)} characters; {MAX_NAME} are allowed.",
            details={"kind": kind},
        )
    for position, character in enumerate(name, 1):
        if unicodedata.category(character) in REFUSED_CATEGORIES:
            raise InvalidNameError(
                f"The name of a {kind} holds the character U+{ord(character):04X} at position {position}.",
                hint="Names may hold anything but control characters and line breaks.",
                details={"kind": kind},
            )


def check_place_name(kind: str, name: str) -> None:
    """Refuse what can't name a tenant or a workspace: lower-case letters, digits, `_`, `-`, a letter first, ≤ 63."""
    if not PLACE_NAME.fullmatch(name):
        raise InvalidNameError(
            f"{name[:70]!r} can't be the name of a {kind}.",
            hint="Use lower-case letters, digits, '_' and '-', a letter first, at most 63 characters.",
            details={"kind": kind, "name": name[:70]},
        )
    if kind == "workspace" and name in RESERVED_WORKSPACES:
        raise InvalidNameError(
            f"{name!r} is reserved: it has a meaning of its own in URLs.",
            hint=f"Choose another name than {', '.join(sorted(RESERVED_WORKSPACES))}.",
            details={"kind": kind, "name": name},
        )


def check_text(field: str, text: str) -> None:
    """Refuse text that can't be stored unchanged: NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    for position, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            line = text.count("\n", 0, position) + 1
            raise InvalidRecordError(field, f"the character U+{ord(character):04X} in line {line} can't be stored.")


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was most likely meant, or None when none is near."""
    by_fold = {fold(other): other for other in known}
    near = difflib.get_close_matches(fold(name), by_fold, n=1, cutoff=0.6)
    return by_fold[near[0]] if near else None
