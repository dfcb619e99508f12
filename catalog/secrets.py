"""Secrets by reference: `env:NAME`, `file:PATH`. The catalog keeps references only; values are read when needed.

A field is secret because its connector says so: callers pass the names of secret fields, dotted for nested ones
(`auth.token`), `*` for any key (`headers.*`); elements of a list count as the list's field. Keep secret files
readable by the server's user only (mode 0400 or 0600).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from catalog.errors import SecretError, SecretInlineError, SecretMissingError

PREFIXES = ("env:", "file:")
MAX_SECRET_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SecretRules:
    """Which references may be followed: whoever edits a workspace must not read any file or variable of the server.

    `environment`: globs of variable names. `directories`: files must lie in one of them; None: anywhere.
    """

    environment: tuple[str, ...] = ("*",)
    directories: tuple[Path, ...] | None = None
    variables: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


def is_reference(value: object) -> bool:
    """Whether a value has the form of a reference."""
    return isinstance(value, str) and any(value.startswith(prefix) and value != prefix for prefix in PREFIXES)


def resolve(reference: str, rules: SecretRules | None = None) -> str:
    """The secret that a reference leads to. A file is read as UTF-8 and loses one line break at its end.

    SecretMissingError names the reference; a secret's value is in no message.
    """
    rules = rules or SecretRules()
    kind, _, rest = reference.partition(":")
    if not is_reference(reference):
        raise SecretError(
            "A secret must be a reference.", hint="Write env:NAME for an environment variable, or file:PATH."
        )
    return _from_environment(rest, rules) if kind == "env" else _from_file(rest, rules)


def _from_environment(name: str, rules: SecretRules) -> str:
    if not any(fnmatchcase(name, pattern) for pattern in rules.environment):
        raise _missing(
            f"env:{name}",
            "the server's settings don't allow this variable for secrets",
            "Name it VIEWLOOM_SECRET_…, or let the server's VIEWLOOM_SECRET_ENVIRONMENT allow it.",
        )
    value = rules.variables.get(name)
    if value is None:
        raise _missing(f"env:{name}", "the server has no such environment variable")
    return value


def _from_file(name: str, rules: SecretRules) -> str:
    path = Path(name)
    try:
        if rules.directories is not None:
            path = path.resolve()
            if not any(path.is_relative_to(directory.resolve()) for directory in rules.directories):
                raise _missing(
                    f"file:{name}",
                    "the server's settings don't allow secrets from this directory",
                    "Put it into secrets/ of the data directory, or let VIEWLOOM_SECRET_DIRECTORIES allow its own.",
                )
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "it is not a path"
        raise _missing(f"file:{name}", f"the file can't be read: {reason}") from None
    if len(content) > MAX_SECRET_BYTES:
        raise _missing(f"file:{name}", f"the file is larger than {MAX_SECRET_BYTES // 1024} KB")
    try:
        value = content.decode("utf-8")
    except UnicodeDecodeError:  # its message would quote bytes of the secret
        raise _missing(f"file:{name}", "the file is not UTF-8 text") from None
    return value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value


def _missing(reference: str, problem: str, hint: str = "") -> SecretMissingError:
    return SecretMissingError(
        f"The secret {reference!r} can't be read: {problem}.",
        hint=hint or "Set it where the server runs, or change the reference.",
        details={"reference": reference},
    )


def check_references(config: Mapping[str, object], secret_fields: Collection[str]) -> None:
    """SecretInlineError for the first secret field that holds something else than a reference (or null)."""
    for path, value in _leaves(config, ()):
        if value is not None and is_secret(path, secret_fields) and not is_reference(value):
            raise SecretInlineError(".".join(path))


def resolve_config(
    config: Mapping[str, object], secret_fields: Collection[str], rules: SecretRules | None = None
) -> dict[str, object]:
    """The configuration with its secret fields' references replaced by what they lead to."""
    check_references(config, secret_fields)

    def follow(value: object, path: tuple[str, ...]) -> object:
        if isinstance(value, Mapping):
            return {key: follow(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [follow(item, path) for item in value]
        return resolve(value, rules) if isinstance(value, str) and is_secret(path, secret_fields) else value

    return {key: follow(value, (key,)) for key, value in config.items()}


def is_secret(path: tuple[str, ...], secret_fields: Collection[str]) -> bool:
    """Whether the field at a path is, or lies in, one that is named secret."""
    for name in secret_fields:
        parts = name.split(".")
        if len(parts) <= len(path) and all(part in ("*", key) for part, key in zip(parts, path, strict=False)):
            return True
    return False


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value
