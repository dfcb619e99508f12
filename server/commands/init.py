"""`viewloom init`: a tenant's workspace."""

from __future__ import annotations

import click

from server.commands.report import print_json
from server.commands.target import Target, on_workspace


@click.command()
@on_workspace
def init(target: Target) -> None:
    """Create the tenant and the workspace, unless they are there.

    \b
    Example:  viewloom init --workspace plant
              viewloom keys issue "first admin" --role admin --workspace plant
    """
    with target.open(create=True):
        pass
    if target.as_json:
        print_json({"tenant": target.tenant, "workspace": target.workspace})
    else:
        click.echo(f"The workspace {target.workspace!r} of the tenant {target.tenant!r} is there.")
