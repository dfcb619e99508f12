"""`viewloom apply`, `check`, `export`: the catalog as code."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from catalog.records import View, WorkspaceCatalog
from server.commands.report import print_json, say, say_plan
from server.commands.target import Target, on_workspace

BrokenContracts = Literal["fail", "warn"]

DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.command("apply")
@click.argument("directory", type=DIRECTORY)
@click.option("--dry-run", is_flag=True, help="Check everything and show the changes, but make none.")
@click.option("--no-key-check", is_flag=True, help="Believe declared keys instead of counting at the sources.")
@click.option(
    "--refresh", is_flag=True, help="Look at the tables of all connections again, not only of changed ones."
)
@click.option(
    "--contracts",
    type=click.Choice(["fail", "warn"]),
    default="fail",
    show_default=True,
    help="What a broken contract of a view does.",
)
@on_workspace
def apply_command(
    target: Target, directory: Path, dry_run: bool, no_key_check: bool, refresh: bool, contracts: BrokenContracts
) -> None:
    """Make the workspace what DIRECTORY says: connections.yaml, views/*.sql, publications.yaml.

    All of it or nothing: what is not in the files is dropped, and if anything is wrong nothing is changed. Problems
    are told with file, line and column.

    \b
    Example:  viewloom apply ./plant --workspace plant --dry-run
              viewloom apply ./plant --workspace plant
    """
    from server.operations.apply import apply

    with target.open() as opened:
        done = apply(
            opened.state,
            opened.scope,
            directory,
            dry_run=dry_run,
            check_keys=not no_key_check,
            contracts=contracts,
            look_again=refresh,
            progress=lambda text: say(f"… {text}"),
        )
    if target.as_json:
        print_json(done)
        return
    for warning in done.warnings:
        say(f"Warning: {warning}")
    for line in done.changes.lines():
        click.echo(line)
    changed = sum(map(len, (done.changes.connections, done.changes.views, done.changes.publications)))
    verb = "would be made" if dry_run else "made"
    click.echo(f"{changed} change{'' if changed == 1 else 's'} {verb}." if changed else "Nothing to change.")


@click.command()
@click.argument("directory", type=DIRECTORY, required=False)
@on_workspace
def check(target: Target, directory: Path | None) -> None:
    """Say what is wrong with the files in DIRECTORY; without it, with the workspace's views as the sources are now.

    Contracts of views are proven too; a broken one is told with the plan that breaks it.

    \b
    Example:  viewloom check ./plant --workspace plant      (before a commit)
              viewloom refresh erp && viewloom check        (after a change at a source)
    """
    from engine.errors import ViewProblemsError
    from server.operations.apply import apply
    from server.operations.views import check as check_one
    from server.operations.views import source_of

    problems: list[dict[str, object]] = []
    with target.open() as opened:
        if directory is not None:
            done = apply(opened.state, opened.scope, directory, dry_run=True, check_keys=False)
            for warning in done.warnings:
                say(f"Warning: {warning}")
        else:
            for view in opened.workspace.list_views():
                try:
                    now = check_one(opened.state, opened.scope, source_of(view))
                except ViewProblemsError as error:
                    found = error.problems[0]
                    problems.append({"view": view.name, "line": found.line, "problem": found.message})
                    continue
                problems += broken_contracts(now, opened.workspace.read())
    if target.as_json:
        print_json({"problems": problems})
    else:
        for problem in problems:
            click.echo(f"{problem['view']}, line {problem['line']}: {problem['problem']}")
            say_plan(str(problem.get("plan", "")))
        if not problems:
            click.echo("All is well.")
    if problems:
        raise click.exceptions.Exit(1)


def broken_contracts(view: View, catalog: WorkspaceCatalog) -> list[dict[str, object]]:
    """A view's contracts that do not hold, each with the plan that breaks it."""
    from engine.contracts import prove
    from engine.explain import explain_plan, explanation_text

    return [
        {
            "view": view.name,
            "line": verdict.contract.line,
            "problem": f"the contract {verdict.contract.text!r} is broken: {verdict.problem}",
            "plan": explanation_text(explain_plan(verdict.plan)) if verdict.plan is not None else "",
        }
        for verdict in prove(view, catalog)
        if verdict.problem
    ]


@click.command("export")
@click.argument("directory", type=DIRECTORY)
@click.option("--prune", is_flag=True, help="Delete files of views that the workspace does not have.")
@on_workspace
def export_command(target: Target, directory: Path, prune: bool) -> None:
    """Write the workspace as files that `apply` reads back without a loss. Secrets stay references.

    \b
    Example:  viewloom export ./plant --workspace plant && git diff ./plant
    """
    from server.operations.apply import export

    with target.open() as opened:
        changed = export(opened.state, opened.scope, directory, prune=prune)
    if target.as_json:
        print_json({"changed": changed})
        return
    for name in changed:
        click.echo(name)
    click.echo(f"{len(changed)} file{'' if len(changed) == 1 else 's'} changed.")
