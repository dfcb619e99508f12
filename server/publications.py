"""What a request may read: publications that its scope and its protocol allow. All else looks as if it were not."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.records import Publication, View, ViewColumn, WorkspaceCatalog
from engine.errors import EngineBugError, UnknownNameError
from engine.resolve import suggest
from server.answer import RequestContext


def is_readable(context: RequestContext, publication: Publication, protocol: str) -> bool:
    """Whether this request may read a publication by a protocol ("odata", "rest", "sql")."""
    return protocol in publication.protocols and context.scope.may_read(publication.name)


def readable_publications(context: RequestContext, protocol: str) -> tuple[Publication, ...]:
    """Every publication that this request may read by a protocol, by name."""
    found = (p for p in context.catalog.publications.values() if is_readable(context, p, protocol))
    return tuple(sorted(found, key=lambda publication: publication.name))


def readable_publication(context: RequestContext, name: str, protocol: str) -> Publication:
    """One of them, case ignored. Raises UnknownNameError, in the words of `engine.resolve`, for any other."""
    publication = context.catalog.publication(name)
    if publication is None or not is_readable(context, publication, protocol):
        raise unknown_publication(name, (p.name for p in readable_publications(context, protocol)))
    return publication


def unknown_publication(asked: str, readable: Iterable[str]) -> UnknownNameError:
    """The error for a name that leads nowhere; it tells only of what may be read."""
    return UnknownNameError(
        f"there is no publication {asked[:128]!r}", hint=suggest(asked[:128], sorted(readable), "publications")
    )


def published_view(catalog: WorkspaceCatalog, publication: Publication) -> View:
    """The view behind a publication, at the version that it pins."""
    versions = {name.lower(): version for name, version in publication.closure.items()}
    view = catalog.view(publication.view, versions.get(publication.view.lower()))
    if view is None:
        raise EngineBugError(f"publication {publication.name!r} pins a view that the catalog did not load")
    return view


def key_columns(view: View, publication: Publication) -> tuple[ViewColumn, ...]:
    """The columns of the publication's key, in the key's order; () without one, or when a column of it is gone."""
    by_name = {column.name.lower(): column for column in view.columns}
    found = [by_name.get(name.lower()) for name in publication.key]
    columns = tuple(column for column in found if column is not None)
    return columns if len(columns) == len(found) else ()
