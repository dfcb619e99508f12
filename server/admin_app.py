"""The FastAPI application of the admin API, and its documents at /docs."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse

from catalog.errors import CatalogError
from connectors.sdk.errors import ConnectorError
from engine.errors import EngineError
from server.admin import admin_router
from server.docs_page import docs_page
from server.errors import BodyError, ServerError, error_body, error_headers, status_of
from server.operations.errors import OperationError
from server.state import ServerState

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def admin_app(state: ServerState) -> FastAPI:
    """The application; its caller has authenticated the request and put the Scope into `request.state.scope`."""
    app = FastAPI(
        title="Viewloom",
        description="Connections, views, publications, keys and runs of one workspace. "
        "Authenticate with an API key: header X-API-Key, or as the password of Basic.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(admin_router(state))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()), headers={"content-security-policy": POLICY})

    for kind in (CatalogError, ConnectorError, EngineError, OperationError, ServerError):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(RequestValidationError, _refuse)
    return app


def _answer(request: Request, error: Exception) -> Response:
    run = getattr(request.state, "run_id", "")
    headers = {name.decode(): value.decode() for name, value in error_headers(error)}
    return Response(error_body(error, "admin", run), status_of(error), headers, "application/json")


def _refuse(request: Request, error: Exception) -> Response:
    """A body or parameter of the wrong form. FastAPI's own answer would quote what was sent: perhaps a secret."""
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    problems = [{"field": ".".join(map(str, item["loc"])), "problem": str(item["msg"])} for item in found]
    fields = "; ".join(f"{item['field']}: {item['problem']}" for item in problems) or "it can't be read"
    return _answer(
        request,
        BodyError(f"the request is not as expected: {fields}", hint="see /docs", details={"fields": problems}),
    )
