"""`viewloom connections`, `refresh`, `infer`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import click

from server.commands.report import print_json, print_table, say
from server.commands.target import Target, on_workspace


@click.group()
def connections() -> None:
    """List connections; test one.

    \b
    Example:  viewloom connections list
              viewloom connections test erp
    """


@connections.command("list")
@on_workspace
def list_connections(target: Target) -> None:
    """All connections, with how many tables were seen.

    \b
    Example:  viewloom connections list --workspace plant
    """
    with target.open() as opened:
        catalog = opened.workspace.read()
    found = list(catalog.connections.values())
    if target.as_json:
        print_json(found)
        return
    tables = [schema.connection.lower() for schema in catalog.schemas.values()]
    rows = [(c.name, c.connector, tables.count(c.name.lower()), c.time_zone, c.comment) for c in found]
    print_table(("name", "connector", "tables", "time zone", "comment"), rows, empty="No connections yet.")


@connections.command("test")
@click.argument("name")
@on_workspace
def try_one(target: Target, name: str) -> None:
    """Try a connection: DNS, TCP, TLS, login, permission, first row; which one fails, and the cure.

    \b
    Example:  viewloom connections test erp
    """
    from server.operations.connections import try_connection

    with target.open() as opened:
        stages = try_connection(opened.state, opened.scope, name)
    works = bool(stages) and all(stage.ok for stage in stages)
    if target.as_json:
        print_json({"ok": works, "stages": stages})
    else:
        for stage in stages:
            click.echo(
                f"{'ok    ' if stage.ok else 'FAILED'}  {stage.stage:<11} {stage.seconds:7.3f} s  {stage.message}"
            )
            if not stage.ok and stage.hint:
                click.echo(f"        what to do: {stage.hint}")
    if not works:
        raise click.exceptions.Exit(1)


@click.command("refresh")
@click.argument("name")
@on_workspace
def refresh_command(target: Target, name: str) -> None:
    """Look at a connection's tables again: what is new, gone or changed, and which views that hits.

    \b
    Example:  viewloom refresh erp --workspace plant
    """
    from server.operations.refresh import refresh

    with target.open() as opened:
        found = refresh(opened.state, opened.scope, name, lambda event: say(f"… {event.get('done')} tables"))
    broken = [hit for hit in found.views if hit.problem]
    if target.as_json:
        print_json(found)
    else:
        for table in found.diff.new:
            click.echo(f"new      {table}")
        for table in found.diff.gone:
            click.echo(f"gone     {table}")
        for change in found.diff.changed:
            parts = [f"+{column}" for column in change.added] + [f"-{column}" for column in change.dropped]
            parts += [f"{column.name}: {column.before} is {column.now} now" for column in change.retyped]
            if parts:
                click.echo(f"changed  {change.table}: {', '.join(parts)}")
        for failed in found.failed:
            click.echo(f"failed   {failed.table}: {failed.message}")
        for hit in found.views:
            click.echo(f"view     {hit.view}: {hit.problem or 'still fits'}")
        for warning in found.warnings:
            say(f"Warning: {warning}")
        click.echo(f"{found.tables} tables of {found.connection} were seen.")
        if found.statistics_age is not None:
            old = str(timedelta(seconds=round(found.statistics_age)))
            click.echo(f"Their statistics were up to {old} old and are new now.")
    if broken or found.failed:
        raise click.exceptions.Exit(1)


@click.command("infer")
@click.argument("connection")
@click.argument("table")
@on_workspace
def infer_command(target: Target, connection: str, table: str) -> None:
    """Propose column types of TABLE from samples, as lines for connections.yaml.

    For files and REST sources, which declare none.

    \b
    Example:  viewloom infer lab measurements
    """
    from server.operations.connections import infer

    with target.open() as opened:
        proposal = infer(opened.state, opened.scope, connection, table)
    if target.as_json:
        print_json(asdict(proposal))
        return
    click.echo(f"# proposed from {proposal.rows:,} rows of {proposal.table}")
    click.echo("columns:")
    for column in proposal.columns:
        name = column.name if column.name.isidentifier() else '"' + column.name.replace('"', '\\"') + '"'
        click.echo(f"  {name}: {column.sql_type}  # {column.reason}; {column.nulls} without a value")
