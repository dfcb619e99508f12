"""Pins of publications while files are applied: which version of a view each one answers from.

A pinned text is a version that the workspace has, or it is checked over the views that the same publication pins and
becomes a version of its own, saved before the latest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from catalog.dependencies import in_order, uses_of
from catalog.diff import Changes
from catalog.errors import ViewCycleError
from catalog.files import CatalogFiles
from catalog.names import fold
from catalog.pins import PinKey, pin_of
from catalog.publication_file import PublicationText
from catalog.records import View, WorkspaceCatalog
from catalog.view_file import ViewText, view_text

Pinned = Mapping[PinKey, View]


def pin_keys(one: PublicationText) -> tuple[PinKey, ...]:
    """What a publication pins."""
    return tuple((fold(name), pin) for name, pin in one.pins.items())


def wanted_pins(files: CatalogFiles) -> dict[PinKey, ViewText]:
    """The pinned texts that some publication asks for."""
    asked = {key for one in files.publications for key in pin_keys(one)}
    texts = {(fold(text.name), pin_of(text)): text for text in files.pinned}
    return {key: texts[key] for key in sorted(asked)}


def checking_order(files: CatalogFiles, changes: Changes, pinned: Mapping[PinKey, ViewText]) -> tuple[str, ...]:
    """The views' folded names, each after those that its latest or a pinned text uses."""
    latest = tuple(map(fold, changes.view_order))
    if not pinned:
        return latest
    names = {fold(view.name): view for view in files.views}
    uses = {name: set(used) for name, used in uses_of(files.views).items()}
    for (name, _), text in pinned.items():
        found = uses_of([*(view for key, view in names.items() if key != name), text])
        uses.setdefault(name, set()).update(found[name])
    try:
        return in_order(uses)
    except ViewCycleError:  # of an old text with a new one: what can't be checked then says why
        return latest


def known_version(current: WorkspaceCatalog, key: PinKey) -> View | None:
    """The newest version of the workspace that has a pinned text."""
    versions = (view for (name, _), view in sorted(current.views.items()) if name == key[0])
    return next((view for view in reversed(list(versions)) if pin_of(view_text(view)) == key[1]), None)


def as_pinned(candidate: WorkspaceCatalog, keys: tuple[PinKey, ...], pinned: Pinned) -> WorkspaceCatalog:
    """The catalog as a publication sees it: pinned versions are its views' latest."""
    mine = {key[0]: pinned[key] for key in keys if key in pinned}
    views = {**candidate.views, **{(name, view.version): view for name, view in mine.items()}}
    return replace(candidate, views=views, latest={**candidate.latest, **{n: v.version for n, v in mine.items()}})


def companions(files: CatalogFiles, key: PinKey) -> tuple[PinKey, ...]:
    """What the first publication that pins a text pins beside it."""
    for one in files.publications:
        keys = pin_keys(one)
        if key in keys:
            return tuple(other for other in keys if other != key)
    return ()


def pinned_closure(catalog: WorkspaceCatalog, one: PublicationText, pinned: Pinned) -> dict[str, int]:
    """The publication's view and every view below it, each as pinned, else at its latest version."""
    return {view.name: view.version for view in _walk(catalog, one, pinned)}


def unused_pins(catalog: WorkspaceCatalog, one: PublicationText, pinned: Pinned) -> list[str]:
    """Pins of views that the publication does not read."""
    read = {fold(view.name) for view in _walk(catalog, one, pinned)}
    return [name for name in one.pins if fold(name) not in read]


def _walk(catalog: WorkspaceCatalog, one: PublicationText, pinned: Pinned) -> Iterator[View]:
    seen = as_pinned(catalog, pin_keys(one), pinned)
    waiting, met = [one.view], set[str]()
    while waiting:
        name = waiting.pop()
        view = seen.view(name)
        if view is not None and fold(name) not in met:
            met.add(fold(name))
            yield view
            waiting += view.uses_views
