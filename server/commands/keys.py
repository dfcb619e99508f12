"""`viewloom keys`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from server.commands.report import print_json, print_table
from server.commands.target import Target, on_workspace


@click.group()
def keys() -> None:
    """Issue, list and revoke API keys.

    \b
    Example:  viewloom keys issue "Power BI of controlling" --publication order_backlog --days 365
              viewloom keys list
              viewloom keys revoke 3f2a9c…
    """


@keys.command("issue")
@click.argument("name")
@click.option("--role", type=click.Choice(["reader", "admin"]), default="reader", show_default=True)
@click.option("--publication", "publications", multiple=True, help="Only this one; may be given again.  [all]")
@click.option("--days", type=click.IntRange(1), help="Days until it expires.  [never]")
@on_workspace
def issue(target: Target, name: str, role: str, publications: tuple[str, ...], days: int | None) -> None:
    """A new key, shown this once.

    \b
    Example:  viewloom keys issue "Excel of Anna" --days 90
    """
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    with target.open() as opened:
        record, key = opened.workspace.issue_key(name, role, publications or None, expires)
    if target.as_json:
        print_json({"key": key, "record": record})
    else:
        click.echo(key)
        click.echo(f"(id {record.id}; it is shown this once: keep it where secrets are kept)", err=True)


@keys.command("list")
@on_workspace
def list_keys(target: Target) -> None:
    """All keys, revoked ones too.

    \b
    Example:  viewloom keys list --workspace plant
    """
    with target.open() as opened:
        found = opened.workspace.list_keys()
    if target.as_json:
        print_json(found)
        return
    now = datetime.now(UTC)
    rows = [
        (
            key.id,
            f"{key.label}…",
            key.name,
            key.role,
            "all" if key.publications is None else key.publications,
            "revoked" if key.revoked_at else "expired" if key.expires_at and key.expires_at <= now else "valid",
            key.uses,
            key.last_used_at and key.last_used_at.strftime("%Y-%m-%d %H:%M"),
        )
        for key in found
    ]
    print_table(
        ("id", "key", "name", "role", "publications", "state", "uses", "last used (UTC)"), rows, empty="No keys yet."
    )


@keys.command("revoke")
@click.argument("key_id")
@on_workspace
def revoke(target: Target, key_id: str) -> None:
    """End a key now, by the id that `keys list` shows.

    \b
    Example:  viewloom keys revoke 3f2a9c0d11e2b7a4
    """
    with target.open() as opened:
        record = opened.workspace.revoke_key(key_id)
    if target.as_json:
        print_json(record)
    else:
        click.echo(f"The key {record.name!r} ({record.label}…) is revoked.")
