"""`viewloom views`."""

from __future__ import annotations

from pathlib import Path

import click

from server.commands.report import print_json, print_table, say
from server.commands.target import Target, on_workspace


@click.group()
def views() -> None:
    """List, show and check views.

    \b
    Example:  viewloom views list
              viewloom views show order_backlog
              viewloom views check views/order_backlog.sql --save
    """


@views.command("list")
@on_workspace
def list_views(target: Target) -> None:
    """The latest version of each view, and drafts that could not be saved.

    \b
    Example:  viewloom views list --workspace plant
    """
    with target.open() as opened:
        found, drafts = opened.workspace.list_views(), opened.workspace.list_drafts()
    if target.as_json:
        print_json({"views": found, "drafts": drafts})
        return
    rows = [(v.name, v.version, len(v.columns), v.key, (*v.uses_views, *v.uses_tables)) for v in found]
    print_table(("name", "version", "columns", "proven key", "reads"), rows, empty="No views yet.")
    for draft in drafts:
        say(f"draft {draft.name}: {len(draft.problems)} problem(s)")


@views.command("show")
@click.argument("name")
@click.option("--version", type=int, help="Another version than the latest.")
@on_workspace
def show(target: Target, name: str, version: int | None) -> None:
    """One view: its columns, what it reads, and its SQL as written.

    \b
    Example:  viewloom views show order_backlog --version 2
    """
    with target.open() as opened:
        view = opened.workspace.get_view(name, version)
    if target.as_json:
        print_json(view)
        return
    click.echo(f"{view.name}, version {view.version}" + (f", by {view.created_by}" if view.created_by else ""))
    if view.comment:
        click.echo(view.comment)
    click.echo()
    print_table(
        ("column", "type", "null", "comment"),
        [(c.name, c.sql_type, "" if c.nullable else "never", c.comment) for c in view.columns],
    )
    click.echo(f"\nproven key: {', '.join(view.key) or 'none'}")
    click.echo(f"reads: {', '.join((*view.uses_views, *view.uses_tables)) or 'nothing'}\n")
    click.echo(view.sql)


@views.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--save", is_flag=True, help="Keep it: as the next version, or with problems as a draft.")
@on_workspace
def check(target: Target, file: Path, save: bool) -> None:
    """Check a view's file (CREATE VIEW …) against the workspace: its columns and types, or its problems.

    \b
    Example:  viewloom views check views/order_backlog.sql
    """
    from catalog.view_file import parse_view
    from engine.check_view import ViewSource
    from server.operations.views import check as check_view
    from server.operations.views import save_view

    text = parse_view(file.read_bytes().decode("utf-8"), str(file))
    source = ViewSource(text.name, text.sql, text.comment, text.column_comments, text.source)
    with target.open() as opened:
        view = (save_view if save else check_view)(opened.state, opened.scope, source)
    if target.as_json:
        print_json(view)
        return
    print_table(
        ("column", "type", "null"), [(c.name, c.sql_type, "" if c.nullable else "never") for c in view.columns]
    )
    click.echo(f"\nproven key: {', '.join(view.key) or 'none'}")
    if save:
        click.echo(f"saved as version {view.version}")
