"""A workspace's publications: views offered at URLs, each pinning the versions that it answers from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from sqlalchemy import RowMapping

from catalog.errors import ConflictError, InvalidRecordError, NameTakenError, NotFoundError
from catalog.names import check_name, check_text, closest, fold
from catalog.records import PROTOCOLS, Limits, Publication, View
from catalog.relations import spellings
from catalog.tables import publication_pins, publications
from catalog.transaction import WorkspaceTransaction
from catalog.views import get_view

KEY_KINDS = (None, "proven", "declared")


def save_publication(tx: WorkspaceTransaction, publication: Publication, expected_version: int | None) -> Publication:
    """Create or change a publication; it comes back with its version, unchanged when nothing changed.

    The closure must be whole: the view and all views below it, each at a version that exists.
    """
    check_publication(publication)
    folded = fold(publication.name)
    row = tx.row(publications, publications.c.folded == folded)
    if row is not None and row["name"] != publication.name:
        raise NameTakenError("publication", publication.name, "publication", row["name"])
    found = 0 if row is None else int(row["version"])
    if expected_version is not None and expected_version != found:
        raise ConflictError("publication", publication.name, expected_version, found)
    view, closure = _whole_closure(tx, publication)
    key = _spelled_key(view, publication.key)
    saved = dataclasses.replace(publication, view=view.name, closure=closure, key=key, version=found + 1)
    if row is not None:
        present = get_publication(tx, publication.name)
        if dataclasses.replace(saved, version=found) == present:
            return present
    tx.changed = True
    values = {
        "view": fold(saved.view),
        "row_key": list(saved.key),
        "key_kind": saved.key_kind,
        "protocols": sorted(saved.protocols),
        "limits": dataclasses.asdict(saved.limits),
        "comment": saved.comment,
        "version": saved.version,
    }
    if row is None:
        tx.add(publications, {"folded": folded, "name": saved.name, **values})
    else:
        tx.change(publications, values, publications.c.folded == folded)
        tx.remove(publication_pins, publication_pins.c.publication == folded)
    pins = [{"publication": folded, "view": fold(name), "version": number} for name, number in closure.items()]
    tx.add(publication_pins, *pins)
    return saved


def _whole_closure(tx: WorkspaceTransaction, publication: Publication) -> tuple[View, dict[str, int]]:
    """The view at its pinned version, and the pins, names spelled as the views are; checked to be whole."""
    pins = {fold(name): number for name, number in publication.closure.items()}
    if fold(publication.view) not in pins:
        raise InvalidRecordError("closure", f"it does not pin the view {publication.view!r} itself.")
    closure: dict[str, int] = {}
    for name, number in sorted(pins.items()):
        view = get_view(tx, name, number)
        closure[view.name] = number
        missing = [used for used in view.uses_views if fold(used) not in pins]
        if missing:
            raise InvalidRecordError("closure", f"it does not pin {missing[0]!r}, which {view.name!r} uses.")
    return get_view(tx, publication.view, pins[fold(publication.view)]), closure


def _spelled_key(view: View, key: tuple[str, ...]) -> tuple[str, ...]:
    """The key's columns, spelled as the view's are."""
    columns = {fold(column.name): column.name for column in view.columns}
    for column in key:
        if fold(column) not in columns:
            near = closest(column, columns.values())
            hint = f"Did you mean {near!r}?" if near else f"Its columns are {', '.join(columns.values())}."
            raise InvalidRecordError("key", f"the view {view.name!r} has no column {column!r}.", hint=hint)
    return tuple(columns[fold(column)] for column in key)


def check_publication(publication: Publication) -> None:
    """Refuse a publication that can't be kept: InvalidNameError, InvalidRecordError."""
    check_name("publication", publication.name)
    check_text("comment", publication.comment)
    for column in publication.key:
        check_text("key", column)
    if publication.key_kind not in KEY_KINDS or (publication.key_kind is None) != (not publication.key):
        raise InvalidRecordError("key_kind", "a key is proven or declared; without a key there is no kind.")
    check_protocols(publication.protocols)
    check_limits(publication.limits)


def check_protocols(protocols: frozenset[str]) -> None:
    """Refuse a protocol that we don't speak, and a publication that speaks none."""
    for unknown in sorted(protocols - set(PROTOCOLS)):
        raise InvalidRecordError("protocols", f"{unknown!r} is none.", hint=f"Choose of {', '.join(PROTOCOLS)}.")
    if not protocols:
        raise InvalidRecordError("protocols", "none is left.", hint=f"Choose of {', '.join(PROTOCOLS)}.")


def check_limits(limits: Limits) -> None:
    """Refuse a limit that is no positive number."""
    for field in dataclasses.fields(Limits):
        value = getattr(limits, field.name)
        whole = field.name not in ("timeout", "max_source_time")
        if value is not None and not is_limit(value, whole=whole):
            kind = "whole number" if whole else "number"
            raise InvalidRecordError(f"limits.{field.name}", f"it must be a {kind} above 0.")


def is_limit(value: object, *, whole: bool) -> bool:
    """Whether a value is a number above 0 (and below 2⁶³), a whole one if asked."""
    kinds = (int,) if whole else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and 0 < value < 2**63


def get_publication(tx: WorkspaceTransaction, name: str) -> Publication:
    """A publication by name, case ignored."""
    check_name("publication", name)
    rows = {row["folded"]: row for row in tx.rows(publications)}
    row = rows.get(fold(name))
    if row is None:
        suggestion = closest(name, (str(other["name"]) for other in rows.values()))
        raise NotFoundError("publication", name, suggestion=suggestion)
    known = spellings(tx, "view")
    pins = tx.rows(publication_pins, publication_pins.c.publication == row["folded"])
    return _record(row, known, {known[pin["view"]]: pin["version"] for pin in pins})


def list_publications(tx: WorkspaceTransaction) -> tuple[Publication, ...]:
    """All publications, by name."""
    known = spellings(tx, "view")
    closures: dict[str, dict[str, int]] = {}
    for pin in tx.rows(publication_pins):
        closures.setdefault(pin["publication"], {})[known[pin["view"]]] = pin["version"]
    rows = sorted(tx.rows(publications), key=lambda row: str(row["folded"]))
    return tuple(_record(row, known, closures[row["folded"]]) for row in rows)


def drop_publication(tx: WorkspaceTransaction, name: str) -> None:
    """Take a publication away; its view stays."""
    folded = fold(get_publication(tx, name).name)
    tx.changed = True
    tx.remove(publication_pins, publication_pins.c.publication == folded)
    tx.remove(publications, publications.c.folded == folded)


def _record(row: RowMapping, known: Mapping[str, str], closure: Mapping[str, int]) -> Publication:
    return Publication(
        name=row["name"],
        view=known[row["view"]],
        closure=closure,
        key=tuple(row["row_key"]),
        key_kind=row["key_kind"],
        protocols=frozenset(row["protocols"]),
        limits=Limits(**row["limits"]),
        comment=row["comment"],
        version=row["version"],
    )
