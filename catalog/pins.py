"""Pins in files: which text of a view a publication answers from, where that is not the view's latest.

A version's number means nothing in another workspace, so a pin is a hash of the version's text; the text itself is a
file `pinned/NAME.HASH.sql`. Versions whose text is the latest one's need no pin.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from catalog.names import fold
from catalog.records import Publication, WorkspaceCatalog
from catalog.view_file import ViewText, view_text

PINNED = "pinned"
PIN_FORM = re.compile(r"[0-9a-f]{12}")
PinKey = tuple[str, str]  # folded name, pin


def pin_of(text: ViewText) -> str:
    """The hash of what makes a version: name, SQL and comments, not the file around them."""
    comments = sorted((fold(column), comment) for column, comment in text.column_comments.items())
    content = json.dumps([fold(text.name), text.sql, text.comment, comments])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def pins_of(catalog: WorkspaceCatalog, publication: Publication) -> Mapping[str, str]:
    """View → pin, for the versions that say something else than the view's latest."""
    found = {}
    for name, version in sorted(publication.closure.items()):
        view, latest = catalog.view(name, version), catalog.view(name)
        if view is not None and latest is not None and view.version != latest.version:
            pin = pin_of(view_text(view))
            if pin != pin_of(view_text(latest)):
                found[view.name] = pin
    return found


def pinned_texts(catalog: WorkspaceCatalog) -> tuple[ViewText, ...]:
    """The texts that publications pin beside the latest ones, each once, in order of names."""
    found: dict[PinKey, ViewText] = {}
    for publication in catalog.publications.values():
        for name, pin in pins_of(catalog, publication).items():
            view = catalog.view(name, publication.closure[name])
            assert view is not None, "pins_of() looked"
            found[(fold(name), pin)] = view_text(view)
    return tuple(found[key] for key in sorted(found))


def pinned_file(text: ViewText) -> str:
    """The name of a pinned text's file below `pinned`."""
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", text.name)[:60]
    return f"{stem}.{pin_of(text)}.sql"
