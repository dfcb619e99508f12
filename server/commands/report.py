"""What commands print: tables for people, JSON for scripts, and errors with what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import orjson

MAX_WIDTH = 60


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(orjson.dumps(plain(value), option=orjson.OPT_INDENT_2, default=str).decode())


def plain(value: object) -> object:
    """Records as JSON can hold them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "Nothing.") -> None:
    """Rows in columns; long texts are cut."""
    texts = [[_cell(value) for value in row] for row in rows]
    if not texts:
        click.echo(empty)
        return
    widths = [max(len(row[place]) for row in [list(header), *texts]) for place in range(len(header))]
    for row in [list(header), ["-" * width for width in widths], *texts]:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "·"
    if isinstance(value, list | tuple | frozenset):
        value = ", ".join(map(str, sorted(value) if isinstance(value, frozenset) else value))
    text = " ".join(str(value).split())
    return text if len(text) <= MAX_WIDTH else text[: MAX_WIDTH - 1] + "…"


def say(text: str) -> None:
    """Progress and warnings, on standard error, out of the way of pipes."""
    click.echo(text, err=True)


def say_plan(plan: str) -> None:
    """A plan below what it proves, on standard error."""
    for line in plan.splitlines():
        say(f"    {line}".rstrip())


def report_error(error: Exception) -> bool:
    """Tell an expected error on standard error; False for one that is a bug of ours and deserves its trace."""
    from catalog.errors import CatalogError
    from connectors.sdk.errors import ConnectorError
    from engine.errors import EngineError, ViewProblemsError
    from server.demo.build import MesError
    from server.errors import ServerError
    from server.operations.errors import FilesProblemsError, OperationError
    from server.settings import SettingError

    if isinstance(error, FilesProblemsError):
        for problem in error.problems:
            say(problem.text())
            say_plan(problem.plan)
        count = len(error.problems)
        say(f"{count} problem{'s' if count > 1 else ''}; nothing was changed.")
        return True
    if isinstance(error, ViewProblemsError):
        for place in error.problems:
            say(
                f"line {place.line}, column {place.column}: {place.message}" + (f" ({place.hint})" * bool(place.hint))
            )
        return True
    expected = (CatalogError, ConnectorError, EngineError, OperationError, ServerError, SettingError, MesError)
    if isinstance(error, expected):
        known: Any = error
        say(f"Error: {getattr(known, 'message', None) or known}")
        if getattr(known, "hint", ""):
            say(f"  {known.hint}")
        return True
    return False
