"""`connections.yaml`: name → connector, config, time zone, patterns, comment, budget. Secrets by reference only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from catalog.budget import budget_of, budget_values
from catalog.connections import check_connection
from catalog.errors import FilesError, SecretInlineError
from catalog.fields import Fields
from catalog.names import fold
from catalog.records import Budget, Connection
from catalog.yaml_file import read_yaml, write_yaml

FIELDS = ("connector", "time_zone", "include", "exclude", "comment", "budget", "config")
SecretFields = Callable[[str], Collection[str]]


def read_connections(text: str, path: str, secret_fields: SecretFields) -> tuple[Connection, ...]:
    """The connections of a file, in order of names. FilesError with the line; it never quotes a value of a config."""
    root = read_yaml(text, path)
    if root.value is None:
        return ()
    if not isinstance(root.value, dict):
        raise FilesError(path, root.line, "connections are a mapping: name → fields.", hint=f"Fields: {FIELDS}.")
    found: dict[str, Connection] = {}
    for name, item in root.value.items():
        if fold(name) in found:
            problem = f"{name!r} and {found[fold(name)].name!r} are the same name, case ignored."
            raise FilesError(path, item.line, problem, hint="Rename one of them.")
        fields = Fields(item, path, f"the connection {name!r}", FIELDS)
        found[fold(name)] = _connection(name, fields, secret_fields)
    return tuple(found[key] for key in sorted(found))


def connection_lines(text: str, path: str) -> dict[str, int]:
    """Folded name → the line where a connection's fields begin, for what is found wrong with it later."""
    root = read_yaml(text, path).value
    return {fold(name): item.line for name, item in root.items()} if isinstance(root, dict) else {}


def _connection(name: str, fields: Fields, secret_fields: SecretFields) -> Connection:
    include, exclude = fields.texts("include"), fields.texts("exclude")
    with fields.naming_line("budget"):
        budget = budget_of(fields.mapping("budget"))
    connection = Connection(
        name=name,
        connector=fields.text("connector"),
        config=fields.mapping("config"),
        time_zone=fields.text("time_zone") if "time_zone" in fields.items else None,
        include=("*",) if include is None else include,
        exclude=exclude or (),
        comment=fields.text("comment", ""),
        budget=budget,
    )
    with fields.naming_line():
        try:
            check_connection(connection, secret_fields(connection.connector))
        except SecretInlineError as error:
            raise FilesError(
                fields.path, _line_of_secret(fields, str(error.details["field"])), error.message, hint=error.hint
            ) from None
    return connection


def _line_of_secret(fields: Fields, field: str) -> int:
    """The line of a field below `config`, as near as lists allow."""
    item = fields.items["config"]
    for part in field.split("."):
        if not isinstance(item.value, dict) or part not in item.value:
            break
        item = item.value[part]
    return item.line


def write_connections(connections: Iterable[Connection]) -> str:
    """The file's text; fields that say nothing are left out."""
    written = {}
    for one in connections:
        fields: dict[str, object] = {"connector": one.connector}
        if one.time_zone is not None:
            fields["time_zone"] = one.time_zone
        if one.include != ("*",):
            fields["include"] = list(one.include)
        if one.exclude:
            fields["exclude"] = list(one.exclude)
        if one.comment:
            fields["comment"] = one.comment
        if one.budget != Budget():
            fields["budget"] = budget_values(one.budget)
        if one.config:
            fields["config"] = one.config
        written[one.name] = fields
    return write_yaml(written) if written else ""
