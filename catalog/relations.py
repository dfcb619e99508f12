"""The one space of names that a workspace's connections and views share."""

from __future__ import annotations

from typing import Literal

from catalog.errors import NameTakenError
from catalog.names import check_name, fold
from catalog.tables import relations
from catalog.transaction import WorkspaceTransaction

Kind = Literal["connection", "view"]


def claim_name(tx: WorkspaceTransaction, kind: Kind, name: str) -> str:
    """Take a name for a connection or a view, or find that it is this kind's already; its folded form."""
    check_name(kind, name)
    folded = fold(name)
    check_free(tx, kind, name)
    if tx.row(relations, relations.c.folded == folded) is None:
        tx.add(relations, {"folded": folded, "kind": kind, "name": name})
    return folded


def check_free(tx: WorkspaceTransaction, kind: Kind, name: str) -> None:
    """NameTakenError when the name, case ignored, is another object's or is spelled otherwise."""
    found = tx.row(relations, relations.c.folded == fold(name))
    if found is not None and (found["kind"] != kind or found["name"] != name):
        raise NameTakenError(kind, name, found["kind"], found["name"])


def release_name(tx: WorkspaceTransaction, folded: str) -> None:
    """Give a name back."""
    tx.remove(relations, relations.c.folded == folded)


def spellings(tx: WorkspaceTransaction, kind: Kind) -> dict[str, str]:
    """The names of a kind as written, by their folded form, in order."""
    rows = tx.rows(relations, relations.c.kind == kind)
    return dict(sorted((row["folded"], row["name"]) for row in rows))
