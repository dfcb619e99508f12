"""`viewloom publish`, `publications`."""

from __future__ import annotations

import click

from server.commands.report import print_json, print_table
from server.commands.target import Target, on_workspace


@click.command("publish")
@click.argument("view")
@click.option("--name", help="The publication's name.  [default: the view's]")
@click.option("--key", help="Columns that identify a row, by commas; '' says none.  [default: the proven key]")
@click.option("--protocol", "protocols", multiple=True, type=click.Choice(["odata", "rest", "sql"]), help="[all]")
@click.option("--page-size", type=click.IntRange(1), help="Rows of an OData or REST page.")
@click.option("--max-rows", type=click.IntRange(1), help="Rows of one answer at most.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds for one answer.")
@click.option("--comment", default="")
@click.option("--no-key-check", is_flag=True, help="Believe a declared key instead of counting at the sources.")
@on_workspace
def publish_command(
    target: Target,
    view: str,
    name: str | None,
    key: str | None,
    protocols: tuple[str, ...],
    page_size: int | None,
    max_rows: int | None,
    timeout: float | None,
    comment: str,
    no_key_check: bool,
) -> None:
    """Offer VIEW at a URL, with the versions that it and the views below it have now.

    A key that the sources don't prove is checked now by counting duplicates; paging needs one.

    \b
    Example:  viewloom publish order_backlog --key order_id --page-size 5000
    """
    from catalog.records import PROTOCOLS, Limits
    from server.operations.publish import publish

    columns = None if key is None else tuple(part.strip() for part in key.split(",") if part.strip())
    with target.open() as opened:
        done = publish(
            opened.state,
            opened.scope,
            view,
            name,
            columns,
            frozenset(protocols or PROTOCOLS),
            Limits(page_size=page_size, max_rows=max_rows, timeout=timeout),
            comment,
            check=not no_key_check,
        )
    if target.as_json:
        print_json(done)
        return
    kind = f"key ({', '.join(done.key)}), {done.key_kind}" if done.key else "no key, so it can't be paged"
    click.echo(f"{done.name} is published, version {done.version}: {kind}")
    click.echo(f"  OData  /odata/{target.workspace}/{done.name}" * ("odata" in done.protocols))
    click.echo(f"  REST   /api/v1/{target.workspace}/data/{done.name}" * ("rest" in done.protocols))


@click.group()
def publications() -> None:
    """List what is offered; take one away.

    \b
    Example:  viewloom publications list
    """


@publications.command("list")
@on_workspace
def list_publications(target: Target) -> None:
    """All publications: key, protocols, and the view versions that they pin.

    \b
    Example:  viewloom publications list --workspace plant
    """
    with target.open() as opened:
        found = opened.workspace.list_publications()
    if target.as_json:
        print_json(found)
        return
    rows = [
        (p.name, p.key, p.key_kind, p.protocols, [f"{view} v{number}" for view, number in p.closure.items()])
        for p in found
    ]
    print_table(("name", "key", "kind", "protocols", "pins"), rows, empty="Nothing is published yet.")


@publications.command("drop")
@click.argument("name")
@on_workspace
def drop(target: Target, name: str) -> None:
    """Take a publication away; its view stays.

    \b
    Example:  viewloom publications drop order_backlog
    """
    with target.open() as opened:
        opened.workspace.drop_publication(name)
    click.echo(f"{name} is not published any more.")
