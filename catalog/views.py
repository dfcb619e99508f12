"""A workspace's views: each save that changes something is a new version, and old versions are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, RowMapping, Table, exists, or_

from catalog.errors import ConflictError, InvalidRecordError, NotFoundError, ViewCycleError, ViewInUseError
from catalog.names import check_name, check_text, closest, fold
from catalog.records import View, ViewColumn
from catalog.relations import claim_name, release_name, spellings
from catalog.tables import connections, drafts, publication_pins, publications, view_versions, views
from catalog.transaction import WorkspaceTransaction


def save_view(tx: WorkspaceTransaction, view: View, expected_version: int | None) -> View:
    """Keep a checked view: as version n + 1 when it says something else than version n, else it is version n.

    `expected_version`: what the caller saw, 0 for a new view. What the view uses must (still) be there, and no
    circle may come of it: other changes may have been saved since the view was checked. Its draft is done with.
    """
    _check_fields(view)
    folded = claim_name(tx, "view", view.name)
    row = tx.row(views, views.c.folded == folded)
    found = 0 if row is None else int(row["latest"])
    if expected_version is not None and expected_version != found:
        raise ConflictError("view", view.name, expected_version, found)
    _check_uses(tx, view, folded)
    tx.remove(drafts, drafts.c.folded == folded)
    if row is not None:
        present = get_view(tx, view.name, None)
        if _content(view) == _content(present):
            return _keep_source(tx, present, view.source)
    tx.changed = True
    saved = dataclasses.replace(view, version=found + 1, created_at=tx.now, created_by=tx.scope.principal)
    if row is None:
        tx.add(views, {"folded": folded, "kind": "view", "latest": 1})
    else:
        tx.change(views, {"latest": saved.version}, views.c.folded == folded)
    tx.add(view_versions, {"folded": folded, **_values(saved)})
    return saved


def _content(view: View) -> View:
    """What makes a version: all but its number, its origin and the file around its text."""
    return dataclasses.replace(view, version=0, created_at=None, created_by="", source="")


def _keep_source(tx: WorkspaceTransaction, present: View, source: str) -> View:
    """The same view from a file that reads otherwise (a remark before it): the file's text changes, no version."""
    if not source or source == present.source:
        return present
    tx.changed = True
    mine = (view_versions.c.folded == fold(present.name), view_versions.c.version == present.version)
    tx.change(view_versions, {"source": source}, *mine)
    return dataclasses.replace(present, source=source)


def _check_fields(view: View) -> None:
    texts = {"sql": view.sql, "expanded_sql": view.expanded_sql, "comment": view.comment, "source": view.source}
    for field, text in texts.items():
        check_text(field, text)
    seen: dict[str, str] = {}
    for column in view.columns:
        check_text("columns", column.name + column.sql_type + column.comment)
        other = seen.setdefault(fold(column.name), column.name)
        if other is not column.name:
            raise InvalidRecordError(
                "columns", f"{other!r} and {column.name!r} have the same name.", hint="Rename one with AS."
            )
    if not view.columns:
        raise InvalidRecordError("columns", f"the view {view.name!r} has none.", hint="Save what the check returned.")


def _check_uses(tx: WorkspaceTransaction, view: View, folded: str) -> None:
    known = spellings(tx, "view")
    for used in view.uses_views:
        if fold(used) not in known and fold(used) != folded:
            raise NotFoundError("view", used, suggestion=closest(used, known.values()))
    sources = {row["folded"] for row in tx.rows(connections)}
    for table in view.uses_tables:
        if not any(fold(table).startswith(f"{source}.") for source in sources):
            raise NotFoundError("connection", table.partition(".")[0])
    uses = {fold(other.name): other.uses_views for other in latest_views(tx)}
    circle = find_circle({**uses, folded: view.uses_views}, folded)
    if circle:
        raise ViewCycleError([known.get(name, view.name) for name in circle])


def find_circle(uses: Mapping[str, Sequence[str]], start: str) -> list[str]:
    """A way from a view back to itself, both ends included, or []. `uses`: folded name → names used."""
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        current = waiting.pop()
        for used in sorted(map(fold, uses.get(current, ()))):
            if used == start:
                path = [start, current]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1] if current != start else [start, start]
            if used not in came_from:
                came_from[used] = current
                waiting.append(used)
    return []


