"""Views, their history, and drafts."""

from __future__ import annotations

from fastapi import APIRouter

from catalog.records import Draft, View
from engine.check_view import ViewSource
from server.admin.access import Admin
from server.admin.bodies import Expected, ViewBody
from server.operations import views as operations
from server.state import ServerState


def _source(name: str, body: ViewBody) -> ViewSource:
    return ViewSource(name, body.sql, body.comment, body.column_comments)


def view_routes(state: ServerState) -> APIRouter:
    """Routes below `/views` and `/drafts`."""
    router = APIRouter(tags=["views"])

    @router.get("/views", summary="The latest version of each view")
    def list_views(scope: Admin) -> list[View]:
        return list(state.store.workspace(scope).list_views())

    @router.get("/views/{name}", summary="One view: its latest version, or another")
    def get_view(scope: Admin, name: str, version: int | None = None) -> View:
        return state.store.workspace(scope).get_view(name, version)

    @router.get("/views/{name}/history", summary="All versions of a view, the latest first")
    def get_history(scope: Admin, name: str) -> list[View]:
        return list(state.store.workspace(scope).view_history(name))

    @router.put("/views/{name}", summary="Check a view and keep it as its next version")
    def put_view(scope: Admin, name: str, body: ViewBody, expected_version: Expected = None) -> View:
        """With problems it is kept as a draft, and the answer (422) lists them with line and column.
        Publications go on answering from the versions that they pin."""
        return operations.save_view(state, scope, _source(name, body), expected_version)

    @router.post("/views/{name}/check", summary="What saving would make, without keeping it")
    def post_check(scope: Admin, name: str, body: ViewBody) -> View:
        return operations.check(state, scope, _source(name, body))

    @router.delete("/views/{name}", status_code=204, summary="Drop a view that nothing uses")
    def delete_view(scope: Admin, name: str) -> None:
        operations.drop_view(state, scope, name)

    @router.get("/drafts", summary="Texts that could not be saved as views")
    def list_drafts(scope: Admin) -> list[Draft]:
        return list(state.store.workspace(scope).list_drafts())

    @router.get("/drafts/{name}", summary="One draft, with its problems")
    def get_draft(scope: Admin, name: str) -> Draft:
        return state.store.workspace(scope).get_draft(name)

    @router.delete("/drafts/{name}", status_code=204, summary="Forget a draft")
    def delete_draft(scope: Admin, name: str) -> None:
        state.store.workspace(scope).drop_draft(name)

    return router
