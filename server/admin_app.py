"""The FastAPI application of the admin API, and its documents at /docs."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from catalog.errors import CatalogError
from connectors.sdk.errors import ConnectorError
from engine.errors import EngineError
from server.admin import admin_router
from server.errors import ServerError, error_body, error_headers, status_of
from server.state import ServerState


def admin_app(state: ServerState) -> FastAPI:
    """The application; whoever calls it has authenticated the request and put its Scope into `request.state.scope`."""
    app = FastAPI(
        title="Viewloom",
        description="Connections, views, publications, keys and runs of one workspace. "
        "Authenticate with an API key: header X-API-Key, or as the password of Basic.",
        openapi_url="/api/openapi.json",
        docs_url="/docs",
        redoc_url=None,
    )
    app.include_router(admin_router(state))
    for kind in (CatalogError, ConnectorError, EngineError, ServerError):
        app.add_exception_handler(kind, _answer)
    return app


def _answer(request: Request, error: Exception) -> Response:
    run = getattr(request.state, "run_id", "")
    headers = {name.decode(): value.decode() for name, value in error_headers(error)}
    return Response(error_body(error, "admin", run), status_of(error), headers, "application/json")
