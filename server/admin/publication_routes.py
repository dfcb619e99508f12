"""Publications: views offered at URLs."""

from __future__ import annotations

from fastapi import APIRouter

from catalog.records import Publication
from server.admin.access import Admin
from server.admin.bodies import Expected, PublicationBody
from server.operations.publish import publish
from server.state import ServerState


def publication_routes(state: ServerState) -> APIRouter:
    """Routes below `/publications`."""
    router = APIRouter(prefix="/publications", tags=["publications"])

    @router.get("", summary="All publications")
    def list_publications(scope: Admin) -> list[Publication]:
        return list(state.store.workspace(scope).list_publications())

    @router.get("/{name}", summary="One publication, with the versions that it pins")
    def get_publication(scope: Admin, name: str) -> Publication:
        return state.store.workspace(scope).get_publication(name)

    @router.put("/{name}", summary="Publish a view, or move its publication to the newest versions")
    def put_publication(
        scope: Admin, name: str, body: PublicationBody, expected_version: Expected = None
    ) -> Publication:
        return publish(
            state,
            scope,
            body.view,
            name,
            body.key,
            frozenset(body.protocols),
            body.limits.limits(),
            body.comment,
            check=body.check,
            expected_version=expected_version,
        )

    @router.delete("/{name}", status_code=204, summary="Take a publication away; its view stays")
    def delete_publication(scope: Admin, name: str) -> None:
        state.store.workspace(scope).drop_publication(name)

    return router