def get_view(tx: WorkspaceTransaction, name: str, version: int | None) -> View:
    """A view by name, case ignored: one version of it, or the latest."""
    check_name("view", name)
    folded = fold(name)
    known = spellings(tx, "view")
    head = tx.row(views, views.c.folded == folded)
    if head is None:
        raise NotFoundError("view", name, suggestion=closest(name, known.values()))
    wanted = head["latest"] if version is None else version
    row = tx.row(view_versions, view_versions.c.folded == folded, view_versions.c.version == wanted)
    if row is None:
        raise NotFoundError("view version", f"{known[folded]} version {wanted}")
    return _record(row, known[folded])


def view_history(tx: WorkspaceTransaction, name: str) -> tuple[View, ...]:
    """All versions of a view, the latest first."""
    latest = get_view(tx, name, None)
    rows = tx.rows(view_versions, view_versions.c.folded == fold(name), order_by=(view_versions.c.version.desc(),))
    return tuple(_record(row, latest.name) for row in rows)


def latest_views(tx: WorkspaceTransaction) -> tuple[View, ...]:
    """The latest version of each view, by name."""
    heads = {row["folded"]: row["latest"] for row in tx.rows(views)}
    return tuple(view for view in kept_views(tx) if heads[fold(view.name)] == view.version)


def kept_views(tx: WorkspaceTransaction) -> tuple[View, ...]:
    """Each view version that is the latest or pinned by a publication, by name and version."""
    known = spellings(tx, "view")
    rows = tx.rows(
        view_versions, or_(_held_by(views, "folded", "latest"), _held_by(publication_pins, "view", "version"))
    )
    records = [_record(row, known[row["folded"]]) for row in rows]
    return tuple(sorted(records, key=lambda view: (fold(view.name), view.version)))


def _held_by(table: Table, name: str, version: str) -> ColumnElement[bool]:
    """Whether a row of another table names a view version."""
    return exists().where(
        table.c.tenant_id == view_versions.c.tenant_id,
        table.c.workspace_id == view_versions.c.workspace_id,
        table.c[name] == view_versions.c.folded,
        table.c[version] == view_versions.c.version,
    )


def drop_view(tx: WorkspaceTransaction, name: str) -> None:
    """Drop a view with its history and draft. ViewInUseError names the views and publications that use it."""
    view = get_view(tx, name, None)
    folded = fold(view.name)
    users = {
        other.name for other in kept_views(tx) if folded in map(fold, other.uses_views) and fold(other.name) != folded
    }
    pinning = {row["publication"] for row in tx.rows(publication_pins, publication_pins.c.view == folded)}
    published = [row["name"] for row in tx.rows(publications) if row["folded"] in pinning or row["view"] == folded]
    if users or published:
        raise ViewInUseError("view", view.name, views=sorted(users), publications=sorted(published))
    tx.changed = True
    tx.remove(drafts, drafts.c.folded == folded)
    tx.remove(view_versions, view_versions.c.folded == folded)
    tx.remove(views, views.c.folded == folded)
    release_name(tx, folded)


def _values(view: View) -> dict[str, object]:
    return {
        "version": view.version,
        "sql": view.sql,
        "expanded_sql": view.expanded_sql,
        "columns": [dataclasses.asdict(column) for column in view.columns],
        "uses_views": list(view.uses_views),
        "uses_tables": list(view.uses_tables),
        "row_key": list(view.key),
        "comment": view.comment,
        "source": view.source,
        "created_at": view.created_at,
        "created_by": view.created_by,
    }


def _record(row: RowMapping, name: str) -> View:
    return View(
        name=name,
        version=row["version"],
        sql=row["sql"],
        expanded_sql=row["expanded_sql"],
        columns=tuple(ViewColumn(**column) for column in row["columns"]),
        uses_views=tuple(row["uses_views"]),
        uses_tables=tuple(row["uses_tables"]),
        key=tuple(row["row_key"]),
        comment=row["comment"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        source=row["source"],
    )
