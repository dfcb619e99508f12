"""Writes docs/reference/command-line.md from the commands themselves: `python -m tests.project.command_line`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from server.cli import main
from tests.project.places import REFERENCE

PAGE = REFERENCE / "command-line.md"
WIDTH = 100
INTRODUCTION = """\
# Command line

The command is `viewloom`. This page is its own help: `make check` compares the two, and
`python -m tests.project.command_line` writes it anew.

- Exit codes: 0 done, 1 a problem was found, 2 the command line is wrong.
- Commands open the catalog database themselves. They need no running server, and no API key: who may read the
  catalog's file, or has its URL, is the operator.
- Results go to standard output; progress, warnings and errors to standard error. `--json` gives one JSON document.
- Options win over `VIEWLOOM_…` variables; these are listed in [settings](settings.md).
- Run them from the directory that holds `.viewloom`, or say where it is with `--data-directory` or `--catalog`.
"""


def commands() -> Iterator[tuple[str, str]]:
    """(full name, help) of `viewloom` and everything below it, in the order of the help."""
    yield from _of(main, "viewloom", None)


def _of(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    settings = {"max_content_width": WIDTH, "terminal_width": WIDTH, **command.context_settings}
    context = click.Context(command, parent, info_name=name, **settings)
    lines = command.get_help(context).splitlines()
    yield context.command_path, "\n".join(line.rstrip() for line in lines).rstrip()
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from _of(found, below, context)


def page() -> str:
    """The whole page."""
    sections = [f"## {path}\n\n```text\n{text}\n```\n" for path, text in commands()]
    return "\n".join((INTRODUCTION, *sections))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
