"""The routes of the admin API, by kind of object. Handlers are plain functions: FastAPI runs them in threads.

Errors of the catalog, the engine and the connectors are raised as they are; the application turns them into answers.
"""

from __future__ import annotations

from fastapi import APIRouter

from server.admin.connection_routes import connection_routes
from server.admin.key_routes import key_routes
from server.admin.publication_routes import publication_routes
from server.admin.query_routes import query_routes
from server.admin.view_routes import view_routes
from server.state import ServerState


def admin_router(state: ServerState) -> APIRouter:
    """All routes below `/api/v1/{workspace}`; `request.state.scope` holds the caller's Scope."""
    router = APIRouter(prefix="/api/v1/{workspace}")
    for routes in (connection_routes, view_routes, publication_routes, key_routes, query_routes):
        router.include_router(routes(state))
    return router
