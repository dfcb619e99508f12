"""Catalog as code: a directory that says what a workspace holds.

    connections.yaml     name: {connector, config, time_zone, include, exclude, comment, budget}; secrets by reference
    views/*.sql          one view each, see `catalog.view_file`
    publications.yaml    a list of {view, name, key, protocols, limits, comment, pins}; `name`: the view's if left out
    pinned/*.sql         older texts of views that publications pin, see `catalog.pins`

A file that is not there counts as empty. Errors name file and line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from catalog.connection_file import SecretFields, connection_lines, read_connections, write_connections
from catalog.errors import FilesError
from catalog.names import fold
from catalog.pins import PINNED, pin_of, pinned_file, pinned_texts, pins_of
from catalog.publication_file import PublicationText, publication_text, read_publications, write_publications
from catalog.records import Connection, Publication, WorkspaceCatalog
from catalog.view_file import ViewText, parse_view, view_text, write_view

CONNECTIONS, VIEWS, PUBLICATIONS = "connections.yaml", "views", "publications.yaml"
MAX_FILE_BYTES = 1024 * 1024
RESERVED_STEMS = re.compile(r"(?i)con|prn|aux|nul|com\d|lpt\d")  # Windows' devices
Named = TypeVar("Named", Connection, Publication)


@dataclass(frozen=True, slots=True)
class CatalogFiles:
    """What the files say, each kind in order of names; views are not checked. `pinned`: other texts of views, which
    publications pin."""

    connections: tuple[Connection, ...] = ()
    views: tuple[ViewText, ...] = ()
    publications: tuple[PublicationText, ...] = ()
    pinned: tuple[ViewText, ...] = ()
    connection_lines: Mapping[str, int] = field(default_factory=dict, compare=False)


def no_secrets(connector: str) -> Collection[str]:
    """The secret fields of a connector of which nothing is known."""
    return ()


def read_files(directory: Path, secret_fields: SecretFields = no_secrets) -> CatalogFiles:
    """Read a directory. FilesError with file and line for whatever is wrong with its form.

    `secret_fields`: a connector's name → its fields that must hold references (see `catalog.secrets`).
    """
    if not directory.is_dir():
        raise FilesError(str(directory), 1, "there is no such directory.", hint="Name the directory of the files.")
    views = [_read_view(directory, path) for path in sorted((directory / VIEWS).glob("*.sql"))]
    connections = _read_text(directory, CONNECTIONS)
    files = CatalogFiles(
        connections=read_connections(connections, CONNECTIONS, secret_fields),
        views=tuple(sorted(views, key=lambda view: fold(view.name))),
        publications=read_publications(_read_text(directory, PUBLICATIONS), PUBLICATIONS),
        pinned=tuple(_read_view(directory, path, PINNED) for path in sorted((directory / PINNED).glob("*.sql"))),
        connection_lines=connection_lines(connections, CONNECTIONS),
    )
    _check_names(files)
    _check_pins(files)
    return files


def _read_view(directory: Path, path: Path, folder: str = VIEWS) -> ViewText:
    name = f"{folder}/{path.name}"
    return parse_view(_read_text(directory, name), name)


def _read_text(directory: Path, name: str) -> str:
    """A file's text, unchanged: no line break is translated. "" when there is none."""
    try:
        with (directory / name).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise FilesError(name, 1, f"the file can't be read: {error.strerror}.") from error
    if len(content) > MAX_FILE_BYTES:
        raise FilesError(name, 1, f"the file is larger than {MAX_FILE_BYTES // 1024} KB.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FilesError(name, line, "this is not UTF-8 text.", hint="Save the file as UTF-8.") from None


def _check_names(files: CatalogFiles) -> None:
    """Connections and views share one space of names."""
    taken = {fold(one.name): (f"the connection {one.name!r}", CONNECTIONS) for one in files.connections}
    for view in files.views:
        other = taken.get(fold(view.name))
        if other is not None:
            problem = f"the view {view.name!r} has the same name as {other[0]} in {other[1]}, case ignored."
            raise FilesError(view.path, view.name_line, problem, hint="Rename one of them.")
        taken[fold(view.name)] = (f"the view {view.name!r}", view.path)


def _check_pins(files: CatalogFiles) -> None:
    """Every pin has its text."""
    texts = {(fold(text.name), pin_of(text)) for text in files.pinned}
    for one in files.publications:
        for name, pin in one.pins.items():
            if (fold(name), pin) not in texts:
                raise FilesError(
                    one.path,
                    one.line,
                    f"the publication {one.name!r} pins {name!r} at {pin}, which no file in {PINNED}/ says.",
                    hint="Take the pin out to answer from the latest version; a pinned file is never edited.",
                )


def files_of(catalog: WorkspaceCatalog) -> CatalogFiles:
    """A workspace as files: the latest version of each view, and the others that publications pin."""
    views = [view_text(catalog.views[place]) for place in catalog.latest.items()]
    return CatalogFiles(
        connections=tuple(replace(one, version=1) for one in _in_order(catalog.connections)),
        views=tuple(sorted(views, key=lambda view: fold(view.name))),
        publications=tuple(publication_text(one, pins_of(catalog, one)) for one in _in_order(catalog.publications)),
        pinned=pinned_texts(catalog),
    )


def _in_order(by_name: Mapping[str, Named]) -> list[Named]:
    return [by_name[name] for name in sorted(by_name)]


def write_files(directory: Path, files: CatalogFiles, *, prune: bool = False) -> tuple[str, ...]:
    """Write the files; the names of those that changed or went. A view that has a file there keeps that file's name.

    A file of a view that is not among `files` is deleted when `prune` says so; else FilesError names it, before
    anything is written.
    """
    present = {path.name: _read_view(directory, path) for path in sorted((directory / VIEWS).glob("*.sql"))}
    wanted = {fold(view.name) for view in files.views}
    stale = [name for name, view in present.items() if fold(view.name) not in wanted]
    if stale and not prune:
        raise FilesError(
            f"{VIEWS}/{stale[0]}",
            1,
            "this view is not in the catalog, and an export would leave it behind.",
            hint="Export into an empty directory, or ask for such files to be deleted.",
        )
    names = _file_names(files.views, {fold(view.name): name for name, view in present.items()})
    contents = {f"{VIEWS}/{names[view.name]}": write_view(view) for view in files.views}
    contents |= {f"{PINNED}/{pinned_file(text)}": write_view(text) for text in files.pinned}
    old = [f"{PINNED}/{path.name}" for path in sorted((directory / PINNED).glob("*.sql"))]
    contents[CONNECTIONS] = write_connections(files.connections)
    contents[PUBLICATIONS] = write_publications(files.publications)
    (directory / VIEWS).mkdir(parents=True, exist_ok=True)
    if files.pinned:
        (directory / PINNED).mkdir(exist_ok=True)
    changed = [name for name, text in sorted(contents.items()) if _write_text(directory / name, text)]
    gone = [f"{VIEWS}/{name}" for name in stale] + [name for name in old if prune and name not in contents]
    for name in gone:
        (directory / name).unlink()
    return tuple(changed + gone)


def _write_text(path: Path, text: str) -> bool:
    """Write a file at once or not at all; whether it changed."""
    content = text.encode("utf-8")
    if path.exists() and path.read_bytes() == content:
        return False
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.replace(path)
    return True


def _file_names(views: Iterable[ViewText], present: Mapping[str, str]) -> dict[str, str]:
    """A file name for each view: its own as far as every file system can hold that, else with a hash."""
    names: dict[str, str] = {}
    taken = {name.casefold() for name in present.values()}
    for view in views:
        name = present.get(fold(view.name))
        if name is None:
            stem = re.sub(r"[^A-Za-z0-9_-]", "_", view.name)[:60]
            if stem != view.name or RESERVED_STEMS.fullmatch(stem) or f"{stem}.sql".casefold() in taken:
                stem = f"{stem}~{hashlib.sha256(fold(view.name).encode()).hexdigest()[:12]}"
            name = f"{stem}.sql"
        taken.add(name.casefold())
        names[view.name] = name
    return names
