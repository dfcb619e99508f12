"""What applying files to a workspace would change: a pure comparison, shown by a dry run and followed by an apply."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from catalog.dependencies import all_below, in_order, uses_of
from catalog.files import CatalogFiles, files_of
from catalog.names import fold
from catalog.publication_file import PublicationText
from catalog.records import Connection, WorkspaceCatalog
from catalog.view_file import ViewText


class Action(StrEnum):
    """What happens to one object. MOVE: a publication stays as it is, but answers from newer view versions."""

    CREATE = "create"
    CHANGE = "change"
    MOVE = "move"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Change:
    """One object's change; `fields` names what differs. A view whose only field is `source` gets no new version."""

    action: Action
    name: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes, each kind in the order in which it can be applied: creations and changes first, drops last.

    Apply connections' creations and changes, then `view_order`, then publications; then drop publications, views,
    connections. `view_order`: every wanted view, each after those it uses: a view that is itself unchanged may get
    other columns (`SELECT *`) by a change below it, so that all are checked and saved; saving an equal view does
    nothing.
    """

    connections: tuple[Change, ...]
    views: tuple[Change, ...]
    publications: tuple[Change, ...]
    view_order: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.connections or self.views or self.publications)

    def lines(self) -> Iterator[str]:
        """One line per change, for people."""
        kinds = (("connection", self.connections), ("view", self.views), ("publication", self.publications))
        for kind, changes in kinds:
            for change in changes:
                fields = f" ({', '.join(change.fields)})" if change.fields else ""
                yield f"{change.action.value:6} {kind} {change.name}{fields}"


def diff(current: WorkspaceCatalog, wanted: CatalogFiles) -> Changes:
    """The changes that turn the current catalog into the wanted files. ViewCycleError when views form a circle."""
    present = files_of(current)
    uses = uses_of(wanted.views)
    spelled = {fold(view.name): view.name for view in wanted.views}
    order = in_order(uses)
    views = _view_changes(current, present, wanted, order)
    renewed = {fold(change.name) for change in views if change.action != Action.DROP and change.fields != ("source",)}
    return Changes(
        connections=_connection_changes(present.connections, wanted.connections),
        views=views,
        publications=_publication_changes(current, present, wanted, uses, renewed),
        view_order=tuple(spelled[name] for name in order),
    )


def _connection_changes(present: Iterable[Connection], wanted: Iterable[Connection]) -> tuple[Change, ...]:
    before, after = {fold(one.name): one for one in present}, {fold(one.name): one for one in wanted}
    changes = []
    for key, one in after.items():
        if key not in before:
            changes.append(Change(Action.CREATE, one.name))
        elif fields := _differing(_connection_fields(before[key]), _connection_fields(one)):
            changes.append(Change(Action.CHANGE, one.name, fields))
    return (*changes, *(Change(Action.DROP, one.name) for key, one in before.items() if key not in after))


def _connection_fields(one: Connection) -> dict[str, object]:
    return {
        "name": one.name,
        "connector": one.connector,
        "time_zone": one.time_zone,
        "include": one.include,
        "exclude": one.exclude,
        "comment": one.comment,
        "budget": one.budget,
        "config": json.dumps(one.config, sort_keys=True, default=str),
    }


def _view_changes(
    current: WorkspaceCatalog, present: CatalogFiles, wanted: CatalogFiles, order: tuple[str, ...]
) -> tuple[Change, ...]:
    before, after = {fold(one.name): one for one in present.views}, {fold(one.name): one for one in wanted.views}
    changes = []
    for key in order:
        one = after[key]
        if key not in before:
            changes.append(Change(Action.CREATE, one.name))
        elif fields := _differing(_view_fields(before[key]), _view_fields(one)):
            changes.append(Change(Action.CHANGE, one.name, fields))
    kept = {key: {fold(used) for used in _uses_now(current, key)} for key in before}
    dropped = [key for key in reversed(in_order(kept)) if key not in after]
    return (*changes, *(Change(Action.DROP, before[key].name) for key in dropped))


def _view_fields(one: ViewText) -> dict[str, object]:
    comments = {fold(column): text for column, text in one.column_comments.items()}
    return {
        "name": one.name,
        "sql": one.sql,
        "comment": one.comment,
        "column comments": comments,
        "source": one.source,
    }


def _uses_now(current: WorkspaceCatalog, key: str) -> tuple[str, ...]:
    view = current.view(key)
    return () if view is None else tuple(used for used in view.uses_views if current.view(used) is not None)


def _publication_changes(
    current: WorkspaceCatalog,
    present: CatalogFiles,
    wanted: CatalogFiles,
    uses: dict[str, frozenset[str]],
    renewed: set[str],
) -> tuple[Change, ...]:
    before, after = (
        {fold(one.name): one for one in present.publications},
        {fold(one.name): one for one in wanted.publications},
    )
    changes = []
    for key, one in after.items():
        if key not in before:
            changes.append(Change(Action.CREATE, one.name))
        elif fields := _differing(_publication_fields(before[key], one), _publication_fields(one, one)):
            changes.append(Change(Action.CHANGE, one.name, fields))
        elif moved := _moved(current, key, all_below(uses, fold(one.view)) - set(map(fold, one.pins)), renewed):
            changes.append(Change(Action.MOVE, one.name, moved))
    return (*changes, *(Change(Action.DROP, one.name) for key, one in before.items() if key not in after))


def _publication_fields(one: PublicationText, wanted: PublicationText) -> dict[str, object]:
    """The fields to compare; the key only where the wanted one states it."""
    return {
        "name": one.name,
        "view": fold(one.view),
        "key": None if wanted.key is None or one.key is None else tuple(map(fold, one.key)),
        "protocols": one.protocols,
        "limits": one.limits,
        "comment": one.comment,
        "pins": {fold(name): pin for name, pin in one.pins.items()},
    }


def _moved(current: WorkspaceCatalog, key: str, below: frozenset[str], renewed: set[str]) -> tuple[str, ...]:
    """The views for which a publication would pin another version than it does."""
    publication = current.publication(key)
    assert publication is not None, "it is one of the current catalog's"
    pins = {fold(name): version for name, version in publication.closure.items()}
    names = [name for name in below if name in renewed or pins.get(name) != current.latest.get(name)]
    views = (current.view(name) for name in names)
    return tuple(sorted(view.name for view in views if view is not None))


def _differing(before: dict[str, object], after: dict[str, object]) -> tuple[str, ...]:
    return tuple(name for name in before if before[name] != after[name])
