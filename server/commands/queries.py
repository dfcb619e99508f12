"""`viewloom preview`, `explain`, `runs`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from catalog.records import RunRecord
from server.commands.report import print_json, print_table
from server.commands.target import Target, on_workspace


@click.command("preview")
@click.argument("sql")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@on_workspace
def preview_command(target: Target, sql: str, limit: int) -> None:
    """The first rows of a SELECT over views and tables, or of one of them. Nothing is kept.

    \b
    Example:  viewloom preview order_backlog --limit 5
              viewloom preview "SELECT status, count(*) FROM erp.orders GROUP BY status"
    """
    from server.operations.preview import preview

    with target.open() as opened:
        found = preview(opened.state, opened.scope, sql, limit)
    if target.as_json:
        print_json(found.rows)
        return
    names = [name for name, _ in found.columns]
    print_table(names, [[row[name] for name in names] for row in found.rows], empty="No rows.")


@click.command("explain")
@click.argument("sql")
@click.option("--analyze", is_flag=True, help="Run it too, and tell what each source gave; rows are thrown away.")
@click.option("--verbose", is_flag=True, help="With the scans after each rule.")
@click.option("--workspace-names", is_flag=True, help="SQL names views and tables instead of publications.")
@on_workspace
def explain_command(target: Target, sql: str, analyze: bool, verbose: bool, workspace_names: bool) -> None:
    """How a SELECT over publications runs: what each source is asked for, what stayed here, and why.

    \b
    Example:  viewloom explain "SELECT * FROM order_backlog WHERE late" --analyze
              viewloom explain erp.orders --workspace-names
    """
    from engine.explain import explanation_text
    from server.operations.explain import explain

    with target.open() as opened:
        found = explain(
            opened.state, opened.scope, sql, workspace_names=workspace_names, analyze=analyze, verbose=verbose
        )
    if target.as_json:
        print_json(found.to_json())
    else:
        click.echo(explanation_text(found), nl=False)


@click.group()
def runs() -> None:
    """List what was run; show one run.

    \b
    Example:  viewloom runs list --status error
              viewloom runs show 0f3c…
    """


@runs.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--status", help="Only runs that ended so: ok, error, broken, cancelled.")
@on_workspace
def list_runs(target: Target, limit: int, status: str | None) -> None:
    """The newest runs first.

    \b
    Example:  viewloom runs list --limit 50
    """
    with target.open() as opened:
        found = opened.workspace.list_runs(limit, None, status)
    if target.as_json:
        print_json(found)
        return
    rows = [
        (
            run.id,
            run.started_at.strftime("%Y-%m-%d %H:%M:%S"),
            run.protocol,
            run.publications,
            run.status + (f" ({run.error})" if run.error else ""),
            f"{run.seconds:.3f}",
            run.rows,
            sum(source.rows for source in run.sources),
        )
        for run in found
    ]
    header = ("id", "started (UTC)", "protocol", "publications", "status", "seconds", "rows", "rows read")
    print_table(header, rows, empty="No runs yet.")


@runs.command("show")
@click.argument("run_id")
@on_workspace
def show_run(target: Target, run_id: str) -> None:
    """One run: its statement's shape, and what each source gave.

    \b
    Example:  viewloom runs show 0f3c81d2a94e7b65c1d0aa12
    """
    with target.open() as opened:
        run = opened.workspace.get_run(run_id)
    if target.as_json:
        print_json(run)
        return
    click.echo(f"{run.id}  {run.status} {run.error}".rstrip())
    click.echo(f"{run.protocol}, by {run.principal}, {run.started_at:%Y-%m-%d %H:%M:%S} UTC, {run.seconds:.3f} s")
    click.echo(f"{run.rows:,} rows, {run.bytes:,} bytes\n\n{run.statement}\n")
    for line in run_lines(run):
        click.echo(line)


def run_lines(run: RunRecord) -> Iterator[str]:
    """What a run asked of its sources, for people."""
    if not run.sources:
        yield "No source was read."
    for source in run.sources:
        counting = " (for the number of all rows)" if source.counting else ""
        yield f"{source.scan}  {source.connection}.{source.table}{counting}"
        yield f"    asked for  {source.statement}"
        yield from (f"    left here  {text}" for text in source.left)
        first = (
            f"first after {source.seconds_to_first_row:.3f} s, " if source.seconds_to_first_row is not None else ""
        )
        yield f"    read       {source.rows:,} rows, {source.bytes:,} bytes, {first}all after {source.seconds:.3f} s"
        if source.as_of is not None:
            moment = "one snapshot of the connection" if source.snapshot else "no snapshot shared with other scans"
            yield f"    as of      {source.as_of:%Y-%m-%d %H:%M:%S.%f}"[:-3] + f" UTC, {moment}"
        if source.nulls_made:
            yield f"    nulls      {source.nulls_made:,} values could not be read and became NULL"
        if source.requests:
            yield f"    requests   {source.requests:,} of the connection"
        if source.retries:
            yield f"    retries    {source.retries:,} requests of the connection were sent again"
