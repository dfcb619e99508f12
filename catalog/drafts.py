"""Drafts: texts that are not (yet) a version of a view. They may be invalid, and take no name from others."""

from __future__ import annotations

import dataclasses

from sqlalchemy import RowMapping

from catalog.errors import NotFoundError
from catalog.names import check_name, check_text, fold
from catalog.records import Draft, Problem
from catalog.relations import check_free
from catalog.tables import drafts
from catalog.transaction import WorkspaceTransaction


def save_draft(tx: WorkspaceTransaction, draft: Draft) -> Draft:
    """Keep a draft, in place of the one of that name."""
    check_name("view", draft.name)
    check_free(tx, "view", draft.name)
    check_text("sql", draft.sql)
    saved = dataclasses.replace(draft, updated_at=tx.now)
    tx.remove(drafts, drafts.c.folded == fold(draft.name))
    values = {
        "folded": fold(saved.name),
        "name": saved.name,
        "sql": saved.sql,
        "problems": [dataclasses.asdict(problem) for problem in saved.problems],
        "updated_at": saved.updated_at,
    }
    tx.add(drafts, values)
    return saved


def get_draft(tx: WorkspaceTransaction, name: str) -> Draft:
    """A draft by name, case ignored."""
    check_name("draft", name)
    row = tx.row(drafts, drafts.c.folded == fold(name))
    if row is None:
        raise NotFoundError("draft", name)
    return _record(row)


def list_drafts(tx: WorkspaceTransaction) -> tuple[Draft, ...]:
    """All drafts, by name."""
    return tuple(sorted(map(_record, tx.rows(drafts)), key=lambda draft: fold(draft.name)))


def drop_draft(tx: WorkspaceTransaction, name: str) -> None:
    """Forget a draft."""
    tx.remove(drafts, drafts.c.folded == fold(get_draft(tx, name).name))


def _record(row: RowMapping) -> Draft:
    problems = tuple(Problem(**problem) for problem in row["problems"])
    return Draft(row["name"], row["sql"], problems, row["updated_at"])
