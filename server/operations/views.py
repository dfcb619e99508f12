"""Views: checked by the engine, saved as versions; what can't be saved is kept as a draft with its problems."""

from __future__ import annotations

from catalog.records import Draft, View
from catalog.scope import Scope
from engine.check_view import ViewSource, check_view
from engine.errors import ViewProblemsError
from server.operations.access import require_admin
from server.state import ServerState


def source_of(view: View) -> ViewSource:
    """A saved view as its author wrote it."""
    comments = {column.name: column.comment for column in view.columns if column.comment}
    return ViewSource(view.name, view.sql, view.comment, comments, view.source)


def check(state: ServerState, scope: Scope, source: ViewSource) -> View:
    """The version that saving would make; nothing is kept. Raises ViewProblemsError."""
    require_admin(scope)
    return check_view(state.engine, state.store.workspace(scope).read(), source)


def save_view(state: ServerState, scope: Scope, source: ViewSource, expected_version: int | None = None) -> View:
    """Check a view and keep it as its next version.

    One with problems is kept as a draft that says what they are; then ViewProblemsError is raised.
    """
    require_admin(scope)
    workspace = state.store.workspace(scope)
    try:
        view = check_view(state.engine, workspace.read(), source)
    except ViewProblemsError as error:
        workspace.save_draft(Draft(source.name, source.sql, error.problems))
        raise
    return workspace.save_view(view, expected_version)


def drop_view(state: ServerState, scope: Scope, name: str) -> None:
    """Drop a view that nothing uses. ViewInUseError names the views and publications that do."""
    state.store.workspace(scope).drop_view(name)
